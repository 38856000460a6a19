"""The error bound of a window's energy: by hand, and against simulated chargers whose truth is known to the Wh."""

from pathlib import Path

import polars as pl
import pytest

from pipeline.charging import interval_energy, repair_registers
from pipeline.domain import CHARGER_RECORD
from pipeline.ingest import read_file
from pipeline.simulate import SimulationOptions, write_portfolio
from tests.charging.conftest import moment


def windows(count: int, minutes: int = 30) -> pl.DataFrame:
    return pl.DataFrame({"interval_start": [moment(minutes * n) for n in range(count)]}).with_columns(
        pl.col("interval_start").cast(CHARGER_RECORD["measured_at"]), duration_s=pl.lit(minutes * 60)
    )


def bounds(frame: pl.DataFrame) -> list:
    return frame["error_wh"].to_list()


def test_readings_on_the_edges_leave_one_step_and_a_rounding(readings):
    table = readings([(0, 100, None), (30, 3100, None), (60, 6100, None), (90, 9100, None), (120, 12_101, None)])
    assert bounds(interval_energy(table, windows(2))) == [2, 2]


def test_a_coarse_register_has_a_wide_bound(readings):
    table = readings([(0, 0, None), (30, 300, None), (60, 500, None), (90, 700, None), (120, 800, None)])
    assert bounds(interval_energy(table, windows(1))) == [101]


def test_an_edge_between_readings_leaves_open_what_the_power_seen_allows(readings):
    """3000 Wh in 30 min are possible (100 Wh/min); of 1500 Wh from minute 15 to 45, 750 are put before minute 30.

    It may be all 1500 or none, so the bound is 750, one step of 1 and one for rounding; the step makes the power
    slightly more than 100 Wh/min and changes nothing.
    """
    table = readings([(-15, 0, None), (15, 3001, None), (45, 4501, None), (75, 4501, None), (105, 7500, None)])
    assert bounds(interval_energy(table, windows(1)))[0] >= 750


def test_a_clock_that_may_be_off_moves_energy_between_windows(readings):
    """100 Wh/min begin at minute 30: a minute off moves 100 Wh."""
    table = readings([(0, 0, None), (30, 0, None), (60, 3000, None), (90, 6001, None), (120, 9000, None)])
    exact, doubtful = (bounds(interval_energy(table, windows(2), clock_bound_s=bound)) for bound in (0, 60))
    assert [b - a for a, b in zip(exact, doubtful, strict=True)] == [101, 100]


def test_a_window_that_is_not_covered_has_no_bound(readings):
    table = readings([(0, 0, None), (100, 900, None)])
    assert bounds(interval_energy(table, windows(2))) == [None, None]


@pytest.mark.parametrize(
    ("sample_s", "step_wh", "offset_s"),
    [(60, 1, 0), (60, 100, 120), (300, 10, -120), (900, 1, 120), (900, 100, -60)],
)
def test_the_bound_holds_the_truth_in_nearly_every_simulated_window(tmp_path: Path, sample_s, step_wh, offset_s):
    options = SimulationOptions(sample_s=sample_s, register_step_wh=step_wh, clock_offset_s=offset_s, loss_pct=10)
    write_portfolio(tmp_path / "p", sites=1, months=1, seed=5, options=options)
    truth = pl.read_csv(tmp_path / "p" / "truth_windows.csv").select(
        pl.col("interval_start").str.to_datetime(time_zone="UTC", time_unit="us"), "charge_wh", "discharge_wh"
    )
    width = truth["interval_start"][1] - truth["interval_start"][0]
    grid = truth.select("interval_start", duration_s=pl.lit(int(width.total_seconds())))
    files = [path for path in (tmp_path / "p" / "landing").rglob("*") if path.is_file()]
    read = (read_file(path, [*path.parts[:-1], path.stem]) for path in sorted(files))
    readings = pl.concat([found.frames["charger"] for found in read if found.kind == "charger"])
    found = interval_energy(repair_registers(readings).readings, grid, clock_bound_s=abs(offset_s))
    sums = found.group_by("interval_start").agg(
        pl.col("charge_wh", "discharge_wh", "error_wh").sum(), pl.col("covered").all()
    )
    told = sums.filter("covered").join(truth, on="interval_start", suffix="_true")
    moving = told.filter(pl.col("charge_wh_true") + pl.col("discharge_wh_true") > 0)
    assert moving.height > 200
    for column in ("charge_wh", "discharge_wh"):
        held = (moving[column] - moving[f"{column}_true"]).abs() <= moving["error_wh"]
        assert held.mean() >= 0.95
