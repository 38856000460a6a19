"""A report's figures: each chart with its caption, its key and its data, in the sizes of page and phone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reports import theme
from reports.captions import Caption, days_caption, months_caption, peak_day_caption
from reports.cars import find_cars
from reports.charts import days_chart, peak_day_chart
from reports.days import find_days
from reports.drawing import Drawing, to_png, to_svg
from reports.facts import Facts
from reports.fleet_captions import cars_caption, cars_table, heat_caption, heat_table
from reports.fleet_charts import cars_chart, heat_chart
from reports.heat import find_heat
from reports.language import Language
from reports.months import Months, find_months
from reports.months_chart import months_chart
from reports.peak_day import PeakDay, find_peak_day
from reports.plot import MAIL, PAGE, PAPER, PHONE, Size, change_text
from reports.view import Table, days_table, months_table, peak_day_table

Draw = Callable[[Size], Drawing]


@dataclass(frozen=True)
class Key:
    """One entry of a chart's key: a small picture and what it stands for."""

    icon: str
    text: str


@dataclass(frozen=True)
class Figure:
    """A chart with its caption, its key and its data; drawn when a size is asked for."""

    name: str
    caption: Caption
    keys: tuple[Key, ...]
    table: Table
    draw: Draw

    def svg(self, size: Size, suffix: str = "", *, answers: bool = False) -> str:
        """Return the chart in a size; `suffix` keeps the ids of several sizes on one page apart."""
        return to_svg(self.draw(size), self.name + suffix, self.caption.alt, answers=answers)

    @property
    def wide(self) -> str:
        """The chart of a page, with its answers."""
        return self.svg(PAGE, answers=True)

    @property
    def narrow(self) -> str:
        """The chart of a phone, with its answers."""
        return self.svg(PHONE, "-phone", answers=True)

    @property
    def still(self) -> str:
        """The chart on paper."""
        return self.svg(PAPER)

    @property
    def picture(self) -> bytes:
        """The chart in a mail, as PNG."""
        return to_png(self.svg(MAIL, "-mail"))


def demand_figures(facts: Facts, words: Language) -> tuple[Figure, ...]:
    """Return the figures of demand, in reading order; those without data are left out."""
    made = (_peak_day(facts, words), _days(facts, words), _months(facts, words))
    return tuple(figure for figure in made if figure)


def fleet_figures(facts: Facts, words: Language) -> tuple[Figure, ...]:
    """Return the figures of the cars, in reading order; those without data are left out."""
    made = (_cars(facts, words), _heat(facts, words))
    return tuple(figure for figure in made if figure)


def _peak_day(facts: Facts, words: Language) -> Figure | None:
    day = find_peak_day(facts)
    if day is None:
        return None
    keys = [Key(line_icon(theme.METER, 2.4), words.say("with V2B, metered"))]
    if day.compared:
        keys += [
            Key(line_icon(theme.BASELINE, 1.6, "4 3"), words.say("without V2B")),
            Key(area_icon(theme.SAVED_TINT), words.say("less drawn from the grid")),
            Key(area_icon(theme.ADDED_TINT), words.say("more drawn: recharge")),
        ]
    caption = peak_day_caption(facts, day, words)
    return Figure(
        "peak-day", caption, tuple(keys), peak_day_table(day, words), lambda size: peak_day_chart(day, size, words)
    )


def _days(facts: Facts, words: Language) -> Figure | None:
    days = find_days(facts) if facts.bills_peaks else None
    if days is None:
        return None
    keys = (
        Key(dot_icon(theme.PAPER, theme.BASELINE), words.say("without V2B")),
        Key(dot_icon(theme.METER, theme.METER), words.say("with V2B")),
        Key(DIAMOND, words.say("no discharge")),
    )
    caption = days_caption(facts, days, words)
    return Figure("days", caption, keys, days_table(days, words), lambda size: days_chart(days, size, words))


def _months(facts: Facts, words: Language) -> Figure | None:
    months = find_months(facts.bills)
    if months.empty or len(months.rows) < 2:
        return None  # one bill has nothing to stand beside
    table = months_table(months, words)
    caption = months_caption(months, words)
    return Figure("months", caption, _months_keys(months, words), table, lambda size: months_chart(months, size, words))


def _months_keys(months: Months, words: Language) -> tuple[Key, ...]:
    """Return the key of what is drawn: a world that nowhere differs from the metered one lies hidden beneath it."""
    made = (
        (months.compared, dot_icon(theme.PAPER, theme.BASELINE), words.say("own peak without V2B")),
        (True, dot_icon(theme.METER, theme.METER), words.say("own peak with V2B")),
        (months.billed_apart, line_icon(theme.BASELINE, 1.6, "4 3"), words.say("billed without V2B")),
        (True, line_icon(theme.METER, 2.4), words.say("billed with V2B")),
    )
    return tuple(Key(icon, text) for drawn, icon, text in made if drawn)


def _cars(facts: Facts, words: Language) -> Figure | None:
    day: PeakDay | None = find_peak_day(facts)
    cars = find_cars(facts, day)
    if day is None or cars is None:
        return None
    keys = [
        Key(line_icon(theme.SAVED, 2.4), words.say("to the building")),
        Key(line_icon(theme.ADDED, 2.4), words.say("charging")),
        Key(dot_icon(theme.READY, theme.READY), words.say("at its target")),
        Key(DEPARTURE, words.say("departure")),
    ]
    caption, table = cars_caption(cars, words), cars_table(cars, words)
    return Figure("cars", caption, tuple(keys), table, lambda size: cars_chart(cars, day.band_h, size, words))


def _heat(facts: Facts, words: Language) -> Figure | None:
    heat = find_heat(facts)
    if heat is None:
        return None
    ends = [words.say("{kw} change", kw=change_text(sign * heat.largest_kw, words, unit=True)) for sign in (-1, 1)]
    keys = (Key(scale_icon(-1), ends[0]), Key(scale_icon(1), ends[1]))
    return Figure(
        "heat", heat_caption(heat, words), keys, heat_table(heat, words), lambda size: heat_chart(heat, size, words)
    )


def _icon(width: int, inside: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="12" aria-hidden="true">{inside}</svg>'


def line_icon(colour: str, width: float, dash: str = "none") -> str:
    """Return a key's line."""
    return _icon(26, f'<path d="M0 6H26" stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dash}"/>')


def area_icon(colour: str) -> str:
    """Return a key's area."""
    return _icon(14, f'<rect width="14" height="12" fill="{colour}"/>')


def dot_icon(fill: str, stroke: str) -> str:
    """Return a key's dot."""
    return _icon(12, f'<circle cx="6" cy="6" r="4.2" fill="{fill}" stroke="{stroke}" stroke-width="1.8"/>')


def scale_icon(sign: int) -> str:
    """Return half a colour scale, from no change to the largest."""
    steps = (0.0, 0.25, 0.5, 0.75, 1.0)
    return _icon(
        50,
        "".join(
            f'<rect x="{10 * i}" width="10" height="12" fill="{theme.shade(sign * max(s, 0.01))}"/>'
            for i, s in enumerate(steps)
        ),
    )


DIAMOND = _icon(12, f'<path d="M6 1L11 6L6 11L1 6Z" fill="{theme.BASELINE}"/>')
DEPARTURE = _icon(6, f'<path d="M3 0V12" stroke="{theme.INK}" stroke-width="2"/>')
