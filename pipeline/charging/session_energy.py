"""Sessions: when a car was plugged in, how full it was, and what went in and out."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import polars as pl

from pipeline.charging.order import in_order
from pipeline.domain import CHARGING_SESSION

_LATE_COUNT: Final = timedelta(minutes=15)
_REGISTERS: Final = ("energy_import_wh", "energy_export_wh")
_READ: Final = ("charger_id", "measured_at", "session_id", "vehicle_id", "context", "soc_pct", *_REGISTERS)


def sessions(readings: pl.DataFrame) -> pl.DataFrame:
    """Return the sessions that readings name, in the shape of `domain.CHARGING_SESSION`, in order of plug-in.

    `readings` in the shape of `domain.CHARGER_RECORD`, of one site, in any order. A session lasts from its reading of
    context begin (else its first) to that of context end (else its last); its states of charge are the first and last
    inside, its energies the rises of the registers inside, falls (resets) left out. What its own readings count after
    its end still belongs to it, and so does what the next idle reading or begin counts more, where the end was never
    heard or lies at most a quarter of an hour before: nothing flows between sessions. A begin or end that lacks one of
    the registers takes it from the idle readings beside it. `complete`: both begin and end were seen. Target and
    departure are not in readings and stay null.
    """
    ordered = in_order(readings.select(_READ))
    bare = pl.col("context").is_in(["begin", "end"]) & pl.any_horizontal(pl.col(*_REGISTERS).is_null())
    if ordered.select(bare.any()).item():
        ordered = ordered.with_columns(_bridged(register) for register in _REGISTERS)
    ordered = ordered.with_columns(after for register in _REGISTERS for after in _after(register))
    key = ["charger_id", "session_id"]
    at, context = pl.col("measured_at"), pl.col("context")
    named = ordered.filter(pl.col("session_id").is_not_null()).with_columns(
        plugged_in_at=pl.coalesce(at.filter(context == "begin").min(), at.min()).over(key),
        plugged_out_at=pl.coalesce(at.filter(context == "end").max(), at.max()).over(key),
    )
    since = named.filter(at >= pl.col("plugged_in_at"))
    soc = pl.col("soc_pct").filter(at <= pl.col("plugged_out_at")).drop_nulls()
    found = since.group_by(key, maintain_order=True).agg(
        pl.col("vehicle_id").drop_nulls().first(),
        pl.col("plugged_in_at", "plugged_out_at").first(),
        soc.first().alias("soc_in_pct"),
        soc.last().alias("soc_out_pct"),
        pl.lit(None).first().alias("target_soc_pct"),
        pl.lit(None).first().alias("departure_at"),
        _rise("energy_import_wh").alias("charge_wh"),
        _rise("energy_export_wh").alias("discharge_wh"),
        ((context == "begin").any() & (context == "end").any()).alias("complete"),
    )
    return found.select(pl.col(name).cast(dtype) for name, dtype in CHARGING_SESSION.items()).sort(
        "plugged_in_at", "session_id"
    )


def _rise(register: str) -> pl.Expr:
    """Return what a register counts from a session's first reading to its last, and what was heard of it later."""
    inside = pl.col(register).drop_nulls().diff().clip(lower_bound=0).sum()
    told = pl.col(register).is_not_null()
    last, following = (pl.col(name).filter(told).last() for name in (register, f"{register}_after"))
    waited = pl.col(f"{register}_after_at").filter(told).last() - pl.col("plugged_out_at").first()
    heard = (pl.col("context") == "end").any() & (waited > _LATE_COUNT)
    later = pl.when(~heard).then((following - last).clip(lower_bound=0)).fill_null(0)
    return inside + later


def _after(register: str) -> list[pl.Expr]:
    """Return the register and the time of the next reading that states it, where that is idle or a session's begin."""
    told = pl.col(register).is_not_null()
    quiet = pl.col("session_id").is_null() | (pl.col("context") == "begin")

    def following(value: pl.Expr) -> pl.Expr:
        stated = pl.when(told).then(pl.struct(value=value, quiet=quiet))
        nearest = stated.shift(-1).backward_fill().over("charger_id").struct
        return pl.when(nearest.field("quiet")).then(nearest.field("value"))

    return [
        following(pl.col(register)).alias(f"{register}_after"),
        following(pl.col("measured_at")).alias(f"{register}_after_at"),
    ]


def _bridged(register: str) -> pl.Expr:
    """Fill a register that a session's begin or end lacks from the nearest reading outside any session's inside."""
    stated, context = pl.col(register).is_not_null(), pl.col("context")

    def quiet(boundary: str) -> pl.Expr:
        return pl.when(stated).then(pl.col("session_id").is_null() | (context == boundary))

    before = pl.when(quiet("end").forward_fill().over("charger_id")).then(
        pl.col(register).forward_fill().over("charger_id")
    )
    after = pl.when(quiet("begin").backward_fill().over("charger_id")).then(
        pl.col(register).backward_fill().over("charger_id")
    )
    return (
        pl.when(context == "begin")
        .then(pl.coalesce(register, before))
        .when(context == "end")
        .then(pl.coalesce(register, after))
        .otherwise(pl.col(register))
        .alias(register)
    )
