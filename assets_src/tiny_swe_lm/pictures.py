"""Small pictures as SVG text: a curve over steps, and a histogram. `table.py` draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 34, 44
COLOURS = ("#1f6feb", "#d1542a", "#2a8a4a", "#8a4fbf")


def _frame(title: str, body: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
    parts = [
        f'{head} font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
        *body,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _x(value: float, low: float, high: float) -> float:
    return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)


def _y(value: float, low: float, high: float) -> float:
    return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def _axes(x_range: tuple[float, float], y_range: tuple[float, float], x_label: str, y_label: str) -> list[str]:
    parts = []
    for value in ticks(*x_range):
        x = _x(value, *x_range)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{value:g}</text>')
    for value in ticks(*y_range):
        y = _y(value, *y_range)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>')
    parts.append(f'<text x="{LEFT}" y="{TOP - 2}" fill="#666666">{escape(y_label)}</text>')
    return parts


def ticks(low: float, high: float) -> list[float]:
    """About six round numbers from `low` to `high`."""
    rough = (high - low) / 6
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 10) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def curve(title: str, lines: dict[str, Sequence[tuple[float, float]]], x_label: str, y_label: str) -> str:
    """A picture of lines over one axis, each with its name in the same colour."""
    points = [point for line in lines.values() for point in line]
    x_range = (0.0, max(x for x, _ in points))
    y_range = (math.floor(min(y for _, y in points)), math.ceil(max(y for _, y in points)))
    body = _axes(x_range, y_range, x_label, y_label)
    for (name, line), colour, row in zip(lines.items(), COLOURS, range(len(lines)), strict=False):
        path = " ".join(f"{_x(x, *x_range):.1f},{_y(y, *y_range):.1f}" for x, y in line)
        body.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        body.append(f'<text x="{WIDTH - RIGHT - 150}" y="{TOP + 14 + 16 * row}" fill="{colour}">{escape(name)}</text>')
    return _frame(title, body)


def histogram(title: str, shares: Sequence[tuple[float, float]], marks: dict[str, float], x_label: str) -> str:
    """A picture of bars, given as (right edge, height). The first begins at 0. `marks` are dashed vertical lines."""
    x_range = (0.0, max(edge for edge, _ in shares))
    y_range = (0.0, max(height for _, height in shares) * 1.08)
    body = _axes(x_range, y_range, x_label, "share of tokens, %")
    left = 0.0
    for edge, height in shares:
        x, y = _x(left, *x_range), _y(height, *y_range)
        width = _x(edge, *x_range) - x
        body.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width - 0.5, 0.5):.1f}" height="{HEIGHT - BOTTOM - y:.1f}" '
            f'fill="{COLOURS[0]}"/>'
        )
        left = edge
    for row, (name, place) in enumerate(marks.items()):
        x = _x(place, *x_range)
        body.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#444444" '
            'stroke-dasharray="4 3"/>'
        )
        body.append(f'<text x="{x + 3:.1f}" y="{TOP + 12 + 14 * (row % 2)}">{escape(name)}</text>')
    return _frame(title, body)
