"""From marks and words to a still picture: SVG with stable ids, PNG small enough for mail.

Altair describes the marks of a panel once per process; the renderer compiles them once, and every report after that
only swaps rows and domains in. Words are set here: the renderer takes milliseconds to measure each of them, and their
places are known.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import altair as alt
import vl_convert
from markupsafe import escape
from PIL import Image

from reports import theme

Rows = list[dict[str, Any]]
Layers = alt.LayerChart | alt.FacetChart
Marks = Callable[[], Layers]
EAST_ASIAN = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
ROLES = re.compile(r' (?:role|aria-[a-z]+|class)="[^"]*"')  # the picture carries one alt text, its marks none
PNG_SCALE = 2
PNG_COLOURS = 128


@dataclass(frozen=True)
class Word:
    """A text at a place of its panel [px from its top left corner], on its baseline; anchor start, middle or end."""

    x: float
    y: float
    text: str
    anchor: str = "middle"
    size: float = 12
    colour: str = theme.MUTED
    weight: int = 400


@dataclass(frozen=True)
class Answer:
    """What a pointer or the arrow keys find between two places of a panel [px]; from top to foot unless stated."""

    from_x: float
    to_x: float
    text: str
    from_y: float = 0
    to_y: float | None = None


@dataclass(frozen=True)
class Panel:
    """Marks on two plain scales, with their rows by data name, their words and their answers; sizes and `top` [px]."""

    marks: Marks
    rows: Mapping[str, Rows]
    across: tuple[float, float]
    up: tuple[float, float]
    width: int
    height: int
    top: int = 0
    words: tuple[Word, ...] = ()
    answers: tuple[Answer, ...] = ()

    def x(self, value: float) -> float:
        """Return the place of a value across the panel [px]."""
        return (value - self.across[0]) / (self.across[1] - self.across[0]) * self.width

    def y(self, value: float) -> float:
        """Return the place of a value down the panel [px]."""
        return (self.up[1] - value) / (self.up[1] - self.up[0]) * self.height


@dataclass(frozen=True)
class Drawing:
    """Panels in one picture, with the room to their left and right and the height of it all [px]."""

    panels: tuple[Panel, ...]
    left: int
    right: int
    height: int

    @property
    def width(self) -> int:
        """The width of the picture [px]."""
        return self.left + max(panel.width for panel in self.panels) + self.right


def named(name: str) -> alt.Chart:
    """Return a chart on rows that are swapped in under `name`; the renderer never loads anything."""
    return alt.Chart(alt.NamedData(name))


def text_width(text: str, size: float) -> float:
    """Return about how wide a text is [px]; characters from the CJK blocks on are square."""
    return sum(1.0 if ord(character) >= 0x2E80 else 0.57 for character in text) * size


def to_svg(drawing: Drawing, name: str, alt_text: str, *, answers: bool = False) -> str:
    """Return a drawing as SVG that scales with its page; `name` begins its ids, `alt_text` states its finding.

    With `answers` it takes the keyboard's focus and holds what a pointer finds.
    """
    parts = [_panel(panel, drawing.left, answers=answers) for panel in drawing.panels]
    body = _renumbered("".join(parts), name)
    focus = ' tabindex="0"' if answers else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(alt_text)}"{focus} '
        f'width="{drawing.width}" height="{drawing.height}" viewBox="0 0 {drawing.width} {drawing.height}" '
        f'font-family="{theme.FONT}">{body}</svg>'
    )


def to_png(svg: str) -> bytes:
    """Return an SVG as PNG on white at two pixels a point, in few enough colours for mail."""
    theme.register_fonts()
    ground = f'<rect width="100%" height="100%" fill="{theme.PAPER}"/>'
    head, _, body = svg.partition(">")
    drawn = vl_convert.svg_to_png(theme.printable(f"{head}>{ground}{body}"), scale=PNG_SCALE)
    few = Image.open(io.BytesIO(drawn)).convert("RGB").quantize(PNG_COLOURS, dither=Image.Dither.NONE)
    out = io.BytesIO()
    few.save(out, "PNG", compress_level=9)
    return out.getvalue()


def _panel(panel: Panel, left: int, *, answers: bool) -> str:
    words = "".join(_word(word) for word in panel.words)
    hits = "".join(_answer(answer, panel) for answer in panel.answers) if answers else ""
    return f'<g transform="translate({left},{panel.top})">{_marks(panel)}{words}{hits}</g>'


def _word(word: Word) -> str:
    anchor = "" if word.anchor == "start" else f' text-anchor="{word.anchor}"'
    weight = "" if word.weight == 400 else f' font-weight="{word.weight}"'
    # A still picture is set in one font a word: where Inter lacks a character, the whole word needs the other.
    font = f' font-family="{theme.FONT_CJK}"' if EAST_ASIAN.search(word.text) else ""
    return (
        f'<text x="{word.x:.1f}" y="{word.y:.1f}" font-size="{word.size:g}" fill="{word.colour}"{anchor}{weight}{font}>'
        f"{escape(word.text)}</text>"
    )


def _answer(answer: Answer, panel: Panel) -> str:
    wide = max(answer.to_x - answer.from_x, 1.0)
    high = (panel.height if answer.to_y is None else answer.to_y) - answer.from_y
    return (
        f'<rect class="answer" x="{answer.from_x:.1f}" y="{answer.from_y:.1f}" width="{wide:.1f}" height="{high:.1f}" '
        f'fill="none" data-says="{escape(answer.text)}"/>'
    )


@lru_cache(maxsize=64)
def _compiled(marks: Marks) -> str:
    """Return marks as a Vega spec; the costly steps, taken once per process."""
    chart = marks().properties(width=100, height=100).configure(**theme.VEGA_CONFIG)
    return json.dumps(vl_convert.vegalite_to_vega(chart.to_dict(validate=False)))


def _marks(panel: Panel) -> str:
    """Return a panel's marks as the inside of an SVG."""
    spec = json.loads(_compiled(panel.marks))
    spec |= {"width": panel.width, "height": panel.height, "autosize": "none", "padding": 0}
    for source in spec["data"]:
        if "source" not in source:
            source["values"] = panel.rows[source["name"]]
    for scale in spec["scales"]:
        scale["domain"] = list({"x": panel.across, "y": panel.up}[scale["name"]])
    svg = str(vl_convert.vega_to_svg(spec))
    return ROLES.sub("", svg[svg.index(">") + 1 : svg.rindex("</svg>")])


def _renumbered(svg: str, name: str) -> str:
    """Renumber ids: the renderer counts on over a process's life."""
    ids = {old: f"{name}-{index}" for index, old in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)))}
    for old, new in ids.items():
        svg = svg.replace(f'id="{old}"', f'id="{new}"').replace(f"url(#{old})", f"url(#{new})")
    return svg
