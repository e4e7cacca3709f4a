"""Tools that mean the same in every agent: shells, and tools that take prose."""

from __future__ import annotations

SHELL_TOOLS = {
    "bash": "command",
    "Bash": "command",
    "execute_bash": "command",
    "run_bash": "command",
    "terminal": "command",
    "run_terminal_cmd": "command",
    "terminal_run_command": "command",
    "exec_command": "cmd",
    "shell": "command",
    "bash_command": "keystrokes",
    "execute_command": "command",  # Cline, Roo Code
}
"""Shell tools of various agents, with the argument that contains the command."""

PROSE_TOOLS = frozenset(
    {
        "think",  # OpenHands
        "finish",
        "task_tracker",
        "task_tracking",  # task_tracker, as its event is named
        "task_complete",  # terminus-2
        "mark_task_complete",
        "TodoWrite",  # Claude Code
        "ExitPlanMode",
        "update_plan",  # Codex
    }
)
"""Tools that do not act on the environment: the model thinks, plans, or says that it is done.

A tool that gives work to another agent acts, so it is not in this set.
"""
