"""The limits that a child sets for itself before it runs what others wrote. It cannot take them back.

| limit | value | why |
|---|---|---|
| user | nobody, if this process is root | root may start processes whatever the limit on processes is |
| processes | 0 | no fork, no thread |
| open files | 3, the pipes that are there | no file, no socket |
| size of files | 0 | nothing is written to the disk |
| memory | 512 MiB of addresses | the machine keeps its memory |
| processor time | 600 s for the whole child | a child that no one stops ends |

Then it filters its system calls, where the system can (`system_calls`).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal

from lab.grader.system_calls import filter_system_calls

MEMORY = 512 << 20
"""Bytes of address space."""
CPU_SECONDS = 600
OPEN_FILES = 3
NOBODY = 65534
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


def confine() -> list[str]:
    """Give up privileges and set all limits. Returns the names of the defences that not every system has.

    Raises:
        OSError: the system refuses one of them.
    """
    user = os.getuid()
    os.chdir("/")
    os.umask(0o077)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    _process_control(_PR_SET_NO_NEW_PRIVS, 1)
    _process_control(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        resource.setrlimit(limit, (value, value))
    return [*(["other user"] if os.getuid() != user else []), *(["system calls"] if filter_system_calls() else [])]


def _process_control(option: int, value: int) -> None:
    """Call prctl(2), which Python has no function for."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
