"""What is found in the syntax tree of a shell action: its comments, and embedded scripts of other languages."""

import pytest

from lm_eval_hesnr.labelling.budget import Budget
from lm_eval_hesnr.labelling.comments import Span, syntax


def embedded(command: str) -> list[tuple[str, str]]:
    """Each script in a shell action: (language, text without the shell's escapes)."""
    return [(found.language, found.decoded.value) for found in syntax(command, "bash", Budget()).embedded]


def comments(code: str, language: str) -> list[str]:
    return [code[start:end] for start, end in syntax(code, language, Budget()).comments]


@pytest.mark.parametrize(
    ("line", "language"),
    [
        ("cat <<'EOF' > a.py", "python"),
        ("cat > a.py <<'EOF'", "python"),
        ("cat >> src/a.ts << EOF", "typescript"),
        ("cat <<'EOF' > a.py && python a.py", "python"),
        ("cd /x && cat > a.py <<'EOF'", "python"),
        ("tee a.rs <<'EOF'", "rust"),
        ("sudo tee a.yml > /dev/null <<-EOF", "yaml"),
        ("cat <<EOF | sudo tee a.yml > /dev/null", "yaml"),
        ("python - <<'EOF'", "python"),
        ("python3.11 -u <<'EOF' 2>&1 | tail -3", "python"),
        ("python - <<'EOF' > out.log", "python"),
        ("cat <<'EOF' | python -", "python"),
        ("PYTHONPATH=. timeout 60 /usr/bin/python3 - <<'EOF'", "python"),
        ("uv run python - <<'EOF'", "python"),
        ("docker exec -i web bash -s <<'EOF'", "bash"),
        ("node <<'EOF'", "javascript"),
        ("psql -U me shop <<'EOF'", "sql"),
        ("git apply <<'EOF'", "patch"),
        ("patch -p1 a.py <<'EOF'", "patch"),
    ],
)
def test_the_file_or_the_program_decides_the_language_of_a_heredoc(line, language):
    assert embedded(f"{line}\n# text\nEOF\n") == [(language, "# text\n")]


@pytest.mark.parametrize(
    "line",
    [
        "cat > notes.txt <<'EOF'",
        "cat <<'EOF'",
        "python script.py <<'EOF'",
        "python -m json.tool <<'EOF'",
        "perl - <<'EOF'",
        "git commit -F - <<'EOF'",
        "python3 -c 'import sys' <<'EOF'",
    ],
)
def test_a_heredoc_without_a_known_language_is_not_parsed(line):
    assert [text for _, text in embedded(f"{line}\n# text\nEOF\n")] in ([], ["import sys"])


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python -c 'x # c'", [("python", "x # c")]),
        ('python3 -c "x = \\"a\\" # \\$c"', [("python", 'x = "a" # $c')]),
        ("timeout 9 bash -lc 'ls # c'", [("bash", "ls # c")]),
        ("find . -exec sh -c 'ls # c' \\;", [("bash", "ls # c")]),
        ("node -e '1 // c'", [("javascript", "1 // c")]),
        ("ruby -e '1 # c'", [("ruby", "1 # c")]),
        ("php -r '1; // c'", [("php", "1; // c")]),
        ("python -c 'it'\"'\"'s # c'", [("python", "it's # c")]),
        ("perl -e 'x # c'", []),
        ("sed -e 's/a/b/ # c' x", []),
        ("awk '{ print } # c' x", []),
        ("grep -c 'x # c' y", []),
        ("git grep -e 'x # c'", []),
    ],
)
def test_scripts_after_a_flag(command, expected):
    assert embedded(command) == expected


def test_comments_of_the_shell_itself():
    assert comments("#!/bin/bash\nls a#b '# no' \"# no\" ${#x} # yes\n# shellcheck disable=SC1\n", "bash") == ["# yes"]


def test_a_heredoc_has_no_shell_comments():
    assert comments("cat <<EOF\n# text\nEOF\n# yes", "bash") == ["# yes"]


def test_a_comment_in_an_error_node_is_not_certain():
    assert comments("y = 1 # certain\nx = {'a': 1, # not\n 'b'\n", "python") == ["# certain"]
    assert comments("if then fi ;; ) # not\n", "bash") == []


def test_spans_are_in_characters():
    assert syntax("é = '\U0001f600'  # ß\n\ufffd = 1 # c", "python", Budget()).comments[0] == Span(9, 12)


def test_text_that_is_nested_too_deeply_is_not_parsed():
    assert comments("# c\n" + "(" * 2000, "python") == []
    assert comments("# c\n" + "- " * 2000, "yaml") == []
    assert comments("# c\n" + "a: 1\n" * 2000, "yaml") == ["# c"]
