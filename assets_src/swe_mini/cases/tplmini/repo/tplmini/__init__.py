"""A tiny text template engine."""

from tplmini.errors import TemplateError
from tplmini.template import Template

__all__ = ["Template", "TemplateError"]
