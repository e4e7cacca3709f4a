"""Where the boxes go."""

from gridfit.layout import Layout
from gridfit.rect import Rect


def pack(boxes, width, height, gap=0):
    """A Layout of boxes, given as {name: (width, height)}, in a window of that size.

    Tall boxes are placed first. Each goes where the least room is left beside it ("best short side fit").
    Between two boxes stay at least `gap` empty columns or lines.
    """
    free = [Rect(0, 0, width, height)]
    layout = Layout(width, height)
    for name, (box_width, box_height) in sorted(boxes.items(), key=_tallest_first):
        wide, high = box_width + gap, box_height + gap
        spaces = [space for space in free if space.width >= wide and space.height >= high]
        if not spaces:
            layout.left_over.append(name)
            continue
        best = min(spaces, key=lambda space: (min(space.width - wide, space.height - high), space.y, space.x))
        layout.placed[name] = Rect(best.x, best.y, box_width, box_height)
        free.remove(best)
        free.extend(best.carve(Rect(best.x, best.y, wide, high)))
    return layout


def _tallest_first(item):
    name, (width, height) = item
    return -height, -width, name
