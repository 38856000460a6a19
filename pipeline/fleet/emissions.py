"""CO2 at the margin: what the grid emitted more or less because one load was drawn instead of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from pipeline.domain import UTC
from pipeline.portfolio import Co2Factor


@dataclass(frozen=True)
class Co2Change:
    """CO2 emitted more (below 0: less) than in the compared world [g], and time without a factor [s].

    Only time in which the two loads differ needs a factor; `change_g` is None where one lacks.
    """

    change_g: Decimal | None
    missing_s: int

    @property
    def section(self) -> dict[str, Any]:
        """The `co2` section of the result contract."""
        grams = self.change_g
        kg = None if grams is None else float(round(grams / 1000, 3)) + 0.0  # no -0.0
        return {"change_kg": kg, "hours_without_factor": round(self.missing_s / 3600, 4)}


def co2_change(windows: pl.DataFrame, factors: Sequence[Co2Factor], world: str) -> Co2Change:
    """Return what the metered load emitted beside that of `world`: sum over time of factor x (metered - world).

    `windows`: interval_start, duration_s [s], import and export of both [Wh]; what is fed in displaces what others
    would have drawn, so the net counts. Energy flows evenly within a window that factors divide. Marginal, not average,
    factors belong here, since only the difference of two loads is weighed (GHG Protocol: Guidelines for Quantifying GHG
    Reductions from Grid-Connected Electricity Projects, 2007).
    """
    net = {name: pl.col(f"{name}_import_wh") - pl.col(f"{name}_export_wh") for name in ("actual", world)}
    differing = windows.select("interval_start", "duration_s", more_wh=net["actual"] - net[world])
    differing = differing.filter(pl.col("more_wh") != 0).with_columns(
        ends=pl.col("interval_start") + pl.duration(seconds=pl.col("duration_s"))
    )
    pieces = differing.join_where(
        _frame(factors), pl.col("begin") < pl.col("ends"), pl.col("end") > pl.col("interval_start")
    ).with_columns(
        known_s=(pl.min_horizontal("ends", "end") - pl.max_horizontal("interval_start", "begin")).dt.total_seconds()
    )
    missing_s = int(differing.get_column("duration_s").sum()) - int(pieces.get_column("known_s").sum())
    weighed = pieces.group_by("number", "duration_s").agg(wh_s=(pl.col("more_wh") * pl.col("known_s")).sum())
    grams = (
        factors[n].g_per_kwh * wh_s / (1000 * length_s) for n, length_s, wh_s in weighed.sort("number").iter_rows()
    )
    return Co2Change(None if missing_s else sum(grams, Decimal(0)), missing_s)


def _frame(factors: Sequence[Co2Factor]) -> pl.DataFrame:
    columns = {
        "number": range(len(factors)),
        "begin": [factor.begin for factor in factors],
        "end": [factor.end for factor in factors],
    }
    return pl.DataFrame(columns, schema={"number": pl.Int64, "begin": UTC, "end": UTC})
