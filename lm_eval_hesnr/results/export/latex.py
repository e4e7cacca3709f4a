r"""A LaTeX table for papers. It needs `\usepackage{booktabs}`."""

from __future__ import annotations

from lm_eval_hesnr.results.export.exported_run import Value
from lm_eval_hesnr.results.export.request import Request
from lm_eval_hesnr.results.export.table import Row, digits, direction, table, title, trajectories

_ARROWS = {"up": r" $\uparrow$", "down": r" $\downarrow$", "": ""}
_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        **{character: f"\\{character}" for character in "&%$#_{}"},
    }
)


def as_latex(request: Request) -> str:
    """A `table` environment with a caption, one row per run."""
    found = table(request)
    titles = [*found.names, *(escaped(title(name)) + _ARROWS[direction(name)] for name in found.measures)]
    caption = (
        rf"HE-SNR of checkpoints (scope \texttt{{{escaped(request.table_scope)}}}, {trajectories(request)} "
        r"trajectories; 95\,\% intervals by resampling trajectories)."
    )
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{caption}}}",
        rf"\begin{{tabular}}{{{'l' * len(found.names)}{'r' * len(found.measures)}}}",
        r"\toprule",
        " & ".join(titles) + r" \\",
        r"\midrule",
        *map(_row, found.rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """The text with a command for each character that has a meaning in LaTeX."""
    return text.translate(_ESCAPES)


def _row(row: Row) -> str:
    # a bracket at the start of a row would be read as an argument of the line end before it
    names = [f"{{{name}}}" if name.startswith("[") else name for name in map(escaped, row.names)]
    return " & ".join([*names, *map(_cell, row.values)]) + r" \\"


def _cell(value: Value) -> str:
    if value.value is None:
        return "N/A"
    number = digits(value.value, value.measure)
    if value.low is None or value.high is None:
        return f"${number}$"
    low, high = digits(value.low, value.measure), digits(value.high, value.measure)
    return rf"${number}\,{{\scriptstyle[{low},\,{high}]}}$"
