"""Draw points as an SVG: cost per delta against the length of the answer, both axes logarithmic.

Written by hand, so that it needs no package. A flat line means linear work. A rising line means that the
contestant handles the whole answer again with every delta.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from html import escape

Lines = Mapping[str, Mapping[int, float]]  # by contestant: deltas -> microseconds per delta

WIDTH, HEIGHT = 460, 420  # of one panel
LEFT, RIGHT, TOP, BOTTOM = 76, 170, 40, 46  # its margins; the right one has the names
NAME_HEIGHT = 14
COLOURS = (
    *("#4c78a8", "#72b7b2", "#b279a2", "#f58518", "#9d755d", "#54a24b"),
    *("#e45756", "#79706e", "#bab0ac", "#eeca3b", "#d67195"),
)
OUR_COLOUR, FLOOR_COLOUR = "#d62728", "#000000"


def draw(panels: Mapping[str, Lines]) -> str:
    """Return the SVG's text: a panel for each title in *panels*, side by side, on the same scale."""
    points = [(x, y) for lines in panels.values() for line in lines.values() for x, y in line.items()]
    if not points:
        return ""
    scale = _Scale(points)
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    colours = dict(zip(names, _colours(names), strict=True))
    drawn = [
        f'<g transform="translate({n * (WIDTH + RIGHT)},0)">'
        + "\n".join([*_panel(*panel, scale, colours), "</g>"])
        for n, panel in enumerate(panels.items())
    ]
    size = f'width="{len(panels) * (WIDTH + RIGHT)}" height="{HEIGHT}"'
    style = "text{font:12px sans-serif;fill:#222}.grid{stroke:#ddd}.line{fill:none;stroke-width:1.6}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{style}</style>'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *drawn, "</svg>", ""])


def _colours(names: Iterable[str]) -> Iterator[str]:
    others = 0
    for name in names:
        if name == "floor":
            yield FLOOR_COLOUR
        elif name.startswith("streamkit"):
            yield OUR_COLOUR
        else:
            yield COLOURS[others % len(COLOURS)]
            others += 1


class _Scale:
    """Maps data to pixels, over the decades that the points span."""

    def __init__(self, points: Iterable[tuple[float, float]]) -> None:
        xs, ys = zip(*points, strict=True)
        self.x_from, self.x_to = math.log10(min(xs)), max(math.log10(max(xs)), math.log10(min(xs)) + 1)
        self.y_from, self.y_to = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))

    def x(self, value: float) -> float:
        share = (math.log10(value) - self.x_from) / (self.x_to - self.x_from)
        return LEFT + share * (WIDTH - LEFT)

    def y(self, value: float) -> float:
        share = (math.log10(value) - self.y_from) / max(1, self.y_to - self.y_from)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _panel(title: str, lines: Lines, scale: _Scale, colours: Mapping[str, str]) -> Iterator[str]:
    yield f'<text x="{LEFT}" y="22" style="font-weight:bold">{escape(title)}</text>'
    yield from _axes({x for line in lines.values() for x in line}, scale)
    for name, line in lines.items():
        path = " ".join(f"{scale.x(x):.1f},{scale.y(y):.1f}" for x, y in line.items())
        width = ' style="stroke-width:3"' if name.startswith("streamkit") else ""
        dash = ' stroke-dasharray="5 3"' if name == "floor" else ""
        yield f'<polyline class="line" stroke="{colours[name]}"{width}{dash} points="{path}"/>'
        for x, y in line.items():  # a contestant with one point has no line
            yield f'<circle cx="{scale.x(x):.1f}" cy="{scale.y(y):.1f}" r="2" fill="{colours[name]}"/>'
    yield from _names(lines, scale, colours)


def _axes(lengths: Iterable[int], scale: _Scale) -> Iterator[str]:
    low, high = HEIGHT - BOTTOM, TOP
    for x in sorted(lengths):
        at = f"{scale.x(x):.1f}"
        yield f'<line class="grid" x1="{at}" x2="{at}" y1="{low}" y2="{high}"/>'
        yield f'<text x="{at}" y="{low + 16}" text-anchor="middle">{x:,}</text>'
    for decade in range(scale.y_from, scale.y_to + 1):
        at = f"{scale.y(10**decade):.1f}"
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{at}" y2="{at}"/>'
        yield f'<text x="{LEFT - 6}" y="{at}" dy="4" text-anchor="end">{10**decade:,} µs</text>'
    yield f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 8}" text-anchor="middle">deltas in the answer</text>'


def _names(lines: Lines, scale: _Scale, colours: Mapping[str, str]) -> Iterator[str]:
    """Yield each line's name at the height of its end, moved down if it would cover another name."""
    ends = sorted((scale.y(list(line.values())[-1]), name) for name, line in lines.items() if line)
    free = float(TOP)
    for n, (end, name) in enumerate(ends):
        below = (len(ends) - n - 1) * NAME_HEIGHT
        free = max(free, min(end, HEIGHT - BOTTOM - below))
        last = max(lines[name])
        yield (
            f'<line x1="{scale.x(last):.1f}" y1="{end:.1f}" x2="{WIDTH + 8}" y2="{free:.1f}" '
            f'stroke="{colours[name]}" stroke-width="0.6" stroke-dasharray="2 2"/>'
            f'<text x="{WIDTH + 12}" y="{free:.1f}" dy="4" style="fill:{colours[name]}">{escape(name)}</text>'
        )
        free += NAME_HEIGHT
