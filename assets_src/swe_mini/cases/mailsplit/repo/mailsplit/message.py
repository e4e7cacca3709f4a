"""One mail: headers and body."""

from typing import NamedTuple


class Mail(NamedTuple):
    """A mail. `references` are message ids, the oldest first."""

    message_id: str
    references: tuple[str, ...]
    subject: str
    body: str


def parse_mail(text):
    """The mail in a text: header lines, an empty line, the body. Folded headers are unfolded."""
    head, _, body = text.partition("\n\n")
    headers = {}
    for line in head.replace("\n ", " ").replace("\n\t", " ").splitlines():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    references = headers.get("references") or headers.get("in-reply-to", "")
    return Mail(headers.get("message-id", ""), tuple(references.split()), headers.get("subject", ""), body)
