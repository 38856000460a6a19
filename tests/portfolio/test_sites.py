"""Site files and v2b.toml: every documented key is taken, everything else refused with its place."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from pipeline.domain import ConfigError
from pipeline.portfolio import Portfolio, load_portfolio, load_site
from pipeline.portfolio.models import Config, PortfolioSettings, Site
from tests.factories import portfolio_folder

FULL = """
site_id = "atsugi"
name = "Advanced Technology Center, Atsugi"
notes = "Loads are simulated."
timezone = "Asia/Tokyo"
currency = "JPY"
holidays = "JP"
tariff = "tepco-hv-2013"
tariff_holidays = [2013-01-02]
demand_window_min = 30
programme_start = 2013-07-01
headline = "unmanaged"
other_peak_control = false
weather_station = "atsugi"
co2_region = "jp-east"

[ratchet_seed]
"2012-06" = 955.05

[peak_window]
months = [7, 8, 9]
weekdays = [1, 2, 3, 4, 5]
start = "13:00"
end = "16:00"

[[meters]]
meter_id = "main"
role = "billing"
accuracy_pct = 0.5
accuracy_class = "0.5S"
ct_ratio = "200/5"
aliases = ["urn:uuid:5f0e"]

[[chargers]]
charger_id = "CP1"
rated_charge_kw = 6.0
rated_discharge_kw = 6.0
accuracy_pct = 1.0
meter_id = "main"
register_side = "dc"
conversion_efficiency = 0.94
aux_w = 0
sign = "import-positive"
aliases = ["JP*NIS*1"]

[[vehicles]]
vehicle_id = "LEAF1"
usable_kwh = 21
target_soc_pct = 100
departure = "18:45"
min_soc_pct = 20
aliases = ["tag-1"]

[wear]
low = 5.0
high = 15.0

[report]
recipients = ["energy@example.com"]
language = "en"
also_currency = "USD"
rate = 0.00973
rate_date = 2013-11-29
rate_source = "published with the test"
"""

SETTINGS = """
currency = "JPY"
language = "ja"
[smtp]
host = "mail.example.com"
port = 465
security = "tls"
from = "v2b@example.com"
[thresholds]
restate_pct = 1.0
reconcile_pct = 0.5
clock_bound_s = 60
[schedule]
days_after_close = 3
grace_days = 14
first_month = "2026-09"
[alerts]
recipients = ["ops@example.com"]
[report]
portfolio_recipients = ["board@example.com"]
base_url = "https://v2b.example.com"
"""


def write(folder: Path, text: str, name: str = "atsugi") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, before: str, after: str) -> ConfigError:
    """The refusal of the full example with one change."""
    assert before in FULL
    with pytest.raises(ConfigError) as caught:
        load_site(write(folder, FULL.replace(before, after, 1)))
    return caught.value


def test_the_full_example_is_taken(tmp_path: Path) -> None:
    site = load_site(write(tmp_path, FULL))
    assert site.peak_window is not None
    assert (site.peak_window.start, site.peak_window.months) == ("13:00", [7, 8, 9])
    assert site.programme_start == date(2013, 7, 1)
    assert site.vehicles[0].usable_kwh == 21.0
    assert site.billing_meter_ids == ["main"]


def keys_of(model: type[Config]) -> set[str]:
    keys: set[str] = set()
    for name, field in model.model_fields.items():
        keys.add(field.alias or name)
        for part in (
            field.annotation,
            *get_args(field.annotation),
            *(a for p in get_args(field.annotation) for a in get_args(p)),
        ):
            if isinstance(part, type) and issubclass(part, Config):
                keys |= keys_of(part)
    return keys


def test_the_full_examples_hold_every_key_there_is() -> None:
    """A key that is added without a line here would be one that nobody tried."""
    alternatives = {"tariffs"}  # instead of `tariff`
    written = set(re.findall(r"^\[*([a-z0-9_]+)", FULL + "\n[[meters]]", re.MULTILINE))
    assert keys_of(Site) - alternatives <= written | {"name", "from"}
    assert keys_of(PortfolioSettings) <= set(re.findall(r"^\[*([a-z_]+)", SETTINGS, re.MULTILINE))


def test_a_site_needs_little(tmp_path: Path) -> None:
    text = (
        'site_id = "a"\nname = "A"\ntimezone = "UTC"\ncurrency = "EUR"\ntariff = "t"\n[[meters]]\nmeter_id = "main"\n'
    )
    site = load_site(write(tmp_path, text, "a"))
    assert (site.headline, site.chargers, site.programme_start, site.report.recipients) == ("unmanaged", [], None, [])


def test_money_stays_as_exact_as_it_is_written(tmp_path: Path) -> None:
    text = FULL.replace("low = 5.0", "low = 0.1").replace("high = 15.0", "high = 0.3")
    site = load_site(write(tmp_path, text))
    assert site.wear is not None
    assert site.wear.low + site.wear.low + site.wear.low == site.wear.high
    assert site.report.rate == Decimal("0.00973")
    assert site.ratchet_seed == {"2012-06": Decimal("955.05")}


REFUSALS = [
    ('currency = "JPY"', 'currency = "JPY"\ncolour = "red"', "colour", "one of the keys: site_id, name"),
    ("usable_kwh = 21", "usable_kwh = 21\ncapacity = 4", "vehicles[0].capacity", "vehicle_id, usable_kwh"),
    ('start = "13:00"', 'start = "13:00"\nfrom = 1', "peak_window.from", "months, weekdays, start, end"),
    ('timezone = "Asia/Tokyo"', 'timezone = "Tokyo"', "timezone", "IANA time zone"),
    ('timezone = "Asia/Tokyo"', 'timezone = "../etc"', "timezone", "IANA time zone"),
    ("rated_charge_kw = 6.0", "", "chargers[0].rated_charge_kw", "the key is required"),
    ("rated_charge_kw = 6.0", "rated_charge_kw = 0", "chargers[0].rated_charge_kw", "greater than 0"),
    ("rated_charge_kw = 6.0", "rated_charge_kw = inf", "chargers[0].rated_charge_kw", "finite"),
    ("rated_charge_kw = 6.0", "rated_charge_kw = nan", "chargers[0].rated_charge_kw", "finite"),
    ("rated_charge_kw = 6.0", 'rated_charge_kw = "6"', "chargers[0].rated_charge_kw", "number"),
    ("conversion_efficiency = 0.94", "", "chargers[0]", "conversion_efficiency beside register_side = 'dc'"),
    ('currency = "JPY"', 'currency = "yen"', "currency", "ISO 4217"),
    ('holidays = "JP"', 'holidays = "JP-99"', "holidays", "`holidays` library"),
    ("demand_window_min = 30", "demand_window_min = 45", "demand_window_min", "5, 10, 15, 20, 30 or 60"),
    ("programme_start = 2013-07-01", 'programme_start = "2013-07-01"', "programme_start", "date"),
    ('headline = "unmanaged"', 'headline = "managed"', "headline", "'no_ev' or 'unmanaged'"),
    ('"2012-06" = 955.05', '"2012-6" = 955.05', "ratchet_seed", "a month YYYY-MM"),
    ('"2012-06" = 955.05', '"2312-06" = 955.05', "ratchet_seed", "a month YYYY-MM"),
    ('"2012-06" = 955.05', '"2012-06" = -1', "ratchet_seed.2012-06", "greater than or equal to 0"),
    ("months = [7, 8, 9]", "months = [0]", "peak_window.months[0]", "greater than or equal to 1"),
    ('end = "16:00"', 'end = "12:00"', "peak_window", "a start before its end"),
    ('end = "16:00"', 'end = "25:00"', "peak_window.end", "HH:MM"),
    ('role = "billing"', 'role = "sub"', "file", "at least one meter with role = 'billing'"),
    ('[[meters]]\nmeter_id = "main"', '[[meters]]\nmeter_id = "ma in"', "meters[0].meter_id", "letters, digits"),
    ('[[meters]]\nmeter_id = "main"', '[[meters]]\nmeter_id = "../x"', "meters[0].meter_id", "letters, digits"),
    ('accuracy_pct = 1.0\nmeter_id = "main"', 'meter_id = "annex"', "file", "behind one of the meters ['main']"),
    ('aliases = ["JP*NIS*1"]', 'aliases = ["CP1"]', "file", "each charger id and alias once, unlike 'CP1'"),
    ("low = 5.0", "low = 16.0", "wear", "low not above high"),
    ("energy@example.com", "energy@", "report.recipients[0]", "one e-mail address"),
    ("energy@example.com", "a@example.com\\nBcc: b@example.com", "report.recipients[0]", "one e-mail address"),
    ("rate = 0.00973", "", "report", "rate, rate_date and rate_source beside also_currency"),
    ('tariff = "tepco-hv-2013"', "", "file", "either tariff or [[tariffs]]"),
    ('site_id = "atsugi"', 'site_id = "office"', "site_id", "the file's name, 'atsugi'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "place", "allowed"), REFUSALS, ids=[f"{r[2]}: {r[1][:24]}" for r in REFUSALS]
)
def test_a_wrong_site_is_refused_with_file_place_and_what_is_allowed(
    tmp_path: Path, before: str, after: str, place: str, allowed: str
) -> None:
    error = refused(tmp_path, before, after)
    assert error.file == "atsugi.toml"
    assert error.place.startswith(place)
    assert allowed in error.allowed
    assert str(error).count("\n") == 0


def test_the_refusal_shows_the_value(tmp_path: Path) -> None:
    assert refused(tmp_path, "usable_kwh = 21", "usable_kwh = -2.5").value == -2.5


@pytest.mark.parametrize("content", [b"site_id = ", b"\xff\xfe", b"site_id = 'a'\nsite_id = 'b'\n"])
def test_what_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "atsugi.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="TOML in UTF-8"):
        load_site(path)


def test_dated_tariffs_follow_each_other(tmp_path: Path) -> None:
    """In force from their first day on; none before the first."""
    dated = '[[tariffs]]\nname = "old"\nfrom = 2012-04-01\n[[tariffs]]\nname = "new"\nfrom = 2013-04-01\n'
    text = FULL.replace('tariff = "tepco-hv-2013"\n', "") + dated
    site = load_site(write(tmp_path, text))
    days = [date(2012, 3, 31), date(2012, 4, 1), date(2013, 3, 31), date(2013, 4, 1)]
    assert [site.tariff_name_on(day) for day in days] == [None, "old", "old", "new"]
    with pytest.raises(ConfigError, match="later than the one before"):
        load_site(write(tmp_path, text.replace("2013-04-01", "2012-04-01")))


def test_the_settings_are_taken_and_checked(tmp_path: Path) -> None:
    root = portfolio_folder(tmp_path)
    (root / "v2b.toml").write_text(SETTINGS, encoding="utf-8")
    settings = load_portfolio(root).settings
    assert settings.smtp is not None
    assert (settings.smtp.from_, settings.report.base_url) == ("v2b@example.com", "https://v2b.example.com")
    (root / "v2b.toml").write_text(SETTINGS.replace("port = 465", "port = 70000"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"v2b\.toml: smtp\.port: 70000"):
        load_portfolio(root)


def test_a_password_has_no_place_in_the_settings(tmp_path: Path) -> None:
    root = portfolio_folder(tmp_path)
    (root / "v2b.toml").write_text(SETTINGS.replace("port = 465", 'password = "secret"'), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"smtp\.password.*one of the keys: host, port, security, from"):
        load_portfolio(root)


def test_a_wrong_site_stands_aside_and_the_others_stand(tmp_path: Path) -> None:
    root = portfolio_folder(tmp_path, ["atsugi", "office"])
    (root / "sites" / "office.toml").write_text('site_id = "office"\n', encoding="utf-8")
    portfolio = load_portfolio(root)
    assert list(portfolio.sites) == ["atsugi"]
    assert list(portfolio.refused) == ["office"]


def test_a_folder_that_is_no_portfolio_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="v2b init DIR"):
        load_portfolio(tmp_path)


def test_a_native_tariff_goes_before_a_record_of_the_same_name(tmp_path: Path) -> None:
    portfolio: Portfolio = load_portfolio(portfolio_folder(tmp_path))
    (tmp_path / "tariffs" / "flat.json").write_text("{}", encoding="utf-8")
    found = portfolio.tariff_path("flat")
    assert found is not None
    assert found.name == "flat.toml"
    assert portfolio.tariff_path("other") is None
