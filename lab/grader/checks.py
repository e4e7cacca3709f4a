"""What a child does with a request to grade: edit the file, compile it, run the tests."""

from __future__ import annotations

from typing import Any

from lab.grader.edits import edited
from lab.grader.execute import outcome
from lab.grader.grade import Reason
from lab.grader.no_edit import NoEditError
from lab.grader.syntax import ForbiddenError, compiled


def answer(request: dict[str, Any]) -> Reason:
    """The reason of the grade. The request has the fields of a `Gradable`, and `action`."""
    try:
        source = edited(request["broken"], request["action"], request["dialect"])
        code = compiled(source)
    except NoEditError:
        return "no edit"
    except ForbiddenError:
        return "forbidden"
    for arguments, result in request["tests"]:
        kind, text = outcome(code, request["function"], arguments)
        if kind in ("steps", "error"):
            return "steps" if kind == "steps" else "error"
        if kind != "value" or text != result:
            return "wrong"
    return "solved"
