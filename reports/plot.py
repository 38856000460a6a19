"""What all charts share: room, scales, axes and labels formatted in the reader's language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import altair as alt

from reports import theme
from reports.drawing import Rows, layer
from reports.language import Language
from reports.peak_day import DemandAxis

AXIS_WIDTH = 44
NO_AXIS: Any = alt.Undefined  # leave the axis to the layer that has one; None would forbid it to all
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
PHONE = Size(plot=232, margin=66, text=11, height=190)
MAIL = Size(plot=470, margin=98, text=12, height=210)


def key_of(value: float) -> str:
    """Return a number as the renderer's own `toString` writes it."""
    return str(int(value)) if value == int(value) else repr(value)


def labels(texts: dict[float, str]) -> str:
    """Return a Vega expression for axis labels that were formatted here, not by the renderer."""
    pairs = ",".join(f"'{key_of(value)}':'{text}'" for value, text in texts.items())
    return f"({{{pairs}}})[toString(datum.value)] || ''"


def kw(field: str, axis: DemandAxis, drawn: Any = NO_AXIS) -> alt.Y:
    """Return the vertical position of a power [kW]."""
    return alt.Y(f"{field}:Q", scale=alt.Scale(domain=[axis.low, axis.high], nice=False, zero=False), axis=drawn)


def across(field: str, domain: tuple[float, float], drawn: Any = NO_AXIS) -> alt.X:
    """Return a horizontal position on a plain numeric scale (hours or months counted from the left edge)."""
    return alt.X(f"{field}:Q", scale=alt.Scale(domain=list(domain), nice=False, zero=False), axis=drawn)


def kw_axis(axis: DemandAxis, words: Language, *, signed: bool = False) -> alt.Axis:
    """Return the demand axis with its numbers in the reader's language."""
    digits = 0 if all(value == int(value) for value in axis.ticks) else 1
    texts = {value: ("+" if signed and value > 0 else "") + words.number(value, digits) for value in axis.ticks}
    return alt.Axis(values=list(axis.ticks), labelExpr=labels(texts), minExtent=AXIS_WIDTH, grid=True, title=None)


def grid(axis: DemandAxis, words: Language, domain: tuple[float, float], across_axis: alt.Axis | None) -> alt.Chart:
    """Return the invisible layer that carries the demand axis with its grid, and the horizontal axis."""
    corner = layer([{"kw": axis.low, "x": domain[0]}]).mark_point(opacity=0)
    drawn: alt.Chart = corner.encode(kw("kw", axis, kw_axis(axis, words)), across("x", domain, across_axis))
    return drawn


def band(spans: Rows, domain: tuple[float, float], height: int) -> alt.Chart:
    """Return full-height bands behind a plot from rows with x and x2."""
    plain = layer(spans).mark_rect(color=theme.BAND)
    drawn: alt.Chart = plain.encode(across("x", domain), alt.X2("x2"), y=alt.value(0), y2=alt.value(height))
    return drawn


def world_lines(rows: Rows, domain: tuple[float, float], axis: DemandAxis) -> list[alt.Chart]:
    """Return both worlds as steps from doubled rows with x, baseline, actual: dashed grey, and the dark line."""
    styles = (("baseline", theme.BASELINE, [4, 3], 1.5), ("actual", theme.METER, [1, 0], 2.2))
    return [
        layer(rows)
        .mark_line(color=colour, strokeWidth=width, strokeDash=dash, strokeJoin="miter", invalid=GAPS)
        .encode(across("x", domain), kw(world, axis), alt.Order("x:Q"))
        for world, colour, dash, width in styles
    ]


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


def dumbbells(
    places: Sequence[tuple[int, Peaks]], domain: tuple[float, float], axis: DemandAxis, *, dot: int
) -> list[alt.Chart]:
    """Return both peaks at each place as hollow and solid dots, the change between them as a coloured bar."""
    rows: Rows = [
        {
            "x": place + 0.5,
            "baseline": peaks.baseline_kw,
            "actual": peaks.actual_kw,
            "colour": theme.ADDED if peaks.change_kw > 0 else theme.SAVED,
        }
        for place, peaks in places
        if peaks.change_kw is not None
    ]
    hollow = layer(rows).mark_point(size=dot, fill=theme.PAPER, stroke=theme.BASELINE, strokeWidth=1.8, opacity=1)
    x, baseline = across("x", domain), kw("baseline", axis)
    return [
        layer(rows).mark_rule(strokeWidth=4).encode(x, baseline, alt.Y2("actual"), color=DRAWN_COLOUR),
        hollow.encode(x, baseline),
        dots([(place, peaks.actual_kw) for place, peaks in places], domain, axis, dot=dot),
    ]


def dots(
    places: Sequence[tuple[int, float | None]], domain: tuple[float, float], axis: DemandAxis, *, dot: int
) -> alt.Chart:
    """Return metered peaks as solid dots."""
    rows: Rows = [{"x": place + 0.5, "actual": value} for place, value in places if value is not None]
    solid = layer(rows).mark_point(size=dot, fill=theme.METER, stroke=theme.METER, opacity=1)
    drawn: alt.Chart = solid.encode(across("x", domain), kw("actual", axis))
    return drawn


def change_text(change: float, words: Language, *, unit: bool) -> str:
    """Return a signed change of power: '-25.6 kW', '+3.0'."""
    return ("+" if change > 0 else "") + (words.kw(change) if unit else words.number(change, 1))
