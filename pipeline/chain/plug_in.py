"""The modelled world's charging, to be drawn again with other parameters: the same stays, other losses or power."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Final, TypeAlias

import polars as pl

from pipeline import charging, scenarios
from pipeline.chain.outages import in_live_time
from pipeline.portfolio import Outage, Site

_PLUGGED: Final = ("plugged_in_at", "plugged_out_at")
Curves: TypeAlias = Mapping[tuple[str, str], charging.ChargePower]
_RUN_UP: Final = timedelta(days=14)  # before a bill, in which an account that was changed has settled


@dataclass(frozen=True)
class Change:
    """Other parameters of the model: losses times what was measured [1]; every charging power `power` errors above."""

    charge: float = 1.0
    efficiency: float = 1.0
    power: float = 0.0


@dataclass(frozen=True)
class PlugIn:
    """What charging from plug-in is modelled from: stays since the programme began, and the windows of a bill."""

    plug_ins: scenarios.PlugIns
    curves: Curves
    round_trip: charging.RoundTrip

    @classmethod
    def of(
        cls,
        sessions: pl.DataFrame,
        windows: pl.DataFrame,
        readings: charging.Readings,
        site: Site,
        round_trip: charging.RoundTrip,
        outages: Sequence[Outage],
    ) -> PlugIn:
        """Return the model of a site's stays, on a clock that stands still while the grid is dead."""
        batteries = {v.vehicle_id: scenarios.Battery(v.usable_kwh * 1000, v.target_soc_pct) for v in site.vehicles}
        stays = in_live_time(sessions, _PLUGGED, outages)
        live = in_live_time(windows, ("interval_start",), outages)
        curves = charging.charge_power(readings, site.vehicles, site.chargers)
        return cls(scenarios.PlugIns.of(stays, live, batteries), curves, round_trip)

    @property
    def counts_stock(self) -> bool:
        """Whether a stay without states of charge is modelled by what it took and gave, which needs the round trip."""
        return self.plug_ins.counts_stock

    @cached_property
    def charged(self) -> scenarios.Charged:
        """What each charger would have drawn, by what was measured."""
        return self.drawn([Change()])[0]

    @property
    def rebuilt(self) -> Mapping[str, scenarios.Wh]:
        """What each charger would have drawn per window [Wh], by what was measured."""
        return self.charged.drawn

    @property
    def unfit_wh(self) -> Mapping[str, float]:
        """What each charger would have had to draw by what was measured, and could not before plug-out [Wh]."""
        return self.charged.unfit

    def settled(self, changes: Sequence[Change]) -> list[Mapping[str, scenarios.Wh]]:
        """Return what each charger would have drawn per window by each of some parameters [Wh].

        Of stays that end within a run-up before the windows, or later.
        """
        near = replace(self, plug_ins=self.plug_ins.ending_within(_RUN_UP))
        return [found.drawn for found in near.drawn(changes)]

    def drawn(self, changes: Sequence[Change]) -> list[scenarios.Charged]:
        """Return what each charger would have drawn by each of some parameters."""
        return scenarios.unmanaged_by_charger(self.plug_ins, [self._model(change) for change in changes])

    def _model(self, change: Change) -> scenarios.Model:
        trip, curves = self.round_trip, self.curves
        changed = replace(
            trip,
            charge_wh_per_battery_wh=trip.charge_wh_per_battery_wh * change.charge,
            efficiency=trip.efficiency * change.efficiency,
        )

        def curve(charger_id: str, account: str) -> charging.ChargePower:
            """The charging power of a car at a charger, or of the charger where the pair has none of its own."""
            found = curves.get((charger_id, account), curves[charger_id, charger_id])
            return found.off_by(change.power) if change.power else found

        return scenarios.Model(curve, changed)
