"""Outages that the meter itself tells, from the file to the result; with outages.csv the same hours count once."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.chain import outages_of
from pipeline.ingest import nem12
from pipeline.journal import Journal
from pipeline.portfolio import Outage, load_portfolio
from pipeline.steps.loading import ingest
from pipeline.steps.months import compute_months
from pipeline.steps.scope import Scope
from pipeline.warehouse import Warehouse
from tests.factories import instant, lay_out_warehouse, portfolio_folder

DEAD = "400,1,6,A,,\n400,7,8,A,79,Power Outage Alarm\n400,9,48,A,,\n"
"""Of a day in NEM time, ten hours ahead of UTC: 3:00 to 4:00, 17:00 to 18:00 UTC of the day before."""


def a_day(day: str, special: dict[int, str] | None = None, *, ranges: str = "", flag: str = "A") -> str:
    values = ",".join((special or {}).get(number, "10") for number in range(1, 49))
    return f"300,{day},{values},{flag},,,20130801000000,\n{ranges}"


def nem12_file(path: Path, *days: str, stream: str = "E1") -> Path:
    head = f"100,NEM12,201308010000,MDP,RET\n200,main,{stream},1,{stream},N1,M1,kWh,30,\n"
    path.write_text(head + "".join(days) + "900\n")
    return path


def qualities(path: Path) -> dict[str, str]:
    """The quality of every interval that is not plainly measured, by its start in UTC."""
    frame = nem12.read(path, []).frames["meter"].filter(pl.col("quality") != "measured")
    return {at.strftime("%H:%M"): quality for at, quality in frame.select("interval_start", "quality").iter_rows()}


def test_a_zero_under_a_power_outage_alarm_was_dead_throughout(tmp_path: Path) -> None:
    found = nem12_file(tmp_path / "n.csv", a_day("20130711", {7: "0", 8: "0"}, ranges=DEAD, flag="V"))
    assert qualities(found) == {"17:00": "outage", "17:30": "outage"}


def test_an_alarm_beside_energy_does_not_tell_how_long_the_meter_was_dead(tmp_path: Path) -> None:
    found = nem12_file(tmp_path / "n.csv", a_day("20130711", {7: "0", 8: "4"}, ranges=DEAD, flag="V"))
    assert qualities(found) == {"17:00": "outage"}


@pytest.mark.parametrize(
    ("ranges", "quality"),
    [
        (DEAD.replace("A,79", "A,89"), {}),  # the clock was set
        (DEAD.replace("A,79", "S14,79"), {"17:00": "estimated", "17:30": "estimated"}),  # nobody measured that 0
    ],
)
def test_other_reasons_and_substituted_zeros_tell_of_no_outage(
    tmp_path: Path, ranges: str, quality: dict[str, str]
) -> None:
    found = nem12_file(tmp_path / "n.csv", a_day("20130711", {7: "0", 8: "0"}, ranges=ranges, flag="V"))
    assert qualities(found) == quality


def test_a_reason_of_a_whole_day_does_not_tell_when(tmp_path: Path) -> None:
    day = a_day("20130711", {7: "0"}).replace("A,,,", "A,79,Power Outage Alarm,")
    assert qualities(nem12_file(tmp_path / "n.csv", day)) == {}


def told(*starts: str) -> pl.DataFrame:
    return pl.DataFrame({"interval_start": [instant(at) for at in starts], "duration_s": [1800] * len(starts)})


def test_listed_and_told_hours_are_one_outage_where_they_meet() -> None:
    listed = [
        Outage(instant("07-01 13:15"), instant("07-01 14:10")),
        Outage(instant("07-02 09:00"), instant("07-02 10:00")),
    ]
    assert outages_of(listed, told("07-01 13:00", "07-01 13:30", "07-01 16:00")) == (
        Outage(instant("07-01 13:00"), instant("07-01 14:10")),
        Outage(instant("07-01 16:00"), instant("07-01 16:30")),
        Outage(instant("07-02 09:00"), instant("07-02 10:00")),
    )


CHARGER = """charger_id,measured_at,energy_import_wh,energy_export_wh,power_w,soc_pct,session_id,vehicle_id
CP1,2013-07-01T00:00:00Z,0,0,,,,
CP1,2013-07-10T17:00:00Z,0,0,,,,
CP1,2013-07-10T18:00:00Z,0,3000,,,,
CP1,2013-07-10T20:00:00Z,0,3000,,,,
CP1,2013-07-10T21:00:00Z,3600,3000,,,,
CP1,2013-08-01T12:00:00Z,3600,3000,,,,
"""


def july(root: Path, listed: str = "") -> dict[str, Any]:
    """The result of July 2013: a car gives 3 kWh while the meter is dead and takes 3.6 afterwards."""
    portfolio_folder(root)
    lay_out_warehouse(root)
    text = (root / "sites" / "atsugi.toml").read_text()
    programme = 'programme_start = 2013-07-01\nheadline = "no_ev"\n'
    (root / "sites" / "atsugi.toml").write_text(programme + text)
    if listed:
        (root / "outages.csv").write_text(f"site_id,from,to\natsugi,{listed}\n")
    days = [f"2013{month:02}{day:02}" for month, last in ((7, 31), (8, 1)) for day in range(1, last + 1)]
    island = a_day("20130711", {7: "0", 8: "0", 13: "11.8", 14: "11.8"}, ranges=DEAD, flag="V")
    nem12_file(
        root / "landing" / "n.csv", a_day("20130630"), *(island if day == "20130711" else a_day(day) for day in days)
    )
    (root / "landing" / "c.csv").write_text(CHARGER)
    portfolio, now = load_portfolio(root), datetime(2013, 8, 3, tzinfo=UTC)
    with Warehouse(root) as warehouse:
        ingest(portfolio, warehouse, Journal(root), now=now)
        compute_months(portfolio, warehouse, Scope(now))
        (row,) = warehouse.query("select * from savings_month where month = '2013-07'").to_dicts()
    return row


@pytest.mark.parametrize("listed", ["", "2013-07-10T17:00:00Z,2013-07-10T17:40:00Z"])
def test_hours_ridden_through_are_stated_once_and_never_a_saving(tmp_path: Path, listed: str) -> None:
    """Charging again cost 3.6 kWh at 0.10, and nothing was saved."""
    found = july(tmp_path / "portfolio", listed)
    assert (found["outage_hours"], found["ridden_through_hours"], found["served_kwh"]) == (1.0, 1.0, 3.0)
    assert found["bill_no_ev"] - found["bill_actual"] == Decimal("-0.36")
    assert found["meter_coverage_pct"] == 100
