"""Calls of Cline, Roo Code and their forks: the tool's name is a tag, and each argument is a tag inside it.

    <write_to_file><path>a.py</path><content>x = 1</content></write_to_file>

Values have no escapes, so a file's content may contain any tag. Only the tools of these agents count: other tags are
HTML or prose. A call is complete only with its closing tag, as in these agents. Inside `<thinking>` the model only
considers a call, so it is not an action.
"""

from __future__ import annotations

import re

from lm_eval_hesnr.trajectories.readers.found_calls import Found
from lm_eval_hesnr.trajectories.readers.segments import call

_TOOLS = (
    "execute_command read_command_output read_file write_to_file replace_in_file apply_diff insert_content edit_file "
    "search_and_replace search_replace search_files list_files list_code_definition_names codebase_search "
    "browser_action web_fetch web_search use_mcp_tool access_mcp_resource load_mcp_documentation "
    "ask_followup_question attempt_completion plan_mode_respond plan_mode_response act_mode_respond new_task new_rule "
    "switch_mode fetch_instructions update_todo_list run_slash_command generate_image report_bug condense "
    "summarize_task generate_explanation use_skill use_subagents"
)
TOOLS = frozenset(_TOOLS.split())
"""Tools that are written as tags."""

_OPENING = re.compile(rf"<(thinking|(?:{'|'.join(sorted(TOOLS))})(?=>\s*</?[a-z]))>")
"""A tool's tag that is followed by another tag. Without that, as in "use <read_file>", it only mentions the tool."""
_ONE_FILE = re.compile(r"\s*<file>\s*<path>([^<>]*)</path>\s*</file>\s*")
"""The `args` of Roo Code's `read_file` for one file."""
_ARGUMENT = re.compile(r"<([a-z]\w{0,40})>", re.ASCII)
_WITHOUT_ARGUMENTS = frozenset({"load_mcp_documentation"})
_FILE_TEXTS = frozenset({"content", "diff", "search", "replace", "old_string", "new_string", "code_edit", "args"})
"""Arguments whose value may contain their own closing tag. They end at the last closing tag. Only the line ends around
these values are removed. Around other values, blanks are removed too."""
_MAX_UNCLOSED = 100
"""Stop the search after this many arguments of one call without a closing tag. Each costs time."""


def tool_tags(text: str, executed: bool | None) -> list[Found]:
    """Return the calls in a text, in order; the span of each includes its tags."""
    found: list[Found] = []
    unclosed: set[str] = set()
    position = 0
    while opening := _OPENING.search(text, position):
        tool, position = opening[1], opening.end()
        stop = -1 if tool in unclosed else text.find(f"</{tool}>", position)
        if stop < 0:  # the call was cut off
            unclosed.add(tool)
            continue
        arguments = _arguments(text[position:stop]) if tool != "thinking" else {}
        position = stop + len(f"</{tool}>")
        if arguments or tool in _WITHOUT_ARGUMENTS:
            found.append(Found(opening.start(), position, (call(tool, dict(arguments), executed),)))
    return found


def _arguments(body: str) -> dict[str, str]:
    """The arguments between the tags of a call. An argument without its closing tag is left out."""
    arguments: dict[str, str] = {}
    position = unclosed = 0
    while unclosed < _MAX_UNCLOSED and (opening := _ARGUMENT.search(body, position)):
        name, position = opening[1], opening.end()
        find, closing = body.rfind if name in _FILE_TEXTS else body.find, f"</{name}>"
        stop = find(closing, position)
        if stop < 0:
            unclosed += 1
            continue
        value = body[position:stop]
        if name == "args" and (file := _ONE_FILE.fullmatch(value)):
            name, value = "path", file[1]
        arguments.setdefault(name, value.strip("\r\n") if name in _FILE_TEXTS else value.strip())
        position = stop + len(closing)
    return arguments
