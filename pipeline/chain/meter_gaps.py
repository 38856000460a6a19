"""Windows the meter did not measure: what they can have held, and whether any peak of the bill can lie there.

Where none can, they are billed with an estimate, and what else they can have held widens the range. Where one can,
nothing of the bill is known, as with any gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from math import prod
from typing import Final

import numpy as np
import polars as pl
from babel.numbers import get_currency_precision

from pipeline import savings, scenarios, uncertainty
from pipeline.calendars import with_local_time
from pipeline.chain.inputs import EARLIER_WINDOW, Prepared
from pipeline.chain.ranging import sources_of, terms_of
from pipeline.domain import SCENARIOS
from pipeline.portfolio import UtilityBill
from pipeline.tariff import Bill, Matrix, ResolvedCharge, ResolvedTariff
from pipeline.uncertainty import Ints, Reals, Rebuilt
from pipeline.uncertainty.registers import Flags

CLEARS: Final = 0.95
"""What like days show may clear a peak only up to this share of it."""
FEWEST_LIKE: Final = 5
"""Spans of like days, without which they show nothing."""
LIKE_DAYS: Final = 60
"""How far back like days are looked for [d]."""
STEPS: Final = 4
"""Steps from the least to the most that gaps can hold, at which the saving is looked at."""
_SHARES_OF_MONEY: Final = ("percent_rider", "tax")

Bills = Callable[[Prepared], Mapping[str, Bill]]


@dataclass(frozen=True, eq=False)
class Bridge:
    """What the missing windows hold [Wh each]: an estimate, the least and the most.

    The most that like days show stands here divided by `CLEARS`: a peak it does not reach is cleared. `printed_kw`: by
    how much a peak may lie in the gap because the utility prints its demand in no finer digits [kW].
    """

    missing: Flags
    estimate: Ints
    least: Ints
    most: Ints
    printed_kw: float = 0.0

    def across(self, prepared: Prepared, held: Ints) -> Prepared:
        """Return the bill with every world's load in the missing windows, the meter having held `held` [Wh] there."""
        metered = np.zeros(len(self.missing), dtype=np.int64)
        metered[self.missing] = held - _of(prepared, "actual_import_wh")[self.missing]
        filled = []
        for world in SCENARIOS:
            into, out_of = _of(prepared, f"{world}_import_wh"), _of(prepared, f"{world}_export_wh")
            net = into - out_of + metered
            for side, wh, known in (("import", net, into), ("export", -net, out_of)):
                filled.append(pl.Series(f"{world}_{side}_wh", np.where(self.missing, np.maximum(wh, 0), known)))
        windows = prepared.windows.with_columns(*filled, metered=pl.lit(value=True))
        return replace(prepared, windows=windows, bridged=self.missing)

    def steps(self) -> Iterator[Ints]:
        """Return what the windows hold from the least to the most [Wh], all of them rising alike."""
        for step in range(STEPS + 1):
            yield self.least + (self.most - self.least) * step // STEPS


def bridged(prepared: Prepared, bills: Bills) -> Prepared:
    """Return the bill with the meter's gaps estimated where no peak of any world can lie in one; else as it was.

    `bills` prices the worlds of a bill. `spread` of the result is what the gaps leave open of peak and saving.
    """
    found = bridge_of(prepared, bills)
    if found is None:
        return prepared
    stepped = [bills(found.across(prepared, held)) for held in found.steps()]
    if any(_apart_kw(stepped, world) > found.printed_kw for world in SCENARIOS) or not _clears_draws(found, prepared):
        return prepared
    estimated = found.across(prepared, found.estimate)
    compared = (prepared.inputs.site.headline, "actual")
    apart_kw = sum(_apart_kw(stepped, world) for world in compared)
    digits = get_currency_precision(prepared.inputs.site.currency)
    less, more = left_open([bills(estimated), *stepped], compared[0], prepared.inputs.tariff, 10.0**-digits)
    return replace(estimated, spread={"peak_kw": (apart_kw, apart_kw), "money": (less, more)})


def _of(prepared: Prepared, column: str) -> Ints:
    found: Ints = prepared.windows.get_column(column).to_numpy()
    return found


def _apart_kw(stepped: Sequence[Mapping[str, Bill]], world: str) -> float:
    """The most any own peak of a world differs between the least and the most that gaps can hold [kW]."""
    least, most = (
        [line.own_peak_kw or Decimal(0) for line in bills[world].lines] for bills in (stepped[0], stepped[-1])
    )
    if len(least) != len(most):
        return np.inf
    return max((abs(float(high - low)) for low, high in zip(least, most, strict=True)), default=0.0)


def _clears_draws(found: Bridge, prepared: Prepared) -> bool:
    """Whether no draw of the compared world has a peak in a gap either."""
    if prepared.inputs.is_seed:
        return True
    estimated, world = found.across(prepared, found.estimate), prepared.inputs.site.headline
    sources, terms = replace(sources_of(estimated), steps=False), terms_of(estimated)  # noise in every draw
    deviations = sources.deviations(uncertainty.DrawnSet())
    low, high = (
        terms.measure(Rebuilt.of(found.across(prepared, held).windows, world).moved(deviations))
        for held in (found.least, found.most)
    )
    allowed_w = 1000 * found.printed_kw
    return all(
        bool((abs(figures.peak_w - low.by_slot[name].peak_w) <= allowed_w).all())
        for name, figures in high.by_slot.items()
    )


def left_open(
    stepped: Sequence[Mapping[str, Bill]], headline: str, tariff: ResolvedTariff, unit: float
) -> tuple[float, float]:
    """Return by how much less and more than with the first bills the saving can be [money].

    What the tiers of one period save hangs on one number of the gap, the energy they price, which runs from its least
    to its most in `stepped`; the ends of all periods are added up, since one may save most where another saves least.
    Demand adds what either world's can differ by, every part that differs one `unit` of money for rounding, and
    percentages what they are of all that.
    """
    part_of = _parts(tariff)
    at = [{world: _amounts(bills[world], part_of) for world in (headline, "actual")} for bills in stepped]
    lines = stepped[0][headline].lines
    demand = {part_of.get((line.charge_id, line.band)) for line in lines if line.own_peak_kw is not None}
    less = more = 0.0
    for name in dict.fromkeys(name for worlds in at for amounts in worlds.values() for name in amounts):
        ours, actual = ([worlds[world].get(name, 0.0) for worlds in at] for world in (headline, "actual"))
        saved = [mine - metered for mine, metered in zip(ours, actual, strict=True)]
        rounding = unit if max(np.ptp(ours), np.ptp(actual)) > 0 else 0.0
        apart = float(np.ptp(ours) + np.ptp(actual)) if name in demand else 0.0
        less += max(saved[0] - min(saved), apart) + rounding
        more += max(max(saved) - saved[0], apart) + rounding
    share = prod(1 + abs(float(line.rate or 0)) for line in lines if line.kind in _SHARES_OF_MONEY)
    return less * share, more * share


Part = tuple[str, ...]


def _parts(tariff: ResolvedTariff) -> dict[tuple[str, str], Part]:
    """What bill lines are parts of: the tiers of a period of each span; each line alone where tiers are pooled."""
    return {
        (charge.charge_id, line): (charge.charge_id, line if span.tiers.scope == "pooled" else f"{number} {band.band}")
        for charge in tariff.charges
        for number, span in enumerate(charge.spans)
        for band in span.bands
        for line in band.lines
    }


def _amounts(bill: Bill, part_of: Mapping[tuple[str, str], Part]) -> dict[Part, float]:
    found: dict[Part, float] = {}
    for line in bill.lines:
        if line.kind not in _SHARES_OF_MONEY:
            part = part_of.get((line.charge_id, line.band), (line.charge_id, line.band))
            found[part] = found.get(part, 0.0) + float(line.amount)
    return found


def bridge_of(prepared: Prepared, bills: Bills) -> Bridge | None:
    """Return what the meter's missing windows can have held; None where nothing is missing or nothing bounds it.

    Chargers have to be known in them; a site that feeds into the grid has no least load, and nothing is known of what
    reactive energy a gap held.
    """
    windows = prepared.windows
    missing = ~windows.get_column("metered").to_numpy()
    if not missing.any() or missing.all():
        return None
    known = prepared.inputs.is_seed or bool(windows.get_column("covered").to_numpy()[missing].all())
    unlike = bool(_of(prepared, "actual_export_wh").any()) or scenarios.is_reactive_metered(windows)
    if unlike or not known:
        return None
    net_charge, above = _beside(prepared, missing)
    least = np.maximum(net_charge, _of(prepared, "actual_import_wh")[missing])
    lowest = bills(Bridge(missing, least, least, least).across(prepared, least))
    estimate, shown = _by_like_days(prepared, missing)
    by_utility, printed_kw = _by_utility(prepared, missing, lowest)
    most = np.minimum(shown + net_charge + (1 / CLEARS - 1) * np.maximum(shown + above, 0), by_utility)
    if not (np.isfinite(estimate).all() and np.isfinite(most).all()) or (most < least).any():
        return None
    top = np.floor(most).astype(np.int64)
    between = np.clip(np.rint(estimate + net_charge).astype(np.int64), least, top)
    return Bridge(missing, between, least, top, printed_kw)


def _beside(prepared: Prepared, missing: Flags) -> tuple[Ints, Ints]:
    """By how much the metered and the highest world lie above the building in missing windows [Wh]."""
    if prepared.inputs.is_seed:
        nothing = np.zeros(int(missing.sum()), dtype=np.int64)
        return nothing, nothing
    loads = {
        world: (_of(prepared, f"{world}_import_wh") - _of(prepared, f"{world}_export_wh"))[missing]
        for world in SCENARIOS
    }
    return loads["actual"] - loads["no_ev"], np.max(list(loads.values()), axis=0) - loads["no_ev"]


def _by_like_days(prepared: Prepared, missing: Flags) -> tuple[Reals, Reals]:
    """The building's load in missing windows as estimated, and at most as like days show it; inf where they do not.

    A straight line across the gap, and the largest distance of the same hours of days of the same kind from theirs.
    """
    series = _building(prepared)
    load, known = (series.get_column(name).to_numpy() for name in ("load_wh", "known"))
    first = series.height - len(missing)
    estimate, most = (np.full(series.height, np.inf) for _ in range(2))
    for begin, end in _runs(~known):
        if end <= first or begin == 0 or end == series.height:
            continue
        like = _like_spans(series, begin, end)
        if len(like) < FEWEST_LIKE:
            continue
        shares = np.arange(1, end - begin + 1) / (end - begin + 1)
        inside = load[like[:, None] + np.arange(end - begin)]
        lines = load[like - 1][:, None] + np.outer(load[like + end - begin] - load[like - 1], shares)
        line = load[begin - 1] + (load[end] - load[begin - 1]) * shares
        estimate[begin:end] = line + (inside - lines).mean(axis=0)
        if not _holds_a_day(series, begin, end):
            most[begin:end] = line + max(0.0, float((inside - lines).max()))
    return estimate[first:][missing], most[first:][missing]


def _building(prepared: Prepared) -> pl.DataFrame:
    """The load without cars [Wh] of this bill and the days before it, without holes, and where it is known."""
    world, is_seed = ("actual" if prepared.inputs.is_seed else "no_ev"), pl.lit(prepared.inputs.is_seed)
    columns = list(EARLIER_WINDOW)
    begin = prepared.windows.item(0, "interval_start")
    earlier = prepared.inputs.earlier.windows.select(columns)
    recent = earlier.filter(
        pl.col("interval_start").is_between(begin - pl.duration(days=LIKE_DAYS), begin, closed="left")
    )
    joined = pl.concat([recent, prepared.windows.select(columns).cast(earlier.schema)]).sort("interval_start")
    step = int(prepared.windows.item(0, "duration_s"))
    grid = joined.select(
        pl.datetime_range(pl.col("interval_start").min(), pl.col("interval_start").max(), f"{step}s").alias(
            "interval_start"
        )
    )
    load = grid.join(joined, on="interval_start", how="left", maintain_order="left").with_columns(
        load_wh=(pl.col(f"{world}_import_wh") - pl.col(f"{world}_export_wh")).fill_null(0),
        known=(pl.col("metered") & (pl.col("covered") | is_seed) & (pl.col("duration_s") == step)).fill_null(
            value=False
        ),
    )
    local = with_local_time(load, prepared.inputs.site.timezone)
    holidays = list(prepared.inputs.tariff_holidays)
    return local.with_columns(free=(pl.col("local_weekday") > 5) | pl.col("local_day").is_in(holidays))


def _runs(flags: Flags) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return iter(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _like_spans(series: pl.DataFrame, begin: int, end: int) -> Ints:
    """Where spans begin that are known throughout, with a window to either side, at this time, on days of this kind."""
    minute, free, known = (series.get_column(name).to_numpy() for name in ("local_minute", "free", "known"))
    starts = np.flatnonzero((minute == minute[begin]) & (free == free[begin]))
    starts = starts[(starts > 0) & (starts + end - begin < series.height)]
    starts = starts[free[starts + end - begin - 1] == free[end - 1]]
    whole = np.concatenate(([0], np.cumsum(known)))
    like: Ints = starts[whole[starts + end - begin + 1] - whole[starts - 1] == end - begin + 2]
    return like


def _holds_a_day(series: pl.DataFrame, begin: int, end: int) -> bool:
    """Whether a whole local day lies in a span."""
    days = series.get_column("local_day")
    inside = set(days[begin:end])
    return bool(inside - {days[begin - 1], days[end]})


def _by_utility(prepared: Prepared, missing: Flags, lowest: Mapping[str, Bill]) -> tuple[Reals, float]:
    """The most each missing window can have held by the utility's bill of the same days [Wh]; inf where it says less.

    No window held more than the energy billed beyond what was measured, nor than the billed demand, in the hours of
    its charge. The second value is the last digit that demand is printed in, where it is the highest known window's
    [kW]: by so much a missing one may still be higher. `lowest` are the bills with the least in the missing windows. A
    bill below what was measured tells nothing.
    """
    inputs, printed_kw = prepared.inputs, 0.0
    most = np.full(int(missing.sum()), np.inf)
    main = savings.main_demand_line(lowest[inputs.site.headline], inputs.earlier.demand_amounts)
    for row in inputs.utility_bills:
        if (row.read_from, row.read_to) != (inputs.period.read_from, inputs.period.read_to):
            continue
        most = np.minimum(most, _by_energy(prepared, missing, row))
        charge = next((c for c in inputs.tariff.charges if c.charge_id == (row.charge_id or (main and main[0]))), None)
        if row.billed_kw is None or charge is None or not _bills_windows(charge):
            continue
        own_kw = [line.own_peak_kw for line in lowest["actual"].lines if line.charge_id == charge.charge_id]
        digit_kw = _digit(row.billed_kw)
        if len(own_kw) == 1 and own_kw[0] is not None and own_kw[0] < row.billed_kw + digit_kw:
            of_window = (
                1000 * float(row.billed_kw + digit_kw) * (charge.quantity.window_min or prepared.window_min) / 60
            )
            inside = _inside(prepared, missing, charge.charge_id)
            most = np.where(inside, np.minimum(most, np.ceil(of_window) - 1), most)
            printed_kw = max(printed_kw, float(digit_kw) if own_kw[0] > row.billed_kw - digit_kw else 0.0)
    return most, printed_kw


def _by_energy(prepared: Prepared, missing: Flags, row: UtilityBill) -> Reals:
    """The energy a whole bill states beyond what was measured, and what each missing window has of it [Wh]."""
    metered_wh = _of(prepared, "actual_import_wh")
    if row.energy_kwh is None or row.charge_id is not None:
        return np.full(int(missing.sum()), np.inf)
    beyond = float(row.energy_kwh + _digit(row.energy_kwh)) * 1000 - float(metered_wh.sum())
    most: Reals = metered_wh[missing] + np.float64(beyond if beyond >= 0 else np.inf)
    return most


def _digit(stated: Decimal) -> Decimal:
    """One of the last digit a figure is printed in: it may have been rounded in any way."""
    return Decimal(1).scaleb(min(0, int(stated.as_tuple().exponent)))


def _bills_windows(charge: ResolvedCharge) -> bool:
    """Whether no window of a charge's hours is higher than what it bills."""
    quantities = [span.quantity for span in charge.spans]
    return charge.kind == "demand" and all(
        (of.statistic, of.unit, of.power_factor) == ("max", "kW", None) for of in quantities
    )


def _inside(prepared: Prepared, missing: Flags, charge_id: str) -> Flags:
    """Which missing windows a demand charge reads: each measured alone, with a load of 1 kWh."""
    alone = np.zeros((int(missing.sum()), len(missing)), dtype=np.int64)
    alone[np.arange(len(alone)), np.flatnonzero(missing)] = 1000
    measured = terms_of(prepared).measure(Matrix(alone, np.zeros_like(alone), None))
    peaks = [figures.peak_w for (charge, _, _), figures in measured.by_slot.items() if charge == charge_id]
    return np.any(np.array(peaks) > 0, axis=0) if peaks else np.zeros(len(alone), dtype=np.bool_)
