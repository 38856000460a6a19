"""The charts of demand by day: plain numbers in, drawings out. Each takes a `Size`: one serves page, phone and mail."""

from __future__ import annotations

import altair as alt

from reports import plot, theme
from reports.days import Days
from reports.drawing import Answer, Drawing, Layers, Panel, Rows, Word, named, text_width
from reports.language import MINUS, Language
from reports.peak_day import DemandAxis, Mark, PeakDay, Window
from reports.plot import LEFT, TOP, Size

FLEET_HEIGHT = 62
FLEET_GAP = 26
FOOT = 24
DAYS_SHARE = 0.6  # of the peak day's height


def demand_marks() -> Layers:
    """Return the marks of the peak day: steps, dashed baseline, cut and recharge shaded, windows that set the bills."""
    shades = [
        named("shades")
        .mark_area(color=tint, line=False)
        .encode(plot.across(), plot.up(under), alt.Y2("over"), alt.Detail("run:N"))
        for under, tint in (("actual", theme.SAVED_TINT), ("baseline", theme.ADDED_TINT))
    ]
    return alt.layer(
        plot.boxes("band", color=theme.BAND),
        plot.grid(),
        *shades,
        *plot.world_lines(),
        plot.rules("guides", color=theme.INK, strokeWidth=1, strokeDash=[1, 2]),
        plot.rules("marks", strokeWidth=4.5),
        plot.upright("bracket", strokeWidth=4),
    )


def fleet_marks() -> Layers:
    """Return the marks of the fleet's power: bars about zero."""
    return alt.layer(
        plot.boxes("band", color=theme.BAND),
        plot.grid(),
        plot.rules("zero", color=theme.BASELINE, strokeWidth=1),
        plot.boxes("bars", stroke=theme.PAPER, strokeWidth=0.6),
    )


def days_marks() -> Layers:
    """Return the marks of the days: dumbbells, grey diamonds, dashes at the foot, the month's peak dotted."""
    grey = {"fill": theme.BASELINE, "stroke": theme.BASELINE}
    return alt.layer(
        plot.grid(),
        plot.rules("highest", color=theme.INK, strokeWidth=1, strokeDash=[1, 2]),
        plot.points("others", shape="diamond", size=45, **grey),
        plot.rules("below", color=theme.BASELINE, strokeWidth=2),
        *plot.dumbbells(dot=40),
    )


def peak_day_chart(day: PeakDay, size: Size, words: Language) -> Drawing:
    """Return the peak day: demand above, fleet power below."""
    rows = {
        "band": _band(day, day.axis),
        "grid": plot.grid_rows(day.axis, _hours(day)),
        "worlds": _doubled(day.shown),
        "shades": [row for row in _doubled(day.shown) if row["over"] is not None],
        **_mark_rows(day, size),
    }
    axis = (day.axis.low, day.axis.high)
    answers = _window_answers(day, size, words)
    bare = Panel(demand_marks, rows, _hours(day), axis, size.plot, size.height, TOP, (), answers)
    labels = (
        *plot.tick_words(day.axis, size.height, words, size),
        *_mark_words(bare, day, size, words),
        *_bracket_words(bare, day, size, words),
    )
    demand = Panel(demand_marks, rows, _hours(day), axis, size.plot, size.height, TOP, labels, answers)
    fleet = _fleet_panel(day, size, words)
    return Drawing((demand, fleet), LEFT, size.margin, fleet.top + FLEET_HEIGHT + FOOT)


def days_chart(days: Days, size: Size, words: Language) -> Drawing:
    """Return a dumbbell of both worlds' highest window per day cars gave energy, other days as grey diamonds."""
    height, count, axis = size.part(DAYS_SHARE), len(days.rows), days.axis
    others = [(i + 0.5, row.actual_kw) for i, row in enumerate(days.rows) if not row.gave and row.actual_kw is not None]
    foot = axis.low + (axis.high - axis.low) * 0.02
    rows = {
        "grid": plot.grid_rows(axis, (0, count)),
        "highest": [] if days.highest_kw is None else [{"x": 0, "x2": count, "y": days.highest_kw}],
        "others": [{"x": x, "y": kw} for x, kw in others if kw >= axis.low],
        "below": [{"x": x - 0.25, "x2": x + 0.25, "y": foot} for x, kw in others if kw < axis.low],
        **plot.dumbbell_rows([(i, row) for i, row in enumerate(days.rows) if row.gave]),
    }
    room = size.plot / count
    answers = tuple(
        Answer(i * room, (i + 1) * room, f"{words.day_short(row.day)}: {plot.both_worlds(row, words)}")
        for i, row in enumerate(days.rows)
    )
    labels = (
        *plot.tick_words(axis, height, words, size),
        *plot.foot_words(_day_places(days, size), height, size),
        *_highest_words(days, height, size, words),
    )
    panel = Panel(
        days_marks, rows, (0, count), (axis.low, axis.high), size.plot, height, TOP, labels, answers
    )  # fmt: skip
    return Drawing((panel,), LEFT, size.margin, TOP + height + FOOT)


def _day_places(days: Days, size: Size) -> list[tuple[float, str]]:
    every, last = (10 if size.narrow else 5), len(days.rows) - 1
    room = size.plot / len(days.rows)
    return [
        ((place + 0.5) * room, str(row.day.day))
        for place, row in enumerate(days.rows)
        if place in (0, last) or (row.day.day % every == 0 and 1 < place < last - 1)
    ]


def _highest_words(days: Days, height: int, size: Size, words: Language) -> tuple[Word, ...]:
    """Return the month's metered peak, right of the plot."""
    if days.highest_kw is None:
        return ()
    y = (days.axis.high - days.highest_kw) / (days.axis.high - days.axis.low) * height
    return (
        Word(size.plot + 6, y + size.text * 0.35, words.kw(days.highest_kw), "start", size.text, theme.METER, 600),
    )  # fmt: skip


def _hours(day: PeakDay) -> tuple[float, float]:
    return day.from_h, day.to_h


def _band(day: PeakDay, axis: DemandAxis) -> Rows:
    if day.band_h is None:
        return []
    from_h, to_h = max(day.band_h[0], day.from_h), min(day.band_h[1], day.to_h)
    return [{"x": from_h, "x2": to_h, "y": axis.low, "y2": axis.high}]


def _doubled(windows: tuple[Window, ...]) -> Rows:
    """Return each window's left and right corner, so that straight lines between them are steps.

    `run` counts unbroken stretches: a shade must not bridge a gap.
    """
    rows: Rows = []
    run = 0
    for window in windows:
        known = [kw for kw in (window.baseline_kw, window.actual_kw) if kw is not None]
        run += len(known) < 2
        over = max(known) if len(known) == 2 else None
        values = {"baseline": window.baseline_kw, "actual": window.actual_kw, "over": over, "run": run}
        rows += [{"x": window.start_h, **values}, {"x": window.end_h, **values}]
    return rows


def _window_answers(day: PeakDay, size: Size, words: Language) -> tuple[Answer, ...]:
    scale = size.plot / (day.to_h - day.from_h)
    return tuple(
        Answer(
            (window.start_h - day.from_h) * scale,
            (window.end_h - day.from_h) * scale,
            f"{words.clock(window.local_start)}: {plot.both_worlds(window, words)}",
        )
        for window in day.shown
    )


def _mark_rows(day: PeakDay, size: Size) -> dict[str, Rows]:
    """Return the windows that set the bills, dotted guides to the right edge, and the cut as a bracket there."""
    worlds = [(mark, colour) for mark, colour in ((day.baseline, theme.INK), (day.actual, theme.METER)) if mark]
    beside = (day.to_h - day.from_h) * 6 / size.plot
    bracket: Rows = []
    if day.baseline and day.actual:
        colour = _tint(day.actual.kw - day.baseline.kw, theme.SAVED, theme.ADDED)
        bracket = [{"x": day.to_h + beside, "y": day.baseline.kw, "y2": day.actual.kw, "colour": colour}]
    return {
        "marks": [
            {"x": m.start_h, "x2": m.end_h, "y": m.kw, "colour": colour}
            for m, colour in worlds
            if m.start_h is not None
        ],
        "guides": [{"x": day.from_h if m.end_h is None else m.end_h, "x2": day.to_h, "y": m.kw} for m, _ in worlds],
        "bracket": bracket,
    }


def _tint(change_kw: float, less: str, more: str) -> str:
    """Return the colour of a change [kW] as it is printed: less, more, or neither."""
    if abs(change_kw) < 0.05:
        return theme.MUTED
    return less if change_kw < 0 else more


def _mark_words(panel: Panel, day: PeakDay, size: Size, words: Language) -> list[Word]:
    """Return each mark's own label: the higher above its window, the lower beneath the curves."""
    marks = [(day.baseline, words.say("without V2B"), theme.MUTED), (day.actual, words.say("with V2B"), theme.METER)]
    if day.baseline and day.baseline == day.actual:
        marks = [(day.actual, words.say("with and without V2B"), theme.METER)]
    present = [(mark, name, colour) for mark, name, colour in marks if mark is not None]
    top = max((mark.kw for mark, _, _ in present), default=0.0)
    made: list[Word] = []
    for index, (mark, name, colour) in enumerate(present):
        if mark.start_h is not None:
            above = mark.kw == top and not (index == 1 and present[0][0].kw == mark.kw)
            text = words.kw(mark.kw) if size.narrow else f"{words.kw(mark.kw)} {name}, {words.clock(mark.at)}"
            made.append(_word_at(panel, day, mark, Word(0, 0, text, "middle", size.text, colour, 600), above=above))
    return made


def _word_at(panel: Panel, day: PeakDay, mark: Mark, word: Word, *, above: bool) -> Word:
    """Return a label over or under a mark, inside the plot at both ends and clear of the curves it spans."""
    half = text_width(word.text, word.size) / 2
    middle = panel.x(((mark.start_h or 0) + (mark.end_h or 0)) / 2)
    middle = min(max(middle, half), panel.width - half)
    spanned = [w for w in day.shown if panel.x(w.end_h) > middle - half and panel.x(w.start_h) < middle + half]
    curves = [kw for w in spanned for kw in (w.baseline_kw, w.actual_kw) if kw is not None]
    clear = max([mark.kw, *curves]) if above else min([mark.kw, *curves])
    y = panel.y(clear) + (-7 if above else word.size + 5)
    return Word(middle, y, word.text, word.anchor, word.size, word.colour, word.weight)


def _bracket_words(panel: Panel, day: PeakDay, size: Size, words: Language) -> list[Word]:
    """Return the change between the two worlds' peaks, right of the plot."""
    if day.baseline is None or day.actual is None:
        return []
    change = day.actual.kw - day.baseline.kw
    colour = _tint(change, theme.SAVED_TEXT, theme.ADDED_TEXT)
    big = size.text + (1 if size.narrow else 4)
    middle = panel.y((day.baseline.kw + day.actual.kw) / 2) + big * 0.35
    return [Word(size.plot + 14, middle, plot.change_text(change, words, unit=True), "start", big, colour, 600)]


def _fleet_panel(day: PeakDay, size: Size, words: Language) -> Panel:
    """Return fleet power per window: to the building below the line, to the cars above it."""
    bars: Rows = [
        {"x": w.start_h, "x2": w.end_h, "y": 0, "y2": kw, "colour": colour}
        for w in day.shown
        for kw, colour in ((-(w.discharge_kw or 0), theme.SAVED), (w.charge_kw or 0, theme.ADDED))
        if kw
    ]
    axis = _fleet_axis(bars)
    rows = {
        "band": _band(day, axis),
        "grid": plot.grid_rows(axis, _hours(day)),
        "zero": [{"x": day.from_h, "x2": day.to_h, "y": 0}],
        "bars": bars,
    }
    text = words.say("Fleet power, kW: to the building ({minus}), to the cars (+)", minus=MINUS)
    scale = size.plot / (day.to_h - day.from_h)
    places = [((at - day.from_h) * scale, text) for at, text in _hour_places(day, size, words)]
    labels = (
        *plot.tick_words(axis, FLEET_HEIGHT, words, size, signed=True),
        *plot.foot_words(places, FLEET_HEIGHT, size),
        Word(0, -7, text, "start", size.text - size.narrow),
    )
    top = TOP + size.height + FLEET_GAP
    return Panel(
        fleet_marks, rows, _hours(day), (axis.low, axis.high), size.plot, FLEET_HEIGHT, top, labels
    )  # fmt: skip


def _fleet_axis(rows: Rows) -> DemandAxis:
    """Return an axis of zero and one round value on each side that has bars."""
    most = max((abs(row["y2"]) for row in rows), default=1.0)
    power = 10.0 ** (len(str(int(most))) - 1) if most >= 1 else 0.1
    top = next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= most or step == 10)
    low = -top if any(row["y2"] < 0 for row in rows) or not rows else 0.0
    high = top if any(row["y2"] > 0 for row in rows) or not rows else 0.0
    return DemandAxis(low, high, tuple(dict.fromkeys((low, 0.0, high))))


def _hour_places(day: PeakDay, size: Size, words: Language) -> list[tuple[float, str]]:
    """Return wall-clock labels on hours since midnight: a day of 23 or 25 hours reads as its clocks did."""
    room = size.plot / (day.to_h - day.from_h)
    every = next((hours for hours in (1, 2, 3, 4, 6) if hours * room >= size.text * 4.4), 12)
    ticks = [
        (w.start_h, words.clock(w.local_start))
        for w in day.shown
        if w.local_start.minute == 0 and w.local_start.hour % every == 0
    ]
    return [*ticks, (day.to_h, "24:00")] if day.windows[-1].end_h == day.to_h else ticks
