"""Text of files, names and arguments reaches the terminal only in a form that has no effect on it."""

import csv
import json
import re
from dataclasses import replace

import pytest

from lm_eval_hesnr.cli import main
from lm_eval_hesnr.scoring.token_table import write_token_table
from tests.builders import curated_row, segment, token_scores, write_rows

HOSTILE = "\x1b]8;;http://a\x07x\x1b\\\x9b31m\x1b[32m\r\x08\u202ey\u2066\u3164\u115f\x7f\nERROR z"
OUR_STYLES = re.compile(r"\x1b\[(?:[0-9]{1,3})m")


def hostile_row(name=HOSTILE):
    calls = [{"tool": HOSTILE, "arguments": {HOSTILE: HOSTILE, "command": HOSTILE}, "executed": None}]
    segments = [
        segment("task", HOSTILE),
        segment("thought", HOSTILE, True),
        segment("action", HOSTILE, True, calls=calls),
        segment("observation", HOSTILE),
    ]
    row = curated_row(name, *segments, source=HOSTILE, meta={HOSTILE: HOSTILE, "unknown_records": {HOSTILE: 2}})
    return row | {"model": HOSTILE}


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    """Files of each kind with hostile names and hostile text; the working directory."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / f"in{HOSTILE.replace('/', '')}"
    folder.mkdir()
    write_rows(folder / "runs\x1b[2J.jsonl", [hostile_row(), hostile_row(f"{HOSTILE}2")])
    (folder / "bad\x1b[2J.json").write_text(json.dumps({HOSTILE: HOSTILE}))
    (folder / "cut\x9b.json").write_text('{"a": "\x1b')
    (folder / "unknown.\x1b[2J").write_text(HOSTILE)
    for side in ("a", "b"):
        signature = token_scores().signature | {"model": HOSTILE, "epsilon": 0.5}
        scores = replace(token_scores(), signature=signature)
        write_token_table(folder / side, 0, HOSTILE, scores)
    with (folder / "scores.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["checkpoint", "passed", "tasks", HOSTILE], ["a", 7, 90, HOSTILE], ["b", 9, 90, 1]])
    task = {"alias": HOSTILE, f"he_snr,{HOSTILE}": HOSTILE}
    (folder / "results.json").write_text(json.dumps({"results": {HOSTILE: task}, "configs": {HOSTILE: {HOSTILE: 1}}}))
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["curate", "IN", "-o", "out.jsonl", "-v"],
        ["curate", "IN", "-o", HOSTILE],
        ["curate", "IN", "-o", "out.jsonl", "--source", HOSTILE],
        ["curate", "IN", "-o", "out.jsonl", "--strict"],
        ["curate", HOSTILE, "-o", "out.jsonl"],
        ["show", "IN"],
        ["show", "IN", "--doc", HOSTILE],
        ["show", "IN", "--doc", "none" + HOSTILE],
        ["show", "IN/runs\x1b[2J.jsonl", "--labels", HOSTILE],
        ["show", "IN/cut\x9b.json"],
        ["sample", HOSTILE],
        ["sample", "argtable", "-o", HOSTILE + "/x"],
        ["sample", "argtable", "-o", "\x1b[2J.x"],
        ["sample", "--form", HOSTILE],
        ["measure", "IN/a"],
        ["measure", "IN/a", "IN/b"],
        ["measure", "IN/a", "IN/b", "--per-trajectory", "--decompose", "--baseline", "IN/b"],
        ["measure", "IN/a", "IN/b", "--per-trajectory", "--csv"],
        ["measure", "IN/a", "IN/b", "--csv", "--set-of", "IN/a"],
        ["measure", "IN/a", "IN/b", "--baseline", HOSTILE],
        ["measure", "IN/a", "--set-of", HOSTILE],
        ["measure", "IN/results.json"],
        ["measure", "IN/results.json", "--task", HOSTILE],
        ["measure", "IN/a", "--json"],
        ["measure", "IN/a", "--scopes", HOSTILE],
        ["measure", "IN"],
        ["measure", HOSTILE],
        ["diagnose", "IN/results.json"],
        ["diagnose", "IN/cut\x9b.json"],
        ["diagnose", HOSTILE],
        ["diagnose", "x", f"--{HOSTILE}"],
        ["report", "IN/a", "IN/b", "-o", "page.html"],
        ["report", "IN/a", "IN/b", "-o", "page.html", "--baseline", HOSTILE],
        ["report", "IN/a", "-o", "page.html", "--show", HOSTILE],
        ["report", "IN", HOSTILE, "-o", HOSTILE],
        ["correlate", "IN/scores.csv", "--tables", "IN/a", "IN/b"],
        ["correlate", "IN/scores.csv", "--tables", "IN/a", "--group", HOSTILE],
        ["correlate", "IN/scores.csv", "IN/results.json", "--measures", HOSTILE],
        ["correlate", "IN/cut\x9b.json", "--tables", "IN/a"],
        ["correlate", HOSTILE, HOSTILE],
        ["plan", "--gain", HOSTILE],
        ["export", "IN/results.json", "--to", "csv"],
        [HOSTILE],
    ],
)
def test_no_command_prints_a_control_character(inputs, capfd, arguments):
    main([argument.replace("IN", str(inputs)) for argument in arguments])
    out, err = capfd.readouterr()
    assert out + err
    assert "Traceback" not in err
    for character in set(out + err) - set("\n\t"):
        assert character.isprintable(), (ascii(character), out, err)
        assert character not in "\u3164\u115f"
    assert arguments[0] == "show" or "\nERROR z" not in out + err


def test_colours_of_show_are_the_only_escape_codes(inputs, monkeypatch, capfd):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("PAGER", "cat")
    monkeypatch.delenv("NO_COLOR", raising=False)
    main(["show", str(inputs / "runs\x1b[2J.jsonl")])
    out, _ = capfd.readouterr()
    assert "\\x1b[32m\\r\\x08\\u202ey" in out
    styles = OUR_STYLES.findall(out)
    assert styles
    assert styles[1::2] == ["\x1b[0m"] * (len(styles) // 2)
    assert all(character.isprintable() or character in "\n\t" for character in OUR_STYLES.sub("", out))
