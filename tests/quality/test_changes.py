"""Changes of meter and chargers: what is left out for speed must leave every number as it is."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.calendars import calendar_month, window_grid
from pipeline.charging import Registers, registers_of
from pipeline.quality.changes import Changes, changes_of
from pipeline.quality.findings import nearest_quantile
from tests.quality.worlds import charges, load_wh, readings, windows

UNEVEN = window_grid(calendar_month("2013-04"), "Australia/Lord_Howe", 60)  # clocks go back by half an hour


def sound() -> Changes:
    energies = charges()
    loads = [load + energy for load, energy in zip(load_wh(), energies, strict=True)]
    found = changes_of(windows(loads, energies), registers_of(readings(energies, 40)))
    assert found is not None
    return found


def uneven() -> Changes:
    draws = np.random.default_rng(3)
    metered = pl.Series(draws.integers(20_000, 60_000, UNEVEN.height))
    none = pl.lit(0, dtype=pl.Int64)
    frame = UNEVEN.with_columns(metered=pl.lit(value=True), actual_import_wh=metered, actual_export_wh=none)
    begin = frame.item(0, "interval_start")
    minutes = [0, 600, 660, 2000, 2090, 9000, 9005, 30_000, 30_200]
    at = pl.Series(minutes).cast(pl.Int64) * 60_000_000 + int(begin.timestamp()) * 1_000_000
    register = [0, 0, 9_000, 9_000, 15_000, 15_000, 15_800, 15_800, 30_000]
    log = {"charger_id": ["CP1"] * 9, "measured_at": at, "energy_import_wh": register, "energy_export_wh": [0] * 9}
    seen = pl.DataFrame(log).with_columns(pl.col("measured_at").cast(pl.Datetime("us", "UTC")))
    found = changes_of(frame, registers_of(seen))
    assert found is not None
    assert len(np.unique(np.diff(found.edges))) > 1
    return found


@pytest.mark.parametrize("changes", [sound(), uneven()], ids=["even windows", "uneven windows"])
@pytest.mark.parametrize("offset_s", [0.0, -700.0, 41.5])
def test_busy_changes_hold_all_that_chargers_caused(changes: Changes, offset_s: float) -> None:
    """Normal equations of the busy changes are those of all changes, each less its usual one."""
    busy = changes.busy(offset_s, 0.0)
    caused = busy.caused(np.stack([register.at(busy.edges + offset_s) for register in changes.registers]))
    whole = np.stack(
        [
            changes.usual.removed(np.diff(np.diff(np.interp(changes.edges + offset_s, one.instants, one.energy_wh))))
            for one in changes.registers
        ]
    )
    matrix, told = busy.normal(caused)
    assert len(busy.places) < 0.6 * len(changes.target)
    columns = busy.whole(caused).T
    assert columns == pytest.approx(whole, abs=1e-6)
    assert matrix == pytest.approx(whole @ whole.T)
    assert told == pytest.approx(whole @ changes.target)


@pytest.mark.parametrize("changes", [sound(), uneven()], ids=["even windows", "uneven windows"])
def test_a_scan_leaves_what_least_squares_leave_at_each_offset(changes: Changes) -> None:
    offsets = (-3600, -120, 0, 60, 1800)
    for offset, left in zip(offsets, changes.unexplained(offsets), strict=True):
        total = sum(np.interp(changes.edges + offset, one.instants, one.energy_wh) for one in changes.registers)
        caused = changes.usual.removed(np.diff(np.diff(total)))
        gain = (caused @ changes.target) / (caused @ caused)
        assert left == pytest.approx(((changes.target - gain * caused) ** 2).sum())


def test_registers_read_at_unlike_instants_are_joined_by_all_of_them() -> None:
    """One register read every minute, the other every seven: net energy bends where either does."""
    energies = charges()
    fine = readings(energies)
    coarse = fine.gather_every(7).with_columns(energy_export_wh=pl.col("energy_import_wh") // 2)
    apart = Registers(registers_of(fine).imported, registers_of(coarse).exported)
    found = changes_of(windows(load_wh(), energies), apart)
    assert found is not None
    (net,) = found.registers
    into, out_of = apart.imported["CP1"], apart.exported["CP1"]
    probes = np.linspace(into.times[0], into.times[-1], 5_000)
    expected = np.interp(probes, into.times, into.totals) - np.interp(probes, out_of.times, out_of.totals)
    assert net.at(probes / 1000) == pytest.approx(expected, abs=1e-3)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=300), st.sampled_from([0.01, 0.5, 0.99]))
def test_quantiles_are_those_of_frames(values: list[int], share: float) -> None:
    assert nearest_quantile(np.array(values), share) == pl.Series(values).quantile(share, "nearest")
