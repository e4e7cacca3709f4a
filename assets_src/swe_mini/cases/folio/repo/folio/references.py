"""The list itself."""


def references(entries):
    """One line of text for each work, sorted."""
    ordered = sorted(entries, key=_key)
    return [f"{_authors(entry)} ({entry.year}). {entry.title}. {entry.publisher}." for entry in ordered]


def _key(entry):
    return ([name.key() for name in entry.authors], entry.year, entry.title.lower())


def _authors(entry):
    *first, last = [name.printed() for name in entry.authors]
    return f"{', '.join(first)}, & {last}" if first else last
