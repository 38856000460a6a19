"""Sessions: when a car was plugged in, how full it was, and what went in and out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from pipeline.charging.columns import Flags, Integers, Register, framed
from pipeline.charging.order import Log, Marks, Readings
from pipeline.domain import CHARGING_SESSION

_LATE_COUNT_US: Final = 15 * 60 * 1_000_000


def sessions(readings: Readings) -> pl.DataFrame:
    """Return the sessions that readings name, in the shape of `domain.CHARGING_SESSION`, in order of plug-in.

    `readings` in the shape of `domain.CHARGER_RECORD`, of one site, in any order. A session lasts from its reading of
    context begin (else its first) to that of context end (else its last); its states of charge are the first and last
    inside, its energies the rises of the registers inside, falls (resets) left out. What its own readings count after
    its end still belongs to it, and so does what the next idle reading or begin counts more, where the end was never
    heard or lies at most a quarter of an hour before: nothing flows between sessions. A begin or end that lacks one of
    the registers takes it from the idle readings beside it. `complete`: both begin and end were seen. Target and
    departure are not in readings and stay null.
    """
    stays = _Stays.of(Log.of(readings))
    log, at, since = stays.log, stays.at, stays.since
    named, soc = stays.marked(stays.marks.names_car), stays.marked(stays.marks.states_soc)
    found = {
        "session_id": log.column("session_id", at(stays.begins)),
        "charger_id": log.column("charger_id", at(stays.begins)),
        "vehicle_id": log.column("vehicle_id", at(since.first(named))),
        "plugged_in_at": log.at_us[at(stays.begins)],
        "plugged_out_at": stays.out_us,
        "soc_in_pct": log.column("soc_pct", at(stays.inside.first(soc))),
        "soc_out_pct": log.column("soc_pct", at(stays.inside.last(soc))),
        **dict.fromkeys(("target_soc_pct", "departure_at"), [None] * len(stays.begins)),
        "charge_wh": stays.energy("energy_import_wh"),
        "discharge_wh": stays.energy("energy_export_wh"),
        "complete": stays.ended & (since.first(stays.marked(stays.marks.begin)) >= 0),
    }
    return framed(found, CHARGING_SESSION)


class _Spans(NamedTuple):
    """Stretches of a list of readings, from `begins` up to `ends`."""

    begins: Integers
    ends: Integers

    def among(self, chosen: Integers) -> _Spans:
        """Return the same stretches of a list of some of the readings."""
        return _Spans(*(np.searchsorted(chosen, edges) for edges in self))

    def first(self, chosen: Integers) -> Integers:
        """Return the first of the chosen readings in each stretch, -1 where there is none."""
        begins, ends = self.among(chosen)
        return np.where(begins < ends, np.append(chosen, -1)[begins], -1)

    def last(self, chosen: Integers) -> Integers:
        """Return the last of the chosen readings in each stretch, -1 where there is none."""
        begins, ends = self.among(chosen)
        return np.where(begins < ends, np.append(chosen, -1)[ends - 1], -1)


def _grouped(log: Log) -> tuple[Integers, _Spans]:
    """Return the places of readings that name a session, session by session, and each session's stretch of them."""
    ids = log.readings.get_column("session_id")
    runs = np.flatnonzero(log.marks.new_session)
    numbers: dict[tuple[int, str], int] = {}
    names = zip(log.charger_of(runs).tolist(), ids[runs].to_list(), strict=True)
    of_run = [-1 if name is None else numbers.setdefault((charger, name), len(numbers)) for charger, name in names]
    session = np.repeat(np.array(of_run, dtype=np.int64), np.diff(runs, append=len(ids)))
    places = np.argsort(session, kind="stable")
    begins, ends = (np.searchsorted(session[places], np.arange(len(numbers)), side=side) for side in ("left", "right"))
    return places, _Spans(begins, ends)


def _order_of(log: Log, begins: Integers) -> list[int]:
    """Return the order of sessions by plug-in and name; `begins` are the places of the readings they begin with."""
    keys = list(zip(log.at_us[begins].tolist(), log.column("session_id", begins).to_list(), strict=True))
    return sorted(range(len(keys)), key=keys.__getitem__)


@dataclass(frozen=True)
class _Stays:
    """Sessions in order of plug-in, as stretches of `places`, where their readings lie in the log.

    `since` plug-in, and `inside`, up to plug-out, too. `begins` and `outs` are the readings they begin and end with.
    """

    log: Log
    marks: Marks
    places: Integers
    begins: Integers
    outs: Integers
    since: _Spans
    inside: _Spans

    @classmethod
    def of(cls, log: Log) -> _Stays:
        """Return the sessions that readings name."""
        marks = log.marks
        places, named = _grouped(log)
        begin, end = named.first(np.flatnonzero(marks.begin[places])), named.last(np.flatnonzero(marks.end[places]))
        begins, outs = np.where(begin >= 0, begin, named.begins), np.where(end >= 0, end, named.ends - 1)
        # Readings of the same instant as the begin or the end belong to the session, too.
        instants = np.flatnonzero(np.diff(log.at_us[places], prepend=-1))
        first = np.maximum(named.begins, instants[np.searchsorted(instants, begins, side="right") - 1])
        last = np.minimum(named.ends, np.append(instants, len(places))[np.searchsorted(instants, outs, side="right")])
        order = _order_of(log, places[begins])
        begins, outs, first, last, ends = (edges[order] for edges in (begins, outs, first, last, named.ends))
        return cls(log, marks, places, begins, outs, _Spans(first, ends), _Spans(first, last))

    def at(self, positions: Integers) -> Integers:
        """Return where readings lie in the log; -1, for none, stays so."""
        return np.where(positions >= 0, self.places[positions], -1)

    def marked(self, mark: Flags) -> Integers:
        """Return which of the sessions' readings have a mark."""
        return np.flatnonzero(mark[self.places])

    @cached_property
    def out_us(self) -> Integers:
        """When cars were plugged out [us since 1970]."""
        return self.log.at_us[self.at(self.outs)]

    @cached_property
    def ended(self) -> Flags:
        """Which sessions' end was heard."""
        return self.since.last(self.marked(self.marks.end)) >= 0

    def energy(self, register: str) -> Integers:
        """Return what a register counts from a session's first reading to its last, and what was heard of it later."""
        known = self._bridged(Register.of(self.log.readings.get_column(register)))
        stated = self.marked(known.told)
        begins, ends = self.since.among(stated)
        totals = np.append(np.cumsum(np.maximum(np.diff(known.wh[self.places[stated]], prepend=0), 0)), 0)
        inside = np.where(begins < ends, totals[ends - 1] - totals[begins], 0)
        return inside + self._later(known, self.at(self.since.last(stated)))

    def _later(self, register: Register, last: Integers) -> Integers:
        """Return what the next reading counts more, where that is idle or a begin and the end not long past."""
        following = self._beside(register, last, after=True)
        telling = (last >= 0) & (following >= 0) & (self.marks.idle | self.marks.begin)[following]
        telling &= ~self.ended | (self.log.at_us[following] - self.out_us <= _LATE_COUNT_US)
        return np.where(telling, np.maximum(register.wh[following] - register.wh[last], 0), 0)

    def _bridged(self, register: Register) -> Register:
        """Fill a register that a session's begin or end lacks from the nearest reading outside any session's inside."""
        bare = ~register.told
        if not (bare & (self.marks.begin | self.marks.end)).any():
            return register
        wh, told = register.wh.copy(), register.told.copy()
        for mark, other, after in ((self.marks.begin, self.marks.end, False), (self.marks.end, self.marks.begin, True)):
            lacking = np.flatnonzero(bare & mark)
            nearest = self._beside(register, lacking, after=after)
            quiet = (nearest >= 0) & (self.marks.idle | other)[nearest]
            wh[lacking[quiet]], told[lacking[quiet]] = register.wh[nearest[quiet]], True
        return Register(wh, told)

    def _beside(self, register: Register, places: Integers, *, after: bool) -> Integers:
        """Return the places of the nearest readings of the same charger that state a register, -1 where none does."""
        stated = np.flatnonzero(register.told)
        nearest = np.append(stated, -1)[np.searchsorted(stated, places, side="right") - (not after)]
        same = self.log.charger_of(nearest) == self.log.charger_of(places)
        return np.where((nearest >= 0) & same, nearest, -1)
