#!/usr/bin/env bash
# relnote: release notes in Markdown out of a list of changes.
set -u

here=$(dirname "$0")
. "$here/lib/changes.sh"
. "$here/lib/markdown.sh"

[ $# -eq 2 ] || { echo "usage: relnote.sh VERSION FILE" >&2; exit 2; }

read_changes $2
echo "## $1"
for kind in $KINDS; do
    section $kind
done
thanks
