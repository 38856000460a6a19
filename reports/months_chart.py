"""The chart of the bills: both worlds' own peak of each month over the billed demands."""

from __future__ import annotations

import altair as alt

from reports import plot, theme
from reports.charts import FOOT
from reports.drawing import Answer, Drawing, Layers, Panel, Rows, Word
from reports.language import Language
from reports.months import Months
from reports.plot import LEFT, TOP, Size

MONTHS_SHARE = 0.78  # of the peak day's height


def months_marks() -> Layers:
    """Return the marks of the bills: dumbbells over the billed demand of both worlds as lines."""
    return alt.layer(
        plot.boxes("band", color=theme.BAND), plot.grid(), *plot.world_lines(), *plot.dumbbells(dot=55)
    )  # fmt: skip


def months_chart(months: Months, size: Size, words: Language) -> Drawing:
    """Return a dumbbell of both worlds' own peak per bill, over the billed demand of both worlds as lines."""
    height, last = size.part(MONTHS_SHARE), len(months.rows)
    axis = months.axis
    rows = {
        "band": [{"x": last - 1, "x2": last, "y": axis.low, "y2": axis.high}],
        "grid": plot.grid_rows(axis, (0, last)),
        "worlds": _billed_steps(months),
        **plot.dumbbell_rows(list(enumerate(months.rows))),
    }
    room = size.plot / last
    answers = tuple(
        Answer(i * room, (i + 1) * room, f"{words.month_year(row.month)}: {plot.both_worlds(row, words)}")
        for i, row in enumerate(months.rows)
    )
    labels = (
        *plot.tick_words(axis, height, words, size),
        *plot.foot_words(_month_places(months, words, size), height, size),
        *_years(months, size),
        *_cut_words(months, size, words),
        *_billed_words(months, size, words),
    )
    panel = Panel(
        months_marks, rows, (0, last), (axis.low, axis.high), size.plot, height, TOP, labels, answers
    )  # fmt: skip
    return Drawing((panel,), LEFT, size.margin, TOP + height + FOOT + size.text + 3)


def _month_places(months: Months, words: Language, size: Size) -> list[tuple[float, str]]:
    every = 2 if size.narrow and len(months.rows) > 8 else 1
    ends, room = len(months.rows) - 1, size.plot / len(months.rows)
    return [
        ((i + 0.5) * room, words.month_short(row.month)) for i, row in enumerate(months.rows) if (ends - i) % every == 0
    ]


def _years(months: Months, size: Size) -> list[Word]:
    """Return the year under the first month and under every January that is not right beside it."""
    below, room = size.part(MONTHS_SHARE) + 2 * size.text + 12, size.plot / len(months.rows)
    return [
        Word((i + 0.5) * room, below, row.month[:4], size=size.text)
        for i, row in enumerate(months.rows)
        if i == 0 or (row.month.endswith("-01") and i > 1)
    ]


def _billed_steps(months: Months) -> Rows:
    rows: Rows = []
    for index, row in enumerate(months.rows):
        values = {"baseline": row.billed_baseline_kw, "actual": row.billed_actual_kw}
        rows += [{"x": index, **values}, {"x": index + 1, **values}]
    return rows


def _cut_words(months: Months, size: Size, words: Language) -> list[Word]:
    """Return each bill's change of its own peak beneath its dumbbell; on a phone the last bill's, in the margin."""
    if size.narrow:
        return _last_cut(months, size, words)
    height, room = size.part(MONTHS_SHARE), size.plot / len(months.rows)
    scale = height / (months.axis.high - months.axis.low)
    return [
        Word(
            (i + 0.5) * room,
            (months.axis.high - (row.lower_kw or 0)) * scale + size.text + 7,
            plot.change_text(row.change_kw, words, unit=False),
            size=size.text - 1,
            colour=theme.INK,
        )
        for i, row in enumerate(months.rows)
        if row.change_kw
    ]


def _last_cut(months: Months, size: Size, words: Language) -> list[Word]:
    """Return the last bill's change beside its own peak, under the billed demands where they stand there."""
    last, apart = months.rows[-1], size.text + 3
    if not last.change_kw:
        return []
    scale = size.part(MONTHS_SHARE) / (months.axis.high - months.axis.low)
    y = (months.axis.high - (last.lower_kw or 0)) * scale + size.text * 0.35
    for word in sorted(_billed_words(months, size, words), key=lambda word: word.y):
        y = word.y + apart if abs(word.y - y) < apart else y
    text = plot.change_text(last.change_kw, words, unit=False)
    return [Word(size.plot + 6, y, text, "start", size.text - 1, theme.INK)]


def _billed_words(months: Months, size: Size, words: Language) -> list[Word]:
    """Return the last bill's billed demand of both worlds right of the plot, kept a line apart."""
    last = months.rows[-1]
    ends = [(last.billed_baseline_kw, theme.MUTED), (last.billed_actual_kw, theme.METER)]
    known = [(kw, colour) for kw, colour in ends if kw is not None]
    scale = size.part(MONTHS_SHARE) / (months.axis.high - months.axis.low)
    push = [0.0] * len(known)
    if len(known) == 2:
        gap = (known[0][0] - known[1][0]) * scale
        apart = max(0.0, (size.text + 3 - abs(gap)) / 2) * (1 if gap >= 0 else -1)
        push = [-apart, apart]
    return [
        Word(
            size.plot + 6,
            (months.axis.high - kw) * scale + dy + size.text * 0.35,
            words.kw(kw),
            "start",
            size.text,
            colour,
            600,
        )
        for (kw, colour), dy in zip(known, push, strict=True)
    ]
