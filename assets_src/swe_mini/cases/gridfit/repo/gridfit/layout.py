"""The result of packing, and its picture."""

from dataclasses import dataclass, field


@dataclass
class Layout:
    """Which box lies where."""

    width: int
    height: int
    placed: dict = field(default_factory=dict)
    """{name: Rect}, in the order in which the boxes were placed."""
    left_over: list = field(default_factory=list)
    """Names of the boxes for which no room was left."""

    def draw(self):
        """The window as text, one line per row, every box as a frame with its name."""
        cells = [[" "] * self.width for _ in range(self.height)]
        for name, rect in self.placed.items():
            _draw_frame(cells, rect, name)
        return "\n".join("".join(row) for row in cells)


# ---------------------------------------------------------------- frames -----
def _draw_frame(cells, rect, name):
    inner = rect.width - 2
    _write(cells, rect.x, rect.y, "┌" + f"─ {name} ".ljust(inner, "─") + "┐")
    for y in range(rect.y + 1, rect.bottom - 1):
        _write(cells, rect.x, y, "│" + " " * inner + "│")
    _write(cells, rect.x, rect.bottom - 1, "└" + "─" * inner + "┘")


def _write(cells, x, y, text):
    for offset, char in enumerate(text):
        cells[y][x + offset] = char
