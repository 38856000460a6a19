import csv
import json
import re
import tomllib
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

import pipeline.simulate
from pipeline.calendars import holiday_dates, months_between
from pipeline.domain import ConfigError
from pipeline.portfolio import load_portfolio
from pipeline.simulate import EXAMPLES, write_example
from pipeline.simulate.recipe import DeadGrid, read_recipe
from pipeline.simulate.world import run_site
from tests.simulate.conftest import truth_of

FIRST_YEAR = months_between("2013-07", "2014-06")


def _months(folder: Path, site_id: str) -> dict:
    return truth_of(folder)[site_id]["months"]


def _window(folder: Path, start: str) -> dict[str, str]:
    with (folder / "truth_windows.csv").open(newline="") as stream:
        return next(row for row in csv.DictReader(stream) if row["interval_start"] == start)


def test_atsugi_july_2013_has_the_published_peaks(atsugi):
    july = _months(atsugi, "atsugi")["2013-07"]
    assert july["peak_w"] == {"actual": 998_400, "no_ev": 1_024_000, "unmanaged": 1_024_000}
    assert july["billing_demand_kw"] == {"actual": "998.4", "no_ev": "1024", "unmanaged": "1024"}
    assert july["peak_at"]["unmanaged"] == "2013-07-10T14:00:00+09:00"


def test_atsugi_first_year_saves_about_half_a_million_yen(atsugi):
    months = _months(atsugi, "atsugi")
    saved = sum(Decimal(months[month]["saved"]["unmanaged"]) for month in FIRST_YEAR)
    assert 495_000 <= saved <= 505_000
    basic = 0
    for month in FIRST_YEAR:
        amounts = {
            world: Decimal(next(line["amount"] for line in bill["lines"] if line["charge_id"] == "basic"))
            for world, bill in months[month]["bills"].items()
        }
        basic += amounts["unmanaged"] - amounts["actual"]
    # 25.6 kW x 1,560 yen x 12 months before tax; each month's 39,936 yen is exact
    assert basic == Decimal("25.6") * 1560 * 12


def test_atsugi_ratchet_carries_july_and_is_not_hidden_by_history(atsugi):
    months = _months(atsugi, "atsugi")
    for month in months_between("2012-07", "2013-06"):
        assert months[month]["state"] == "seed"
        assert months[month]["peak_w"]["actual"] < 998_400
    for month in FIRST_YEAR[1:]:
        assert months[month]["peak_w"]["no_ev"] < 1_024_000
        assert months[month]["billing_demand_kw"] == {"actual": "998.4", "no_ev": "1024", "unmanaged": "1024"}


def test_atsugi_every_month_of_the_programme_cuts_the_peak_plausibly(atsugi):
    months = _months(atsugi, "atsugi")
    for month in FIRST_YEAR:
        cut_w = months[month]["peak_w"]["unmanaged"] - months[month]["peak_w"]["actual"]
        assert 15_000 <= cut_w <= 26_000, month
        assert months[month]["peak_w"]["no_ev"] == months[month]["peak_w"]["unmanaged"]
        assert months[month]["armed_days"] > 10


def test_atsugi_all_cars_leave_full(atsugi):
    for month, facts in _months(atsugi, "atsugi").items():
        assert facts["fleet"]["departures"] == facts["fleet"]["ready"] > 100, month


def test_atsugi_holds_out_about_one_working_day_in_ten_and_never_a_peak_day(atsugi):
    with (atsugi / "arming.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    held_out = {row["date"] for row in rows if row["armed"] == "false"}
    assert {row["armed"] for row in rows} == {"true", "false"}
    assert 0.05 <= len(held_out) / len(rows) <= 0.12
    holidays = holiday_dates("JP", (2013, 2014))
    assert all(date.fromisoformat(r["date"]).isoweekday() <= 5 for r in rows)
    assert not {date.fromisoformat(row["date"]) for row in rows} & holidays
    for month in FIRST_YEAR:
        for peak_at in _months(atsugi, "atsugi")[month]["peak_at"].values():
            assert peak_at[:10] not in held_out


def test_atsugi_is_billed_with_the_tax_of_its_time(atsugi):
    months = _months(atsugi, "atsugi")
    for month, percent in (("2014-03", 5), ("2014-04", 8)):
        lines = months[month]["bills"]["actual"]["lines"]
        tax = next(line for line in lines if line["charge_id"] == "tax")
        before = sum(Decimal(line["amount"]) for line in lines if line["charge_id"] != "tax")
        assert Decimal(tax["amount"]) == before * percent // 100


def test_every_assumed_figure_of_the_atsugi_tariff_says_so(atsugi):
    tariff = tomllib.loads((atsugi / "tariffs" / "tepco-hv-2013.toml").read_text("utf-8"))
    assert all("assumed" in charge["assumed"] or "remembered" in charge["assumed"] for charge in tariff["charges"])
    assert "unrounded" in tariff["notes"]
    assert "998.4" in tariff["notes"]


def test_code_knows_no_number_of_the_atsugi_test():
    folder = Path(pipeline.simulate.__file__).parent
    for path in folder.glob("*.py"):
        assert not re.search(r"1[_,]?024\b|998|25[._]6|1[_,]?560\b|atsugi/|LEAF", path.read_text("utf-8")), path.name


def test_office_building_is_the_real_one(office):
    with (Path(pipeline.simulate.__file__).parents[1] / "examples/office/building.csv").open(newline="") as stream:
        real = {row["datetime"]: row["equipment load [kWh]"] for row in csv.DictReader(stream)}
    for hour in ("2018-07-23 14:00:00", "2018-12-25 03:00:00", "2019-03-31 23:00:00"):
        window = _window(office, hour.replace(" ", "T") + "Z")
        assert int(window["no_ev_wh"]) == Decimal(real[hour]) * 1000
    # the highest hour of July 2018 in the published file
    assert _months(office, "office")["2018-07"]["peak_w"]["no_ev"] == 730_100


def test_office_first_stays_are_the_recorded_sessions(office):
    """Session 4531024: 15:29-19:16 on 5 March 2015, 6.71 kWh; 156 weeks later is 1 March 2018."""
    log = (office / "landing/office/ocpp/2018-03.jsonl").read_text("utf-8").splitlines()
    calls = [json.loads(line)["message"] for line in log]
    starts = [call[3]["timestamp"] for call in calls if call[0] == 2 and call[2] == "StartTransaction"]
    assert starts[0] == "2018-03-01T15:25:00Z"
    stop = next(call[3] for call in calls if call[0] == 2 and call[2] == "StopTransaction")
    start = next(call[3] for call in calls if call[0] == 2 and call[2] == "StartTransaction")
    assert stop["timestamp"] == "2018-03-01T19:15:00Z"
    assert stop["meterStop"] - start["meterStart"] == 6700


def test_office_effect_is_injected_and_every_car_leaves_full(office):
    months = _months(office, "office")
    assert Counter(facts["state"] for facts in months.values()) == {"seed": 3, "ok": 10}
    assert all(facts["fleet"]["departures"] == facts["fleet"]["ready"] > 0 for facts in months.values())
    assert all(facts["discharged_wh"] > 0 for facts in months.values() if facts["state"] == "ok")
    july = months["2018-07"]["bills"]["actual"]["lines"]
    assert {(line["charge_id"], line["band"]) for line in july} >= {
        ("fixed", "all"),
        ("energy", "period 4"),
        ("demand", "period 2"),
        ("flat_demand", "period 0"),
    }


def test_home_cars_carry_the_house_and_leave_full(home):
    months = _months(home, "home")
    assert Counter(facts["state"] for facts in months.values()) == {"seed": 3, "ok": 12}
    assert all(facts["fleet"]["departures"] == facts["fleet"]["ready"] > 10 for facts in months.values())
    assert all(facts["discharged_wh"] > 50_000 for facts in months.values() if facts["state"] == "ok")
    assert {facts["export_wh"]["actual"] for facts in months.values()} == {0}
    assert all(Decimal(facts["saved"]["unmanaged"]) > 2000 for facts in months.values() if facts["state"] == "ok")


def test_home_rides_through_its_outage_and_no_world_draws_in_it(home):
    months = _months(home, "home")
    assert [month for month, facts in months.items() if facts["served_wh"]] == ["2013-10"]
    assert (home / "outages.csv").read_text() == "site_id,from,to\nhome,2013-10-16T10:30:00Z,2013-10-16T12:00:00Z\n"
    meter = (home / "landing/home/meter.csv").read_text()
    assert "2013-10-16T19:00:00+09:00" in meter
    for at, utc in (("19:30", "10:30"), ("20:00", "11:00"), ("20:30", "11:30")):
        assert f"2013-10-16T{at}:00+09:00" not in meter
        window = _window(home, f"2013-10-16T{utc}:00Z")
        assert {window[name] for name in window if name.endswith("_wh")} == {"0"}
    assert "2013-10-16T21:00:00+09:00" in meter


def test_home_is_charged_at_night_prices_and_full_in_the_morning(home):
    with (home / "truth_windows.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["interval_start"] >= "2013-07-01T15"]
    # 23:30 to 07:00 in Tokyo is 14:30 to 22:00 UTC; the house draws less than the car gives nowhere
    hours = {row["interval_start"][11:16] for row in rows if row["charge_wh"] != "0"}
    assert hours
    assert all("14:30" <= hour < "22:00" for hour in hours)
    assert all(int(row["no_ev_wh"]) >= int(row["discharge_wh"]) for row in rows)


def test_an_outage_that_the_cars_cannot_carry_is_refused(home):
    source = Path(pipeline.simulate.__file__).parents[1] / "examples/home/recipe.toml"
    recipe = read_recipe("recipe.toml", tomllib.loads(source.read_text("utf-8"), parse_float=Decimal))
    noon = replace(recipe, first=date(2013, 10, 1), last=date(2013, 11, 1), programme_start=date(2013, 10, 1))
    noon = replace(noon, outages=(DeadGrid(date(2013, 10, 16), "12:00", "13:00"),))
    with pytest.raises(ConfigError, match=r"outages: '2013-10-16T12:00:00.*what the building draws"):
        run_site(noon)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_a_complete_portfolio(name, request):
    folder = request.getfixturevalue(name)
    portfolio = load_portfolio(folder)
    assert not portfolio.refused
    site = portfolio.sites[name]
    assert portfolio.tariff_path(site.tariff) is not None
    assert len(site.chargers) == len(site.vehicles) == {"home": 1}.get(name, 6)
    assert site.notes
    assert (folder / "README.md").is_file()


def test_an_unknown_example_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match="atsugi, home, office"):
        write_example(tmp_path / "new", "kyoto")


def test_a_folder_in_use_is_not_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="empty"):
        write_example(tmp_path, "office")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1
