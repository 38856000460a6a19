"""The charts: plain numbers in, Altair out. Each takes a `Size`, so one figure serves page, phone and mail."""

from __future__ import annotations

import altair as alt

from reports import plot, theme
from reports.days import Days
from reports.drawing import Rows, layer
from reports.language import MINUS, Language
from reports.months import Months
from reports.peak_day import DemandAxis, Mark, PeakDay, Window
from reports.plot import Size

FLEET_HEIGHT = 62
MONTHS_SHARE = 0.78  # of the peak day's height
DAYS_SHARE = 0.6


def peak_day_chart(day: PeakDay, size: Size, words: Language) -> alt.TopLevelMixin:
    """Return the peak day: metered steps, dashed baseline, cut and recharge shaded, the windows that set the bills."""
    steps = plot.world_lines(_doubled(day.shown), _hours(day), day.axis)
    grid = plot.grid(day.axis, words, _hours(day), None)
    layers = [*_band(day, size.height), grid, *_shades(day), *steps, *_marks(day, size, words)]
    demand = alt.layer(*layers).properties(width=size.plot, height=size.height)
    fleet = alt.layer(*_band(day, FLEET_HEIGHT), *_fleet(day, words, size))
    fleet = fleet.properties(width=size.plot, height=FLEET_HEIGHT)
    both: alt.VConcatChart = alt.vconcat(demand, fleet, spacing=26).configure(**theme.vega_config(size.text))
    return both


def months_chart(months: Months, size: Size, words: Language) -> alt.TopLevelMixin:
    """Return a dumbbell of both worlds' own peak per bill, over the billed demand of both worlds as lines."""
    height, last = size.part(MONTHS_SHARE), len(months.rows)
    layers = [
        plot.band([{"x": last - 1, "x2": last}], (0, last), height),
        plot.grid(months.axis, words, (0, last), _month_axis(months, words, size)),
        _years(months, size),
        *plot.world_lines(_billed_steps(months), (0, last), months.axis),
        *plot.dumbbells(list(enumerate(months.rows)), (0, last), months.axis, dot=55),
        *_cut_labels(months, size, words),
        *_billed_labels(months, size, words),
    ]
    chart: alt.LayerChart = alt.layer(*layers).configure(**theme.vega_config(size.text))
    return chart.properties(width=size.plot, height=height)


def days_chart(days: Days, size: Size, words: Language) -> alt.TopLevelMixin:
    """Return a dumbbell of both worlds' highest window per day cars gave energy, other days as grey diamonds."""
    domain, height = (0.0, float(len(days.rows))), size.part(DAYS_SHARE)
    giving = [(place, row) for place, row in enumerate(days.rows) if row.gave]
    layers = [
        plot.grid(days.axis, words, domain, _day_axis(days, size)),
        *_highest(days, size, words),
        *_other_days(days, domain, size),
        *plot.dumbbells(giving, domain, days.axis, dot=30 if size.narrow else 42),
    ]
    chart: alt.LayerChart = alt.layer(*layers).configure(**theme.vega_config(size.text))
    return chart.properties(width=size.plot, height=height)


def _day_axis(days: Days, size: Size) -> alt.Axis:
    every, last = (10 if size.narrow else 5), len(days.rows) - 1
    texts = {
        place + 0.5: str(row.day.day)
        for place, row in enumerate(days.rows)
        if place in (0, last) or (row.day.day % every == 0 and 1 < place < last - 1)
    }
    return alt.Axis(values=list(texts), labelExpr=plot.labels(texts), grid=False, title=None, labelOverlap=False)


def _highest(days: Days, size: Size, words: Language) -> list[alt.Chart]:
    """Return the month's metered peak as a dotted line, labelled right of the plot."""
    if days.highest_kw is None:
        return []
    line = layer([{"kw": days.highest_kw}])
    y = plot.kw("kw", days.axis)
    number = line.mark_text(
        text=words.kw(days.highest_kw), align="left", fontWeight=600, color=theme.METER, fontSize=size.text
    )
    return [
        line.mark_rule(strokeDash=[1, 2], color=theme.INK, strokeWidth=1).encode(y),
        number.encode(y, x=alt.value(size.plot + 6)),
    ]


def _other_days(days: Days, domain: tuple[float, float], size: Size) -> list[alt.Chart]:
    """Return days without discharge: diamonds, and a dash at the foot where the axis starts above them."""
    places = [(i + 0.5, row.actual_kw) for i, row in enumerate(days.rows) if not row.gave and row.actual_kw is not None]
    x = plot.across("x", domain)
    inside = layer([{"x": place, "kw": kw} for place, kw in places if kw >= days.axis.low])
    below = layer([{"x": place} for place, kw in places if kw < days.axis.low])
    diamond = inside.mark_point(shape="diamond", size=45, fill=theme.BASELINE, stroke=theme.BASELINE, opacity=1)
    dash = below.mark_tick(orient="horizontal", color=theme.BASELINE, thickness=2, size=size.plot / domain[1] * 0.5)
    return [diamond.encode(x, plot.kw("kw", days.axis)), dash.encode(x, y=alt.value(size.part(DAYS_SHARE) - 4))]


def _hours(day: PeakDay) -> tuple[float, float]:
    return day.from_h, day.to_h


def _band(day: PeakDay, height: int) -> list[alt.Chart]:
    if day.band_h is None:
        return []
    return [plot.band([{"x": max(day.band_h[0], day.from_h), "x2": min(day.band_h[1], day.to_h)}], _hours(day), height)]


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


def _shades(day: PeakDay) -> list[alt.Chart]:
    rows = [row for row in _doubled(day.shown) if row["over"] is not None]
    return [
        layer(rows)
        .mark_area(color=tint, line=False)
        .encode(plot.across("x", _hours(day)), plot.kw(under, day.axis), alt.Y2("over"), alt.Detail("run:N"))
        for under, tint in (("actual", theme.SAVED_TINT), ("baseline", theme.ADDED_TINT))
    ]


def _marks(day: PeakDay, size: Size, words: Language) -> list[alt.Chart]:
    """Return the windows that set the bills, dotted guides to the right edge, and the cut as a bracket there."""
    worlds = [(mark, colour) for mark, colour in ((day.baseline, theme.INK), (day.actual, theme.METER)) if mark]
    rows: Rows = [
        {"x": m.start_h, "x2": m.end_h, "kw": m.kw, "colour": colour} for m, colour in worlds if m.start_h is not None
    ]
    guides: Rows = [{"x": day.from_h if m.end_h is None else m.end_h, "x2": day.to_h, "kw": m.kw} for m, _ in worlds]
    x, y = plot.across("x", _hours(day)), plot.kw("kw", day.axis)
    return [
        layer(guides).mark_rule(strokeDash=[1, 2], color=theme.INK, strokeWidth=1).encode(x, alt.X2("x2"), y),
        layer(rows).mark_rule(strokeWidth=4.5).encode(x, alt.X2("x2"), y, color=plot.DRAWN_COLOUR),
        *_mark_labels(day, size, words),
        *_bracket(day, size, words),
    ]


def _mark_labels(day: PeakDay, size: Size, words: Language) -> list[alt.Chart]:
    """Return each mark's own label: the higher above its window, the lower beneath the curves."""
    marks = [(day.baseline, words.say("without V2B"), theme.MUTED), (day.actual, words.say("with V2B"), theme.METER)]
    present = [(mark, name, colour) for mark, name, colour in marks if mark is not None]
    top = max((mark.kw for mark, _, _ in present), default=0.0)
    made: list[alt.Chart] = []
    for index, (mark, name, colour) in enumerate(present):
        if mark.start_h is not None:
            above = mark.kw == top and not (index == 1 and present[0][0].kw == mark.kw)
            text = words.kw(mark.kw) if size.narrow else f"{words.kw(mark.kw)} {name}, {words.clock(mark.at)}"
            made.append(_label_at(day, size, mark, text, colour, above=above))
    return made


def _label_at(day: PeakDay, size: Size, mark: Mark, text: str, colour: str, *, above: bool) -> alt.Chart:
    """Return a label over or under a mark, inside the plot at both ends and clear of the curves it spans."""
    half = len(text) * size.text * 0.29 * (day.to_h - day.from_h) / size.plot
    middle = ((mark.start_h or 0) + (mark.end_h or 0)) / 2
    middle = min(max(middle, day.from_h + half), day.to_h - half)
    spanned = [w for w in day.shown if w.end_h > middle - half and w.start_h < middle + half]
    curves = [kw for w in spanned for kw in (w.baseline_kw, w.actual_kw) if kw is not None]
    clear = max([mark.kw, *curves]) if above else min([mark.kw, *curves])
    drawn = layer([{"x": middle, "kw": clear, "text": text}]).mark_text(
        dy=-11 if above else 13, fontSize=size.text, fontWeight=600, color=colour
    )
    label: alt.Chart = drawn.encode(plot.across("x", _hours(day)), plot.kw("kw", day.axis), alt.Text("text:N"))
    return label


def _bracket(day: PeakDay, size: Size, words: Language) -> list[alt.Chart]:
    """Return the change between the two worlds' peaks, drawn to the right of the plot."""
    if day.baseline is None or day.actual is None:
        return []
    change = day.actual.kw - day.baseline.kw
    colour, text_colour = (theme.SAVED, theme.SAVED_TEXT) if change <= 0 else (theme.ADDED, theme.ADDED_TEXT)
    rows: Rows = [{"kw": day.baseline.kw, "kw2": day.actual.kw, "middle": (day.baseline.kw + day.actual.kw) / 2}]
    number = layer(rows).mark_text(
        text=plot.change_text(change, words, unit=True),
        align="left",
        fontSize=size.text + (1 if size.narrow else 4),
        fontWeight=600,
        color=text_colour,
    )
    bar = layer(rows).mark_rule(color=colour, strokeWidth=4)
    return [
        bar.encode(plot.kw("kw", day.axis), alt.Y2("kw2"), x=alt.value(size.plot + 6)),
        number.encode(plot.kw("middle", day.axis), x=alt.value(size.plot + 14)),
    ]


def _fleet(day: PeakDay, words: Language, size: Size) -> list[alt.Chart]:
    """Return fleet power per window: to the building below the line, to the cars above it."""
    rows: Rows = [
        {"x": w.start_h, "x2": w.end_h, "kw": kw, "zero": 0, "colour": colour}
        for w in day.shown
        for kw, colour in ((-(w.discharge_kw or 0), theme.SAVED), (w.charge_kw or 0, theme.ADDED))
        if kw
    ]
    axis = _fleet_axis(rows)
    bars = layer(rows).mark_rect(stroke=theme.PAPER, strokeWidth=0.6)
    zero = layer([{"kw": 0}]).mark_rule(color=theme.BASELINE)
    text = words.say("Fleet power, kW: to the building ({minus}), to the cars (+)", minus=MINUS)
    caption = layer([{}]).mark_text(text=text, align="left", color=theme.MUTED, fontSize=size.text - size.narrow)
    hours = plot.across("x", _hours(day), _hour_axis(day, size, words))
    return [
        zero.encode(plot.kw("kw", axis, plot.kw_axis(axis, words, signed=True))),
        bars.encode(hours, alt.X2("x2"), plot.kw("kw", axis), alt.Y2("zero"), color=plot.DRAWN_COLOUR),
        caption.encode(x=alt.value(0), y=alt.value(-11)),
    ]


def _fleet_axis(rows: Rows) -> DemandAxis:
    """Return an axis of zero and one round value on each side that has bars."""
    most = max((abs(row["kw"]) for row in rows), default=1.0)
    power = 10.0 ** (len(str(int(most))) - 1) if most >= 1 else 0.1
    top = next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= most or step == 10)
    low = -top if any(row["kw"] < 0 for row in rows) or not rows else 0.0
    high = top if any(row["kw"] > 0 for row in rows) or not rows else 0.0
    return DemandAxis(low, high, tuple(dict.fromkeys((low, 0.0, high))))


def _hour_axis(day: PeakDay, size: Size, words: Language) -> alt.Axis:
    """Return wall-clock labels on hours since midnight: a day of 23 or 25 hours reads as its clocks did."""
    room = size.plot / (day.to_h - day.from_h)
    every = next((hours for hours in (1, 2, 3, 4, 6) if hours * room >= size.text * 4.4), 12)
    ticks = {
        w.start_h: words.clock(w.local_start)
        for w in day.shown
        if w.local_start.minute == 0 and w.local_start.hour % every == 0
    }
    if day.windows[-1].end_h == day.to_h:
        ticks[day.to_h] = "24:00"
    return alt.Axis(values=list(ticks), labelExpr=plot.labels(ticks), grid=False, title=None, labelOverlap=False)


def _month_axis(months: Months, words: Language, size: Size) -> alt.Axis:
    every = 2 if size.narrow and len(months.rows) > 8 else 1
    ends = len(months.rows) - 1
    texts = {i + 0.5: words.month_short(row.month) for i, row in enumerate(months.rows) if (ends - i) % every == 0}
    return alt.Axis(values=list(texts), labelExpr=plot.labels(texts), grid=False, title=None, labelOverlap=False)


def _years(months: Months, size: Size) -> alt.Chart:
    """Return the year under the first month and under every January that is not right beside it."""
    years: Rows = [
        {"x": i + 0.5, "text": row.month[:4]}
        for i, row in enumerate(months.rows)
        if i == 0 or (row.month.endswith("-01") and i > 1)
    ]
    below = size.part(MONTHS_SHARE) + size.text + 12
    text = layer(years).mark_text(baseline="top", color=theme.MUTED, fontSize=size.text)
    drawn: alt.Chart = text.encode(plot.across("x", (0, len(months.rows))), alt.Text("text:N"), y=alt.value(below))
    return drawn


def _billed_steps(months: Months) -> Rows:
    rows: Rows = []
    for index, row in enumerate(months.rows):
        values = {"baseline": row.billed_baseline_kw, "actual": row.billed_actual_kw}
        rows += [{"x": index, **values}, {"x": index + 1, **values}]
    return rows


def _cut_labels(months: Months, size: Size, words: Language) -> list[alt.Chart]:
    """Return each bill's change of its own peak beneath its dumbbell; on a phone the last bill's only."""
    rows: Rows = [
        {"x": i + 0.5, "low": row.lower_kw, "text": plot.change_text(row.change_kw, words, unit=False)}
        for i, row in enumerate(months.rows)
        if row.change_kw and (not size.narrow or i == len(months.rows) - 1)
    ]
    drawn = layer(rows).mark_text(dy=15, color=theme.INK, fontSize=size.text - 1)
    return [drawn.encode(plot.across("x", (0, len(months.rows))), plot.kw("low", months.axis), alt.Text("text:N"))]


def _billed_labels(months: Months, size: Size, words: Language) -> list[alt.Chart]:
    """Return the last bill's billed demand of both worlds right of the plot, kept a line apart."""
    last = months.rows[-1]
    ends = [(last.billed_baseline_kw, theme.MUTED), (last.billed_actual_kw, theme.METER)]
    known = [(kw, colour) for kw, colour in ends if kw is not None]
    push = [0.0] * len(known)
    if len(known) == 2:
        scale = (size.part(MONTHS_SHARE)) / (months.axis.high - months.axis.low)
        gap = (known[0][0] - known[1][0]) * scale
        apart = max(0.0, (size.text + 3 - abs(gap)) / 2) * (1 if gap >= 0 else -1)
        push = [-apart, apart]
    return [
        layer([{"kw": kw}])
        .mark_text(text=words.kw(kw), align="left", fontWeight=600, color=colour, dy=dy, fontSize=size.text)
        .encode(plot.kw("kw", months.axis), x=alt.value(size.plot + 6))
        for (kw, colour), dy in zip(known, push, strict=True)
    ]
