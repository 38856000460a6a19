"""Any load under any tariff: which bills are whole, what a load cannot tell, and peaks carried from bill to bill."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from pipeline.calendars import calendar_month
from pipeline.domain import METER_RECORD, BillPeriod, InputError, V2BError
from pipeline.pricing import METERED, BillLoad, Priced, Terms, common_span, metered_load, price_bills, whole_bills
from pipeline.tariff import Bill, Tariff
from tests.tariff.bench import native

ZONE = "Europe/Berlin"
TERMS = Terms(ZONE)
ENERGY = '[[charges]]\nid = "energy"\nkind = "energy"\nrate = "0.10"\n'
DEMAND = '[[charges]]\nid = "demand"\nkind = "demand"\nrate = "10"\n'
DAY_DEMAND = (
    '[[charges]]\nid = "day"\nkind = "demand"\n[[charges.periods]]\nname = "day"\nhours = ["08:00-20:00"]\nrate = "2"\n'
)
LOOK_BACK = "[[charges.ratchets]]\npercent = 100\nlook_back_months = 2\n"
RATCHET = DEMAND + LOOK_BACK


def local(text: str, zone: str = ZONE) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def meter(
    first: str, last: str, *, minutes: int = 60, wh: int = 1000, meter_id: str = "main", zone: str = ZONE
) -> pl.DataFrame:
    """A flat load from one local midnight until before another."""
    begin, end, step = local(first, zone), local(last, zone), timedelta(minutes=minutes)
    rows = [(meter_id, begin + step * n, minutes * 60, wh, 0, "measured") for n in range((end - begin) // step)]
    return pl.DataFrame(rows, schema=dict(METER_RECORD), orient="row")


def with_value(frame: pl.DataFrame, at: str, wh: int) -> pl.DataFrame:
    here = pl.col("interval_start") == local(at)
    return frame.with_columns(import_wh=pl.when(here).then(wh).otherwise("import_wh"))


def without(frame: pl.DataFrame, at: str) -> pl.DataFrame:
    return frame.filter(pl.col("interval_start") != local(at))


def months(frame: pl.DataFrame, *names: str) -> list[BillLoad]:
    return [metered_load(frame, calendar_month(name), ZONE) for name in names]


def priced(tariff: Tariff, loads: list[BillLoad], terms: Terms = TERMS) -> list[Priced]:
    return price_bills(tariff, loads, terms)


def only(tariff: Tariff, loads: list[BillLoad], terms: Terms = TERMS) -> Bill:
    (entry,) = priced(tariff, loads, terms)
    return entry.bills[METERED]


def refused(bill: Bill) -> dict[str, str]:
    return {refusal.field: refusal.reason for refusal in bill.refused}


# --- which bills


def test_only_months_that_the_data_covers_from_midnight_to_midnight_are_whole() -> None:
    span = (local("2023-01-31T23:45"), local("2023-04-30T23:45"))
    whole, in_part = whole_bills(span, ZONE)
    assert [period.month for period in whole] == ["2023-02", "2023-03"]
    assert [period.month for period in in_part] == ["2023-01", "2023-04"]


def test_read_dates_replace_months() -> None:
    cycles = [
        BillPeriod("2023-02", date(2023, 1, 20), date(2023, 2, 20)),
        BillPeriod("2023-03", date(2023, 2, 20), date(2023, 3, 21)),
        BillPeriod("2023-09", date(2023, 8, 20), date(2023, 9, 20)),
    ]
    whole, in_part = whole_bills((local("2023-02-01"), local("2023-03-21")), ZONE, cycles)
    assert (whole, in_part) == ([cycles[1]], [cycles[0]])


def test_meters_that_begin_and_end_at_different_times_share_the_time_between() -> None:
    frame = pl.concat([meter("2023-01-01", "2023-03-01"), meter("2023-02-01", "2023-04-01", meter_id="second")])
    assert common_span(frame) == (local("2023-02-01"), local("2023-03-01"))


# --- one load


def test_the_meters_of_a_load_are_added_up() -> None:
    frame = pl.concat([meter("2023-01-01", "2023-02-01"), meter("2023-01-01", "2023-02-01", wh=500, meter_id="b")])
    bill = only(native(ENERGY), months(frame, "2023-01"))
    assert [line.quantity for line in bill.lines] == [Decimal(744) * Decimal("1.5")]
    assert not bill.partial


def test_the_month_in_which_clocks_go_forward_has_743_hours() -> None:
    bill = only(native(ENERGY), months(meter("2023-03-01", "2023-04-01"), "2023-03"))
    assert bill.total == Decimal("74.3")


def test_intervals_of_two_lengths_are_billed_by_the_longer() -> None:
    frame = pl.concat(
        [meter("2023-01-01", "2023-01-10", minutes=15, wh=100), meter("2023-01-10", "2023-02-01", minutes=30, wh=400)]
    )
    bill = only(native(DEMAND), months(frame, "2023-01"))
    assert [(line.quantity, line.amount) for line in bill.lines] == [(Decimal("0.8"), Decimal(8))]


@pytest.mark.parametrize("minutes", [7, 120, 1440])
def test_intervals_that_do_not_divide_an_hour_are_refused(minutes: int) -> None:
    with pytest.raises(InputError, match="divide an hour"):
        metered_load(meter("2023-01-01", "2023-02-01", minutes=minutes), calendar_month("2023-01"), ZONE)


def test_hours_that_begin_at_half_past_the_local_hour_are_refused() -> None:
    frame = meter("2023-01-01", "2023-02-01", zone="UTC")
    with pytest.raises(V2BError, match="does not lie inside one demand window"):
        metered_load(frame, calendar_month("2023-01"), "Asia/Kolkata")


# --- what a load cannot tell


def test_a_gap_is_named_and_never_billed_as_zero() -> None:
    frame = without(meter("2023-01-01", "2023-02-01"), "2023-01-09T03:00")
    bill = only(native(ENERGY + DEMAND), months(frame, "2023-01"))
    assert [(line.charge_id, line.quantity) for line in bill.lines] == [("energy", Decimal(743))]
    assert set(refused(bill)) == {"demand", "energy"}
    assert all("1 of 744 windows" in reason for reason in refused(bill).values())


def test_a_gap_outside_the_hours_of_a_demand_charge_does_not_touch_it() -> None:
    frame = without(meter("2023-01-01", "2023-02-01"), "2023-01-09T03:00")
    bill = only(native(DAY_DEMAND), months(frame, "2023-01"))
    assert [(line.charge_id, line.amount) for line in bill.lines] == [("day", Decimal(2))]
    assert not bill.partial


def test_a_window_that_one_of_two_meters_lacks_is_missing() -> None:
    second = without(meter("2023-01-01", "2023-02-01", meter_id="b"), "2023-01-09T03:00")
    bill = only(native(ENERGY), months(pl.concat([meter("2023-01-01", "2023-02-01"), second]), "2023-01"))
    assert [line.quantity for line in bill.lines] == [Decimal(743 * 2)]
    assert list(refused(bill)) == ["energy"]


def test_hourly_data_does_not_tell_a_quarter_hour_peak() -> None:
    tariff = native(ENERGY + DEMAND + "window_min = 15\n")
    bill = only(tariff, months(meter("2023-01-01", "2023-02-01"), "2023-01"))
    assert [line.charge_id for line in bill.lines] == ["energy"]
    assert list(refused(bill)) == ["demand"]
    assert "windows of 3600 s; needed are windows that fill 900 s" in refused(bill)["demand"]


def test_hourly_data_does_not_tell_hours_that_change_at_half_past() -> None:
    text = DAY_DEMAND.replace("08:00", "08:30")
    bill = only(native(ENERGY + text), months(meter("2023-01-01", "2023-02-01"), "2023-01"))
    assert list(refused(bill)) == ["day"]
    assert "windows of 3600 s across 08:30" in refused(bill)["day"]
    assert [line.charge_id for line in bill.lines] == ["energy"]
    half = only(native(ENERGY + text), months(meter("2023-01-01", "2023-02-01", minutes=30), "2023-01"))
    assert not half.partial


def test_a_month_without_any_data_has_no_bill() -> None:
    frame = pl.concat([meter("2023-01-01", "2023-02-01"), meter("2023-03-01", "2023-04-01")])
    bills = priced(native(ENERGY), months(frame, "2023-01", "2023-02", "2023-03"))
    assert [entry.period.month for entry in bills] == ["2023-01", "2023-03"]


# --- from bill to bill


def peaks_of_four_months() -> pl.DataFrame:
    """Own peaks 9, 4, 4 and 4 kW in January to April."""
    frame = meter("2023-01-01", "2023-05-01")
    for at, wh in (
        ("2023-01-10T12:00", 9000),
        ("2023-02-10T12:00", 4000),
        ("2023-03-10T12:00", 4000),
        ("2023-04-10T12:00", 4000),
    ):
        frame = with_value(frame, at, wh)
    return frame


def billed(bills: list[Priced]) -> list[tuple[str, Decimal, str | None]]:
    return [
        (entry.period.month, line.quantity, line.carried_from) for entry in bills for line in entry.bills[METERED].lines
    ]


def test_a_ratchet_carries_the_peak_of_an_earlier_bill() -> None:
    bills = priced(native(RATCHET), months(peaks_of_four_months(), "2023-01", "2023-02", "2023-03", "2023-04"))
    assert billed(bills) == [
        ("2023-01", Decimal(9), None),
        ("2023-02", Decimal(9), "2023-01"),
        ("2023-03", Decimal(9), "2023-01"),
        ("2023-04", Decimal(4), None),
    ]


def test_seeds_are_the_peaks_before_the_load_and_give_way_to_it() -> None:
    terms = Terms(ZONE, seeds={"2022-12": Decimal("12.5"), "2023-02": Decimal(99)})
    bills = priced(native(RATCHET), months(peaks_of_four_months(), "2023-01", "2023-02", "2023-03"), terms)
    assert billed(bills) == [
        ("2023-01", Decimal("12.5"), "2022-12"),
        ("2023-02", Decimal("12.5"), "2022-12"),
        ("2023-03", Decimal(9), "2023-01"),
    ]


def test_a_ratchet_does_not_pass_over_a_month_whose_peak_is_not_known() -> None:
    frame = without(peaks_of_four_months(), "2023-01-09T03:00")
    bills = priced(native(RATCHET), months(frame, "2023-01", "2023-02", "2023-03", "2023-04"))
    reasons = [refused(entry.bills[METERED]).get("demand", "") for entry in bills]
    assert "1 of 744 windows" in reasons[0]
    assert "2023-01" in reasons[1]
    assert "2023-01" in reasons[2]
    # April looks back to February and March only, whose own peaks are known though their bills were not
    assert billed(bills) == [("2023-04", Decimal(4), None)]


def test_a_ratchet_does_not_pass_over_a_month_without_any_load_or_with_a_coarse_one() -> None:
    tariff = native(DEMAND + "window_min = 15\n" + LOOK_BACK)
    march = meter("2023-03-01", "2023-04-01", minutes=15)
    for january in (meter("2023-01-01", "2023-02-01"), meter("2023-01-01", "2023-01-02", minutes=15).clear()):
        bills = priced(tariff, months(pl.concat([january, march]), "2023-01", "2023-03"))
        assert bills[-1].period.month == "2023-03"
        assert "2023-01" in refused(bills[-1].bills[METERED])["demand"]


def test_a_load_states_where_its_windows_are_missing() -> None:
    (load,) = months(without(meter("2023-01-01", "2023-02-01"), "2023-01-09T03:00"), "2023-01")
    assert load.missing.to_list() == [local("2023-01-09T03:00")]
