"""Charging sessions of JSON documents: a table of sessions with points inside them, to sessions and readings.

Formats of sessions state energy from the plug-in on, so each session's registers start at 0: they are the same
whichever file a session comes in, and falls between sessions are resets, not energy.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import polars as pl

from pipeline.domain import REJECT
from pipeline.ingest import cells
from pipeline.ingest.records import Records, in_schema, joined_rejects, part_touching_sessions, refusal, refused

_MOST_BYTES: Final = 64 << 20
_RAW_LETTERS: Final = 2000
_TOLERANCE: Final = 0.01  # of the stated total, or 100 Wh
_NUMBER = "a number of kWh up to 1e6"

SESSION_CELLS: Final = (
    "session_id",
    "charger_id",
    "vehicle_id",
    "begin",
    "end",
    "last_seen",
    "departure",
    "revised",
    "net_kwh",
)
"""What a session may state, as text: `last_seen` closes one without end; `revised` tells later versions from earlier;
`net_kwh` is its whole energy, negative where more came out of the car than went in."""
POINT_CELLS: Final = ("at", "import_kwh", "export_kwh", "net_kwh", "power_kw", "soc_pct")
"""What a period may state, as text: when it began, the energy during it, its mean power, the state of charge."""

_POINT_ALLOWED: Final = {
    "import_kwh": f"{_NUMBER}, 0 or more",
    "export_kwh": f"{_NUMBER}, 0 or more",
    "net_kwh": _NUMBER,
    "power_kw": "a number of kW up to 1e6",
    "soc_pct": "a number from 0 to 100",
}


def document(path: Path) -> Any:
    """Return a JSON document, numbers as text; a refusal (a table of rejects) where it cannot be read as a whole."""
    size = path.stat().st_size
    if size > _MOST_BYTES:
        return refusal("file", "size", f"{size} bytes", f"a JSON document of at most {_MOST_BYTES} bytes; split it")
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"), parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        return refusal("file", "content", str(error)[:200], "one whole JSON document in UTF-8")


def text(value: Any) -> str | None:
    """Return text or a number as text; None for nothing, '' for what is neither."""
    if value is None:
        return None
    if not isinstance(value, str):
        return ""
    return value.strip().encode("utf-8", "replace").decode("utf-8")


class Sessions:
    """Sessions and their points as columns of text, filled object by object."""

    def __init__(self, format_name: str, unit: str) -> None:
        self.format, self.unit = format_name, unit
        self._sessions: list[tuple[Any, ...]] = []
        self._points: list[tuple[Any, ...]] = []
        self._refused: list[dict[str, Any]] = []
        self._count = 0

    def next(self) -> int:
        """Begin with the next object; returns its number, from 1."""
        self._count += 1
        return self._count

    def add(self, raw: Any, **stated: Any) -> None:
        """Add the object as a session with the cells it states."""
        self._sessions.append((self._count, _short(raw), *(text(stated.get(name)) for name in SESSION_CELLS)))

    def add_point(self, **stated: Any) -> None:
        """Add a period of the object."""
        self._points.append((self._count, *(text(stated.get(name)) for name in POINT_CELLS)))

    def refuse(self, field: str, value: Any, allowed: str, raw: Any) -> None:
        """Refuse the object, or a part of it."""
        shown = text(value) if isinstance(value, str) else _short(value)
        row = {"field": field, "value": (shown or "")[:200], "allowed": allowed, "raw": _short(raw)}
        self._refused.append({"line": self._count, "position": f"{self.unit} {self._count}", **row})

    def records(self, instant: Callable[[pl.Expr], pl.Expr], notes: tuple[str, ...] = ()) -> Records:
        """Return sessions and readings; `instant` reads the format's times as UTC."""
        sessions = _frame(self._sessions, ("line", "raw", *SESSION_CELLS))
        checked, bad_sessions = _checked_sessions(sessions, instant, self.unit)
        latest, replaced = _latest(checked)
        points, bad_points = _checked_points(_frame(self._points, ("line", *POINT_CELLS)), latest, instant, self.unit)
        own = pl.DataFrame(self._refused, schema={"line": pl.Int64, **dict(REJECT)})
        rejects = joined_rejects([own, bad_sessions, bad_points])
        if latest.is_empty():
            rejects = (
                rejects if rejects.height else refusal("file", "content", "no sessions", f"at least one {self.unit}")
            )
            return refused(self.format, rejects, "session", notes)
        shaped, unshaped = _shaped(latest, points, bad_points)
        readings = _apart(part_touching_sessions(_readings(latest, shaped)))
        frames = {
            "charger": in_schema(readings, "charger"),
            "session": in_schema(_sessions(latest, points), "session"),
        }
        return Records(self.format, "session", frames, rejects, (*notes, *replaced, *unshaped))


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, default=str)[:_RAW_LETTERS]


def _frame(rows: list[tuple[Any, ...]], names: tuple[str, ...]) -> pl.DataFrame:
    schema = {name: pl.Int64 if name == "line" else pl.String for name in names}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _kwh(name: str, low: int) -> pl.Expr:
    return cells.between(cells.exact(pl.col(name)), low, 10**6)


def _reject(frame: pl.DataFrame, bad: pl.Expr, field: str, value: pl.Expr, allowed: str, unit: str) -> pl.DataFrame:
    return frame.filter(bad).select(
        "line",
        position=pl.concat_str(pl.lit(f"{unit} "), pl.col("line")),
        field=pl.lit(field),
        value=value.fill_null("").str.slice(0, 200),
        allowed=pl.lit(allowed),
        raw=pl.col("raw"),
    )


def _checked_sessions(
    sessions: pl.DataFrame, instant: Callable[[pl.Expr], pl.Expr], unit: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    times = ("begin", "end", "last_seen", "departure", "revised")
    read = sessions.with_columns(
        *(instant(pl.col(name)).alias(f"{name}_at") for name in times),
        *(cells.name(pl.col(name)).alias(f"{name}_ok") for name in ("session_id", "charger_id", "vehicle_id")),
        net=_kwh("net_kwh", -(10**6)),
    )
    stated_wrongly = {name: pl.col(name).is_not_null() & pl.col(f"{name}_at").is_null() for name in times}
    a_name = "a name of 1 to 200 characters"
    rules = [
        ("session_id", pl.col("session_id_ok").is_null(), "session_id", a_name),
        ("charger_id", pl.col("charger_id_ok").is_null(), "charger_id", a_name),
        ("vehicle_id", pl.col("vehicle_id").is_not_null() & pl.col("vehicle_id_ok").is_null(), "vehicle_id", a_name),
        ("begin", pl.col("begin_at").is_null(), "begin", "a time from 2000 to 2099"),
        *((name, stated_wrongly[name], name, "a time from 2000 to 2099, or null") for name in times[1:]),
        ("end", pl.col("end_at") <= pl.col("begin_at"), "end", "a time after the beginning"),
        ("energy", pl.col("net_kwh").is_not_null() & pl.col("net").is_null(), "net_kwh", _NUMBER),
    ]
    is_bad = {number: bad.fill_null(value=False) for number, (_, bad, _, _) in enumerate(rules)}
    rejects = [
        _reject(read, is_bad[number], field, pl.col(value), allowed, unit)
        for number, (field, _, value, allowed) in enumerate(rules)
    ]
    return read.filter(~pl.any_horizontal(*is_bad.values())), pl.concat(rejects)


def _latest(sessions: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return each session's latest version, and a note on the earlier ones."""
    ordered = sessions.sort("revised_at", "line", nulls_last=False)
    latest = ordered.unique(["charger_id", "session_id"], keep="last", maintain_order=True)
    dropped = sessions.unique([name for name in sessions.columns if name != "line"]).height - latest.height
    return latest.sort("line"), (f"{dropped} earlier versions of sessions replaced by later ones",) if dropped else ()


def _checked_points(
    points: pl.DataFrame, sessions: pl.DataFrame, instant: Callable[[pl.Expr], pl.Expr], unit: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    bounds = sessions.select("line", "raw", "begin_at", until=pl.coalesce("end_at", "last_seen_at"))
    read = points.join(bounds, on="line", maintain_order="left").with_columns(
        point_at=instant(pl.col("at")),
        import_kwh_ok=_kwh("import_kwh", 0),
        export_kwh_ok=_kwh("export_kwh", 0),
        net_kwh_ok=_kwh("net_kwh", -(10**6)),
        power_kw_ok=_kwh("power_kw", -(10**6)),
        soc_pct_ok=cells.real(pl.col("soc_pct"), 0, 100),
    )
    outside = pl.col("point_at").is_null() | (pl.col("point_at") < pl.col("begin_at"))
    outside = (outside | (pl.col("point_at") > pl.col("until")).fill_null(value=False)).fill_null(value=True)
    rejects = [_reject(read, outside, "period", pl.col("at"), "a time inside the session", unit)]
    for name, allowed in _POINT_ALLOWED.items():
        wrong = ~outside & pl.col(name).is_not_null() & pl.col(f"{name}_ok").is_null()
        rejects.append(_reject(read, wrong, name, pl.col(name), allowed, unit))
    return read.filter(~outside), pl.concat(rejects)


def _shaped(sessions: pl.DataFrame, points: pl.DataFrame, bad: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return the points whose energies are known from begin to end and add up; notes on the sessions that lack them."""
    net = pl.col("net_kwh_ok")
    flows = points.with_columns(
        inward=pl.coalesce("import_kwh_ok", pl.when(net >= 0).then(net).when(net < 0).then(net - net)),
        outward=pl.coalesce("export_kwh_ok", pl.when(net < 0).then(-net).when(net >= 0).then(net - net)),
    )
    sums = flows.group_by("line").agg(
        pl.col("inward").sum().cast(pl.Float64).alias("in_sum"),
        pl.col("outward").sum().cast(pl.Float64).alias("out_sum"),
        pl.col("inward").is_not_null().all().alias("known"),
    )
    joined = sessions.select("line", "net").join(sums, on="line", how="left", maintain_order="left")
    total = pl.col("net").cast(pl.Float64)
    allowed = pl.max_horizontal(total.abs() * _TOLERANCE, 0.1)
    agrees = pl.min_horizontal((pl.col("in_sum") - pl.col("out_sum") - total).abs(), (pl.col("in_sum") - total).abs())
    whole = ~pl.col("line").is_in(bad["line"].unique().to_list()) & pl.col("known").fill_null(value=False)
    state = joined.with_columns(whole=whole, sound=whole & ((agrees <= allowed) | total.is_null()))
    notes = []
    if only_total := state.filter(~pl.col("whole")).height:
        notes.append(f"{only_total} sessions state their energy only in total: demand windows inside are not covered")
    if unequal := state.filter(pl.col("whole") & ~pl.col("sound")).height:
        notes.append(f"{unequal} sessions whose periods do not add up to their total: the total is used")
    sound = state.filter("sound").select("line")
    return flows.with_columns(sound=pl.col("line").is_in(sound["line"].to_list())), tuple(notes)


def _readings(sessions: pl.DataFrame, points: pl.DataFrame) -> pl.DataFrame:
    """Return a reading at each point and at the session's begin and end; registers run from 0."""
    zero = pl.lit(0).cast(cells.EXACT)
    inside = points.sort("line", "point_at", maintain_order=True).with_columns(
        before_in=pl.when("sound").then((pl.col("inward").cum_sum() - pl.col("inward")).over("line")),
        before_out=pl.when("sound").then(
            (pl.col("outward").fill_null(0).cum_sum() - pl.col("outward").fill_null(0)).over("line")
        ),
    )
    sums = inside.filter("sound").group_by("line").agg(pl.col("inward").sum(), pl.col("outward").fill_null(0).sum())
    ends = sessions.join(sums, on="line", how="left", maintain_order="left").with_columns(
        total_in=pl.coalesce("inward", pl.when(pl.col("net") >= 0).then("net").when(pl.col("net") < 0).then(zero)),
        total_out=pl.coalesce(
            "outward", pl.when(pl.col("net") < 0).then(-pl.col("net")).when(pl.col("net") >= 0).then(zero)
        ),
    )
    nothing = pl.lit(None)
    begin = ends.select("line", at="begin_at", inn=zero, out=zero, power=nothing, soc=nothing, rank=pl.lit(0))
    middle = inside.select(
        "line", at="point_at", inn="before_in", out="before_out", power="power_kw_ok", soc="soc_pct_ok", rank=pl.lit(1)
    )
    until = pl.coalesce("end_at", "last_seen_at")
    end = ends.filter(until.is_not_null()).select(
        "line", at=until, inn="total_in", out="total_out", power=nothing, soc=nothing, rank=pl.lit(2)
    )
    # A 0 that stays is the session's own count; a lone 0 at the begin could be a lifetime register not yet read.
    still = begin.with_columns(pl.col("at") + pl.duration(microseconds=1))
    return _one_a_moment(pl.concat([begin, still, middle, end], how="vertical_relaxed"), sessions)


def _one_a_moment(rows: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    named = sessions.select("line", "charger_id", "session_id", "vehicle_id", "begin_at", "end_at")
    gives_back = pl.col("out").max().over("charger_id") > 0
    at = pl.col("at")
    context = pl.when(at == pl.col("begin_at")).then(pl.lit("begin")).when(at == pl.col("end_at")).then(pl.lit("end"))
    return (
        rows.sort("line", "at", "rank")
        .group_by("line", "at", maintain_order=True)
        .agg(
            pl.col("inn", "out").drop_nulls().last(),
            pl.col("power", "soc").drop_nulls().last(),
        )
        .join(named, on="line", maintain_order="left")
        .with_columns(
            measured_at=at,
            energy_import_wh=cells.rounded(pl.col("inn") * 1000),
            energy_export_wh=pl.when(gives_back).then(cells.rounded(pl.col("out") * 1000)),
            power_w=cells.rounded(pl.col("power") * 1000),
            soc_pct="soc",
            context=context.otherwise(pl.lit("sample")),
        )
    )


def _apart(readings: pl.DataFrame) -> pl.DataFrame:
    """Order readings by charger and time; of overlapping sessions, one that still shares a moment goes on 1 us."""
    ordered = readings.sort("charger_id", "measured_at", maintain_order=True)
    number = pl.int_range(pl.len()).over("charger_id")
    moved = (pl.col("measured_at").dt.epoch("us") - number).cum_max().over("charger_id") + number
    return ordered.with_columns(measured_at=moved.cast(pl.Datetime("us", "UTC")))


def _sessions(sessions: pl.DataFrame, points: pl.DataFrame) -> pl.DataFrame:
    known = points.filter(pl.col("soc_pct_ok").is_not_null()).sort("line", "point_at")
    charge = known.group_by("line").agg(
        soc_in_pct=pl.col("soc_pct_ok").first(), soc_out_pct=pl.col("soc_pct_ok").last()
    )
    return sessions.join(charge, on="line", how="left", maintain_order="left").with_columns(
        plugged_in_at="begin_at", plugged_out_at="end_at", departure_at="departure_at", target_soc_pct=pl.lit(None)
    )
