"""What charger logs lack, and what had to be done to their registers before a window's energy could be told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import polars as pl

from pipeline.quality.findings import as_findings, nothing_found

REGULAR_SHARE: Final = 0.8
"""A log that keeps its usual step less often than this samples on change: nothing tells what it lacks."""
LATE: Final = 1.5
"""A sample this many steps late stands for at least one that is lost."""
LOST_SHARE: Final = 0.02
FEWEST_LOST: Final = 3
"""Three samples and one in fifty: below that a charger was merely slow now and then."""

_WAYS: Final = {"energy_import_wh": ("into", "charge_wh"), "energy_export_wh": ("out of", "discharge_wh")}
_WHOLE: Final[Mapping[str, str]] = {
    "session": "Charger {}: its register of energy {} cars counts every session from 0, so one counter was rebuilt.",
    "mixed": "Charger {}: its register of energy {} cars counts now a lifetime and now a session, so one counter was "
    "rebuilt.",
    "integrated": "Charger {} has no register of energy {} cars: its power was integrated, which knows nothing of the "
    "power between two samples.",
}
_EVENTS: Final[Mapping[str, str]] = {
    "ignored": "Charger {}: {} values of its register of energy {} cars were ignored, the first of {} local time: no "
    "counter can have shown them.",
    "reset": "Charger {}: {} resets or leaps of its register of energy {} cars, the first at {} local time: nothing is "
    "claimed across them.",
    "rollover": "Charger {}: {} times its register of energy {} cars passed its highest value, the first at {} local "
    "time: the count goes on.",
}


def register_repairs(
    repairs: pl.DataFrame, charger_windows: pl.DataFrame, span: tuple[datetime, datetime], zone: str
) -> pl.DataFrame:
    """Return what was done to registers inside `span` (UTC), a finding per charger, direction and kind of repair.

    `repairs` in the shape of `charging.REPAIR`; `charger_windows` in that of `domain.CHARGER_INTERVAL`. The value is
    the bill's energy that rests on a rebuilt or integrated register [kWh], and the number of values, resets or
    rollovers otherwise.
    """
    begin, end = span
    ours = repairs.filter((pl.col("span_from") < end) & (pl.col("span_to") >= begin))
    if ours.is_empty():
        return nothing_found()
    energies = charger_windows.group_by("charger_id").agg(pl.col(column).sum() / 1000 for _, column in _WAYS.values())
    found = [nothing_found()]
    for register, (way, column) in _WAYS.items():
        mine = ours.filter(pl.col("register") == register).with_columns(way=pl.lit(way))
        rebuilt = mine.join(energies.select("charger_id", value=column), on="charger_id", how="left").with_columns(
            pl.col("value").fill_null(0.0),
            pl.col("span_from").clip(lower_bound=begin),
            pl.col("span_to").clip(upper_bound=end),
        )
        found += [_whole(rebuilt.filter(pl.col("repair") == repair), repair) for repair in _WHOLE]
        found += [_counted(mine.filter(pl.col("repair") == repair), repair, zone) for repair in _EVENTS]
    return pl.concat(found)


def _whole(rows: pl.DataFrame, repair: str) -> pl.DataFrame:
    sentence = pl.format(_WHOLE[repair], "charger_id", "way")
    return as_findings(rows, f"charger.register_{repair}", pl.col("charger_id"), "kWh", sentence)


def _counted(rows: pl.DataFrame, repair: str, zone: str) -> pl.DataFrame:
    events = rows.group_by("charger_id", "way").agg(
        span_from=pl.col("span_from").min(), span_to=pl.col("span_to").max(), value=pl.len()
    )
    sentence = pl.format(_EVENTS[repair], "charger_id", "value", "way", _local("span_from", zone))
    return as_findings(events, f"charger.register_{repair}", pl.col("charger_id"), "1", sentence)


def missing_samples(readings: pl.DataFrame, span: tuple[datetime, datetime]) -> pl.DataFrame:
    """Return chargers whose log lacks samples while energy flowed; the value is the share of samples lost [%].

    `readings` in the shape of `domain.CHARGER_RECORD`. Counted inside sessions and `span` (UTC) only, where a register
    rose between two readings, and only of logs that keep a usual step.
    """
    begin, end = span
    inside = readings.filter(pl.col("measured_at").is_between(begin, end))
    ordered = inside.select("charger_id", "measured_at", "session_id", *_WAYS).sort("charger_id", "measured_at")
    rose = pl.any_horizontal(pl.col(name).diff().over("charger_id") > 0 for name in _WAYS)
    same = pl.col("session_id") == pl.col("session_id").shift().over("charger_id")
    steps = (
        ordered.with_columns(
            step=pl.col("measured_at").diff().over("charger_id").dt.total_milliseconds() / 1000,
            flowing=(rose & same).fill_null(value=False),
        )
        .filter(pl.col("flowing") & (pl.col("step") > 0))
        .with_columns(usual=pl.col("step").median().over("charger_id"))
        .with_columns(lost=pl.when(pl.col("step") >= LATE * pl.col("usual")).then(pl.col("step") / pl.col("usual") - 1))
    )
    told = steps.group_by("charger_id").agg(
        usual=pl.col("usual").first().round().cast(pl.Int64),
        regular=(pl.col("lost").is_null()).mean() >= REGULAR_SHARE,
        lost=pl.col("lost").round().sum(),
        heard=pl.len(),
        span_from=pl.col("measured_at").filter(pl.col("lost").is_not_null()).min(),
        span_to=pl.col("measured_at").filter(pl.col("lost").is_not_null()).max(),
    )
    share = pl.col("lost") / (pl.col("lost") + pl.col("heard"))
    rows = told.filter(pl.col("regular") & (pl.col("lost") >= FEWEST_LOST) & (share >= LOST_SHARE)).with_columns(
        value=(100 * share).round(1), lost=pl.col("lost").cast(pl.Int64)
    )
    sentence = pl.format(
        "The log of charger {} lacks about {} samples ({} %) while energy flowed, at one every {} s: energies are "
        "whole, but when it flowed is known less well.",
        "charger_id",
        "lost",
        "value",
        "usual",
    )
    return as_findings(rows, "charger.samples_missing", pl.col("charger_id"), "%", sentence)


def incomplete_sessions(sessions: pl.DataFrame, readings: pl.DataFrame) -> pl.DataFrame:
    """Return a finding per charger with sessions that lack begin, end or a message; the value is their number.

    `sessions` in the shape of `domain.CHARGING_SESSION`. One that the charger's last reading still belongs to is not
    over, and none; nor is any of a charger whose log never marks a begin or an end (a table of registers).
    """
    chargers = (
        readings.select("charger_id", "measured_at", "session_id", "context")
        .sort("measured_at")
        .group_by("charger_id")
        .agg(current=pl.col("session_id").last(), marked=pl.col("context").is_in(["begin", "end"]).any())
    )
    over = sessions.join(chargers.filter("marked"), on="charger_id").filter(
        ~pl.col("session_id").eq_missing(pl.col("current"))
    )
    told = (
        over.group_by("charger_id")
        .agg(
            span_from=pl.col("plugged_in_at").filter(~pl.col("complete")).min(),
            span_to=pl.col("plugged_out_at").filter(~pl.col("complete")).max(),
            value=(~pl.col("complete")).sum(),
            sessions=pl.len(),
        )
        .filter(pl.col("value") > 0)
    )
    sentence = pl.format(
        "Charger {}: of {} of its {} sessions the begin, the end or a message between them is missing.",
        "charger_id",
        "value",
        "sessions",
    )
    return as_findings(told, "session.incomplete", pl.col("charger_id"), "1", sentence)


def _local(column: str, zone: str) -> pl.Expr:
    return pl.col(column).dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d %H:%M")
