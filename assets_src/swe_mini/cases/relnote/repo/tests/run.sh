# The tests: bash tests/run.sh. Prints what fails; the exit code is the number of failures.
cd "$(dirname "$0")/.." || exit 99
failures=0

# expect NAME WANTED: compares standard input with what is wanted
expect() {
    local found
    found=$(cat)
    [ "$found" = "$2" ] && return
    failures=$((failures + 1))
    printf 'FAIL: %s\n' "$1"
    diff <(printf '%s\n' "$2") <(printf '%s\n' "$found")
}

# notes LINE...: the release notes of a list with these lines
notes() {
    printf '%s\n' "$@" | bash relnote.sh 1.0.0 /dev/stdin 2>&1
}

# ---- sections and names ----

expect "example" "## 1.4.0

### Added

- --quiet says only what went wrong (#31)

### Fixed

- crash on an empty list (#38)
- dates before 1970 (#40)

### Removed

- the old name \`relnotes\`

Thanks to jörg." < <(bash relnote.sh 1.4.0 changes/next.txt)

expect "nothing but comments" "## 1.0.0" < <(notes "# nothing yet" "")

expect "blanks around a line" "## 1.0.0

### Fixed

- a typo" < <(notes "  fixed: a typo  " "  # indented")

# ---- mistakes ----

expect "unknown kind" "relnote: not a change: improved: all of it" < <(notes "improved: all of it")
expect "usage" "usage: relnote.sh VERSION FILE" < <(bash relnote.sh 1.0.0 2>&1)

# ---- result ----
[ "$failures" -eq 0 ] && echo "all passed"
exit "$failures"
