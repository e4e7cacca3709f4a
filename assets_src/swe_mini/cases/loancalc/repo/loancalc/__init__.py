"""Repayment schedules of loans with equal monthly payments."""

from loancalc.loan import Loan
from loancalc.schedule import Row, schedule

__all__ = ["Loan", "Row", "schedule"]
