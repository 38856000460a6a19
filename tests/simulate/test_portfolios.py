import csv
import itertools
import json
import os
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pipeline.domain import ConfigError
from pipeline.portfolio import load_portfolio
from pipeline.simulate import SimulationOptions, write_portfolio
from tests.simulate.conftest import files_of, portfolio, truth_of

TRUTH = ("truth.json", "truth_windows.csv", "arming.csv")


def _windows(folder):
    with (folder / "truth_windows.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_same_seed_gives_the_same_bytes_in_a_fresh_process(tmp_path):
    first = files_of(portfolio(tmp_path / "a", sites=2, months=1))
    code = (
        "import sys; from pathlib import Path; from pipeline.simulate import *;"
        "write_portfolio(Path(sys.argv[1]), sites=2, months=1, seed=7, options=SimulationOptions())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "123", "TZ": "Pacific/Auckland"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "b")], check=True, env=environment)
    assert files_of(tmp_path / "b") == first


def test_another_seed_gives_another_portfolio(tmp_path, drawn):
    other = portfolio(tmp_path / "other", seed=8, months=1, sites=1)
    assert (other / "truth.json").read_bytes() != (drawn / "truth.json").read_bytes()


def test_a_drawn_portfolio_loads_and_stands_in_three_zones(drawn):
    loaded = load_portfolio(drawn)
    assert not loaded.refused
    assert {site.timezone for site in loaded.sites.values()} == {"Asia/Tokyo", "Europe/Berlin", "America/Los_Angeles"}
    assert {site.currency for site in loaded.sites.values()} == {"JPY", "EUR", "USD"}
    for site in loaded.sites.values():
        assert loaded.tariff_path(site.tariff) is not None


def test_meter_is_the_actual_world_to_the_wh(drawn):
    truth = {(row["site_id"], row["interval_start"]): int(row["actual_wh"]) for row in _windows(drawn)}
    seen = 0
    for site_id in truth_of(drawn):
        with (drawn / "landing" / site_id / "meter.csv").open(newline="") as stream:
            for row in csv.DictReader(stream):
                utc = f"{datetime.fromisoformat(row['interval_start']).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
                net = (Decimal(row["import_kwh"]) - Decimal(row["export_kwh"])) * 1000
                assert net == truth[site_id, utc]
                seen += 1
    assert seen == len(truth)


def test_energy_is_conserved_in_every_window(drawn):
    states = {site: {m: f["state"] for m, f in facts["months"].items()} for site, facts in truth_of(drawn).items()}
    assert {state for months in states.values() for state in months.values()} == {"ok"}
    for row in _windows(drawn):
        building = int(row["no_ev_wh"])
        assert int(row["actual_wh"]) == building + int(row["charge_wh"]) - int(row["discharge_wh"])
        assert int(row["unmanaged_wh"]) >= building


def test_months_add_up_their_windows(drawn):
    totals = defaultdict(lambda: defaultdict(int))
    for row in _windows(drawn):
        for name in ("actual", "no_ev", "unmanaged"):
            totals[row["site_id"]][name] += int(row[f"{name}_wh"])
        totals[row["site_id"]]["charge"] += int(row["charge_wh"])
    for site_id, site in truth_of(drawn).items():
        months = site["months"].values()
        for name in ("actual", "no_ev", "unmanaged"):
            assert sum(month["energy_wh"][name] for month in months) == totals[site_id][name]
        assert sum(month["charged_wh"] for month in months) == totals[site_id]["charge"]


def test_bills_sum_to_their_lines_and_savings_to_their_bills(drawn):
    for site in truth_of(drawn).values():
        for month in site["months"].values():
            totals = {world: Decimal(bill["total"]) for world, bill in month["bills"].items()}
            for world, bill in month["bills"].items():
                assert sum(Decimal(line["amount"]) for line in bill["lines"]) == totals[world]
            assert Decimal(month["saved"]["no_ev"]) == totals["no_ev"] - totals["actual"]


def test_every_car_leaves_full_and_some_sites_lose_money(drawn):
    sites = truth_of(drawn)
    for site in sites.values():
        for month in site["months"].values():
            assert month["fleet"]["departures"] == month["fleet"]["ready"] > 0
    careless = sites["site-00003"]["months"].values()
    assert any(Decimal(month["saved"]["unmanaged"]) < 0 for month in careless)
    careful = [month for name in ("site-00001", "site-00002") for month in sites[name]["months"].values()]
    assert all(month["peak_w"]["actual"] <= month["peak_w"]["unmanaged"] for month in careful)
    assert any(month["peak_w"]["actual"] < month["peak_w"]["unmanaged"] for month in careful)


def test_months_before_the_programme_are_seed_with_every_world_as_metered(tmp_path):
    folder = portfolio(tmp_path / "p", sites=1, months=4)
    months = truth_of(folder)["site-00001"]["months"]
    assert [facts["state"] for facts in months.values()] == ["seed", "ok", "ok", "ok"]
    seed = next(iter(months.values()))
    assert len(set(seed["peak_w"].values())) == len(set(seed["energy_wh"].values())) == 1
    assert seed["discharged_wh"] == 0


@pytest.mark.parametrize(
    "options",
    [
        {"sample_s": 900},
        {"jitter_s": 40},
        {"loss_pct": 10},
        {"clock_offset_s": 95},
        {"register_step_wh": 100},
        {"gap_hours": 5},
        {"file_format": "csv"},
        {"file_format": "both"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_an_option_changes_the_logs_and_not_the_truth(tmp_path, options):
    plain = files_of(portfolio(tmp_path / "plain", sites=1, months=1))
    other = files_of(portfolio(tmp_path / "other", sites=1, months=1, **options))
    landing = {path for path in plain.keys() | other.keys() if path.startswith("landing") and "meter" not in path}
    assert any(plain.get(path) != other.get(path) for path in landing)
    unchanged = [path for path in plain if path not in landing or "weather" in path]
    assert set(TRUTH) <= set(unchanged)
    assert all(plain[path] == other[path] for path in unchanged)


def _log(folder):
    lines = next((folder / "landing" / "site-00001" / "ocpp").glob("*.jsonl")).read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_both_formats_split_the_chargers_between_them(tmp_path):
    folder = portfolio(tmp_path / "p", sites=1, months=1, file_format="both")
    in_log = {entry["charge_point"] for entry in _log(folder)}
    with (folder / "landing" / "site-00001" / "charger.csv").open(newline="") as stream:
        in_table = {row["charger_id"] for row in csv.DictReader(stream)}
    assert in_log
    assert in_table
    assert not in_log & in_table
    assert in_log | in_table == {charger.charger_id for charger in load_portfolio(folder).sites["site-00001"].chargers}


def test_registers_bracket_the_whole_span_and_never_fall(drawn):
    loaded = load_portfolio(drawn)
    for site_id in loaded.sites:
        readings = defaultdict(list)
        for path in sorted((drawn / "landing" / site_id / "ocpp").glob("*.jsonl")):
            for line in path.read_text("utf-8").splitlines():
                entry = json.loads(line)
                if entry["message"][2] == "MeterValues":
                    value = entry["message"][3]["meterValue"][0]
                    registers = [int(sample["value"]) for sample in value["sampledValue"][:2]]
                    readings[entry["charge_point"]].append((value["timestamp"], *registers))
        with (drawn / "landing" / site_id / "meter.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        first, last = (datetime.fromisoformat(rows[n]["interval_start"]).timestamp() for n in (0, -1))
        for values in readings.values():
            assert values == sorted(values)
            assert all(a[1] <= b[1] and a[2] <= b[2] for a, b in itertools.pairwise(values))
            times = [datetime.fromisoformat(value[0]).timestamp() for value in values]
            assert times[0] == first
            assert times[-1] == last + int(rows[-1]["duration_s"])
            assert values[0][1] > 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sites": 0}, "sites: 0"),
        ({"months": -1}, "months: -1"),
        ({"options": SimulationOptions(sample_s=0)}, "sample_s: 0"),
        ({"options": SimulationOptions(loss_pct=101)}, "loss_pct: 101"),
        ({"options": SimulationOptions(jitter_s=200)}, "jitter_s: 200"),
        ({"options": SimulationOptions(clock_offset_s=90_000)}, "clock_offset_s: 90000"),
        ({"options": SimulationOptions(file_format="xml")}, "ocpp, csv or both"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_in_one_sentence(tmp_path, changes, said):
    wanted = {"sites": 1, "months": 1, "seed": 1, "options": SimulationOptions(), **changes}
    with pytest.raises(ConfigError) as refused:
        write_portfolio(tmp_path / "p", **wanted)
    assert said in str(refused.value)
    assert not (tmp_path / "p").exists()
