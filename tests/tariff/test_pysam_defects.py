"""Where PySAM 7.1.1 prices another bill than the tariff says: each case with its number and ours."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from pipeline.calendars import calendar_month
from pipeline.domain import LOAD
from pipeline.tariff import Tariff, load_tariff, measure, price, resolve
from tests.tariff.second_pricer import ENDLESS, EVERY_HOUR, HOURS, NO_METER, inputs, prices

pytest.importorskip("PySAM.UtilityRateTools", reason="nrel-pysam is not installed")
from PySAM.UtilityRateTools import URDBv8_to_ElectricityRates

ALL_HOURS = [[0] * 24 for _ in range(12)]
ENERGY = {
    "energyratestructure": [[{"rate": 0}]],
    "energyweekdayschedule": ALL_HOURS,
    "energyweekendschedule": ALL_HOURS,
}
ONE_A_KW = {**ENERGY, "flatdemandstructure": [[{"rate": 1}]], "flatdemandmonths": [0] * 12}
FIRST_HOUR = (0, 744, 1416, 2160, 2880, 3624, 4344, 5088, 5832, 6552, 7296, 8016)  # of each month of 365 days


@pytest.fixture
def read(tmp_path):
    def _read(record, answers: str = "") -> Tariff:
        (tmp_path / "r.json").write_text(json.dumps(record), encoding="utf-8")
        (tmp_path / "r.answers.toml").write_text(answers, encoding="utf-8")
        return load_tariff(tmp_path / "r.json", lambda _: [])

    return _read


def fresh(record: dict[str, object]) -> dict[str, object]:
    """A record as a file gives it, no list of it twice."""
    return json.loads(json.dumps(record))


def ours(tariff: Tariff, month: str, kw: dict[str, int], *, base_kw: int = 0, step_min: int = 60, past=None) -> Decimal:
    """Our total of a month in UTC with `base_kw` all the time and `kw` from some moments on, for a step each."""
    period = calendar_month(month)
    begin = datetime(period.read_from.year, period.read_from.month, period.read_from.day, tzinfo=UTC)
    end = datetime(period.read_to.year, period.read_to.month, period.read_to.day, tzinfo=UTC)
    step = timedelta(minutes=step_min)
    starts = [begin + step * n for n in range((end - begin) // step)]
    peaks = {datetime.fromisoformat(moment).replace(tzinfo=UTC): value for moment, value in kw.items()}
    assert set(peaks) <= set(starts)
    frame = pl.DataFrame(
        {
            "scenario": "world",
            "interval_start": starts,
            "duration_s": step_min * 60,
            "import_wh": [peaks.get(start, base_kw) * 1000 * step_min // 60 for start in starts],
            "export_wh": 0,
        },
        schema=dict(LOAD),
    )
    resolved = resolve(tariff, period)
    determinants = measure(resolved, period, frame, zone="UTC", holidays=frozenset())
    history = {("world", "flat_demand"): {key: Decimal(value) for key, value in (past or {}).items()}}
    return price(resolved, period, determinants, history)["world"].total


def with_peaks(peaks_kw: dict[int, int], base_kw: int = 100) -> list[int]:
    """A year of PySAM's [Wh]: a base, and for some months (1-12) one hour of another demand."""
    load = [base_kw * 1000] * HOURS
    for month, kw in peaks_kw.items():
        load[FIRST_HOUR[month - 1] + 30] = kw * 1000
    return load


def look_back(months: int, percent: float = 100) -> dict[str, object]:
    return {
        "ur_enable_billing_demand": 1,
        "ur_billing_demand_minimum": 0,
        "ur_billing_demand_lookback_period": months,
        "ur_billing_demand_lookback_percentages": [[percent, 100]] * 12,
        "ur_dc_billing_demand_periods": [[1, 1]],
        "ur_yearzero_usage_peaks": [100] * 12,
        "ur_dc_flat_mat": [[month, 1, ENDLESS, 1] for month in range(12)],
    }


def test_a_ratchet_looks_one_month_too_far_over_the_end_of_a_year(read) -> None:
    """1,000 kW in December, 100 kW otherwise, 100 % of the month before: 1,000 is due in January, 100 in February."""
    theirs = prices(look_back(1), with_peaks({12: 1000}), years=2)["flat demand"]
    assert theirs[1][:3] == [1000, 1000, 100]
    tariff = read({**ONE_A_KW, "lookbackPercent": 1, "lookbackRange": 1})
    past = {"2018-12": 1000}
    assert ours(tariff, "2019-01", {}, base_kw=100, past=past) == 1000
    assert ours(tariff, "2019-02", {}, base_kw=100, past={**past, "2019-01": 100}) == 100


def test_inside_a_year_a_ratchet_looks_as_far_as_ours(read) -> None:
    theirs = prices(look_back(1), with_peaks({4: 1000}))["flat demand"][0]
    tariff = read({**ONE_A_KW, "lookbackPercent": 1, "lookbackRange": 1})
    past = {f"2018-{month:02d}": 1000 if month == 4 else 100 for month in range(1, 7)}
    assert theirs[3:6] == [1000, 1000, 100]
    assert ours(tariff, "2018-05", {}, base_kw=100, past=past) == 1000
    assert ours(tariff, "2018-06", {}, base_kw=100, past=past) == 100


RATCHET_RECORD = {
    **ONE_A_KW,
    "lookbackpercent": 0.5,
    "lookbackrange": 3,
    "lookbackmonths": [False, True] + [False] * 10,
}


def test_the_import_of_a_look_back_forgets_the_month_itself(read) -> None:
    """50 % of February's peak within three months, and every month 100 kW: 100 kW are due, PySAM bills 50."""
    rates = {**URDBv8_to_ElectricityRates(fresh(RATCHET_RECORD)), "ur_yearzero_usage_peaks": [100] * 12}
    theirs = prices(rates, with_peaks({}))["flat demand"][0]
    assert theirs[2] == 50
    tariff = read(RATCHET_RECORD, '[lookback]\nanswer = "both"\nbecause = "sheet 2"\n')
    assert ours(tariff, "2018-03", {}, base_kw=100, past={"2018-02": 100}) == 100


def test_the_import_of_a_look_back_takes_every_month_for_the_named_one(read) -> None:
    """1,000 kW in June are no peak of February: July owes its own 100 kW, PySAM bills half of June's."""
    rates = {**URDBv8_to_ElectricityRates(fresh(RATCHET_RECORD)), "ur_yearzero_usage_peaks": [100] * 12}
    assert {tuple(row) for row in rates["ur_billing_demand_lookback_percentages"]} == {(50, 0)}
    assert prices(rates, with_peaks({6: 1000}))["flat demand"][0][6] == 500
    tariff = read(RATCHET_RECORD, '[lookback]\nanswer = "both"\nbecause = "sheet 2"\n')
    past = {"2018-04": 100, "2018-05": 100, "2018-06": 1000}
    assert ours(tariff, "2018-07", {}, base_kw=100, past=past) == 100


def test_the_import_changes_the_record_it_is_given() -> None:
    record = fresh(ONE_A_KW)
    URDBv8_to_ElectricityRates(record)
    assert record["energyweekdayschedule"] == [[1] * 24] * 12  # period 1 was period 0
    assert record == {**ONE_A_KW, "energyweekdayschedule": EVERY_HOUR, "energyweekendschedule": EVERY_HOUR}


def test_there_is_no_demand_window(read) -> None:
    """400 kW for a quarter of an hour, 100 kW otherwise: the hour's mean is 175 kW."""
    quarters = [25_000] * (4 * HOURS)
    quarters[100] = 100_000
    rates = {"ur_dc_flat_mat": look_back(1)["ur_dc_flat_mat"]}
    assert prices(rates, [4 * wh for wh in quarters])["flat demand"][0][0] == 400
    tariff = read({**ONE_A_KW, "demandwindow": 60})
    peak = {"2018-01-02T01:00": 400}
    assert ours(tariff, "2018-01", peak, base_kw=100, step_min=15) == 175


def test_every_year_begins_on_a_monday(read) -> None:
    """24 kWh on 1 January 2017, a Sunday, at 1 on weekdays and 0 at weekends."""
    record = {**ENERGY, "energyratestructure": [[{"rate": 1}], [{"rate": 0}]], "energyweekendschedule": [[1] * 24] * 12}
    tariff = read(record)
    theirs = prices(inputs(tariff, 31), [1000] * 24 + [0] * (HOURS - 24))["energy"][0]
    assert theirs[0] == 24
    assert ours(tariff, "2017-01", {f"2017-01-01T{hour:02d}:00": 1 for hour in range(24)}) == 0


def test_no_year_has_a_29_february(read) -> None:
    """366 days of hours are refused; without the last day, what was used on 29 February 2020 falls into March."""
    tariff = read({**ENERGY, "energyratestructure": [[{"rate": 1}]]})
    on_leap_day = [0] * (59 * 24) + [1000] * 24 + [0] * (306 * 24)
    with pytest.raises(Exception, match=r"number of load values|8784"):
        prices(inputs(tariff, 29), on_leap_day)
    theirs = prices(inputs(tariff, 29), on_leap_day[:HOURS])["energy"][0]
    assert theirs[1:3] == [0, 24]
    assert ours(tariff, "2020-02", {f"2020-02-29T{hour:02d}:00": 1 for hour in range(24)}) == 24


def test_daily_tiers_know_one_february(read) -> None:
    """10 kWh a day at 1, more at 2; 300 kWh in February 2020: 290 + 2 x 10 = 310, PySAM's February ends at 280."""
    tiers = [[{"rate": 1, "max": 10, "unit": "kWh daily"}, {"rate": 2, "unit": "kWh daily"}]]
    tariff = read({**ENERGY, "energyratestructure": tiers})
    theirs = prices(inputs(tariff, 29), [300_000 if hour == FIRST_HOUR[1] else 0 for hour in range(HOURS)])["energy"][0]
    assert theirs[1] == 320
    assert ours(tariff, "2020-02", {"2020-02-10T12:00": 300}) == 310
    assert ours(tariff, "2018-02", {"2018-02-10T12:00": 300}) == 320


def test_a_rate_that_charges_nothing_charges_nothing() -> None:
    """The base that every case above changes is neutral."""
    assert prices(NO_METER, with_peaks({1: 900}))["total"] == [[0] * 12]
    assert EVERY_HOUR[0] == [1] * 24
