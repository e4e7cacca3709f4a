"""Keeps secrets out of log files."""

from maskrule.log import MaskingFilter
from maskrule.masker import Masker
from maskrule.rule import Rule, read_rules

__all__ = ["Masker", "MaskingFilter", "Rule", "read_rules"]
