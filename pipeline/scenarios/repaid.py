"""What cars would have drawn when they did, had they given nothing back: each debt is repaid and left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from pipeline.calendars import instants_us
from pipeline.charging import RoundTrip, numbered
from pipeline.scenarios.worlds import Wh

Energy = Callable[[str, Wh], tuple[Wh, Wh]]
"""(charger_id, edges [s since 1970]) -> energy into the car and out of it between them [Wh]."""

_SECOND_US: Final = 1_000_000


def managed_charge(sessions: pl.DataFrame, grid: pl.DataFrame, *, energy: Energy, round_trip: RoundTrip) -> Wh:
    """Return what the cars would have drawn per window at the times they did, had they given nothing back [Wh].

    What a car gave is a debt of discharge / eta; what it takes afterwards repays it and is left out, in time order
    within the session. What a session leaves unrepaid is taken off its own charging, the latest first, and the rest
    off the car's next session. So per car: drawn here = charged - discharged / eta + what is still owed, exactly.
    `sessions`: those since the programme began in order of plug-in, in the shape of `domain.CHARGING_SESSION` with
    account; one owns its charger until the next one begins. `grid`: the windows with charge_wh of all chargers;
    `energy` measures any spans of one charger. One number per window of `grid`.
    """
    edges = _edges_s(grid)
    owned = _Owned.of(sessions, edges)
    flows = _Flows.of(owned, edges, energy)
    owed = owned.owed_before(flows, round_trip)
    kept, _ = match_debt(flows.charge, flows.discharge, flows.session, owed, round_trip)
    found = grid.get_column("charge_wh").to_numpy().copy()
    repaid = np.flatnonzero((kept < flows.charge) & (flows.starts >= edges[0]) & (flows.starts < edges[-1]))
    windows = np.searchsorted(edges, flows.starts[repaid], side="right") - 1
    np.subtract.at(found, windows, (flows.charge - kept)[repaid])
    return found


def match_debt(charge: Wh, discharge: Wh, session: Wh, owed: Wh, round_trip: RoundTrip) -> tuple[Wh, Wh]:
    """Return what sessions still draw per span without repaying their discharges, and what each leaves owed [Wh].

    Spans lie session by session in order of time, `session` being the number of each one's; `owed` comes from each
    car's sessions before. The debts are differences of a rounded running total, so that per session
    sum(drawn) = sum(charge) - owed before - sum(discharge) / eta + owed after holds to the Wh.
    """
    bounds = _bounds(session, len(owed))
    given = _running(discharge, session, bounds)
    debts = _steps(_debts(given, round_trip), bounds, np.zeros_like(owed))
    unpaid = owed[session] + _running(debts - charge, session, bounds)
    still = unpaid - np.minimum(_lowest_yet(unpaid, session), 0)
    grown = _steps(still, bounds, owed)
    kept = charge - (debts - grown)
    totals, left = _sums(kept, bounds), owed + _sums(grown, bounds)
    to_come = totals[session] - _running(kept, session, bounds)
    removed = np.minimum(kept, np.maximum(left[session] - to_come, 0))
    return kept - removed, np.maximum(left - totals, 0)


def _bounds(session: Wh, count: int) -> Wh:
    """Return where the spans of each session begin, and where the last one's end."""
    return np.searchsorted(session, np.arange(count + 1))


def _debts(discharge_wh: Wh, round_trip: RoundTrip) -> Wh:
    return np.rint(discharge_wh / round_trip.efficiency).astype(np.int64)


def _sums(values: Wh, bounds: Wh) -> Wh:
    """Return the sum of each session's values; those of session n lie from bounds n to n + 1."""
    totals = np.concatenate(([0], np.cumsum(values)))
    return np.diff(totals[bounds])


def _owed(account: Wh, changes: Wh) -> Wh:
    """Return what each of some accounts owed before each of its changes in a row; nobody owes less than nothing."""
    totals = _running(changes, account, _bounds(account, int(account.max(initial=-1)) + 1))
    after = totals - np.minimum(_lowest_yet(totals, account), 0)
    begins = np.diff(account, prepend=-1) != 0
    return np.where(begins, 0, np.append(0, after)[:-1])


def _running(values: Wh, session: Wh, bounds: Wh) -> Wh:
    """Return the running totals of each session's values."""
    totals = np.concatenate(([0], np.cumsum(values)))
    return totals[1:] - totals[bounds[:-1]][session]


def _steps(totals: Wh, bounds: Wh, before: Wh) -> Wh:
    """Return how much each of a session's values is above the one before it, the first above the session's `before`."""
    steps = np.diff(totals, prepend=0)
    filled = np.flatnonzero(np.diff(bounds))
    first = bounds[filled]
    steps[first] = totals[first] - before[filled]
    return steps


def _lowest_yet(values: Wh, session: Wh) -> Wh:
    """Return the least of a session's values so far; each session is moved below all before it, to tell them apart."""
    apart = session * (np.ptp(values) + 1) if len(values) else session
    return np.minimum.accumulate(values - apart) + apart


def _edges_s(grid: pl.DataFrame) -> Wh:
    starts = _seconds(grid.get_column("interval_start"))
    return np.append(starts, starts[-1:] + grid.get_column("duration_s").to_numpy()[-1:])


def _seconds(instants: pl.Series) -> Wh:
    return instants_us(instants) // _SECOND_US


@dataclass(frozen=True)
class _Owned:
    """Sessions in order of plug-in; each owns its charger from `begins` up to `untils` [s since 1970].

    Those of `within` lie within the windows, in part or whole: their numbers, charger by charger.
    """

    account: Wh
    begins: Wh
    untils: Wh
    charge: Wh
    discharge: Wh
    within: Mapping[str, Wh]

    @classmethod
    def of(cls, sessions: pl.DataFrame, edges: Wh) -> _Owned:
        """Read them; the last one of a charger owns it until plug-out, and at least until the windows end."""
        columns = sessions.get_column
        charger_ids, (_, account) = columns("charger_id").to_list(), numbered(columns("account").to_list())
        begins, outs = _seconds(columns("plugged_in_at")), _seconds(columns("plugged_out_at"))
        numbers = np.flatnonzero((outs > edges[0]) & (begins < edges[-1]))
        untils, next_plug_in = np.maximum(outs, edges[-1]), dict[str, int]()
        for number in reversed(range(numbers[0] if len(numbers) else 0, len(charger_ids))):
            untils[number] = next_plug_in.get(charger_ids[number], untils[number])
            next_plug_in[charger_ids[number]] = begins[number]
        by_charger: dict[str, list[int]] = {}
        for number in numbers.tolist():
            by_charger.setdefault(charger_ids[number], []).append(number)
        within = {charger_id: np.array(own) for charger_id, own in by_charger.items()}
        charge, discharge = (columns(name).to_numpy() for name in ("charge_wh", "discharge_wh"))
        return cls(account, begins, untils, charge, discharge, within)

    def owed_before(self, flows: _Flows, round_trip: RoundTrip) -> Wh:
        """Return what each car owed before its session within the windows [Wh], in the order of `flows`.

        That is what it gave before and did not take again, session by session. Sessions within the windows count by
        what flowed while they owned their charger, as they are matched.
        """
        taken, given = self.charge.copy(), self.discharge.copy()
        numbers = np.concatenate([*self.within.values(), np.zeros(0, dtype=np.int64)])
        bounds = _bounds(flows.session, len(numbers))
        taken[numbers], given[numbers] = _sums(flows.charge, bounds), _sums(flows.discharge, bounds)
        order = np.argsort(self.account, kind="stable")
        owed = _owed(self.account[order], (_debts(given, round_trip) - taken)[order])
        before = np.empty_like(owed)
        before[order] = owed
        return np.take(before, numbers)


@dataclass(frozen=True)
class _Flows:
    """What flowed in pieces of time while sessions within the windows owned their charger, session by session.

    The pieces' starts [s since 1970], energies into and out of the car [Wh], and whose they are, the first session's 0.
    """

    starts: Wh
    charge: Wh
    discharge: Wh
    session: Wh

    @classmethod
    def of(cls, owned: _Owned, edges: Wh, energy: Energy) -> _Flows:
        """Measure all sessions within the windows."""
        found, count = [np.zeros((4, 0), dtype=np.int64)], 0
        for charger_id, own in owned.within.items():
            starts, charge, discharge, session = _flows(charger_id, owned, own, edges, energy)
            found.append(np.stack([starts, charge, discharge, session + count]))
            count += len(own)
        return cls(*np.concatenate(found, axis=1))


def _flows(charger_id: str, owned: _Owned, own: Wh, edges: Wh, energy: Energy) -> tuple[Wh, Wh, Wh, Wh]:
    """Measure one charger in pieces that neither cross an edge of a window, also beyond the grid, nor a plug-in.

    Returns what `_Flows` names, numbered within the charger.
    """
    begins, untils, width = owned.begins[own], owned.untils[own], int(edges[1] - edges[0])
    first, last = begins[0], untils.max()
    before, beyond = np.arange(edges[0] - width, first, -width), np.arange(edges[-1] + width, last, width)
    cuts = np.concatenate([before[::-1], edges, beyond])
    pieces = _merged(cuts[(cuts > first) & (cuts < last)], {*begins.tolist(), *untils.tolist()})
    charge, discharge = energy(charger_id, pieces)
    owner = np.searchsorted(begins, pieces[:-1], side="right") - 1
    inside = pieces[:-1] < untils[owner]
    return pieces[:-1][inside], charge[inside], discharge[inside], owner[inside]


def _merged(cuts: Wh, plugs: set[int]) -> Wh:
    """Return instants in order, each once; `cuts` are so already, and many."""
    more = np.array(sorted(plugs), dtype=np.int64)
    places = np.searchsorted(cuts, more)
    new = np.append(cuts, -1)[places] != more
    return np.insert(cuts, places[new], more[new])
