"""One child with limits, seen from the parent: it is started, asked, and replaced when it has ended."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import secrets
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
LONGEST_REPLY = 1 << 20
"""Bytes, if nothing else is asked for. A child that writes more is ended."""
START_SECONDS = 120.0
PATIENCE = 30.0
"""Seconds on the clock that a request may take beyond its processor time. Only a child that waits needs them."""
_PROGRAM = "import sys; sys.path.insert(0, {root!r}); from lab.grader.child import main; main(sys.argv[1:])"


class Reply(NamedTuple):
    """The answer of a child, or why there is none."""

    answer: Any
    """A JSON value; None if `failed`."""
    failed: str = ""
    """"time", "memory", "killed", or empty."""


@functools.cache
def without_network() -> tuple[str, ...]:
    """Words before a command that close the network for it; empty if this system cannot do that."""
    unshare = shutil.which("unshare")
    if not unshare:
        return ()
    user = () if os.geteuid() == 0 else ("--user", "--map-current-user")
    words = (unshare, *user, "--net", "--ipc")
    return words if subprocess.run([*words, "true"], capture_output=True).returncode == 0 else ()


class Worker:
    """A child process that answers one request at a time."""

    def __init__(self, handler: str, seconds: float, longest_reply: int = LONGEST_REPLY) -> None:
        """Start the child, without waiting for it.

        Args:
            handler: MODULE:FUNCTION, see `child`.
            seconds: processor time of one request.
            longest_reply: bytes. A child that writes more is ended.
        """
        self.handler = handler
        self.seconds = seconds
        self.longest_reply = longest_reply
        self.deadline: float | None = None
        """When the child is ended, in the time of `time.monotonic`; None while it has nothing to do."""
        self.ended = False
        """Whether the child is of no more use."""
        self.defences: tuple[str, ...] = ()
        """Defences of this child that not every system has: "no network", "other user", "system calls"."""
        self.n_sent = 0
        """Number of requests that were sent."""
        self._nonce = ""
        self._data = b""
        program = [sys.executable, "-s", "-S", "-c", _PROGRAM.format(root=str(ROOT))]
        self._process = subprocess.Popen(
            [*without_network(), *program, handler, str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},  # sets of texts have the same order everywhere
            start_new_session=True,
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        os.set_blocking(self._input.fileno(), False)
        self._poll, self._may_write = select.poll(), select.poll()
        self._poll.register(self._output, select.POLLIN)
        self._may_write.register(self._input, select.POLLOUT)

    @property
    def pid(self) -> int:
        """The id of the child process."""
        return self._process.pid

    def fileno(self) -> int:
        """The end of the pipe that the answers come from, for `selectors`."""
        return self._output.fileno()

    def wait_until_ready(self) -> None:
        """Wait until the child has set its limits.

        Raises:
            RuntimeError: it could not.
        """
        self.deadline = time.monotonic() + START_SECONDS
        reply = None
        while reply is None:
            self._poll.poll(1000)
            reply = self.reply()
        if reply.failed:
            raise RuntimeError(
                f"a child of the grader did not start; see why with: python -m lab.grader.child {self.handler} 1"
            )
        network = ["no network"] if without_network() else []
        self.defences = tuple(network + [str(name) for name in reply.answer])

    def is_usable(self) -> bool:
        """Whether the child, which has nothing to do, is still there and has not written anything."""
        return not self.ended and not self._poll.poll(0)

    def send(self, request: Any) -> None:
        """Send one request. The child must have nothing else to do. A child that does not read fails in `reply`."""
        self.deadline = time.monotonic() + 3 * self.seconds + PATIENCE
        self.n_sent += 1
        self._nonce = secrets.token_hex(8)
        data = f"{self._nonce} {json.dumps(request)}\n".encode()
        with contextlib.suppress(BrokenPipeError):  # the child has ended; `reply` sees that
            while data and time.monotonic() < self.deadline:
                if self._may_write.poll(100):
                    data = data[os.write(self._input.fileno(), data) :]

    def reply(self) -> Reply | None:
        """The answer, if it is there; None if the child is still busy. It ends a child that is busy for too long."""
        if self._poll.poll(0):
            data = os.read(self.fileno(), 1 << 16)
            self._data += data
            if not data or len(self._data) > self.longest_reply:
                return self._failed()
            if self._data.endswith(b"\n"):
                line, self._data, self.deadline = self._data, b"", None
                return self._decoded(line)
        return self._failed() if self.deadline is not None and time.monotonic() > self.deadline else None

    def close(self) -> None:
        """End the child."""
        self.ended = True
        self._process.kill()
        self._process.wait()
        for pipe in (self._input, self._output):
            pipe.close()

    def _failed(self) -> Reply:
        self.close()
        return Reply(None, "killed")

    def _decoded(self, line: bytes) -> Reply:
        """A child may have been taken over, so that its line may be anything, also an answer to an earlier request."""
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            return self._failed()
        if not isinstance(reply, dict) or reply.get("nonce") != self._nonce:
            return self._failed()
        if reply.get("last"):
            self.close()
        if reply.get("failed") in ("time", "memory"):
            self.close()
            return Reply(None, reply["failed"])
        return Reply(reply["answer"]) if "answer" in reply else self._failed()
