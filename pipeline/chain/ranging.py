"""Draws the world V2B is compared with, and says within what peak and money saved lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Final

import numpy as np
import polars as pl
from babel.numbers import get_currency_precision

from pipeline import charging, quality, savings, uncertainty
from pipeline.calendars import instants_us
from pipeline.chain.gap_corners import corners_of
from pipeline.chain.inputs import Prepared
from pipeline.chain.loads import local_midnight
from pipeline.chain.plug_in import Change, PlugIn
from pipeline.tariff import Bill
from pipeline.uncertainty import DC_LOSS, Axis, ChargerSource, Clock, DrawnSet, Range, Sources

_KW_DIGITS: Final = 3
_FEW: Final = 39
"""Draws of each part of a range, whose bounds are then the least and the highest but none: 1 and 39 of 39."""
_SETS: Final = (
    DrawnSet(),
    DrawnSet(_FEW, noisy=False),
    DrawnSet(_FEW, modelled=False),
    DrawnSet(_FEW, measured=False),
)
"""Whole draws, those without noise, and those of one part of what can be off."""
LOSSES_SUMMED: Final = 0.02
"""Half the range of losses from sums of stays, whose states of charge are rounded [1]."""
ASSUMED_LOSSES: Final = 0.027
ASSUMED_EFFICIENCY: Final = 0.054
"""Half the ranges that a round trip of 0.79 to 0.88 leaves to charging losses and to the round trip [1]."""
DC_BEFORE: Final = 0.05
"""The share of sites whose registers stand on the DC side unsaid, before the meter is asked [1]."""
CONVERSION: Final = 0.02
"""Half the range of a DC register's conversion [1]."""
_NORMAL_95: Final = 1.96


@dataclass(frozen=True)
class Drawn:
    """What the draws of one bill came to: ranges, what each saved and measured.

    `saving` and `baseline`: the saving and the bill of the compared world as rebuilt [money]; `cleared`: no peak of
    the bill can lie in a window without charger data; `clock`: the peak reduction, and by how much it may change
    within the 95 % ranges of the clocks [kW]; zeros without a demand charge.
    """

    saving: float
    baseline: float
    peak_kw: Range | None
    money: Range
    parts: Mapping[str, Mapping[str, Range]]
    savings: uncertainty.DrawnSaving
    bill: uncertainty.DrawnBill
    cleared: bool
    clock: tuple[float, float]

    @property
    def biased(self) -> bool:
        """Tell whether noise lifts the peak or the saving by more than a tenth of its range."""
        return self.money.biased or (self.peak_kw is not None and self.peak_kw.biased)

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """Return what later bills need of the draws, by warehouse table."""
        return {"determinant_draw": self.bill.frame, "saving_draw": self.savings.frame}


def sources_of(prepared: Prepared) -> Sources:
    """Return what can be off in the world that V2B is compared with."""
    inputs, windows = prepared.inputs, prepared.windows
    starts = instants_us(windows.get_column("interval_start")) // 1000
    since = starts >= local_midnight(inputs).timestamp() * 1000
    model = prepared.plug_in if inputs.site.headline == "unmanaged" else None
    billing = [meter for meter in inputs.site.meters if meter.role == "billing"]
    return Sources(
        site_id=inputs.site.site_id,
        starts=starts,
        ends=starts + windows.get_column("duration_s").to_numpy() * 1000,
        live=since & windows.get_column("metered").to_numpy(),
        chargers=list(chargers_of(prepared)),
        meter_accuracy=max((meter.accuracy_pct for meter in billing), default=0.0) / 100,
        dc_chance=dc_chance(prepared.fits),
        drawn={} if model is None else model.rebuilt,
        axes=() if model is None else list(_axes(prepared, model)),
    )


def chargers_of(prepared: Prepared) -> Iterator[ChargerSource]:
    """Yield what can be off in every charger of the site."""
    imported, exported = prepared.registers
    bound_s = prepared.inputs.clock_bound_s
    fits = {fit.charger_id: fit for fit in prepared.fits if fit.tells}
    corrected = quality.corrections_s(prepared.fits, bound_s)
    for charger in prepared.inputs.site.chargers:
        fit = fits.get(charger.charger_id)
        # an offset that may be chance was not corrected, and is part of what the rebuilt world can be off by
        left_s = 0.0 if fit is None or charger.charger_id in corrected else fit.offset_s
        error_s = None if fit is None else float(np.hypot(left_s, fit.error_s))
        yield ChargerSource(
            charger_id=charger.charger_id,
            accuracy=charger.accuracy_pct / 100,
            conversion=CONVERSION if charger.register_side == "dc" else 0.0,
            clock=Clock(float(bound_s), error_s) if error_s is None else Clock(3 * error_s, error_s),
            imported=imported.get(charger.charger_id),
            exported=exported.get(charger.charger_id),
        )


def dc_chance(fits: Sequence[quality.Fit], before: float = DC_BEFORE) -> float:
    """Return the chance of registers on the DC side, given how much the meter saw of what cars took and gave [1].

    Bayes: `before` its meter is asked one site in twenty; that of the chargers added up then tells.
    """
    together = next((fit.together for fit in fits if fit.together), None)
    sides = together.sides if together else None
    if sides is None or not np.isfinite(sides.into_error) or sides.into_error <= 0:
        return before if sides is None else 0.0
    from_ac, from_dc = ((sides.into - gain) / sides.into_error for gain in (1.0, 1 + sum(DC_LOSS) / 2))
    odds = before / (1 - before) * float(np.exp(np.clip((from_ac**2 - from_dc**2) / 2, -50, 50)))
    return odds / (1 + odds)


def _axes(prepared: Prepared, model: PlugIn) -> Iterator[Axis]:
    """The model's parameters: losses of charging, the round trip where it counts, the power of every charger."""
    site_id, drawn = prepared.inputs.site.site_id, model.rebuilt
    losses, efficiency = losses_of(prepared.round_trip)
    ranges = {"power": (Change(power=-1.0), Change(power=1.0))}
    if losses:
        ranges["charging losses"] = Change(charge=1 - losses), Change(charge=1 + losses)
    if efficiency and model.counts_stock:
        ranges["round trip"] = Change(efficiency=1 - efficiency), Change(efficiency=1 + efficiency)
    settled, *moved = model.settled([Change(), *chain.from_iterable(ranges.values())])
    ends = [
        {name: wh + found[name] - settled[name] if name in found else wh for name, wh in drawn.items()}
        for found in moved
    ]
    (low, high), *others = zip(ends[::2], ends[1::2], strict=True)
    for name, (least, most) in zip([*ranges][1:], others, strict=True):
        yield Axis(least, most, uncertainty.signed(site_id, name))
    for charger_id in drawn:
        position = uncertainty.signed(site_id, charger_id, "charging power")
        yield Axis({charger_id: low[charger_id]}, {charger_id: high[charger_id]}, position)


def losses_of(trip: charging.RoundTrip) -> tuple[float, float]:
    """Return half the ranges of charging losses and of the round trip [1]."""
    if trip.source == "fit":
        return (
            _NORMAL_95 * trip.charge_error / trip.charge_wh_per_battery_wh,
            _NORMAL_95 * trip.efficiency_error / trip.efficiency,
        )
    if trip.source == "ratio":
        return LOSSES_SUMMED, LOSSES_SUMMED
    return (LOSSES_SUMMED if trip.sessions else ASSUMED_LOSSES), ASSUMED_EFFICIENCY


def power_of(model: PlugIn) -> float:
    """Return half the range of the charging power known worst, of those that were measured where any was [1]."""
    measured = [curve.error for curve in model.curves.values() if curve.source == "measured"]
    return max(measured or [curve.error for curve in model.curves.values()])


def draw_savings(prepared: Prepared, bills: Mapping[str, Bill], line: savings.LineKey | None) -> Drawn | None:
    """Return the ranges of a bill's peak and saving; None before the programme or where a world is not known.

    In `bills`, windows without charger data hold what the registers around them say.
    """
    headline, actual = bills.get(prepared.inputs.site.headline), bills.get("actual")
    modelled = prepared.inputs.site.headline != "no_ev"
    unknown = (prepared.outside_sessions and modelled) or not bool(prepared.windows.get_column("metered").all())
    if prepared.inputs.is_seed or unknown or headline is None or actual is None:
        return None
    corners = corners_of(prepared)
    return None if corners is None else _drawn(_Compared(prepared, headline, actual, line), corners)


def _drawn(compared: _Compared, corners: uncertainty.Reals) -> Drawn | None:
    """Draw the compared world; `corners` as of `corners_of`. None where draws lack a line of its bill."""
    sources = sources_of(compared.prepared)
    clock_ends = sources.clock_ends()
    deviations = sources.deviations(*_SETS, also=np.concatenate([corners * sources.live, clock_ends]))
    sizes = [*(drawn.draws for drawn in _SETS), len(corners), len(clock_ends)]
    whole, still, measurement, modelling, ends, clocks = compared.drawn(deviations, sizes)
    if len(whole.lines) != len(compared.headline.lines):
        return None
    peak_kw = compared.widened("peak_kw", _range(compared.reductions, whole, still, ends))
    money = compared.widened("money", _range(compared.savings, whole, still, ends))
    if money is None:
        return None
    by_clock = compared.reductions(clocks)
    figures = {"peak_kw": compared.reductions, "money": compared.savings}
    parts = {"measurement": measurement, "modelling": modelling}
    return Drawn(
        saving=float(compared.headline.total - compared.actual.total),
        baseline=float(compared.headline.total),
        peak_kw=peak_kw,
        money=money,
        parts={name: _ranges_of_parts(figure, parts) for name, figure in figures.items()},
        savings=uncertainty.DrawnSaving(compared.savings(whole), money.bias, *compared.money_left_open(ends)),
        bill=whole.drawn,
        cleared=_all_peak_as(compared.headline, ends),
        clock=(0.0, 0.0) if by_clock is None else (float(by_clock[0]), float(np.abs(by_clock - by_clock[0]).max())),
    )


def _ranges_of_parts(
    figure: Callable[[uncertainty.BilledSet], uncertainty.Reals | None], parts: Mapping[str, uncertainty.BilledSet]
) -> dict[str, Range]:
    """The ranges of one figure had only the measurement, or only the model, been off."""
    found = {name: figure(drawn) for name, drawn in parts.items()}
    return {name: uncertainty.range_of(values) for name, values in found.items() if values is not None}


def _range(
    figure: Callable[[uncertainty.BilledSet], uncertainty.Reals | None],
    whole: uncertainty.BilledSet,
    still: uncertainty.BilledSet,
    ends: uncertainty.BilledSet,
) -> Range | None:
    """The range of one figure, the bias of its noise taken out, widened by what windows without data may hold."""
    drawn, quiet, corners = figure(whole), figure(still), figure(ends)
    if drawn is None or quiet is None or corners is None:
        return None
    bias = float(np.mean((drawn[:_FEW] - quiet)[~uncertainty.IN_STEP[:_FEW]]))  # noise moves these alone
    return uncertainty.range_of_either(drawn, bias).holding(float(corners[0])).widened(*_left_open(corners))


def _left_open(corners: uncertainty.Reals) -> tuple[float, float]:
    """How far corners lie below and above the first of them."""
    point = float(corners[0])
    return point - float(corners.min()), float(corners.max()) - point


def _all_peak_as(bill: Bill, drawn: uncertainty.BilledSet) -> bool:
    """Whether every draw has the own peaks of a bill."""
    own = [((line.charge_id, line.band), line.own_peak_kw) for line in bill.lines if line.own_peak_kw is not None]
    return len(own) == len(drawn.own_peaks) and all(
        key == named and bool((values == float(kw)).all())
        for (key, kw), (named, values) in zip(own, drawn.own_peaks, strict=True)
    )


def ranges_of(prepared: Prepared, drawn: Drawn) -> savings.Ranges:
    """Return the ranges of one bill's headline figures in their published digits."""
    digits = get_currency_precision(prepared.inputs.site.currency)
    places = {"peak_kw": _KW_DIGITS, "money": digits}
    parts = {
        figure: {name: ends_of(found, places[figure]) for name, found in by_part.items()}
        for figure, by_part in drawn.parts.items()
    }
    peak = None if drawn.peak_kw is None else ends_of(drawn.peak_kw, _KW_DIGITS)
    return savings.Ranges(peak_kw=peak, money=ends_of(drawn.money, digits), parts=parts)


def ends_of(found: Range, digits: int) -> savings.Ends:
    """Return a range in so many decimals."""
    return savings.Ends(*(Decimal(repr(end)).quantize(Decimal(1).scaleb(-digits)) for end in (found.low, found.high)))


def terms_of(prepared: Prepared) -> uncertainty.Terms:
    """Return what every draw of the compared world is priced by."""
    inputs, windows = prepared.inputs, prepared.windows
    return uncertainty.Terms(
        tariff=inputs.tariff,
        scenario=inputs.site.headline,
        zone=inputs.site.timezone,
        holidays=inputs.tariff_holidays,
        starts=instants_us(windows.get_column("interval_start")),
        duration_s=int(windows.item(0, "duration_s")),
        currency_digits=get_currency_precision(inputs.site.currency),
    )


@dataclass(frozen=True)
class _Compared:
    """One bill's rebuilt world and metered one, and the demand line of the headline."""

    prepared: Prepared
    headline: Bill
    actual: Bill
    line: savings.LineKey | None

    def drawn(self, deviations: uncertainty.Deviations, sizes: Sequence[int]) -> list[uncertainty.BilledSet]:
        """Bill every draw of sets of some sizes under each other.

        Whole draws and those without noise are billed after their own past peaks, the other sets after the rebuilt
        ones, as if only this bill were off.
        """
        inputs, windows = self.prepared.inputs, self.prepared.windows
        name, terms = inputs.site.headline, terms_of(self.prepared)
        measured = terms.measure(uncertainty.Rebuilt.of(windows, name).moved(deviations))
        with_past, alone = sizes[:2], sizes[2:]
        draws = np.concatenate([np.arange(size) for size in with_past])
        known, reach = inputs.earlier.own_peaks, inputs.reach
        own = uncertainty.past_of_draws(known, inputs.earlier.drawn, name, reach, draws)
        rebuilt = uncertainty.past_of_draws(known, {}, name, reach)
        whole = uncertainty.DrawnBills(terms, measured.of(slice(len(draws))), own)
        others = uncertainty.DrawnBills(terms, measured.of(slice(len(draws), None)), rebuilt, whole.first)
        return [*whole.sets(with_past), *others.sets(alone)]

    def widened(self, figure: str, found: Range | None) -> Range | None:
        """Widen a range by what windows without meter data leave open."""
        spread = self.prepared.spread.get(figure)
        return found if found is None or spread is None else found.widened(*spread)

    def money_left_open(self, ends: uncertainty.BilledSet) -> tuple[float, float]:
        """Return how much less and more charger windows and meter windows without data may have saved [money]."""
        below, above = _left_open(self.savings(ends))
        less, more = self.prepared.spread.get("money", (0.0, 0.0))
        return below + less, above + more

    def reductions(self, drawn: uncertainty.BilledSet) -> uncertainty.Reals | None:
        """Every draw's own peak of the demand line less the metered one [kW]."""
        metered, values = savings.line_of(self.actual, self.line), drawn.own_peaks_kw(self.line)
        if values is None or metered is None or metered.own_peak_kw is None:
            return None
        return values - float(metered.own_peak_kw)

    def savings(self, drawn: uncertainty.BilledSet) -> uncertainty.Reals:
        """Every draw's bill less the metered one [money]."""
        return drawn.totals - float(self.actual.total)
