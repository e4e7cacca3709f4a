"""Comments and scripts that the grammars misread: heredocs, backticks, `${...}`, PHP's heredocs, Make's assignments."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_hesnr.labelling.budget import Budget
from lm_eval_hesnr.labelling.comments import syntax
from lm_eval_hesnr.labelling.shell_mask import mask_php, mask_shell


def comments(code: str, language: str = "bash") -> list[str]:
    return [code[start:end] for start, end in syntax(code, language, Budget()).comments]


def embedded(code: str) -> list[tuple[str, str]]:
    return [(found.language, found.decoded.value) for found in syntax(code, "bash", Budget()).embedded]


@pytest.mark.parametrize(
    ("code", "expected", "scripts"),
    [
        ("x=`ls # a`\nls # b", ["# b"], ["ls # a"]),
        ("echo `date` # b\nls # c", ["# b", "# c"], []),
        ("echo `echo \\`ls # a\\`` # b", ["# b"], ["echo `ls # a`"]),
        ('echo "`ls # a`" "# no" # b', ["# b"], ["ls # a"]),
        ("echo '`' # b\nls '# no'", ["# b"], []),
        ("echo \\` # b", ["# b"], []),
        ("x=`cat <<A > a.py\n# x\nA\n` # b", ["# b"], ["cat <<A > a.py\n# x\nA\n"]),
        ("for f in `ls`; do # a\n  cat $f # b\ndone # c", ["# a", "# b", "# c"], []),
    ],
)
def test_comments_inside_and_after_backticks(code, expected, scripts):
    assert comments(code) == expected
    assert embedded(code) == [("bash", script) for script in scripts]


def test_backticks_in_a_heredoc_are_text():
    assert embedded("cat > a.md <<'EOF'\n`ls # a`\nEOF\n") == []
    assert embedded("cat > a.py <<'EOF'\n# `ls # a`\nEOF\n") == [("python", "# `ls # a`\n")]


@pytest.mark.parametrize(
    ("code", "expected", "scripts"),
    [
        ("<< 'EOF' > a.ts\nconst a=1; // c\n# x\nEOF\nls # y", ["# y"], [("typescript", "const a=1; // c\n# x\n")]),
        ("> a.py <<EOF\n# x\nEOF\nls # y", ["# y"], [("python", "# x\n")]),
        ("<<EOF cat > a.js\n// x\nEOF\n# y", ["# y"], [("javascript", "// x\n")]),
        ("ls; (<<EOF >a.py\n# x\nEOF\n) # y", ["# y"], [("python", "# x\n")]),
    ],
)
def test_a_heredoc_without_a_command_before_it(code, expected, scripts):
    assert (comments(code), embedded(code)) == (expected, scripts)


@pytest.mark.parametrize(
    ("code", "expected", "scripts"),
    [
        (
            "cat <<A > a.py; cat <<B > b.js\n# x\nA\n// y\nB\nls # z",
            ["# z"],
            [("python", "# x\n"), ("javascript", "// y\n")],
        ),
        ("cat <<A <<B > a.py\n# x\nA\n# y\nB\n# z", ["# z"], [("python", "# x\n"), ("python", "# y\n")]),
        ("cat > a.py <<'A' | tee b.js && cat <<'B'\n# x\nA\n# y\nB\n# z", ["# z"], [("python", "# x\n")]),
        ("diff <(cat <<A\n# x\nA\n) <(cat <<B\n# y\nB\n) # z", ["# z"], []),
    ],
)
def test_two_heredocs_on_one_line(code, expected, scripts):
    assert (comments(code), embedded(code)) == (expected, scripts)


@pytest.mark.parametrize(
    ("code", "expected", "scripts"),
    [
        ("cat <<'' > a.py\n# x\n\nls # y", ["# y"], [("python", "# x\n")]),
        ('cat <<"" > a.py\n# x\n\nls # y', ["# y"], [("python", "# x\n")]),
        ("cat <<-'END OF' > a.py\n\t# x\n\tEND OF\nls # y", ["# y"], [("python", "\t# x\n")]),
        ("cat <<\\EOF > a.py\n# \\$x\nEOF\nls # y", ["# y"], [("python", "# \\$x\n")]),
        ("cat <<EOF > a.py\r\n# x\r\nEOF\r\nls # y", ["# y"], [("python", "# x\r\n")]),
        ("git commit -m \"$(cat <<'EOF'\n# it's\nEOF\n)\" # y", ["# y"], []),
        ("x=$(cat <<EOF\n# x\nEOF) # y", ["# y"], []),
        ("cat <<EOF\n$(ls # x) `ls # x`\nEOF\n# y", ["# y"], []),
        ("cat > a.py <<EOF\n# never closed", [], [("python", "# never closed")]),
        ("x=$((1<<2)) # y", ["# y"], []),
        ("((x<<=1)) # y\nls # z", ["# y", "# z"], []),
        ("cat <<<'# x' # y", ["# y"], []),
        ("case $x in\n a) cat <<A;; # y\n# x\nA\nesac # z", ["# y", "# z"], []),
    ],
)
def test_heredocs_by_the_rules_of_the_shell(code, expected, scripts):
    assert (comments(code), embedded(code)) == (expected, scripts)


@pytest.mark.parametrize(
    "code",
    [
        "x=${t%]*}\nls # a\npwd # b",
        'if [ "${t%%]*}" ]; then # a\n ls # b\nfi',
        "echo ${x//[^a]/\\}} ${#x} ${y#\\#} # a\nls # b",
        'echo "${x:-it\'s}" # a\nls # b',
        "echo ${x:-${y%\"]\"*}} '# no' # a\nls # b",
    ],
)
def test_expansions_do_not_hide_later_comments(code):
    assert comments(code) == ["# a", "# b"]


@pytest.mark.parametrize("opening", ["<?php\n", ""])
@pytest.mark.parametrize(
    "heredoc",
    [
        "<<<EOT\n# no\n// no\nEOT",
        "<<<'EOT'\n# no {$a}\n/* no */\nEOT",
        '<<<"A"\n  it\'s // no\n  A',
        "<<< A\n<!-- # no\nA",
    ],
)
def test_a_heredoc_of_php_has_no_comments(opening, heredoc):
    assert comments(f"{opening}$x = {heredoc};\n# yes\n$y = 1; // too\n", "php") == ["# yes", "// too"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("CC = gcc # c\nall: # d\n\tls\n", ["# c", "# d"]),
        ("X := a\\#b # c\n", ["# c"]),
        ("X ?= a \\\n b # c\nY += 1\n", ["# c"]),
        ("all: X = 1 # c\n", ["# c"]),
        ("define X\n# no\nendef\n", []),
        ("X = $(shell grep '#' a)\n", []),
    ],
)
def test_comments_of_an_assignment_in_a_makefile(code, expected):
    assert comments(code, "make") == expected


@given(st.text(alphabet="ab#'\"`\\\n\t $`<>{}()é=;EOF-", max_size=200))
def test_a_masked_text_has_the_same_length(code):
    masked = mask_shell(code)
    assert len(masked.text) == len(code) == len(mask_php(code))
    for heredoc in masked.heredocs:
        assert masked.text[heredoc.redirection] == "<"
        assert not masked.text[heredoc.start : heredoc.end].strip()


ROWS = [
    "<<A\n",
    "`",
    "${",
    '"$(',
    "'",
    "cat <<'' ",
    "$((",
    "case ",
    "<<<A\n",
    "\\`",
    '${x:-"',
    "<<-A <<B\n",
    "#`\n",
    "x=1 >",
]


@pytest.mark.parametrize("row", ROWS)
def test_masking_costs_linear_time(row):
    code = row * (50_000 // len(row)) + "<<A"
    begin = time.process_time()
    mask_shell(code)
    mask_php(code)
    assert time.process_time() - begin < 2
