"""Pictures as SVG text: panels side by side, with points, error bars and names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import count
from typing import NamedTuple

from assets_src.tiny_swe_lm.pictures import COLOURS as FIRST_COLOURS
from assets_src.tiny_swe_lm.pictures import ticks

COLOURS = (*FIRST_COLOURS, "#b8860b", "#555555", "#d04a9c")
WIDTH, HEIGHT = 400, 320
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 52, 46
_MARGIN = 0.06


class Point(NamedTuple):
    """A point with error bars; an error of 0 has no bar."""

    x: float
    y: float
    x_error: float = 0.0
    y_error: float = 0.0
    name: str = ""
    x_ends: tuple[float, float] | None = None
    """Both ends of the bar, in place of an error."""
    y_ends: tuple[float, float] | None = None

    @property
    def x_bar(self) -> tuple[float, float]:
        """Where the bar begins and ends."""
        return self.x_ends or (self.x - self.x_error, self.x + self.x_error)

    @property
    def y_bar(self) -> tuple[float, float]:
        """Where the bar begins and ends."""
        return self.y_ends or (self.y - self.y_error, self.y + self.y_error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One coordinate system."""

    title: str
    x_label: str
    y_label: str
    series: Mapping[str, Sequence[Point]]
    """Name to points. Series of the same name have the same colour in all panels."""
    zero: bool = False
    """Whether there are lines at x = 0 and y = 0."""


def picture(title: str, panels: Sequence[Panel], per_row: int | None = None) -> str:
    """The panels, with one legend if there are several series.

    Args:
        title: above all panels.
        panels: side by side.
        per_row: how many panels are in one row; None for all.
    """
    per_row = per_row or len(panels)
    all_rows = HEIGHT * math.ceil(len(panels) / per_row)
    names = list(dict.fromkeys(name for panel in panels for name in panel.series))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    width, height = WIDTH * per_row, all_rows + (24 if len(names) > 1 else 0)
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="11">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="18" font-size="14">{escape(title)}</text>',
    ]
    for i, panel in enumerate(panels):
        row, column = divmod(i, per_row)
        body += [f'<g transform="translate({WIDTH * column} {HEIGHT * row})">', *_panel(panel, colours), "</g>"]
    if len(names) > 1:
        for i, name in zip(count(), names, strict=False):
            x = LEFT + i * (width - LEFT) / len(names)
            body.append(f'<circle cx="{x:.1f}" cy="{all_rows + 8}" r="4" fill="{colours[name]}"/>')
            body.append(f'<text x="{x + 8:.1f}" y="{all_rows + 12}">{escape(name)}</text>')
    return "\n".join([*body, "</svg>"]) + "\n"


def _panel(panel: Panel, colours: Mapping[str, str]) -> list[str]:
    points = [point for some in panel.series.values() for point in some]
    x_range = _range([(p.x, *p.x_bar) for p in points], panel.zero)
    y_range = _range([(p.y, *p.y_bar) for p in points], panel.zero)

    def _x(value: float) -> float:
        return LEFT + (value - x_range[0]) / (x_range[1] - x_range[0]) * (WIDTH - LEFT - RIGHT)

    def _y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - y_range[0]) / (y_range[1] - y_range[0]) * (HEIGHT - TOP - BOTTOM)

    def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
        return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'

    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = [
        f'<text x="{LEFT}" y="{TOP - 18}" font-weight="bold">{escape(panel.title)}</text>',
        f'<text x="{LEFT}" y="{TOP - 5}" fill="#555555">{escape(panel.y_label)}</text>',
        f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(panel.x_label)}</text>',
    ]
    for value in ticks(*x_range):
        parts.append(_line(_x(value), TOP, _x(value), bottom, "#eeeeee"))
        parts.append(f'<text x="{_x(value):.1f}" y="{bottom + 15}" text-anchor="middle">{value:g}</text>')
    for value in ticks(*y_range):
        parts.append(_line(LEFT, _y(value), right, _y(value), "#eeeeee"))
        parts.append(f'<text x="{LEFT - 5}" y="{_y(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
    if panel.zero:
        parts += [_line(_x(0), TOP, _x(0), bottom, "#888888"), _line(LEFT, _y(0), right, _y(0), "#888888")]
    for name, some in panel.series.items():
        for p in some:
            x, y, colour = _x(p.x), _y(p.y), colours[name]
            if p.x_bar[0] < p.x_bar[1]:
                parts.append(_line(_x(p.x_bar[0]), y, _x(p.x_bar[1]), y, colour))
            if p.y_bar[0] < p.y_bar[1]:
                parts.append(_line(x, _y(p.y_bar[0]), x, _y(p.y_bar[1]), colour))
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')
            if p.name:
                left = x > (LEFT + right) / 2
                anchor, shift = ("end", -7) if left else ("start", 7)
                parts.append(
                    f'<text x="{x + shift:.1f}" y="{y - 6:.1f}" text-anchor="{anchor}">{escape(p.name)}</text>'
                )
    return parts


def _range(values: Sequence[tuple[float, float, float]], zero: bool) -> tuple[float, float]:
    """The smallest and largest of values and ends of error bars, with a margin."""
    every = [one for some in values for one in some] + ([0.0] if zero else [])
    low, high = min(every), max(every)
    margin = _MARGIN * (high - low) or 1.0
    return low - margin, high + margin
