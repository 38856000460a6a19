"""From a site's wall clock to UTC: hours that come twice, hours that do not exist, and whole Wh."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from pipeline.domain import UTC
from pipeline.ingest.cells import rounded
from pipeline.ingest.csv_lines import rejected_lines
from pipeline.ingest.records import LocalRecords, in_schema, joined_rejects, part_touching_sessions

_FIRST = pl.lit(value=False)  # the first pass of an hour that comes twice
_ABOUT_TWICE = (1.7, 2.3)
_KEYS = {"meter": ["meter_id", "interval_start"], "weather": ["station_id", "observed_at"]}


def localised(
    local: LocalRecords, zone: str, names: Mapping[str, str | None]
) -> tuple[dict[str, pl.DataFrame], pl.DataFrame, list[str]]:
    """Return records that wait for a site in the schemas of `domain.RECORDS`, what was refused, and notes.

    `zone` is the site's [IANA]; `names` fills ids that the file lacks (meter_id, charger_id, station_id); rows that
    stay without one are refused. Where clocks go back, two rows of one stamp are its first and second pass, a single
    row is what the profile says; where they go forward, rows that hold nothing are passed over and others refused.
    """
    frame, nameless = _named(local.frame, names)
    clock = _Clock(local.clock, zone)
    frames, rejects, notes = _sessions(frame, clock) if local.kind == "session" else _series(local, frame, clock)
    refused = joined_rejects([*nameless, *rejects])
    refused = refused.with_columns(position=pl.concat_str(pl.lit(local.place), "position"))
    return {kind: part for kind, part in frames.items() if part.height}, refused, notes


def _named(frame: pl.DataFrame, names: Mapping[str, str | None]) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    rejects = []
    for column in ("meter_id", "charger_id", "station_id", "session_id"):
        if column not in frame.columns:
            continue
        name = names.get(column)
        if name is not None:
            frame = frame.with_columns(pl.col(column).fill_null(name))
        without = frame.filter(pl.col(column).is_null())
        allowed = f"a {column} in the file, in the name of the file or folder, or one alone at the site"
        if without.height == frame.height and without.height:
            without = without.head(1).with_columns(line=pl.lit(0, dtype=pl.Int64))
            whole = rejected_lines(without, column, pl.lit(""), allowed)
            rejects.append(whole.with_columns(position=pl.lit("file"), raw=pl.lit("")))
        else:
            rejects.append(rejected_lines(without, column, pl.lit(""), allowed))
        frame = frame.filter(pl.col(column).is_not_null())
    return frame, rejects


class _Clock:
    """The clock of a file: a zone, and hours to add for a clock that keeps standard time all year."""

    def __init__(self, clock: str, zone: str) -> None:
        self.zone = zone if clock in ("site", "standard") else clock
        self.standard = clock == "standard"

    def utc(self, at: pl.Expr, *, later: pl.Expr = _FIRST) -> pl.Expr:
        """Return naive times as UTC; null where the clock jumps over them. `later` takes the second pass."""
        if self.standard:
            return (at - pl.lit(self._standard_offset())).dt.replace_time_zone("UTC").cast(UTC)
        earliest, latest = (
            at.dt.replace_time_zone(self.zone, ambiguous=which, non_existent="null").dt.convert_time_zone("UTC")
            for which in ("earliest", "latest")
        )
        return pl.when(later).then(latest).otherwise(earliest)

    def repeats(self, at: pl.Expr) -> pl.Expr:
        """Tell which naive times the clock shows twice."""
        return (self.utc(at) != self.utc(at, later=~_FIRST)).fill_null(value=False)

    def _standard_offset(self) -> timedelta:
        offsets = [datetime(2013, month, 15, tzinfo=ZoneInfo(self.zone)).utcoffset() for month in (1, 7)]
        return min(offset for offset in offsets if offset is not None)


def _series(
    local: LocalRecords, frame: pl.DataFrame, clock: _Clock
) -> tuple[dict[str, pl.DataFrame], list[pl.DataFrame], list[str]]:
    """Place readings in time; two readings of one instant are one if they agree, else the later line is used."""
    key = _KEYS[local.kind]
    starts = _from_ends(frame, clock) if local.stamp == "end" else _from_starts(frame, clock)
    jumped = starts.filter(pl.col("at").is_null())
    placed = starts.filter(pl.col("at").is_not_null())
    empty = (pl.col("import_kwh") == 0) & (pl.col("export_kwh") == 0) if local.kind == "meter" else pl.lit(value=False)
    impossible = jumped.filter(~empty)
    allowed = f"a time that exists in {clock.zone} (a clock without summer time is clock = 'standard')"
    rejects = [rejected_lines(impossible, "time", pl.col("local_at").cast(pl.String), allowed)]
    notes = _clock_notes(jumped.height - impossible.height, placed, local, clock)
    placed = _shared_hour(placed, local)
    kept, lost, repeated = _one_each(placed.rename({"at": key[1]}), key)
    if repeated:
        notes.append(f"{repeated} repeated readings counted once")
    if local.kind == "meter":
        kept = _whole_wh(kept)
    return {local.kind: in_schema(kept.sort(key), local.kind)}, [*rejects, lost], notes


def _from_starts(frame: pl.DataFrame, clock: _Clock) -> pl.DataFrame:
    if "counted_from" in frame.columns:
        return _counted(frame, clock)
    later = pl.col("occurrence") > 0
    at = pl.col("local_at")
    pair = pl.len().over(_owner(frame), "local_at") > 1
    return frame.with_columns(
        at=clock.utc(at, later=later), again=clock.utc(at, later=~_FIRST), twice=clock.repeats(at), alone=~pair
    )


def _counted(frame: pl.DataFrame, clock: _Clock) -> pl.DataFrame:
    """Intervals counted from midnight: of a day of 23 hours 23 exist, and no hour comes twice."""
    midnight = pl.col("counted_from")
    at = clock.utc(midnight) + (pl.col("local_at") - midnight)
    exists = at < clock.utc(midnight.dt.offset_by("1d"))
    no = pl.lit(value=False)
    return frame.with_columns(at=pl.when(exists).then(at), again=at, twice=no, alone=no)


def _owner(frame: pl.DataFrame) -> str:
    return "meter_id" if "meter_id" in frame.columns else "station_id"


def _from_ends(frame: pl.DataFrame, clock: _Clock) -> pl.DataFrame:
    """Stamps at the end: the start one interval before, on either of the two ways files write the night of a change.

    Some label ends by the clock that then holds (01:00 comes twice, 03:00 follows 01:00 in spring), some add the
    interval to the label of the start (02:00 comes twice in autumn and once in spring).
    """
    end, later = pl.col("local_at"), pl.col("occurrence") > 0
    length = pl.duration(seconds="duration_s")
    start = end - length
    by_clock = (clock.repeats(end) & ~clock.repeats(start) & later).any().over("meter_id", start.dt.date())
    second = later | by_clock
    from_end = clock.utc(end, later=later) - length
    from_start = clock.utc(start, later=second)
    at = pl.when(clock.repeats(end)).then(from_end).otherwise(pl.coalesce(from_start, from_end))
    at = pl.when(clock.utc(end).is_null()).then(from_start).otherwise(at)
    pair = (pl.len().over("meter_id", "local_at") > 1) | by_clock
    return frame.with_columns(at=at, again=clock.utc(start, later=~_FIRST), twice=clock.repeats(start), alone=~pair)


def _clock_notes(passed_over: int, placed: pl.DataFrame, local: LocalRecords, clock: _Clock) -> list[str]:
    notes = []
    if passed_over:
        notes.append(f"{passed_over} empty readings in an hour that the day does not have in {clock.zone} passed over")
    single = placed.filter(pl.col("twice") & pl.col("alone"))
    if single.height and local.repeated_hour == "rows":
        days = ", ".join(str(day) for day in single["local_at"].dt.date().unique().sort().head(3))
        notes.append(
            f"{single.height} readings of the hour that comes twice ({days}) are there once: taken as its first pass, "
            "the second is missing"
        )
        notes += _double_notes(placed, single, local.kind)
    elif single.height:
        notes.append(f"{single.height} readings of the hour that comes twice are {local.repeated_hour}: estimated")
    return notes


def _double_notes(placed: pl.DataFrame, single: pl.DataFrame, kind: str) -> list[str]:
    """Say of which meters the only reading of an hour that comes twice is about twice its neighbours: perhaps a sum.

    Neighbours are the readings of as long intervals within two hours before and after.
    """
    if kind != "meter":
        return []
    owner = ["meter_id", "duration_s"]
    load = pl.col("import_kwh").cast(pl.Float64)
    night = single.group_by(*owner, pl.col("local_at").dt.date().alias("day")).agg(
        since=pl.col("local_at").min().dt.offset_by("-2h"),
        until=pl.col("local_at").max().dt.offset_by("2h"),
        of_hour=load.mean(),
    )
    beside = placed.filter(~pl.col("twice")).join(night, on=owner)
    beside = beside.filter(pl.col("local_at").is_between("since", "until"))
    means = beside.group_by("meter_id", "day").agg(times=pl.col("of_hour").first() / load.mean())
    doubled = means.filter(pl.col("times").is_between(*_ABOUT_TWICE)).sort("meter_id", "day")
    return [
        f"{meter} reads {times:.1f} times its neighbours in that hour of {day}, as the sum of both "
        "passes would: a profile with repeated_hour = 'summed' shares it out"
        for meter, day, times in doubled.iter_rows()
    ]


def _shared_hour(placed: pl.DataFrame, local: LocalRecords) -> pl.DataFrame:
    """Make two estimated readings of one that stands for both passes of an hour."""
    shared = placed.filter(pl.col("twice") & pl.col("alone"))
    if local.repeated_hour == "rows" or local.kind != "meter" or shared.is_empty():
        return placed
    if local.repeated_hour == "summed":
        shared = shared.with_columns((pl.col("import_kwh", "export_kwh") / 2).cast(pl.Decimal(38, 18)))
    shared = shared.with_columns(quality=pl.lit("estimated"))
    second = shared.with_columns(at="again")
    return pl.concat([placed.filter(~(pl.col("twice") & pl.col("alone"))), shared, second])


def _one_each(frame: pl.DataFrame, key: list[str]) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    content = [name for name in ("import_kwh", "export_kwh", "temperature_c") if name in frame.columns]
    ordered = frame.sort("line", maintain_order=True)
    last = ordered.unique(key, keep="last", maintain_order=True)
    if last.height == frame.height:
        return frame, rejected_lines(frame.clear(), "", pl.lit(""), ""), 0
    standing = last.select(
        *key, pl.col("line").alias("winner"), *(pl.col(name).alias(f"is:{name}") for name in content)
    )
    others = ordered.join(last.select(*key, pl.col("line")), on=[*key, "line"], how="anti").join(standing, on=key)
    differs = pl.any_horizontal(pl.col(name) != pl.col(f"is:{name}") for name in content)
    losers = others.filter(differs)
    lost = rejected_lines(
        losers, key[1], pl.col("raw"), f"one value for each {' and '.join(key)}; a later line is used"
    )
    return last, lost, frame.height - last.height - losers.height


def _whole_wh(frame: pl.DataFrame) -> pl.DataFrame:
    """Round each meter's running total, then difference: the sum of any span is right to half a Wh at either end."""
    ordered = frame.sort("meter_id", "interval_start")
    totals = {
        f"{side}_wh": rounded((pl.col(f"{side}_kwh") * 1000).cum_sum().over("meter_id"))
        for side in ("import", "export")
    }
    return ordered.with_columns(
        (total - total.shift(1, fill_value=0).over("meter_id")).alias(name) for name, total in totals.items()
    )


def _sessions(frame: pl.DataFrame, clock: _Clock) -> tuple[dict[str, pl.DataFrame], list[pl.DataFrame], list[str]]:
    """Return sessions and, where the file says their energy, a charger reading at either end of each."""
    timed = frame.with_columns(plugged_in_at=clock.utc(pl.col("local_at")), plugged_out_at=clock.utc(pl.col("end_at")))
    jumped = timed.filter(
        pl.col("plugged_in_at").is_null() | (pl.col("plugged_out_at").is_null() & pl.col("end_at").is_not_null())
    )
    backwards = timed.filter(pl.col("plugged_out_at") < pl.col("plugged_in_at"))
    rejects = [
        rejected_lines(jumped, "time", pl.col("raw"), f"times that exist in {clock.zone}"),
        rejected_lines(backwards, "end", pl.col("end_at").cast(pl.String), "a time not before the begin"),
    ]
    good = timed.join(pl.concat([jumped, backwards]).select("line"), on="line", how="anti").sort("line")
    kept = good.unique(["charger_id", "session_id"], keep="last", maintain_order=True)
    notes = [f"{good.height - kept.height} sessions replaced by a later line"] if kept.height < good.height else []
    wanted = ("soc_in_pct", "soc_out_pct", "target_soc_pct")
    whole = kept.with_columns(
        pl.lit(None, dtype=pl.Float64).alias(name) for name in wanted if name not in kept.columns
    ).with_columns(departure_at=pl.lit(None, dtype=UTC))
    frames = {"session": in_schema(whole, "session")}
    readings = _readings(whole)
    if readings.height:
        frames["charger"] = in_schema(part_touching_sessions(readings), "charger")
        notes.append("energy is known a session, not within it")
    return frames, rejects, notes


def _readings(sessions: pl.DataFrame) -> pl.DataFrame:
    """Registers that count from 0 in every session, at its begin and its end."""
    energies = [name for name in ("import_kwh", "export_kwh", "net_kwh") if name in sessions.columns]
    known = sessions.filter(
        pl.col("plugged_out_at").is_not_null() & (pl.col("plugged_out_at") > pl.col("plugged_in_at"))
    )
    if not energies:
        return known.clear()
    zero = pl.lit(0, dtype=pl.Decimal(38, 18))
    into = pl.col("import_kwh") if "import_kwh" in energies else pl.lit(None, dtype=pl.Decimal(38, 18))
    out = pl.col("export_kwh") if "export_kwh" in energies else pl.lit(None, dtype=pl.Decimal(38, 18))
    if "net_kwh" in energies:
        net = pl.col("net_kwh")
        into, out = pl.when(net > 0).then(net).otherwise(zero), pl.when(net < 0).then(net.abs()).otherwise(zero)
    known = known.with_columns(into=rounded(into * 1000), out=rounded(out * 1000), power_w=pl.lit(None, dtype=pl.Int64))
    known = known.filter(pl.col("into").is_not_null() | pl.col("out").is_not_null())
    begin = known.with_columns(
        measured_at="plugged_in_at",
        energy_import_wh=pl.col("into") * 0,
        energy_export_wh=pl.col("out") * 0,
        soc_pct="soc_in_pct",
        context=pl.lit("begin"),
    )
    end = known.with_columns(
        measured_at="plugged_out_at",
        energy_import_wh="into",
        energy_export_wh="out",
        soc_pct="soc_out_pct",
        context=pl.lit("end"),
    )
    return pl.concat([begin, end]).sort("charger_id", "measured_at", "line")
