"""What all charts share: room, scales, axes and labels formatted in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import altair as alt

from reports import theme
from reports.drawing import Rows, Word, named
from reports.language import Language
from reports.peak_day import DemandAxis

LEFT = 48  # room for the demand axis [px]
TOP = 6
DRAWN_COLOUR = alt.Color("colour:N", scale=None)
GAPS: Any = "break-paths-show-domains"


@dataclass(frozen=True)
class Size:
    """Room for a figure: width of the plot and of the margin to its right, text size, height [px]."""

    plot: int
    margin: int
    text: int
    height: int

    def part(self, share: float) -> int:
        """Return a share of the height [px]."""
        return round(self.height * share)

    @property
    def narrow(self) -> bool:
        """Whether there is room for short labels only."""
        return self.plot < 450


PAGE = Size(plot=690, margin=104, text=12, height=265)
PAPER = Size(plot=690, margin=104, text=12, height=172)
PHONE = Size(plot=220, margin=78, text=11, height=190)
MAIL = Size(plot=470, margin=98, text=12, height=210)


def across(field: str = "x") -> alt.X:
    """Return a horizontal position on a plain numeric scale; its domain is swapped in."""
    return alt.X(f"{field}:Q", scale=alt.Scale(domain=[0, 1], nice=False, zero=False), axis=None)


def up(field: str) -> alt.Y:
    """Return a vertical position on a plain numeric scale; its domain is swapped in."""
    return alt.Y(f"{field}:Q", scale=alt.Scale(domain=[0, 1], nice=False, zero=False), axis=None)


def boxes(name: str, **look: Any) -> alt.Chart:
    """Return rectangles from rows with x, x2, y, y2; drawn in their own colour unless `look` gives one."""
    drawn: alt.Chart = named(name).mark_rect(**look).encode(across(), alt.X2("x2"), up("y"), alt.Y2("y2"))
    return drawn if "color" in look else drawn.encode(color=DRAWN_COLOUR)


def rules(name: str, **look: Any) -> alt.Chart:
    """Return horizontal lines from rows with x, x2, y."""
    drawn: alt.Chart = named(name).mark_rule(**look).encode(across(), alt.X2("x2"), up("y"))
    return drawn if "color" in look else drawn.encode(color=DRAWN_COLOUR)


def upright(name: str, **look: Any) -> alt.Chart:
    """Return vertical lines from rows with x, y, y2."""
    drawn: alt.Chart = named(name).mark_rule(**look).encode(across(), up("y"), alt.Y2("y2"))
    return drawn if "color" in look else drawn.encode(color=DRAWN_COLOUR)


def points(name: str, field: str = "y", **look: Any) -> alt.Chart:
    """Return one point per row with x and `field`."""
    drawn: alt.Chart = named(name).mark_point(opacity=1, **look).encode(across(), up(field))
    return drawn


def grid() -> alt.Chart:
    """Return the lines of the demand axis, from rows as `grid_rows` makes."""
    return rules("grid", color=theme.RULE, strokeWidth=1)


def grid_rows(axis: DemandAxis, domain: tuple[float, float]) -> Rows:
    """Return a row for each round value of an axis."""
    return [{"x": domain[0], "x2": domain[1], "y": tick} for tick in axis.ticks]


def world_lines() -> list[alt.Chart]:
    """Return both worlds as steps from doubled rows 'worlds': the baseline dashed grey, the meter a dark line."""
    styles = (("baseline", theme.BASELINE, [4, 3], 1.5), ("actual", theme.METER, [1, 0], 2.2))
    return [
        named("worlds")
        .mark_line(color=colour, strokeWidth=width, strokeDash=dash, strokeJoin="miter", invalid=GAPS)
        .encode(across(), up(world), alt.Order("x:Q"))
        for world, colour, dash, width in styles
    ]


def tick_words(axis: DemandAxis, height: int, words: Language, size: Size, *, signed: bool = False) -> tuple[Word, ...]:
    """Return the numbers of a demand axis, left of it."""
    digits = 0 if all(value == int(value) for value in axis.ticks) else 1
    span = axis.high - axis.low
    return tuple(
        Word(
            -8,
            (axis.high - value) / span * height + size.text * 0.35,
            ("+" if signed and value > 0 else "") + words.number(value, digits),
            "end",
            size.text,
        )
        for value in axis.ticks
    )


def foot_words(places: Iterable[tuple[float, str]], height: int, size: Size) -> tuple[Word, ...]:
    """Return the labels under a panel, each centred on its place [px]."""
    return tuple(Word(x, height + size.text + 7, text, size=size.text) for x, text in places)


class Peaks(Protocol):
    """Both worlds' peak of a day or a bill [kW]."""

    @property
    def baseline_kw(self) -> float | None:
        """Without V2B."""

    @property
    def actual_kw(self) -> float | None:
        """With V2B."""

    @property
    def change_kw(self) -> float | None:
        """With minus without."""


def dumbbells(*, dot: int) -> list[alt.Chart]:
    """Return both peaks at each place as hollow and solid dots, the change between them as a coloured bar."""
    return [
        upright("pairs", strokeWidth=4),
        points("pairs", "y", size=dot, fill=theme.PAPER, stroke=theme.BASELINE, strokeWidth=1.8),
        points("metered", "y", size=dot, fill=theme.METER, stroke=theme.METER),
    ]


def dumbbell_rows(places: Sequence[tuple[int, Peaks]]) -> dict[str, Rows]:
    """Return the rows of `dumbbells`."""
    pairs: Rows = [
        {
            "x": place + 0.5,
            "y": peaks.baseline_kw,
            "y2": peaks.actual_kw,
            "colour": theme.ADDED if peaks.change_kw > 0 else theme.SAVED,
        }
        for place, peaks in places
        if peaks.change_kw is not None
    ]
    metered: Rows = [{"x": place + 0.5, "y": p.actual_kw} for place, p in places if p.actual_kw is not None]
    return {"pairs": pairs, "metered": metered}


def change_text(change: float, words: Language, *, unit: bool) -> str:
    """Return a signed change of power: '-25.6 kW', '+3.0'."""
    return ("+" if change > 0 else "") + (words.kw(change) if unit else words.number(change, 1))


def both_worlds(peaks: Peaks, words: Language) -> str:
    """Return both worlds' power and the change: what an answer says of a place."""
    known = [
        words.say(message, kw=words.kw(kw))
        for kw, message in ((peaks.baseline_kw, "{kw} without V2B"), (peaks.actual_kw, "{kw} with V2B"))
        if kw is not None
    ]
    if peaks.change_kw is not None:
        known.append(change_text(peaks.change_kw, words, unit=True))
    return words.listed(known) or words.say("not known")
