"""What stands over, under and instead of a chart: its finding, how to read it, its alt text with numbers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from reports.days import Days
from reports.facts import Facts
from reports.language import Language, exact
from reports.months import MonthPeaks, Months
from reports.peak_day import DemandAxis, PeakDay


@dataclass(frozen=True)
class Caption:
    """A figure's title (its finding), reading help, and alt text."""

    title: str
    reading: str
    alt: str


def peak_day_caption(facts: Facts, day: PeakDay, words: Language) -> Caption:
    """Return the caption of the peak day."""
    parts = [
        words.say(
            "{weekday} {date}, site demand in kW by {minutes}-minute window{dashed}.",
            weekday=words.weekday(day.day),
            date=words.day(day.day),
            minutes=str(facts.site.demand_window_min),
            dashed=words.say("; dashed, the same day without V2B") if day.compared else "",
        ),
        axis_start(day.axis, words),
    ]
    hours = facts.site.peak_window
    if hours and day.band_h:
        parts.append(words.say("Sand: the peak window, {start} to {end}.", start=hours.start, end=hours.end))
    if day.actual and day.baseline and day.actual.at.date() != day.baseline.at.date():
        parts.append(
            words.say(
                "With V2B the month's highest window fell on {date} at {clock}.",
                date=words.day_short(day.actual.at.date()),
                clock=words.clock(day.actual.at),
            )
        )
    title = _peak_day_title(facts, words)
    return Caption(title, words.joined(part for part in parts if part), _peak_day_alt(day, words, title))


def axis_start(axis: DemandAxis, words: Language) -> str:
    """Return where a demand axis starts; nothing for one that starts at zero."""
    return "" if axis.from_zero else words.say("Axis starts at {kw}.", kw=words.with_unit(axis.low, "kW", 0, 1))


def _peak_day_title(facts: Facts, words: Language) -> str:
    cut = facts.peak_cut_kw
    if not facts.provable or cut is None:
        return words.say("The day of the month's highest demand")
    size = words.kw(abs(cut))
    change = round(exact(cut), 1)
    if change == 0:
        return words.say("The month's highest window stayed as high as without V2B")
    if change < 0:
        return words.say("V2B added {kw} to the month's peak", kw=size)
    one = facts.site.vehicles == 1
    return words.say(
        "The car took {kw} off the month's highest window"
        if one
        else "The cars took {kw} off the month's highest window",
        kw=size,
    )


def _peak_day_alt(day: PeakDay, words: Language, title: str) -> str:
    parts = [words.sentence(title)]
    for mark, message in (
        (day.baseline, "Without V2B the highest window was {kw} on {date} at {clock}."),
        (day.actual, "With V2B it was {kw} on {date} at {clock}."),
    ):
        if mark:
            date = words.day_short(mark.at.date())
            parts.append(words.say(message, kw=words.kw(mark.kw), date=date, clock=words.clock(mark.at)))
    gave, took = (
        sum((getattr(w, name) or 0) * (w.end_h - w.start_h) for w in day.windows)
        for name in ("discharge_kw", "charge_kw")
    )
    parts.append(
        words.say(
            "On {date} the cars gave {gave} to the building and took {took}.",
            date=words.day_short(day.day),
            gave=words.with_unit(gave, "kWh", 1),
            took=words.with_unit(took, "kWh", 1),
        )
    )
    return words.joined(parts)


def days_caption(facts: Facts, days: Days, words: Language) -> Caption:
    """Return the caption of the daily peaks."""
    changes = [round(exact(row.change_kw), 1) for row in days.giving if row.change_kw is not None]
    title = _days_title([change for change in changes if change], len(changes), words)
    parts = [
        words.say("Highest window of each day of {month}, kW.", month=words.month_year(facts.month)),
        axis_start(days.axis, words),
        words.say("Dashes at the foot: days below it.") if _any_below(days) else "",
        words.say("Dotted: the month's highest window with V2B.") if days.highest_kw is not None else "",
        words.say("Days not measured throughout are left out.") if any(d.actual_kw is None for d in days.rows) else "",
    ]
    return Caption(title, words.joined(part for part in parts if part), _days_alt(days, words, title))


def _days_title(changes: list[Decimal], count: int, words: Language) -> str:
    lower = sum(change < 0 for change in changes)
    higher = len(changes) - lower
    part, whole = (
        (
            "The day's peak was higher on {some} of the {count} days the cars gave energy",
            "The day's peak was higher on all {count} days the cars gave energy",
        )
        if higher > lower
        else (
            "The day's peak was lower on {some} of the {count} days the cars gave energy",
            "The day's peak was lower on all {count} days the cars gave energy",
        )
    )
    some = max(lower, higher)
    return words.say(whole if some == count > 1 else part, some=words.number(some), count=words.number(count))


def _any_below(days: Days) -> bool:
    return any(not row.gave and row.actual_kw is not None and row.actual_kw < days.axis.low for row in days.rows)


def _days_alt(days: Days, words: Language, title: str) -> str:
    deepest = min(days.giving, key=lambda row: (row.change_kw or 0.0, row.day))
    change = words.say(
        "The largest change was {kw} on {date}.",
        kw=words.kw(deepest.change_kw or 0),
        date=words.day_short(deepest.day),
    )
    return words.joined([words.sentence(title), change])


def months_caption(months: Months, words: Language) -> Caption:
    """Return the caption of the monthly peaks."""
    title = _months_title(months, words)
    parts = [
        words.say("Each bill's own peak: hollow without V2B, solid with it; the number is the change in kW.")
        if months.compared
        else words.say("Each bill's own peak as metered."),
        words.say("Lines: billed demand, ratchet included."),
        axis_start(months.axis, words),
    ]
    doubtful = [words.month_short(row.month) for row in months.rows if row.state == "ok" and not row.provable]
    if doubtful:
        parts.append(words.say("Not provable: {months}.", months=words.listed(doubtful)))
    return Caption(title, words.joined(part for part in parts if part), _months_alt(months, words, title))


def _with_v2b(months: Months) -> list[MonthPeaks]:
    return [row for row in months.rows if row.state == "ok" and row.provable and row.change_kw is not None]


def _months_title(months: Months, words: Language) -> str:
    changes = [round(exact(row.change_kw), 1) for row in _with_v2b(months) if row.change_kw is not None]
    if not changes:
        return words.say("Own peaks and billed demand, month by month")
    if len(changes) == 1:
        if changes[0] == 0:
            return words.say("One month with V2B: its peak did not change")
        message = (
            "One month with V2B: its peak was {kw} lower"
            if changes[0] < 0
            else "One month with V2B: its peak was {kw} higher"
        )
        return words.say(message, kw=words.kw(abs(changes[0])))
    lower = sum(change < 0 for change in changes)
    if lower == len(changes):
        return words.say("V2B lowered the peak in all {all} months", all=words.count(len(changes)))
    return words.say(
        "V2B lowered the peak in {lower} of {all} months", lower=words.count(lower), all=words.count(len(changes))
    )


def _months_alt(months: Months, words: Language, title: str) -> str:
    parts = [words.sentence(title)]
    for row in months.rows:
        if row.actual_kw is None:
            parts.append(words.say("{month}: no peak known.", month=words.month_year(row.month)))
        elif row.baseline_kw is None or row.change_kw == 0:
            parts.append(words.say("{month}: {kw}.", month=words.month_year(row.month), kw=words.kw(row.actual_kw)))
        else:
            parts.append(
                words.say(
                    "{month}: {base} without V2B, {kw} with it.",
                    month=words.month_year(row.month),
                    base=words.kw(row.baseline_kw),
                    kw=words.kw(row.actual_kw),
                )
            )
    return words.joined(parts)
