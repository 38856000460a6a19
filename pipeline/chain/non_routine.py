"""Non-routine events: what `events.csv` and outages take out of comparisons, and out of figures that look ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import polars as pl

from pipeline import quality, scenarios
from pipeline.calendars import period_utc
from pipeline.chain.inputs import Inputs
from pipeline.chain.measured import INSTEAD_OF, ROUTINE, BillMeasured
from pipeline.domain import SCENARIOS, UTC
from pipeline.portfolio import Event
from pipeline.tariff import measure

WORDS: Final[Mapping[str, str]] = {
    "load": "an unusual load",
    "closure": "a closure",
    "meter_swap": "a change of meter",
    "charger_added": "a change of chargers",
    "contract_change": "a change of contract",
    "other": "an event",
}

_KEYS: Final = ("scenario", "charge_id", "band", "span")


def unlike_days(inputs: Inputs) -> dict[date, str]:
    """Return the local days that are like no other day, each with the reason in words."""
    zone = inputs.site.timezone
    days = {day: "outage" for outage in inputs.outages for day in outage.days(zone)}
    return days | {day: WORDS[event.kind] for event in inputs.events for day in event.days(zone)}


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
    return pl.DataFrame(rows, schema=pl.Schema(quality.FINDING)) if rows else quality.nothing_found()


def _told(event: Event, days: int) -> str:
    change = "" if event.kw is None else f", {event.kw:+f} kW"
    note = f": {event.note}" if event.note else ""
    many = "day is" if days == 1 else "days are"
    return (
        f"From {event.begin:%Y-%m-%d %H:%M} to {event.end:%Y-%m-%d %H:%M} there was {WORDS[event.kind]}{change}{note}. "
        f"Its {days} {many} not compared with other days."
    )


def with_routine(determinants: pl.DataFrame, windows: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """Add ROUTINE: what the bill would have measured without the load of its events, null where they had none.

    `determinants` of `tariff.measure` on `windows` of all worlds. An event's `kw` is taken off every world alike for as
    long as it lasted (IPMVP's non-routine adjustment); in a window without a grid there was none of it.
    """
    begin, end = period_utc(inputs.period, inputs.site.timezone)
    loads = [(event, watts) for event in inputs.events if event.touches(begin, end) and (watts := event.load_w)]
    if not loads or determinants.is_empty():
        nothing = [None] * determinants.height
        return determinants.hstack([pl.Series(name, nothing, dtype=kind) for name, kind in ROUTINE.items()])
    present = windows.filter(pl.col("metered")).with_columns(event_wh=_event_wh(loads))
    less = -present.get_column("event_wh").to_numpy()
    routine = present.with_columns(
        column for world in SCENARIOS for column in scenarios.with_added(present, world, less, becomes=world)
    )
    measured = measure(
        inputs.tariff,
        inputs.period,
        scenarios.long_load(routine),
        zone=inputs.site.timezone,
        holidays=inputs.tariff_holidays,
    )
    found = measured.select(*_KEYS, *(pl.col(name).alias(as_routine) for as_routine, name in INSTEAD_OF.items()))
    return determinants.join(found, on=_KEYS, how="left", maintain_order="left")


def _event_wh(loads: Sequence[tuple[Event, int]]) -> pl.Expr:
    """What events drew in each window [Wh], rounded once."""
    ends = pl.col("interval_start") + pl.duration(seconds=pl.col("duration_s"))
    watt_seconds = (
        (
            pl.min_horizontal(ends, pl.lit(event.end, dtype=UTC))
            - pl.max_horizontal("interval_start", pl.lit(event.begin, dtype=UTC))
        )
        .dt.total_seconds()
        .clip(lower_bound=0)
        * watts
        for event, watts in loads
    )
    dead = pl.col("dead_s") == pl.col("duration_s")
    return pl.when(dead).then(0).otherwise((pl.sum_horizontal(watt_seconds) / 3600).round().cast(pl.Int64))


def without_events(measured: Mapping[str, BillMeasured], events: Sequence[Event]) -> dict[str, BillMeasured]:
    """Return the months of last year of which it is known what they would have been without events.

    Events will not come again. Where an event's `kw` is known, its load is taken off (`BillMeasured.routine`); a month
    in which an event without one set a peak is left out, since the next highest window may lie elsewhere: figures that
    look ahead are not stated rather than set right by guess. What was billed, and what ratchets carry, stays as it was.
    """
    unknown = [event for event in events if event.load_w is None]
    return {m: bill for m, bill in measured.items() if not any(bill.peaked_within(e.begin, e.end) for e in unknown)}
