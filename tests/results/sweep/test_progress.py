from pathlib import Path

import pytest

from lm_eval_hesnr.results.sweep.progress import busy_line, done_line, failed_line, started_line, stop_line
from lm_eval_hesnr.results.sweep.state import State

LOG = Path("OUT/a/log.txt")


def state(**fields):
    return State(name="a", pretrained="runs/a", **fields)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (started_line("a", ()), "a: starts"),
        (started_line("a", ("0", "1")), "a: starts on GPU 0,1"),
        (
            done_line(state(seconds=38.2), "he_snr 0.1020", 1, 4, 120),
            "a: done in 38 s; he_snr 0.1020; 1 of 4; about 2 min left",
        ),
        (done_line(state(seconds=38.2), "", 4, 4, 0.0), "a: done in 38 s; 4 of 4"),
        (failed_line(state(exit_code=1, reason="error: x"), LOG, None), "a: failed (exit 1): error: x; OUT/a/log.txt"),
        (
            failed_line(state(exit_code=-9, reason="killed by SIGKILL"), LOG, 60.0),
            "a: failed (killed): killed by SIGKILL; OUT/a/log.txt; next attempt in 60 s",
        ),
        (
            busy_line("a", state(pid=7, host="node1")),
            "a: another process evaluates it (process 7 on node1); this call waits for its end",
        ),
        (busy_line("a", None), "a: another process evaluates it; this call waits for its end"),
        (stop_line(2, " (OUT/STOP)"), "stops after 2 running checkpoints (OUT/STOP)"),
        (stop_line(0, ""), "stops"),
    ],
)
def test_each_line(line, expected):
    assert line == expected
