"""Draws the world V2B is compared with, and says within what peak and money saved lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
import polars as pl
from babel.numbers import get_currency_precision

from pipeline import charging, savings, uncertainty
from pipeline.chain.inputs import Prepared
from pipeline.chain.loads import local_midnight
from pipeline.chain.plug_in import PlugIn
from pipeline.tariff import Bill
from pipeline.uncertainty import Axis, ChargerSource, Clock, Range, Sources

_KW_DIGITS: Final = 3
_FEW: Final = 39
"""Draws of each part of a range, whose bounds are then the least and the highest but none: 1 and 39 of 39."""
POWER_MEASURED: Final = 0.02
POWER_RATED: Final = 0.10
"""Half the range of a charging power read off registers, and of one that only the rating tells [1]."""
LOSSES_SUMMED: Final = 0.02
"""Half the range of losses from sums of stays, whose states of charge are rounded [1]."""
ASSUMED_LOSSES: Final = 0.027
ASSUMED_EFFICIENCY: Final = 0.054
"""Half the ranges that a round trip of 0.79 to 0.88 leaves to charging losses and to the round trip [1]."""
CONVERSION: Final = 0.02
"""Half the range of a DC register's conversion [1]."""
_NORMAL_95: Final = 1.96


@dataclass(frozen=True)
class Drawn:
    """What the draws of one bill came to: ranges, what each saved, and DETERMINANT_DRAW.

    `saving` and `baseline`: the saving and the bill of the compared world as rebuilt [money].
    """

    saving: float
    baseline: float
    peak_kw: Range | None
    money: Range
    peak_parts: Mapping[str, Range]
    money_parts: Mapping[str, Range]
    savings: uncertainty.DrawnSaving
    frame: pl.DataFrame

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """Return what later bills need of the draws, by warehouse table."""
        return {"determinant_draw": self.frame, "saving_draw": self.savings.frame}


def sources_of(prepared: Prepared) -> Sources:
    """Return what can be off in the world that V2B is compared with."""
    inputs, windows = prepared.inputs, prepared.windows
    starts = windows.get_column("interval_start").dt.epoch("ms").to_numpy()
    since = pl.col("interval_start") >= local_midnight(inputs)
    modelled = inputs.site.headline == "unmanaged" and prepared.plug_in is not None
    billing = [meter for meter in inputs.site.meters if meter.role == "billing"]
    drawn = prepared.plug_in.drawn() if modelled and prepared.plug_in else {}
    return Sources(
        site_id=inputs.site.site_id,
        month=inputs.period.month,
        starts=starts,
        ends=starts + windows.get_column("duration_s").to_numpy() * 1000,
        live=windows.select(since & pl.col("covered") & pl.col("metered")).to_series().to_numpy(),
        chargers=list(_chargers(prepared)),
        meter_accuracy=max((meter.accuracy_pct for meter in billing), default=0.0) / 100,
        drawn=drawn,
        axes=list(_axes(prepared, drawn)) if modelled and prepared.plug_in else (),
    )


def _chargers(prepared: Prepared) -> Iterator[ChargerSource]:
    imported = charging.counters(prepared.readings, "energy_import_wh")
    exported = charging.counters(prepared.readings, "energy_export_wh")
    bound_s = prepared.inputs.clock_bound_s
    fits = {fit.charger_id: fit for fit in prepared.fits if fit.within(bound_s)}
    for charger in prepared.inputs.site.chargers:
        fit = fits.get(charger.charger_id)
        # the rebuilt world is not corrected, so that a measured offset is part of what it can be off by
        error_s = None if fit is None else float(np.hypot(fit.offset_s, fit.error_s))
        yield ChargerSource(
            charger_id=charger.charger_id,
            accuracy=charger.accuracy_pct / 100,
            conversion=CONVERSION if charger.register_side == "dc" else 0.0,
            clock=Clock(float(bound_s), error_s),
            imported=imported.get(charger.charger_id),
            exported=exported.get(charger.charger_id),
        )


def _axes(prepared: Prepared, drawn: Mapping[str, uncertainty.Ints]) -> Iterator[Axis]:
    """The model's parameters: losses of charging, the round trip where it counts, the power of every charger."""
    if prepared.plug_in is None:
        return
    site_id, model = prepared.inputs.site.site_id, prepared.plug_in
    near = model.since(prepared.windows.item(0, "interval_start"))
    settled = near.drawn()
    losses, efficiency = _losses(prepared.round_trip)

    def axis(name: str, half: float, position: uncertainty.Reals) -> Axis:
        ends = [_moved(drawn, settled, near, {name: 1 + side * half}) for side in (-1, 1)]
        return Axis(ends[0], ends[1], position)

    if losses:
        yield axis("charge", losses, uncertainty.signed(site_id, "charging losses"))
    if efficiency and model.counts_stock:
        yield axis("efficiency", efficiency, uncertainty.signed(site_id, "round trip"))
    yield axis("power", _power(model), uncertainty.signed(site_id, "charging power"))


def _moved(
    drawn: Mapping[str, uncertainty.Ints],
    settled: Mapping[str, uncertainty.Ints],
    model: PlugIn,
    changes: Mapping[str, float],
) -> dict[str, uncertainty.Ints]:
    moved = model.drawn(**changes)
    return {name: wh + moved[name] - settled[name] if name in moved else wh for name, wh in drawn.items()}


def _losses(trip: charging.RoundTrip) -> tuple[float, float]:
    """Half the ranges of charging losses and of the round trip [1]."""
    if trip.source == "fit":
        return (
            _NORMAL_95 * trip.charge_error / trip.charge_wh_per_battery_wh,
            _NORMAL_95 * trip.efficiency_error / trip.efficiency,
        )
    if trip.source == "ratio":
        return LOSSES_SUMMED, LOSSES_SUMMED
    return (LOSSES_SUMMED if trip.sessions else ASSUMED_LOSSES), ASSUMED_EFFICIENCY


def _power(model: PlugIn) -> float:
    measured = any(curve.source == "measured" for curve in model.curves.values())
    return POWER_MEASURED if measured else POWER_RATED


def draw_savings(prepared: Prepared, bills: Mapping[str, Bill], line: savings.LineKey | None) -> Drawn | None:
    """Return the ranges of a bill's peak and saving; None before the programme or where a world is not known."""
    headline, actual = bills.get(prepared.inputs.site.headline), bills.get("actual")
    if prepared.inputs.is_seed or headline is None or actual is None:
        return None
    sources = sources_of(prepared)
    compared = _Compared(prepared, headline, actual, line)
    whole = compared.drawn(sources.deviations(uncertainty.DRAWS))
    parts = {
        "measurement": compared.drawn(sources.deviations(_FEW, modelled=False)),
        "modelling": compared.drawn(sources.deviations(_FEW, measured=False)),
    }
    peak = compared.peak(whole)
    peaks = {name: found for name, of_part in parts.items() if (found := compared.peak(of_part)) is not None}
    money = compared.money(whole)
    moneys = {name: compared.money(of_part) for name, of_part in parts.items()}
    saved = uncertainty.DrawnSaving(whole.totals - float(actual.total), money.bias)
    saving, baseline = float(headline.total - actual.total), float(headline.total)
    return Drawn(saving, baseline, peak, money, peaks, moneys, saved, whole.frame)


def ranges_of(prepared: Prepared, drawn: Drawn) -> savings.Ranges:
    """Return the ranges of one bill's headline figures in their published digits."""
    digits = get_currency_precision(prepared.inputs.site.currency)
    parts = {
        "peak_kw": {name: ends_of(found, _KW_DIGITS) for name, found in drawn.peak_parts.items()},
        "money": {name: ends_of(found, digits) for name, found in drawn.money_parts.items()},
    }
    peak = None if drawn.peak_kw is None else ends_of(drawn.peak_kw, _KW_DIGITS)
    return savings.Ranges(peak_kw=peak, money=ends_of(drawn.money, digits), parts=parts)


def ends_of(found: Range, digits: int) -> savings.Ends:
    """Return a range in so many decimals."""
    return savings.Ends(*(Decimal(repr(end)).quantize(Decimal(1).scaleb(-digits)) for end in (found.low, found.high)))


@dataclass(frozen=True)
class _Compared:
    """One bill's rebuilt world and metered one, and the demand line of the headline."""

    prepared: Prepared
    headline: Bill
    actual: Bill
    line: savings.LineKey | None

    def drawn(self, deviations: uncertainty.Reals) -> uncertainty.DrawnBills:
        inputs, windows = self.prepared.inputs, self.prepared.windows
        name = inputs.site.headline
        load = [windows.get_column(f"{name}_{side}_wh").to_numpy() for side in ("import", "export")]
        rebuilt = uncertainty.Rebuilt(load[0], load[1], windows.get_column("metered").to_numpy())
        terms = uncertainty.Terms(
            tariff=inputs.tariff,
            scenario=name,
            zone=inputs.site.timezone,
            holidays=inputs.tariff_holidays,
            starts=windows.get_column("interval_start").dt.epoch("us").to_numpy(),
            duration_s=int(windows.item(0, "duration_s")),
            currency_digits=get_currency_precision(inputs.site.currency),
            history=uncertainty.past_of_draws(
                inputs.earlier.own_peaks, inputs.earlier.drawn, name, inputs.reach, len(deviations)
            ),
        )
        return uncertainty.bill_draws(terms, rebuilt.moved(deviations))

    def peak(self, drawn: uncertainty.DrawnBills) -> Range | None:
        point, metered = (savings.line_of(bill, self.line) for bill in (self.headline, self.actual))
        values = drawn.own_peaks_kw(self.line)
        if point is None or metered is None or values is None:
            return None
        if point.own_peak_kw is None or metered.own_peak_kw is None:
            return None
        return uncertainty.range_of(float(point.own_peak_kw - metered.own_peak_kw), values - float(metered.own_peak_kw))

    def money(self, drawn: uncertainty.DrawnBills) -> Range:
        point, metered = float(self.headline.total), float(self.actual.total)
        return uncertainty.range_of(point - metered, drawn.totals - metered)
