"""Non-routine events: what `events.csv` and outages take out of comparisons, and out of figures that look ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import polars as pl

from pipeline import quality
from pipeline.calendars import period_utc
from pipeline.chain.inputs import Inputs
from pipeline.portfolio import Event

WORDS: Final[Mapping[str, str]] = {
    "load": "an unusual load",
    "closure": "a closure",
    "meter_swap": "a change of meter",
    "charger_added": "a change of chargers",
    "contract_change": "a change of contract",
    "other": "an event",
}


def unlike_days(inputs: Inputs) -> dict[date, str]:
    """Return the local days that are like no other day, each with the reason in words."""
    zone = inputs.site.timezone
    days = {day: "outage" for outage in inputs.outages for day in outage.days(zone)}
    return days | {day: WORDS[event.kind] for event in inputs.events for day in event.days(zone)}


def without_unlike(classes: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """Exclude days under an event or outage from V2B and reference days alike, and from every look-back.

    `classes` as of `baselines.classify_days`.
    """
    unlike = unlike_days(inputs)
    if not unlike:
        return classes
    listed = pl.DataFrame(
        {"local_day": list(unlike), "why": list(unlike.values())}, schema={"local_day": pl.Date, "why": pl.String}
    )
    hit = pl.col("why").is_not_null()
    return (
        classes.join(listed, on="local_day", how="left", maintain_order="left")
        .with_columns(
            day_class=pl.when(hit).then(pl.lit("excluded")).otherwise("day_class"),
            reason=pl.when(hit).then("why").otherwise("reason"),
            like_day=pl.col("like_day") & ~hit,
        )
        .drop("why")
    )


def event_findings(inputs: Inputs) -> pl.DataFrame:
    """Return one finding per event and outage that touches the bill, in words; the value is its length [h]."""
    begin, end = period_utc(inputs.period, inputs.site.timezone)
    rows = [
        {
            "name": f"event.{event.kind}",
            "source": "events.csv",
            "span_from": event.begin,
            "span_to": event.end,
            "value": (event.end - event.begin).total_seconds() / 3600,
            "unit": "h",
            "sentence": _told(event, len(event.days(inputs.site.timezone))),
        }
        for event in inputs.events
        if event.touches(begin, end)
    ]
    return pl.DataFrame(rows, schema=pl.Schema(quality.FINDING))


def _told(event: Event, days: int) -> str:
    change = "" if event.kw is None else f", {event.kw:+f} kW"
    note = f": {event.note}" if event.note else ""
    many = "day is" if days == 1 else "days are"
    return (
        f"From {event.begin:%Y-%m-%d %H:%M} to {event.end:%Y-%m-%d %H:%M} there was {WORDS[event.kind]}{change}{note}. "
        f"Its {days} {many} not compared with other days."
    )


def without_events(measured: Mapping[str, pl.DataFrame], events: Sequence[Event]) -> dict[str, pl.DataFrame]:
    """Return last year's determinants without the months in which an event set a peak: those will not come again.

    What else such a month would have reached is not told by `kw`: the next highest window may lie outside the event.
    So figures that look ahead are not stated rather than set right by guess. What was billed, and what ratchets carry,
    stays as it was. `measured` of `tariff.measure` by month.
    """
    return {month: frame for month, frame in measured.items() if not any(_set_peak(frame, event) for event in events)}


def _set_peak(frame: pl.DataFrame, event: Event) -> bool:
    at: Any = pl.col("peak_set_at")
    inside = (at >= event.begin) & (at < event.end) & pl.col("own_peak_w").is_not_null()
    return not frame.filter(inside).is_empty()
