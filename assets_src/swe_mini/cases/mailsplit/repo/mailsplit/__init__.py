"""Plain-text mails: own text, quotes, threads."""

from mailsplit.body import Block, reply_text, split_body
from mailsplit.message import Mail, parse_mail
from mailsplit.thread import threads

__all__ = ["Block", "Mail", "parse_mail", "reply_text", "split_body", "threads"]
