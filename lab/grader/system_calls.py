"""A filter of system calls: after it, this process can compute, use its pipes and end, and nothing else.

The filter is one of seccomp(2), for x86-64 and 64-bit Arm. The kernel refuses every other call with "not permitted":
to open files, to connect, to start programs and to send signals.
"""

from __future__ import annotations

import ctypes
import platform

_ALLOWED = {
    "x86_64": (
        0xC000003E,
        {"read": 0, "write": 1, "fstat": 5, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12,
         "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "mremap": 25, "madvise": 28, "getitimer": 36,
         "setitimer": 38, "getpid": 39, "exit": 60, "gettimeofday": 96, "getrusage": 98, "sigaltstack": 131,
         "futex": 202, "restart_syscall": 219, "clock_gettime": 228, "exit_group": 231, "getrandom": 318},
    ),
    "aarch64": (
        0xC00000B7,
        {"lseek": 62, "read": 63, "write": 64, "fstat": 80, "exit": 93, "exit_group": 94, "futex": 98, "getitimer": 102,
         "setitimer": 103, "clock_gettime": 113, "restart_syscall": 128, "sigaltstack": 132, "rt_sigaction": 134,
         "rt_sigprocmask": 135, "rt_sigreturn": 139, "getrusage": 165, "gettimeofday": 169, "getpid": 172, "brk": 214,
         "munmap": 215, "mremap": 216, "mmap": 222, "mprotect": 226, "madvise": 233, "getrandom": 278},
    ),
}  # fmt: skip
"""The number of each architecture in <linux/audit.h>, and those of its system calls."""
_LOAD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER, _ARCHITECTURE = 0, 4
"""Where <linux/seccomp.h> has the two in the data of a call."""
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2


class _Instruction(ctypes.Structure):
    """`struct sock_filter` of <linux/filter.h>."""

    _fields_ = (("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint))


class _Program(ctypes.Structure):
    """`struct sock_fprog` of <linux/filter.h>."""

    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction)))


def filter_system_calls() -> bool:
    """Set the filter, for good. Returns whether this system has one. The process needs `no_new_privs`, see `limits`."""
    machine = platform.machine()
    if machine not in _ALLOWED:
        return False
    instructions = _instructions(*_ALLOWED[machine])
    program = _Program(len(instructions), (_Instruction * len(instructions))(*instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _instructions(architecture: int, calls: dict[str, int]) -> list[_Instruction]:
    """Refuse another architecture; allow each of the calls; refuse the others."""
    n = len(calls)
    allowed = [_Instruction(_IF_EQUAL, n - i, 0, number) for i, number in enumerate(calls.values())]
    return [
        _Instruction(_LOAD, 0, 0, _ARCHITECTURE),
        _Instruction(_IF_EQUAL, 1, 0, architecture),
        _Instruction(_RETURN, 0, 0, _REFUSE),
        _Instruction(_LOAD, 0, 0, _NUMBER),
        *allowed,
        _Instruction(_RETURN, 0, 0, _REFUSE),
        _Instruction(_RETURN, 0, 0, _ALLOW),
    ]
