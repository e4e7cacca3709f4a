"""What a program could try if the check of its syntax had a hole. Each runs in a child, without that check.

The answers are "refused", or "done" if the child could do it. Only `attack` and tests use them.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def answer(request: dict[str, Any]) -> str:
    """Try one of `PROBES`."""
    try:
        PROBES[request["probe"]](request)
    except (OSError, RuntimeError, ValueError, subprocess.SubprocessError):
        return "refused"
    return "done"


def _fork(_: dict[str, Any]) -> None:
    if os.fork() == 0:
        os._exit(0)


def _thread(_: dict[str, Any]) -> None:
    threading.Thread(target=int).start()


def _start_program(_: dict[str, Any]) -> None:
    subprocess.run(["/bin/true"], check=True)


def _become_program(_: dict[str, Any]) -> None:
    os.execv("/bin/true", ["true"])  # if it succeeds, the child ends without an answer


def _read_file(_: dict[str, Any]) -> None:
    os.open("/etc/passwd", os.O_RDONLY)


def _write_file(request: dict[str, Any]) -> None:
    os.open(f"{request['folder']}/written", os.O_WRONLY | os.O_CREAT)


def _make_folder(request: dict[str, Any]) -> None:
    (Path(request["folder"]) / "made").mkdir()


def _delete_file(request: dict[str, Any]) -> None:
    (Path(request["folder"]) / "canary").unlink()


def _connect(request: dict[str, Any]) -> None:
    with socket.socket() as client:
        client.connect(("127.0.0.1", request["port"]))


def _signal_parent(request: dict[str, Any]) -> None:
    os.kill(request["parent"], 0)  # asks for the permission, and does no harm


def _more_memory(_: dict[str, Any]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))


def _more_files(_: dict[str, Any]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def _become_root(_: dict[str, Any]) -> None:
    os.setuid(0)


class _Piece(ctypes.Structure):
    """`struct iovec` of <sys/uio.h>."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def _read_memory_of_parent(request: dict[str, Any]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    here, there = _Piece(None, 1), _Piece(None, 1)
    libc.process_vm_readv(request["parent"], ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    if ctypes.get_errno() != errno.EFAULT:  # it is the answer about address 0 to those that may read
        raise OSError


def _all_memory(_: dict[str, Any]) -> None:
    kept = []
    while True:
        kept.append(bytearray(1 << 20))


def _long_operation(_: dict[str, Any]) -> None:
    print(len(str(7 ** (10**8))))


def _endless_loop(_: dict[str, Any]) -> None:
    signal.signal(signal.SIGPROF, signal.SIG_IGN)
    while True:
        pass


def _many_words(_: dict[str, Any]) -> None:
    for _turn in range(1 << 12):
        os.write(1, b"x" * (1 << 16))


def _another_reply(_: dict[str, Any]) -> None:
    os.write(1, b'["not", "a reply"]\n')


def _silent_end(_: dict[str, Any]) -> None:
    os._exit(0)


def _crash(_: dict[str, Any]) -> None:
    ctypes.string_at(0)


def _deep_recursion(_: dict[str, Any]) -> None:
    sys.setrecursionlimit(10**9)
    (lambda again: again(again))(lambda again: [again(again)])


def _swallow_time(_: dict[str, Any]) -> None:
    gc.disable()
    while True:
        try:
            time.perf_counter()
        except BaseException:  # the end of its time is an exception
            continue


PROBES: dict[str, Callable[[dict[str, Any]], None]] = {
    function.__name__.removeprefix("_").replace("_", " "): function
    for function in (
        _fork, _thread, _start_program, _become_program, _read_file, _write_file, _make_folder, _delete_file, _connect,
        _signal_parent, _more_memory, _more_files, _become_root, _read_memory_of_parent, _all_memory, _long_operation,
        _endless_loop, _many_words, _another_reply, _silent_end, _crash, _deep_recursion, _swallow_time,
    )
}  # fmt: skip
