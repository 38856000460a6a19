"""`v2b bill`: prices any load with any tariff, needs no portfolio, and says what it could not price."""

import csv
import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

DATA = Path(__file__).parent.parent / "data" / "tariffs"
ZONE = "America/New_York"
TARIFF = """\
name = "Made up"
currency = "USD"
demand_window_min = 30
[[charges]]
id = "service"
kind = "fixed"
description = "Service charge"
rate = "25"
[[charges]]
id = "demand"
kind = "demand"
description = "Demand charge"
rate = "12.50"
  [[charges.ratchets]]
  percent = 80
  look_back_months = 11
[[charges]]
id = "energy"
kind = "energy"
description = "Energy charge"
  [[charges.periods]]
  name = "on peak"
  weekdays = [1, 2, 3, 4, 5]
  hours = ["12:00-18:00"]
  rate = "0.25"
  [[charges.periods]]
  name = "off peak"
  otherwise = true
  rate = "0.10"
"""
HEADER = "meter_id,interval_start,duration_s,import_kwh,export_kwh\n"
CONTRACT = {"currency", "partial", "refused", "bills"}
BILL = {"from", "to", "total", "lines"}
LINE = ["charge_id", "band", "kind", "description", "quantity", "unit", "rate", "amount", "set_at", "carried_from"]


def rows(first: str, last: str, kwh: Callable[[datetime], str], *, meter: str = "main", minutes: int = 30) -> list[str]:
    """Canonical meter rows from one local midnight until before another."""
    zone = ZoneInfo(ZONE)
    at, end = (datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(ZoneInfo("UTC")) for day in (first, last))
    found = []
    while at < end:
        local = at.astimezone(zone)
        found.append(f"{meter},{local.isoformat()},{minutes * 60},{kwh(local)},0\n")
        at += timedelta(minutes=minutes)
    return found


def two_months(local: datetime) -> str:
    """10 kW throughout, 60 kW in one half-hour of July 2023 and 40 kW in one of August."""
    peaks = {"2023-07-11T14:30": "30", "2023-08-08T15:00": "20"}
    return peaks.get(local.replace(tzinfo=None).isoformat(timespec="minutes"), "5")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    tariff, load = tmp_path / "tariff.toml", tmp_path / "load.csv"
    tariff.write_text(TARIFF)
    load.write_text(HEADER + "".join(rows("2023-07-01", "2023-09-01", two_months)))
    return tariff, load


@pytest.fixture
def bill(v2b, files):
    def run(*options: str, tariff: Path = files[0], load: Path = files[1]):
        return v2b("bill", "--tariff", str(tariff), "--load", str(load), "--timezone", ZONE, *options)

    return run


def test_the_machine_contract_is_exact(bill):
    code, out, _ = bill("--json")
    assert code == 0
    result = json.loads(out)
    assert set(result) == CONTRACT
    assert (result["currency"], result["partial"], result["refused"]) == ("USD", False, [])
    july, august = result["bills"]
    assert set(july) == BILL
    assert [list(line) for line in july["lines"]] == [LINE] * 4
    assert (july["from"], july["to"], august["to"]) == ("2023-07-01", "2023-08-01", "2023-09-01")
    # 31 days of 10 kW are 7,440 kWh, 21 working days of July hold 21 x 6 h x 10 kW = 1,260 of them, the 4th among them;
    # the one peak adds 25 kWh
    assert [(line["charge_id"], line["band"], line["quantity"], line["amount"]) for line in july["lines"]] == [
        ("service", "all", 1.0, "25.00"),
        ("demand", "all", 60.0, "750.00"),
        ("energy", "on peak", 1285.0, "321.25"),
        ("energy", "off peak", 6180.0, "618.00"),
    ]
    assert july["total"] == "1714.25"
    demand = {key: july["lines"][1][key] for key in ("kind", "unit", "rate", "set_at", "carried_from")}
    assert demand == {
        "kind": "demand",
        "unit": "kW",
        "rate": "12.5",
        "set_at": "2023-07-11T14:30:00-04:00",
        "carried_from": None,
    }


def test_reactive_energy_beside_the_load_prices_apparent_power(v2b, tmp_path):
    """60 kW and 80 kvar in one half hour are 100 kVA; all others are 10 kW and 0 kvar."""
    tariff, load = tmp_path / "tariff.toml", tmp_path / "load.csv"
    tariff.write_text(TARIFF.replace('rate = "12.50"', 'rate = "12.50"\nunit = "kVA"'))
    lines = rows("2023-07-01", "2023-08-01", two_months)
    with_reactive = [line.rstrip() + (",40\n" if ",30,0" in line else ",0\n") for line in lines]
    load.write_text(HEADER.rstrip() + ",reactive_kvarh\n" + "".join(with_reactive))
    code, out, _ = v2b("bill", "--tariff", str(tariff), "--load", str(load), "--timezone", ZONE, "--json")
    assert code == 0
    result = json.loads(out)
    demand = result["bills"][0]["lines"][1]
    assert (result["partial"], demand["quantity"], demand["unit"], demand["amount"]) == (False, 100.0, "kVA", "1250.00")
    load.write_text(HEADER + "".join(lines))
    refused = json.loads(v2b("bill", "--tariff", str(tariff), "--load", str(load), "--timezone", ZONE, "--json")[1])
    assert (refused["partial"], refused["refused"][0]["field"]) == (True, "demand")


def test_a_ratchet_carries_july_into_august(bill):
    august = json.loads(bill("--json")[1])["bills"][1]["lines"][1]
    # 80 % of July's 60 kW is more than August's own 40 kW
    assert (august["quantity"], august["amount"], august["carried_from"]) == (48.0, "600.00", "2023-07")
    assert august["set_at"] == "2023-08-08T15:00:00-04:00"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("seed.csv", "month,kw\n2022-08,90.5\n2021-01,500\n"),
        ("seed.toml", '"2022-08" = 90.5\n"2021-01" = 500\n'),
        ("site.toml", '[ratchet_seed]\n"2022-08" = 90.5\n"2021-01" = 500\n'),
    ],
)
def test_seeds_are_peaks_before_the_load(bill, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    code, out, err = bill("--json", "--seed", str(tmp_path / name))
    assert code == 0
    july, august = (entry["lines"][1] for entry in json.loads(out)["bills"])
    assert (july["quantity"], july["carried_from"]) == (72.4, "2022-08")  # 80 % of 90.5
    assert (august["quantity"], august["carried_from"]) == (48.0, "2023-07")  # August 2022 is twelve months back
    assert "no peak is assumed for 10 months" in err


def test_a_month_that_the_load_covers_in_part_is_left_out_and_named(bill, tmp_path):
    load = tmp_path / "part.csv"
    load.write_text(HEADER + "".join(rows("2023-06-12", "2023-09-20", two_months)))
    code, out, err = bill("--json", load=load)
    assert code == 0
    assert [entry["from"] for entry in json.loads(out)["bills"]] == ["2023-07-01", "2023-08-01"]
    assert "not 2023-06-01 to 2023-07-01, 2023-09-01 to 2023-10-01" in err


def test_a_load_without_a_whole_bill_is_one_sentence(bill, tmp_path):
    load = tmp_path / "short.csv"
    load.write_text(HEADER + "".join(rows("2023-06-12", "2023-06-20", two_months)))
    code, out, err = bill("--json", load=load)
    assert (code, out) == (1, "")
    assert err == (
        "error: short.csv: span of the data: '2023-06-12T00:00-04:00 to 2023-06-20T00:00-04:00' is not allowed; "
        "allowed: data that holds at least one whole bill\n"
    )


@pytest.mark.parametrize("site", ["", "office,"])
def test_read_dates_make_the_bills(bill, tmp_path, site):
    header = "site_id,read_from,read_to\n" if site else "read_from,read_to\n"
    (tmp_path / "cycles.csv").write_text(f"{header}{site}2023-07-05,2023-08-03\n{site}2023-08-03,2023-09-05\n")
    code, out, err = bill("--json", "--cycles", str(tmp_path / "cycles.csv"))
    assert code == 0
    (only,) = json.loads(out)["bills"]
    assert (only["from"], only["to"]) == ("2023-07-05", "2023-08-03")
    assert sum(line["quantity"] for line in only["lines"] if line["kind"] == "energy") == 29 * 240 + 25
    assert "not 2023-08-03 to 2023-09-05" in err


def test_a_gap_is_refused_by_name_and_the_bill_is_partial(bill, tmp_path):
    load = tmp_path / "gap.csv"
    lines = rows("2023-07-01", "2023-09-01", two_months)
    del lines[100:102]
    load.write_text(HEADER + "".join(lines))
    code, out, err = bill("--json", load=load)
    assert code == 0
    result = json.loads(out)
    assert result["partial"] is True
    refused = {entry["field"]: entry["reason"] for entry in result["refused"]}
    assert set(refused) == {"demand", "energy"}
    assert refused["energy"].endswith("(bill 2023-07)")
    assert "the load lacks 2 windows from 2023-07-01 to 2023-08-01, the first at 2023-07-03T02:00-04:00" in err
    july, august = result["bills"]
    assert [line["charge_id"] for line in july["lines"]] == ["service", "energy", "energy"]
    assert [line["charge_id"] for line in august["lines"]] == ["service", "energy", "energy"]  # its ratchet needs July
    assert "partial: demand is not priced: " in err


def test_holidays_of_a_code_are_billed_as_such(bill):
    lines = json.loads(bill("--json", "--holidays", "US")[1])["bills"][0]["lines"]
    assert next(line["quantity"] for line in lines if line["band"] == "on peak") == 1285 - 60  # the 4th of July
    assert "no day is billed as a holiday" in bill("--json")[2]
    assert "no day is billed as a holiday" not in bill("--json", "--holidays", "US")[2]


def test_the_demand_window_of_the_option_goes_before_that_of_the_tariff(bill):
    hour = json.loads(bill("--json", "--demand-window", "60")[1])["bills"][0]["lines"][1]
    assert (hour["quantity"], hour["set_at"]) == (35.0, "2023-07-11T14:00:00-04:00")  # (60 + 10) / 2 kW


def test_without_any_demand_window_the_interval_of_the_load_is_said(bill, files):
    files[0].write_text(TARIFF.replace("demand_window_min = 30\n", ""))
    code, out, err = bill("--json")
    assert json.loads(out)["bills"][0]["lines"][1]["quantity"] == 60.0
    assert code == 0
    assert "no demand window is stated" in err


def test_csv_has_one_exact_row_a_line(bill):
    code, out, _ = bill("--format", "csv")
    assert code == 0
    found = list(csv.DictReader(io.StringIO(out)))
    assert list(found[0]) == ["from", "to", *LINE, "currency"]
    assert len(found) == 8
    assert sum(Decimal(row["amount"]) for row in found if row["from"] == "2023-07-01") == Decimal("1714.25")
    assert found[1]["set_at"] == "2023-07-11T14:30:00-04:00"


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_table_keeps_every_number_whole(bill, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    code, out, _ = bill()
    assert code == 0
    assert max(len(line) for line in out.splitlines()) <= int(columns)
    for cell in ("2023-07-01 to 2023-07-31 (31 days)", "1,285 kWh", "set 2023-07-11 14:30", "$1,714.25"):
        assert cell in out, cell
    assert "carried from 2023-07" in out
    assert "2 bills: $3," in out


def test_a_record_without_currency_has_none(bill):
    record = DATA / "fpl-rs1.json"
    code, out, err = bill("--json", tariff=record)
    assert (code, json.loads(out)["currency"]) == (0, None)
    assert "--currency was not given" in err
    code, out, _ = bill("--json", "--currency", "USD", tariff=record)
    assert (code, json.loads(out)["currency"]) == (0, "USD")


def test_meters_of_one_file_are_added_up(bill, tmp_path):
    load = tmp_path / "two.csv"
    parts = [rows("2023-07-01", "2023-08-01", two_months, meter=meter) for meter in ("a", "b")]
    load.write_text(HEADER + "".join(line for part in parts for line in part))
    code, out, err = bill("--json", load=load)
    assert code == 0
    assert json.loads(out)["bills"][0]["lines"][1]["quantity"] == 120.0
    assert "2 meters are added up: a, b" in err


def test_a_moment_stated_twice_is_one_sentence(bill, tmp_path):
    load = tmp_path / "twice.csv"
    lines = rows("2023-07-01", "2023-08-01", two_months)
    lines.insert(5, "main,2023-07-01T00:15:00-04:00,1800,7,0\n")
    load.write_text(HEADER + "".join(lines))
    code, out, err = bill("--json", load=load)
    assert (code, out) == (1, "")
    assert "twice.csv: meter main, interval_start" in err
    assert "one reading for any moment of a meter" in err
    assert len(err.splitlines()) == 1


def test_a_row_that_cannot_be_read_is_a_gap(bill, tmp_path):
    load = tmp_path / "bad.csv"
    lines = rows("2023-07-01", "2023-08-01", two_months)
    lines[10] = lines[10].replace(",5,0", ",five,0")
    load.write_text(HEADER + "".join(lines))
    code, out, err = bill("--json", load=load)
    assert code == 0
    assert {entry["field"] for entry in json.loads(out)["refused"]} == {"demand", "energy"}
    assert "1 rows were refused and count as missing; the first: line 12, import_kwh: 'five'" in err


@pytest.mark.parametrize(
    "options",
    [
        ("--timezone", "Mars/Olympus"),
        ("--demand-window", "7"),
        ("--holidays", "ZZ"),
        ("--currency", "dollars"),
        ("--currency", "EUR"),  # the tariff is in USD
        ("--format", "pdf"),
    ],
)
def test_wrong_usage_ends_with_two(bill, options):
    code, out, _ = bill(*options)
    assert (code, out) == (2, "")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--tariff", "nowhere.toml"), "nowhere.toml"),
        (("--tariff", "nowhere.txt"), ".toml (native) or .json"),
        (("--load", "nowhere.csv"), "nowhere.csv"),
        (("--seed", "nowhere.csv"), "nowhere.csv"),
        (("--cycles", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_a_file_that_is_not_there_is_one_sentence(bill, options, told):
    code, out, err = bill(*options, "--json")
    assert (code, out) == (1, "")
    assert told in err
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("seed.csv", "month,kw\n2022-08,-1\n", "line 2, kw"),
        ("seed.csv", "month,kw\n2022-08,1\n2022-08,2\n", "line 3, month"),
        ("seed.csv", "when,kw\n2022-08,1\n", "header"),
        ("seed.toml", '"2022-8" = 1\n', "a month YYYY-MM"),
        ("cycles.csv", "read_from,read_to\n2023-08-01,2023-07-01\n", "cycles.csv: line 2, read_to"),
        ("cycles.csv", "read_from,read_to\n2023-07-01,2023-08-01\n2023-07-15,2023-09-01\n", "lines 2 and 3, read_from"),
        (
            "cycles.csv",
            "site_id,read_from,read_to\na,2023-07-01,2023-08-01\nb,2023-08-01,2023-09-01\n",
            "line 3, site_id",
        ),
        ("cycles.csv", "read_from,read_to\n", "at least one bill"),
    ],
)
def test_a_wrong_table_is_one_sentence(bill, tmp_path, name, text, told):
    (tmp_path / name).write_text(text)
    code, out, err = bill("--json", f"--{name.partition('.')[0]}", str(tmp_path / name))
    assert (code, out) == (1, "")
    assert told in err
    assert len(err.splitlines()) == 1
