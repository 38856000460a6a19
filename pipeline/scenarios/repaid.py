"""What cars would have drawn when they did, had they given nothing back: each debt is repaid and left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipeline.charging import RoundTrip
from pipeline.scenarios.worlds import Wh

Energy = Callable[[str, Wh], tuple[Wh, Wh]]
"""(charger_id, edges [s since 1970]) -> energy into the car and out of it between them [Wh]."""


def managed_charge(
    sessions: pl.DataFrame, grid: pl.DataFrame, *, energy: Energy, round_trip: RoundTrip
) -> pl.DataFrame:
    """Return what the cars would have drawn per window at the times they did, had they given nothing back [Wh].

    What a car gave is a debt of discharge / eta; what it takes afterwards repays it and is left out, in time order
    within the session. What a session leaves unrepaid is taken off its own charging, the latest first, and the rest
    off the car's next session. So per car: drawn here = charged - discharged / eta + what is still owed, exactly.
    `sessions` as of `unmanaged_by_charger`; a session owns its charger until the next one begins. `grid`: the windows
    with charge_wh of all chargers; `energy` measures any spans of one charger.
    Returns interval_start and managed_charge_wh, one row per window of `grid`.
    """
    edges = _epoch_s(grid)
    owned = _owned(sessions, int(edges[-1]))
    flows = _flows(owned.filter((pl.col("out_s") > edges[0]) & (pl.col("begin_s") < edges[-1])), edges, energy)
    repaid = np.zeros(len(edges) - 1, dtype=np.int64)
    owed: dict[str, int] = {}
    names = ("account", "charger_id", "begin_s", "out_s", "until_s", "charge_wh", "discharge_wh")
    for account, charger_id, begin_s, out_s, until_s, charge_wh, discharge_wh in owned.select(names).iter_rows():
        before = owed.get(account, 0)
        if out_s <= edges[0]:
            owed[account] = max(0, before + _debt(discharge_wh, round_trip) - charge_wh)
        elif begin_s < edges[-1] and (before or discharge_wh):
            starts, taken, given = flows[charger_id].between(begin_s, until_s)
            kept, owed[account] = match_debt(taken, given, before, round_trip)
            places = np.searchsorted(edges, starts, side="right") - 1
            inside = (places >= 0) & (places < len(repaid))
            np.add.at(repaid, places[inside], (taken - kept)[inside])
    return grid.select("interval_start", managed_charge_wh=pl.col("charge_wh") - pl.Series(repaid))


def match_debt(charge: Wh, discharge: Wh, owed: int, round_trip: RoundTrip) -> tuple[Wh, int]:
    """Return what one session still draws per span without repaying its discharges, and what it leaves owed [Wh].

    `owed` comes from the car's sessions before. The debts are differences of a rounded running total, so that
    sum(drawn) = sum(charge) - owed before - sum(discharge) / eta + owed after holds to the Wh.
    """
    debts = np.diff(np.rint(np.cumsum(discharge) / round_trip.efficiency).astype(np.int64), prepend=0).tolist()
    kept = charge.tolist()
    for place, debt in enumerate(debts):
        owed += debt
        if owed and kept[place]:
            repaid = min(kept[place], owed)
            kept[place] -= repaid
            owed -= repaid
    for place in reversed(range(len(kept))):
        if not owed:
            break
        removed = min(kept[place], owed)
        kept[place] -= removed
        owed -= removed
    return np.array(kept, dtype=np.int64), owed


def _debt(discharge_wh: int, round_trip: RoundTrip) -> int:
    return round(discharge_wh / round_trip.efficiency)


def _epoch_s(grid: pl.DataFrame) -> Wh:
    starts = grid.get_column("interval_start").dt.epoch("s").to_numpy()
    return np.append(starts, starts[-1:] + grid.get_column("duration_s").to_numpy()[-1:])


def _owned(sessions: pl.DataFrame, end_s: int) -> pl.DataFrame:
    """Add the seconds [since 1970] in which a session owns its charger: from plug-in until the next one's."""
    following = pl.col("begin_s").shift(-1).over("charger_id")
    return (
        sessions.sort("plugged_in_at", maintain_order=True)
        .with_columns(begin_s=pl.col("plugged_in_at").dt.epoch("s"), out_s=pl.col("plugged_out_at").dt.epoch("s"))
        .with_columns(until_s=pl.coalesce(following, pl.max_horizontal("out_s", pl.lit(end_s))))
    )


@dataclass(frozen=True)
class _Flows:
    """What flowed through one charger in consecutive pieces of time: their starts [s since 1970] and energies [Wh]."""

    starts: Wh
    charge: Wh
    discharge: Wh

    def between(self, begin: int, until: int) -> tuple[Wh, Wh, Wh]:
        """Return the pieces of one session, which begins and ends on an edge of a piece."""
        first, last = np.searchsorted(self.starts, [begin, until])
        return self.starts[first:last], self.charge[first:last], self.discharge[first:last]


def _flows(sessions: pl.DataFrame, edges: Wh, energy: Energy) -> dict[str, _Flows]:
    """Measure every charger in pieces that neither cross an edge of a window, also beyond the grid, nor a plug-in."""
    width, found = int(edges[1] - edges[0]), {}
    for own in sessions.partition_by("charger_id"):
        bounds = own.select("begin_s", "until_s").to_numpy().ravel()
        first, last = int(bounds.min()), int(bounds.max())
        cuts = np.concatenate([np.arange(edges[0], first, -width), edges, np.arange(edges[-1], last, width)])
        pieces = np.unique(np.concatenate([bounds, cuts[(cuts > first) & (cuts < last)]]))
        charger_id = str(own.item(0, "charger_id"))
        found[charger_id] = _Flows(pieces[:-1], *energy(charger_id, pieces))
    return found
