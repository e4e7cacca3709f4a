"""A handler for children in tests: it does what foreign code could do after it has taken over a child."""

import _thread
import os
import signal
import sys

FORGED = b'{"answer": "forged"}\n'


def answer(request):
    """Do as the request says. The answer to an honest request is "honest"."""
    _ACTIONS.get(request["do"], len)(request)
    return request.get("answer", "honest")


def _stay(_):
    while True:
        os.write(1, FORGED)
        os.read(0, 1 << 16)


def _drip(_):
    signal.setitimer(signal.ITIMER_PROF, 0)
    while True:
        os.write(1, b"x")
        _wait(0.2)


def _leave(_):
    """Answer, and end a little later."""
    nonce = sys._getframe(2).f_locals.get("nonce", b"")
    os.write(1, b'{"answer": "left", "nonce": "%s"}\n' % nonce)
    _wait(0.3)
    os._exit(0)


def _wait(seconds):
    """The filter of system calls refuses `time.sleep`."""
    lock = _thread.allocate_lock()
    lock.acquire()
    lock.acquire(timeout=seconds)


_ACTIONS = {"stay": _stay, "drip": _drip, "leave": _leave}
