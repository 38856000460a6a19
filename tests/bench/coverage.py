"""`python -m tests.bench.coverage [SITES] [SEED]`: how often the 95 % ranges hold the truth, over independent sites.

Every site is one simulated month with errors of its own: class of the chargers and of the meter, clocks that are off
and drift, samples of 60 to 900 s, lost ones, coarse registers, rounded states of charge, gaps, and DC-side registers
that the site file hides. The truth is billed with the same tariff on the exact loads: bills have tests of their own.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
import polars as pl

from pipeline import savings, uncertainty
from pipeline.calendars import calendar_month, month_of
from pipeline.chain import Earlier, Inputs, Prepared, compute, prepare, sources_of
from pipeline.chain.ranging import dc_chance
from pipeline.domain import CHARGER_RECORD, CHARGING_SESSION, METER_RECORD, SESSION_RECORD
from pipeline.portfolio import load_portfolio
from pipeline.simulate.draws import Draws
from pipeline.simulate.registers import Reading, SimulationOptions, charger_readings
from pipeline.simulate.sites import draw_recipe, series_text, site_text, tariff_text
from pipeline.simulate.world import SimulatedSite, run_site
from pipeline.tariff import Bill, load_tariff, measure, price, resolve

SAMPLES_S = (60, 300, 300, 900)
STEPS_WH = (1, 1, 10, 100)
DC_SITES = 0.1
CLOCKS_S = 45
"""Clocks of a clean site are off by up to so much [s], each as likely as another, and drift a little beside."""


@dataclass(frozen=True)
class Flaws:
    """What is wrong with one site's data; gains [1], clocks [s], and whether the month should be clean."""

    charger_gains: tuple[float, ...]
    meter_gain: float
    offsets_s: tuple[int, ...]
    drifts_s: tuple[int, ...]
    dc_side: tuple[bool, ...]
    soc_decimals: int
    options: SimulationOptions
    charger_gap_h: int
    meter_gap_windows: int

    @property
    def clean(self) -> bool:
        """No gap, no clock beyond the bound, no side the site file hides."""
        return not (self.charger_gap_h or self.meter_gap_windows or any(self.dc_side)) and all(
            abs(offset) + abs(drift) <= 60 for offset, drift in zip(self.offsets_s, self.drifts_s, strict=True)
        )


def flaws_of(number: int, seed: int, cars: int) -> Flaws:
    draws = Draws(seed, "coverage", number)
    gains = tuple(draws.between(-1000, 1000) / 100_000 for _ in range(cars))
    dirty = draws.between(0, 9)  # 0: gaps in logs, 1: a meter gap, 2: DC-side registers, 3: clocks beyond the bound
    reach = 300 if dirty == 3 else CLOCKS_S
    return Flaws(
        charger_gains=gains,
        meter_gain=draws.between(-500, 500) / 100_000,
        offsets_s=tuple(draws.between(-reach, reach) for _ in range(cars)),
        drifts_s=tuple(draws.between(-15, 15) for _ in range(cars)),
        dc_side=tuple(dirty == 2 for _ in range(cars)),
        soc_decimals=draws.between(0, 2),
        options=SimulationOptions(
            sample_s=SAMPLES_S[draws.between(0, 3)],
            jitter_s=draws.between(0, 1) * draws.between(0, 25),
            loss_pct=(0, 0, 2, 10)[draws.between(0, 3)],
            register_step_wh=STEPS_WH[draws.between(0, 3)],
            gap_hours=0,
        ),
        charger_gap_h=draws.between(2, 12) if dirty == 0 else 0,
        meter_gap_windows=draws.between(1, 8) if dirty == 1 else 0,
    )


@dataclass(frozen=True)
class Case:
    """One site-month as the pipeline sees it, and the exact worlds behind it [Wh a window]."""

    inputs: Inputs
    site: SimulatedSite
    flaws: Flaws

    @property
    def truth_wh(self) -> np.ndarray[Any, Any]:
        """What the meter would have read without V2B: its own gain is on all that passes it."""
        windows = range(self.site.timeline.windows)
        metered = np.array([self.site.world_wh("actual", window) for window in windows])
        unmanaged = np.array([self.site.world_wh("unmanaged", window) for window in windows])
        return metered + np.rint((1 + self.flaws.meter_gain) * (unmanaged - metered)).astype(np.int64)


def _stamp(reading: Reading, flaws: Flaws, start_s: int, length_s: int) -> datetime:
    drift = flaws.drifts_s[reading.charger] * (2 * (reading.at_s - start_s) / length_s - 1)
    return datetime.fromtimestamp(reading.at_s, UTC) + timedelta(
        seconds=flaws.offsets_s[reading.charger] + round(drift)
    )


def _readings(site: SimulatedSite, flaws: Flaws) -> pl.DataFrame:
    timeline, step = site.timeline, flaws.options.register_step_wh
    length_s = timeline.windows * timeline.window_min * 60
    exact = replace(flaws.options, register_step_wh=1)
    rows = []
    contexts = {"begin": "begin", "end": "end"}
    for charger in range(site.recipe.fleet.cars):
        gain, side = 1 + flaws.charger_gains[charger], 0.95 if flaws.dc_side[charger] else 1.0
        for reading in charger_readings(site, exact, charger):
            soc = None if reading.soc_millionths is None else round(reading.soc_millionths / 1e6, flaws.soc_decimals)
            rows.append(
                {
                    "charger_id": f"CP{charger + 1}",
                    "measured_at": _stamp(reading, flaws, timeline.start_s, length_s),
                    "energy_import_wh": int(reading.import_wh * gain * side // step * step),
                    "energy_export_wh": int(reading.export_wh * gain / side // step * step),
                    "soc_pct": soc,
                    "session_id": None if reading.transaction is None else f"CP{charger + 1}-{reading.transaction}",
                    "vehicle_id": None if reading.transaction is None else f"CAR{charger + 1}",
                    "context": contexts.get(reading.occasion, "sample"),
                }
            )
    found = pl.DataFrame(rows, schema={**CHARGER_RECORD}).sort("charger_id", "measured_at")
    begin, end = (datetime.fromtimestamp(timeline.start_s + after_s, UTC) for after_s in (-3600, length_s + 3600))
    return pl.concat([found, _beyond(found, begin, end)]).sort("charger_id", "measured_at")


def _beyond(found: pl.DataFrame, begin: datetime, end: datetime) -> pl.DataFrame:
    """An idle reading before the month and one after it: a log does not begin and end with a bill."""
    of_charger = found.group_by("charger_id", maintain_order=True)
    stamp = found.schema["measured_at"]
    ends = [
        of_charger.first().with_columns(measured_at=pl.lit(begin, dtype=stamp)),
        of_charger.last().with_columns(measured_at=pl.lit(end, dtype=stamp)),
    ]
    nothing = (pl.lit(None).alias(name) for name in ("soc_pct", "session_id", "vehicle_id"))
    return pl.concat(ends).with_columns(*nothing).select(found.columns).cast(dict(found.schema))


def _meter(site: SimulatedSite) -> pl.DataFrame:
    timeline, width_s = site.timeline, site.timeline.window_min * 60
    net = [site.world_wh("actual", window) for window in range(timeline.windows)]
    starts = [datetime.fromtimestamp(timeline.start_s + width_s * number, UTC) for number in range(timeline.windows)]
    columns = {
        "meter_id": ["main"] * len(net),
        "interval_start": starts,
        "duration_s": [width_s] * len(net),
        "import_wh": [max(0, wh) for wh in net],
        "export_wh": [max(0, -wh) for wh in net],
        "quality": ["measured"] * len(net),
    }
    return pl.DataFrame(columns, schema=dict(METER_RECORD))


def _with_gaps(meter: pl.DataFrame, readings: pl.DataFrame, flaws: Flaws, seed: Draws) -> tuple[Any, Any]:
    if flaws.meter_gap_windows:
        first = seed.between(0, meter.height - 1 - flaws.meter_gap_windows)
        meter = pl.concat([meter[:first], meter[first + flaws.meter_gap_windows :]])
    if flaws.charger_gap_h:
        begin = meter.item(seed.between(0, meter.height - 1), "interval_start")
        silent = pl.col("measured_at").is_between(begin, begin + timedelta(hours=flaws.charger_gap_h))
        readings = readings.filter(~(silent & (pl.col("charger_id") == "CP1")))
    return meter, readings


def case_of(number: int, seed: int, folder: Path) -> Case:
    """Draw one site-month; `folder` takes its config."""
    # Whether cars recharge carelessly follows from the number by threes, as the place does: turned on after each three,
    # every place has sites of either kind, whatever the seed.
    recipe, place, kind = draw_recipe(number, 1, seed + number // 3)
    if recipe.window_min == 60:
        recipe = replace(recipe, window_min=15, tariff=recipe.tariff.replace("-60", "-15"))
    root = folder / recipe.site_id
    for name in ("sites", "tariffs", "series"):
        (root / name).mkdir(parents=True)
    fuel = f"fuel-{place.currency.lower()}"
    (root / "v2b.toml").write_text('currency = "EUR"\nlanguage = "en"\n')
    (root / "series" / f"{fuel}.csv").write_text(series_text(place, recipe.first.replace(month=1), 24, seed))
    tariff = root / "tariffs" / f"{recipe.tariff}.toml"
    tariff.write_text(tariff_text(kind, place, recipe.window_min, fuel))
    (root / "sites" / f"{recipe.site_id}.toml").write_text(site_text(recipe))
    portfolio = load_portfolio(root)
    simulated = run_site(recipe)
    flaws = flaws_of(number, seed, recipe.fleet.cars)
    meter, readings = _with_gaps(_meter(simulated), _readings(simulated, flaws), flaws, Draws(seed, "gaps", number))
    period = calendar_month(month_of(recipe.first))
    inputs = Inputs(
        site=portfolio.sites[recipe.site_id],
        period=period,
        tariff=resolve(load_tariff(tariff, portfolio.series), period),
        tariff_holidays=frozenset[date](),
        programme_start=recipe.programme_start,
        meter=meter,
        readings=readings,
        session_records=pl.DataFrame(schema=dict(SESSION_RECORD)),
        sessions=pl.DataFrame(schema=dict(CHARGING_SESSION)),
        earlier=Earlier({}, frozenset(), {}, []),
        armed=simulated.armed,
    )
    return Case(inputs, simulated, flaws)


def true_bills(case: Case, read: np.ndarray[Any, Any]) -> dict[str, Bill]:
    """The bills of the exact worlds, had only the windows `read` held anything."""
    inputs, starts = case.inputs, _meter(case.site)
    load = pl.concat(
        starts.select(
            pl.lit(world).alias("scenario"),
            "interval_start",
            "duration_s",
            import_wh=pl.Series(np.maximum(wh, 0) * read),
            export_wh=pl.Series(np.maximum(-wh, 0) * read),
        )
        for world, wh in (
            ("actual", (starts["import_wh"] - starts["export_wh"]).to_numpy()),
            ("unmanaged", case.truth_wh),
        )
    )
    zone = inputs.site.timezone
    measured = measure(inputs.tariff, inputs.period, load, zone=zone, holidays=inputs.tariff_holidays)
    return price(inputs.tariff, inputs.period, measured, {})


def _truth(case: Case) -> tuple[float, float]:
    """The exact peak reduction [kW] and saving [money]."""
    bills = true_bills(case, np.ones(case.site.timeline.windows, dtype=np.int64))
    line = savings.main_demand_line(bills["unmanaged"], {})
    peaks = [savings.line_of(bills[world], line) for world in ("unmanaged", "actual")]
    base, actual = (Decimal(0) if peak is None or peak.own_peak_kw is None else peak.own_peak_kw for peak in peaks)
    return float(base - actual), float(bills["unmanaged"].total - bills["actual"].total)


def peak_in_gap(case: Case) -> bool:
    """Whether a peak of either exact world lies in a window the meter did not measure."""
    if not case.flaws.meter_gap_windows:
        return False
    starts, known = _meter(case.site)["interval_start"], case.inputs.meter["interval_start"]
    read = starts.is_in(known.implode()).to_numpy().astype(np.int64)
    whole, seen = (true_bills(case, windows) for windows in (np.ones_like(read), read))
    return any(
        own.own_peak_kw != without.own_peak_kw
        for world in whole
        for own, without in zip(whole[world].lines, seen[world].lines, strict=True)
    )


Pair = tuple[float, float]


def oracle_of(case: Case, prepared: Prepared) -> tuple[Pair | None, Pair]:
    """Return the 95 % ranges [kW above the metered load, bill of the compared world] of one who knows the error model.

    Drawn around the exact load with the error parameters this module draws sites by: gains and clocks as they are
    distributed, one site in ten with registers on the DC side unsaid, losses and charging power exact, and what the log
    leaves open between its readings. What the meter tells of clocks and wiring is known to both.
    """
    inputs, windows = case.inputs, prepared.windows
    ours = sources_of(prepared)
    told = {fit.charger_id: fit.error_s for fit in prepared.fits if fit.tells}
    known = [
        replace(
            charger,
            conversion=0.0,
            clock=min(
                uncertainty.Clock(CLOCKS_S),
                uncertainty.Clock(3 * told.get(charger.charger_id, np.inf), told.get(charger.charger_id, np.inf)),
                key=lambda clock: clock.bound_s / 3**0.5 if clock.error_s is None else clock.error_s,
            ),
        )
        for charger in ours.chargers
    ]
    sources = replace(ours, chargers=known, dc_chance=dc_chance(prepared.fits, DC_SITES), steps=False, axes=())
    truth = case.truth_wh
    world = uncertainty.Rebuilt(np.maximum(truth, 0), np.maximum(-truth, 0), np.ones(len(truth), dtype=np.bool_))
    terms = uncertainty.Terms(
        tariff=inputs.tariff,
        scenario="unmanaged",
        zone=inputs.site.timezone,
        holidays=inputs.tariff_holidays,
        starts=windows.get_column("interval_start").dt.epoch("us").to_numpy(),
        duration_s=int(windows.item(0, "duration_s")),
        currency_digits=2,
    )
    bills = uncertainty.DrawnBills(terms, terms.measure(world.moved(sources.deviations(uncertainty.DrawnSet()))), {})
    (drawn,) = bills.sets([uncertainty.DRAWS])
    peaks = drawn.own_peaks_kw(savings.main_demand_line(bills.first, {}))
    return (None if peaks is None else _ends(peaks)), _ends(drawn.totals)


def _ends(values: uncertainty.Reals) -> Pair:
    found = uncertainty.range_of(values)
    return found.low, found.high


@dataclass(frozen=True)
class Outcome:
    """What was said of one site-month, what was true, and the ranges of one who knows the error model."""

    number: int
    flaws: Flaws
    provable: bool
    reasons: tuple[str, ...]
    truth: tuple[float, float]
    point: tuple[float | None, float | None]
    peak: Pair | None
    money: Pair | None
    seconds: float
    oracle: tuple[Pair | None, Pair] | None
    peak_in_gap: bool

    def widths(self, which: int) -> Pair | None:
        """The width of a range and of the oracle's, [kW] and [share of the bill]; None where ours has no width."""
        ours, oracle = (self.peak, self.money)[which], None if self.oracle is None else self.oracle[which]
        if ours is None or oracle is None or ours[1] <= ours[0]:
            return None
        unit = (1.0, sum(oracle) / 2)[which]
        return (ours[1] - ours[0]) / unit, (oracle[1] - oracle[0]) / unit

    def held(self, which: int) -> bool | None:
        """Whether a range with width holds the truth; None where there is none or it has no width."""
        found = (self.peak, self.money)[which]
        if found is None or found[1] <= found[0]:
            return None
        return found[0] <= self.truth[which] <= found[1]


def _pair(section: Any) -> Pair | None:
    return None if section["low"] is None else (float(section["low"]), float(section["high"]))


def outcome_of(number: int, seed: int, folder: Path) -> Outcome:
    case = case_of(number, seed, folder)
    prepared: Prepared = prepare(case.inputs)
    begin = process_time()
    summary = compute(prepared).summary
    took = process_time() - begin
    peak, money = summary["peak_kw"], summary["money"]
    points = (peak["reduction"], None if money["saved"] is None else float(money["saved"]))
    return Outcome(
        number,
        case.flaws,
        summary["provable"],
        tuple(summary["reasons"]),
        _truth(case),
        points,
        _pair(peak),
        _pair(money),
        took,
        oracle_of(case, prepared) if summary["provable"] else None,
        peak_in_gap(case),
    )


def outcomes(sites: int, seed: int) -> Iterator[Outcome]:
    with TemporaryDirectory() as folder:
        for number in range(sites):
            yield outcome_of(number, seed, Path(folder))


def table(found: Sequence[Outcome]) -> Iterator[str]:
    proved = [one for one in found if one.provable]
    clean = [one for one in found if one.flaws.clean]
    yield f"sites {len(found)}, provable {len(proved)}, clean {len(clean)}"
    if clean:
        yield f"provable of clean months {100 * sum(one.provable for one in clean) / len(clean):.1f} %"
    gaps = [one for one in found if one.flaws.meter_gap_windows]
    if gaps:
        hidden = [one for one in gaps if one.peak_in_gap]
        yield f"meter gaps {len(gaps)}, provable {sum(one.provable for one in gaps)}"
        yield f"meter gaps that hide a peak {len(hidden)}, provable {sum(one.provable for one in hidden)}"
    for which, name in enumerate(("peak reduction", "money")):
        held = [one.held(which) for one in proved]
        told = [one for one in held if one is not None]
        if told:
            yield f"{name}: {sum(told)} of {len(told)} ranges hold the truth, {100 * sum(told) / len(told):.1f} %"
        widths = [pair for one in proved if (pair := one.widths(which)) is not None]
        if widths:
            ours, oracle = (float(np.mean(side)) for side in zip(*widths, strict=True))
            yield f"{name}: mean width {ours / oracle:.2f} times that of one who knows the error model"


def main() -> None:
    sites, seed = (int(text) for text in (*sys.argv[1:], *("500", "1")[len(sys.argv) - 1 :]))
    found = list(outcomes(sites, seed))
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
