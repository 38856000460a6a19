"""Registers as a charger reports them: on its clock, at plug-in and plug-out, and when it changes what it does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from pipeline.simulate.controller import Profile
from pipeline.simulate.draws import Draws
from pipeline.simulate.fleet import GAIN_WH, TAKEN_WH
from pipeline.simulate.timeline import STEP_S, Timeline
from pipeline.simulate.world import SimulatedSite

Occasion = Literal["begin", "clock", "change", "end", "idle"]


@dataclass(frozen=True)
class SimulationOptions:
    """What a charger log looks like; none of it changes the truth.

    `sample_s` [s] between samples on the clock; `jitter_s` [s] they move by at most; `loss_pct` [%] of MeterValues lost
    (a charger repeats the start and stop of a transaction until it is heard); `clock_offset_s` [s] the chargers' clocks
    are ahead; `register_step_wh` [Wh] registers are floored to; `gap_hours` [h] without any message, once a month and
    charger; `file_format` ocpp, csv, or both: OCPP for every other charger and CSV for the rest.
    """

    sample_s: int = 300
    jitter_s: int = 0
    loss_pct: int = 0
    clock_offset_s: int = 0
    register_step_wh: int = 1
    gap_hours: int = 0
    file_format: Literal["ocpp", "csv", "both"] = "ocpp"


@dataclass(frozen=True)
class Reading:
    """Registers [Wh] and state of charge [millionths of a percent] at an instant, and when the charger says it was."""

    charger: int
    at_s: int
    stamp_s: int
    occasion: Occasion
    import_wh: int
    export_wh: int
    soc_millionths: int | None = None
    transaction: int | None = None
    vehicle: int | None = None


def _change_times(profile: Profile, power_w: int, timeline: Timeline) -> Iterator[int]:
    """Instants at which charging or discharging starts or stops [s]; a last, partial step of charging ends within."""
    before = (False, False)
    full = power_w * STEP_S // 3600
    for step, (charge, discharge) in enumerate(zip(profile.charge, profile.discharge, strict=True), profile.stay.first):
        now = (charge > 0, discharge > 0)
        if now != before:
            yield timeline.step_s(step)
        before = now
        if 0 < charge < full:
            yield timeline.step_s(step) + charge * 3600 // power_w
            before = (False, now[1])


class _Meter:
    """Reads the energy of one stay at any second."""

    def __init__(self, site: SimulatedSite, profile: Profile) -> None:
        self._start_s = site.timeline.step_s(profile.stay.first)
        self._power_w, self._usable_wh = site.recipe.fleet.power_w, site.recipe.fleet.usable_wh
        self._profile = profile
        self._charged = [0, *accumulate(profile.charge)]
        self._discharged = [0, *accumulate(profile.discharge)]

    def read(self, at_s: int) -> tuple[int, int, int]:
        """Return energy in, energy out since plug-in [Wh] and state of charge [millionths of a percent]."""
        step, past_s = divmod(at_s - self._start_s, STEP_S)
        charged, discharged = self._charged[step], self._discharged[step]
        if past_s:
            charged += min(self._profile.charge[step], self._power_w * past_s // 3600)
            discharged += self._profile.discharge[step] * past_s // STEP_S
        shared = GAIN_WH * TAKEN_WH
        held = self._profile.energy_in * shared + charged * GAIN_WH**2 - discharged * TAKEN_WH**2
        full = self._usable_wh * shared
        return charged, discharged, (held * 10**8 * 2 + full) // (2 * full)


def _stay_times(site: SimulatedSite, profile: Profile, options: SimulationOptions, draws: Draws) -> dict[int, Occasion]:
    timeline = site.timeline
    start_s, end_s = timeline.step_s(profile.stay.first), timeline.step_s(profile.stay.end)
    times: dict[int, Occasion] = {}
    first = -(-(start_s + options.clock_offset_s) // options.sample_s) * options.sample_s
    for stamp_s in range(first, end_s + options.clock_offset_s, options.sample_s):
        moved = draws.between(-options.jitter_s, options.jitter_s) if options.jitter_s else 0
        times[stamp_s - options.clock_offset_s + moved] = "clock"
    for at_s in _change_times(profile, site.recipe.fleet.power_w, timeline):
        times.setdefault(at_s, "change")
    times = {at_s: occasion for at_s, occasion in times.items() if start_s < at_s < end_s}
    return {start_s: "begin", **dict(sorted(times.items())), end_s: "end"}


def _gaps(timeline: Timeline, options: SimulationOptions, draws: Draws) -> list[range]:
    width = timeline.window_min * 60
    gaps = []
    for _, windows in timeline.months if options.gap_hours else []:
        length = options.gap_hours * 3600
        last = max(windows.start, windows.stop - 1 - length // width)
        start_s = timeline.start_s + width * draws.between(windows.start, last)
        gaps.append(range(start_s, start_s + length))
    return gaps


def _idle_times(timeline: Timeline, options: SimulationOptions) -> list[int]:
    """Local midnight of the first of every month and of the last day's end, by the charger's clock [s]."""
    edges = [*(windows.start for _, windows in timeline.months), timeline.windows]
    return [timeline.start_s + edge * timeline.window_min * 60 - options.clock_offset_s for edge in edges]


def charger_readings(site: SimulatedSite, options: SimulationOptions, charger: int) -> list[Reading]:
    """Return what one charger reports over the whole span, in order; transactions are numbered over the site."""
    draws = Draws(site.recipe.seed, site.recipe.site_id, "log", charger)
    first = Draws(site.recipe.seed, site.recipe.site_id, "register", charger)
    clock = _Registers(charger, options, first.between(100_000, 900_000), first.between(10_000, 90_000))
    found, idle = list[Reading](), _idle_times(site.timeline, options)
    for transaction, profile in enumerate(site.actual, start=1001):
        if profile.stay.vehicle != charger:
            continue
        while idle and idle[0] < site.timeline.step_s(profile.stay.first):
            found.append(clock.reading(idle.pop(0), "idle"))
        meter = _Meter(site, profile)
        for at_s, occasion in _stay_times(site, profile, options, draws).items():
            found.append(clock.reading(at_s, occasion, meter.read(at_s), transaction))
        clock.advance(profile)
    found += [clock.reading(at_s, "idle") for at_s in idle]
    return list(_heard(found, options, _gaps(site.timeline, options, draws), draws))


@dataclass
class _Registers:
    """The lifetime registers of one charger [Wh], and how it reports them."""

    charger: int
    options: SimulationOptions
    import_wh: int
    export_wh: int

    def advance(self, profile: Profile) -> None:
        self.import_wh += sum(profile.charge)
        self.export_wh += sum(profile.discharge)

    def reading(
        self, at_s: int, occasion: Occasion, energy: tuple[int, int, int] | None = None, transaction: int | None = None
    ) -> Reading:
        charged, discharged, soc = energy or (0, 0, None)
        step_wh = self.options.register_step_wh
        return Reading(
            charger=self.charger,
            at_s=at_s,
            stamp_s=at_s + self.options.clock_offset_s,
            occasion=occasion,
            import_wh=(self.import_wh + charged) // step_wh * step_wh,
            export_wh=(self.export_wh + discharged) // step_wh * step_wh,
            soc_millionths=soc,
            transaction=transaction,
            vehicle=self.charger if transaction is not None else None,
        )


def _heard(
    readings: Iterable[Reading], options: SimulationOptions, gaps: Sequence[range], draws: Draws
) -> Iterator[Reading]:
    for reading in readings:
        lost = reading.occasion not in ("begin", "end") and options.loss_pct > 0 and draws.hits(options.loss_pct)
        if not lost and not any(reading.at_s in gap for gap in gaps):
            yield reading
