"""`v2b init --from`: the site file says what the files hold and asks for what they cannot tell; it always loads."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.domain import InputError
from pipeline.journal import Journal
from pipeline.portfolio import load_portfolio
from pipeline.portfolio.models import Site
from pipeline.steps.first_site import likely_zones, make_first_site
from pipeline.steps.loading import ingest
from pipeline.warehouse import Warehouse
from tests.factories import METER_HEADER, half_hours, lay_out_warehouse, meter_csv
from tests.steps import renditions

DATA = Path(__file__).parents[1] / "data"
CHARGER_HEADER = "charger_id,measured_at,energy_import_wh,energy_export_wh,power_w,soc_pct,session_id,vehicle_id\n"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def made(tmp_path: Path, *paths: Path) -> tuple[Site, str, list[str]]:
    """The site that loads from the new folder, its file's text and what is left to decide."""
    found = make_first_site(tmp_path / "new", paths)
    portfolio = load_portfolio(tmp_path / "new")
    assert not portfolio.refused
    assert sorted(path.name for path in (tmp_path / "new" / "landing").iterdir()) == sorted(path.name for path in paths)
    text = (tmp_path / "new" / "sites" / "my-building.toml").read_text(encoding="utf-8")
    assert all(line in text for line in (decision.split(":")[0] for decision in found.decisions[:2]))
    return portfolio.sites["my-building"], text, found.decisions


def local_meter(offset: str, *days: str) -> str:
    return METER_HEADER + "".join(f"main,{day}T00:00:00{offset},900,1.5,0\n" for day in days)


def test_meter_chargers_and_cars_are_found(tmp_path: Path) -> None:
    """4 kWh in 30 minutes are 8 kW in; 1.6 kWh in 15 minutes are 6.4 kW out, rounded up to half a kW."""
    meter = written(tmp_path, "meter.csv", meter_csv(half_hours("07-01 00:00", 96), meter_id="M-7"))
    rows = [
        "CP9,2013-07-01T08:00:00Z,0,0,,,s1,LEAF1",
        "CP9,2013-07-01T08:30:00Z,4000,0,,,s1,LEAF1",
        "CP9,2013-07-01T08:45:00Z,4000,1600,,,s1,LEAF1",
    ]
    charger = written(tmp_path, "charger.csv", CHARGER_HEADER + "\n".join(rows) + "\n")
    site, text, decisions = made(tmp_path, meter, charger)
    assert [m.meter_id for m in site.meters] == ["M-7"]
    assert [(c.charger_id, c.rated_charge_kw, c.rated_discharge_kw) for c in site.chargers] == [("CP9", 8.0, 6.5)]
    assert [v.vehicle_id for v in site.vehicles] == ["LEAF1"]
    assert site.demand_window_min == 30
    tariff = (tmp_path / "new" / "tariffs" / "my-tariff.toml").read_text(encoding="utf-8")
    assert "\ndemand_window_min = 30\n" in tariff  # a 15-minute tariff could not be billed from this meter
    assert "from 2013-07-01 02:00 to 2013-07-03 02:00" in text  # UTC, told on the placeholder zone's clock
    assert any(decision.startswith("timezone") for decision in decisions)
    assert any(decision.startswith("usable_kwh of 1 cars") for decision in decisions)


LOCAL = "datetime,equipment load [kWh]\n" + "".join(f"2018-01-{day:02} 00:00:00,140.6\n" for day in range(1, 10))
NEM12, ESPI = DATA / "nem12", DATA / "green_button"


@pytest.mark.parametrize(
    ("name", "content", "loaded"),
    [
        ("feed.xml", (ESPI / "openespi__test_usage_data_11.xml").read_bytes(), 92),
        ("solar.csv", (NEM12 / "Example_NEM12_month_solar.csv").read_bytes(), 8928),
        ("many.zip", (NEM12 / "Example_NEM12_ManyNMIs.zip").read_bytes(), 99 * 288),
        ("meter.parquet", renditions.meter_parquet([renditions.Claim(30 * n, 30, 1000, 0) for n in range(48)]), 48),
        ("building.csv", LOCAL.encode(), 9),
    ],
    ids=["green_button", "nem12", "nem12_zip", "parquet", "local_csv"],
)
def test_the_site_made_of_a_file_loads_all_of_it(tmp_path: Path, name: str, content: bytes, loaded: int) -> None:
    meter, log = tmp_path / name, tmp_path / "CP7.jsonl"
    meter.write_bytes(content)
    log.write_bytes(renditions.ocpp_lines(renditions.ocpp_frames(1)))
    site, _, _ = made(tmp_path, meter, log)
    assert [charger.charger_id for charger in site.chargers] == ["CP2"]  # named in the messages
    root = tmp_path / "new"
    lay_out_warehouse(root)
    with Warehouse(root) as warehouse:
        files = ingest(load_portfolio(root), warehouse, Journal(root), now=datetime(2026, 1, 1, tzinfo=UTC))
    assert {file.path: (file.outcome, file.result.loaded) for file in files} == {
        name: ("loaded", loaded),
        "CP7.jsonl": ("loaded", 7),
    }


def test_the_zone_follows_from_the_offsets(tmp_path: Path) -> None:
    tokyo = written(tmp_path, "meter.csv", local_meter("+09:00", "2024-01-05", "2024-07-05"))
    site, text, decisions = made(tmp_path, tokyo)
    assert site.timezone == "Asia/Tokyo"
    assert "Asia/Seoul" in next(decision for decision in decisions if decision.startswith("timezone"))
    assert "DECIDE: its clock fits" in text


def test_winter_and_summer_tell_zones_apart(tmp_path: Path) -> None:
    winter = written(tmp_path, "a.csv", local_meter("-07:00", "2024-01-05"))
    summer = written(tmp_path, "b.csv", local_meter("-07:00", "2024-07-05"))
    assert likely_zones([winter]) == ["America/Denver", "America/Phoenix"]
    assert likely_zones([summer]) == ["America/Phoenix", "America/Los_Angeles"]
    assert likely_zones([winter, summer]) == ["America/Phoenix"]


def test_green_button_states_its_clock(tmp_path: Path) -> None:
    """UTC-5 and an hour of summer time are New York; UTC-7 all year is Phoenix."""
    real = (DATA / "green_button" / "openespi__test_usage_data_11.xml").read_text(encoding="utf-8")
    assert likely_zones([written(tmp_path, "a.xml", real)]) == ["America/New_York"]
    west = real.replace("<tzOffset>-18000<", "<espi:tzOffset> -25200 <").replace("<dstOffset>3600<", "<dstOffset>0<")
    assert likely_zones([written(tmp_path, "b.xml", west)]) == ["America/Phoenix"]


def test_nem12_comes_from_australia(tmp_path: Path) -> None:
    found = likely_zones([DATA / "nem12" / "Example_NEM12_actual_interval.csv"])
    assert found[0] == "Australia/Sydney"
    assert {name.partition("/")[0] for name in found} == {"Australia"}


def test_files_that_contradict_each_other_tell_no_zone(tmp_path: Path) -> None:
    tokyo = written(tmp_path, "a.csv", local_meter("+09:00", "2024-01-05"))
    assert likely_zones([tokyo, DATA / "nem12" / "Example_NEM12_actual_interval.csv"]) == []


def test_files_in_utc_or_with_nonsense_tell_no_zone(tmp_path: Path) -> None:
    utc = written(tmp_path, "a.csv", local_meter("Z", "2024-01-05"))
    nonsense = written(tmp_path, "b.csv", local_meter("+99:00", "2024-13-05"))
    assert likely_zones([utc, nonsense]) == []


def test_names_that_are_no_ids_become_aliases(tmp_path: Path) -> None:
    meter = written(tmp_path, "meter.csv", meter_csv(half_hours("07-01 00:00", 4), meter_id="urn:uuid:1\\ x"))
    site, _, _ = made(tmp_path, meter)
    assert site.meters[0].meter_id == "meter-1"
    assert site.meters[0].aliases == ["urn:uuid:1\\ x"]


def test_several_meters_are_asked_about(tmp_path: Path) -> None:
    one = written(tmp_path, "one.csv", meter_csv(half_hours("07-01 00:00", 4), meter_id="a"))
    two = written(tmp_path, "two.csv", meter_csv(half_hours("07-01 00:00", 4), meter_id="b"))
    site, text, _ = made(tmp_path, one, two)
    assert site.billing_meter_ids == ["a", "b"]
    assert text.count('role = "billing"') == 2


def test_an_interval_that_is_no_demand_window_is_asked_about(tmp_path: Path) -> None:
    daily = written(tmp_path, "meter.csv", meter_csv([("07-01 00:00", 9), ("07-02 00:00", 9)], duration_s=86_400))
    site, _, decisions = made(tmp_path, daily)
    assert site.demand_window_min == 60
    assert any("86400 s are no demand window" in decision for decision in decisions)


def test_without_a_meter_nothing_is_written_and_each_file_is_told(tmp_path: Path) -> None:
    text = written(tmp_path, "notes.txt", "shopping list\n")
    with pytest.raises(InputError, match=r"notes\.txt: 1 refused.*at least one file with meter readings"):
        make_first_site(tmp_path / "new", [text])
    with pytest.raises(InputError, match="an existing file"):
        make_first_site(tmp_path / "new", [tmp_path / "absent.csv"])
    assert not (tmp_path / "new").exists()
