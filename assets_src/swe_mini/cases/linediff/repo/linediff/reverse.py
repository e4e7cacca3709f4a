"""A diff that undoes a diff."""

import re

from linediff.parse import parse

_SWAP = {" ": " ", "-": "+", "+": "-"}


def reverse(diff):
    """The diff from the new text back to the old one. File headers are left out."""
    out = []
    for hunk in parse(diff):
        old, new = hunk.old_lines(), hunk.new_lines()
        out.append(f"@@ -{hunk.new_start},{len(new)} +{hunk.old_start},{len(old)} @@")
        out += [_SWAP[sign] + line for sign, line in hunk.changes]
    return re.sub(r"\n*$", "\n", "\n".join(out))
