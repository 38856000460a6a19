"""The modelled world's charging, to be drawn again with other parameters: the same stays, other losses or power."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Final, TypeAlias

import polars as pl

from pipeline import charging, scenarios
from pipeline.chain.outages import in_live_time
from pipeline.portfolio import Outage, Site

_PLUGGED: Final = ("plugged_in_at", "plugged_out_at")
Curves: TypeAlias = Mapping[tuple[str, str], charging.ChargePower]
_RUN_UP: Final = timedelta(days=14)  # before a bill, in which an account that was changed has settled


@dataclass(frozen=True)
class PlugIn:
    """What charging from plug-in is modelled from: stays since the programme began, and the windows of a bill."""

    sessions: pl.DataFrame
    windows: pl.DataFrame
    batteries: Mapping[str, scenarios.Battery]
    curves: Curves
    round_trip: charging.RoundTrip

    @classmethod
    def of(
        cls,
        sessions: pl.DataFrame,
        windows: pl.DataFrame,
        readings: pl.DataFrame,
        site: Site,
        round_trip: charging.RoundTrip,
        outages: Sequence[Outage],
    ) -> PlugIn:
        """Return the model of a site's stays, on a clock that stands still while the grid is dead."""
        batteries = {v.vehicle_id: scenarios.Battery(v.usable_kwh * 1000, v.target_soc_pct) for v in site.vehicles}
        return cls(
            in_live_time(sessions, _PLUGGED, outages),
            in_live_time(windows, ("interval_start",), outages),
            batteries,
            charging.charge_power(readings, site.vehicles, site.chargers),
            round_trip,
        )

    @property
    def counts_stock(self) -> bool:
        """Whether a stay without states of charge is modelled by what it took and gave, which needs the round trip."""
        soc = ("soc_in_pct", "soc_out_pct")
        unknown = ~pl.col("account").is_in(list(self.batteries))
        return not self.sessions.filter(pl.any_horizontal(pl.col(soc).is_null()) | unknown).is_empty()

    def since(self, begin: datetime) -> PlugIn:
        """Return the model of the stays that end within a run-up before `begin`, or later."""
        return replace(self, sessions=self.sessions.filter(pl.col("plugged_out_at") >= begin - _RUN_UP))

    @cached_property
    def _plug_ins(self) -> scenarios.PlugIns:
        return scenarios.PlugIns.of(self.sessions, self.windows)

    @cached_property
    def rebuilt(self) -> Mapping[str, scenarios.Wh]:
        """What each charger would have drawn per window [Wh], by what was measured."""
        return self.drawn()

    @cached_property
    def unfit_wh(self) -> Mapping[str, float]:
        """What each charger would have had to draw by what was measured, and could not before plug-out [Wh]."""
        return scenarios.unfit_by_charger(
            self._plug_ins, batteries=self.batteries, curve=partial(_curve, self.curves), round_trip=self.round_trip
        )

    def drawn(self, *, charge: float = 1.0, efficiency: float = 1.0, power: float = 0.0) -> dict[str, scenarios.Wh]:
        """Return what each charger would have drawn per window [Wh].

        Losses times what was measured [1]; every charging power `power` times its error above what was measured.
        """
        trip = self.round_trip
        changed = replace(
            trip,
            charge_wh_per_battery_wh=trip.charge_wh_per_battery_wh * charge,
            efficiency=trip.efficiency * efficiency,
        )
        curves = {key: found.off_by(power) for key, found in self.curves.items()} if power else self.curves
        return scenarios.unmanaged_by_charger(
            self._plug_ins, batteries=self.batteries, curve=partial(_curve, curves), round_trip=changed
        )


def _curve(curves: Curves, charger_id: str, account: str) -> charging.ChargePower:
    """The charging power of a car at a charger, or of the charger where the pair has none of its own."""
    return curves.get((charger_id, account), curves[charger_id, charger_id])
