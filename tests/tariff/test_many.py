"""Many bills, loads and worlds at once: the same as one by one, gaps and ratchets included."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from pipeline.calendars import add_months, calendar_month
from pipeline.domain import TariffError
from pipeline.tariff import measure_many, price_many, resolve
from tests.tariff.bench import HEAD, JULY, ZONE, amounts, bill, load, native

FLAT = '[[charges]]\nid = "energy"\nkind = "energy"\nrate = 10\n'
DEMAND = '[[charges]]\nid = "d"\nkind = "demand"\nrate = 10\n'
RATCHET = DEMAND + "[[charges.ratchets]]\npercent = 80\nlook_back_months = 2\n"


def test_many_bills_carry_their_own_peaks_as_bills_one_by_one_do() -> None:
    months = [add_months("2013-05", n) for n in range(5)]
    resolved = [resolve(native(RATCHET + FLAT), calendar_month(month)) for month in months]
    peaks = {"a": (50, 20, 40, 10, 10), "b": (30, 90, 10, 10, 10)}
    frames = [
        load(r.period, lambda n, kw=kw: kw * 500 if n == 9 else 100, scenario=world).with_columns(site=pl.lit(name))
        for name, kws in peaks.items()
        for world in ("no_ev", "actual")
        for r, kw in zip(resolved, kws, strict=True)
    ]
    shuffled = pl.concat(frames).sample(fraction=1, shuffle=True, seed=3)
    priced = price_many(resolved, measure_many(resolved, shuffled, zone=ZONE, by=["site"]), by=["site"])
    for name, billed in {"a": (50, 40, 40, 32, 32), "b": (72, 90, 72, 72, 10)}.items():
        found = [priced[name, month] for month in months]
        expected = [max(kw, 72) if n == 0 and name == "b" else kw for n, kw in enumerate(billed)]
        seeded = price_many(
            resolved,
            measure_many(resolved, shuffled.filter(site=name), zone=ZONE, by=["site"]),
            by=["site"],
            seed={"2013-04": Decimal(90)} if name == "b" else None,
        )
        assert [bills_of["actual"].lines[0].billing_demand_kw for bills_of in seeded.values()] == expected
        if name == "a":
            assert {month: one.keys() for month, one in zip(months, found, strict=True)} == dict.fromkeys(
                months, {"no_ev": 0, "actual": 0}.keys()
            )
            assert found == list(seeded.values())


def test_a_month_with_a_gap_leaves_the_ratchets_after_it_unknown() -> None:
    months = ["2013-07", "2013-08", "2013-09", "2013-10"]
    resolved = [resolve(native(RATCHET), calendar_month(month)) for month in months]
    whole = pl.concat(load(r.period, lambda _: 1000) for r in resolved)
    priced = price_many(resolved, measure_many(resolved, whole[1:], zone=ZONE))
    assert ["not known" in str(found["actual"].refused) for found in priced.values()] == [False, True, True, False]
    assert [found["actual"].partial for found in priced.values()] == [True, True, True, False]


def test_worlds_as_columns_are_measured_as_worlds_as_rows() -> None:
    resolved = [resolve(native(FLAT + DEMAND), JULY)]
    frames = [
        load(JULY, lambda n, up=up: 100 + n % 7 + up, scenario=world) for world, up in (("actual", 0), ("no_ev", 5))
    ]
    wide = frames[0].select(
        "interval_start",
        "duration_s",
        *[frame.get_column(f"{side}_wh").alias(f"{world}_{side}_wh")
          for world, frame in zip(("actual", "no_ev"), frames, strict=True) for side in ("import", "export")],
    )  # fmt: skip
    long = measure_many(resolved, pl.concat(frames), zone=ZONE)
    assert long.equals(measure_many(resolved, wide, zone=ZONE, worlds=("actual", "no_ev")))


def test_a_bill_is_priced_the_same_wherever_its_holidays_come_from() -> None:
    """A holiday of the tariff and one given with the load are the same day to a bill."""
    text = '[[charges]]\nid = "d"\nkind = "demand"\n[[charges.periods]]\nname = "sun"\nweekdays = [7]\nrate = 1\n'
    frame = load(JULY, lambda n: 50_000 if n // 48 == 14 else 0)  # Monday 15 July
    own = bill(native(text, head=HEAD + "[holidays]\nadd = [2013-07-15]\n"), frame)
    given = bill(native(text), frame, holidays=frozenset({date(2013, 7, 15)}))
    assert amounts(own) == amounts(given) == {("d", "sun"): 100}


def test_a_window_stated_twice_is_refused() -> None:
    frame = load(JULY, lambda _: 1)
    with pytest.raises(TariffError, match="each window once a load"):
        bill(native(FLAT), pl.concat([frame, frame[5:6]]))


def test_hours_that_begin_inside_a_window_are_refused_not_billed_as_those_of_its_start() -> None:
    text = (
        '[[charges]]\nid = "e"\nkind = "energy"\n'
        '[[charges.periods]]\nname = "day"\nhours = ["08:30-20:00"]\nrate = 2\n'
        '[[charges.periods]]\nname = "rest"\notherwise = true\nrate = 1\n'
    )
    with pytest.raises(TariffError, match="across 08:30"):
        bill(native(text), load(JULY, lambda _: 1, window_min=60))
    assert amounts(bill(native(text), load(JULY, lambda _: 1000)))["e", "day"] == 23 * 31 * 2


def test_loads_of_whole_utc_hours_in_a_zone_of_half_hours_are_measured_by_their_own_starts() -> None:
    """Kolkata is five and a half hours ahead: its July begins before that of the load, at 18:30 UTC."""
    frame = load(JULY, lambda _: 1000, zone="UTC", window_min=60)
    priced = bill(native(FLAT), frame, zone="Asia/Kolkata")
    assert priced.lines[0].quantity == 744 - 5
    assert priced.refused[0].reason.startswith("5 of 744 windows")
    tou = FLAT.replace("rate = 10", "") + (
        '[[charges.periods]]\nname = "day"\nhours = ["08:00-20:00"]\nrate = 2\n'
        '[[charges.periods]]\nname = "rest"\notherwise = true\nrate = 1\n'
    )
    with pytest.raises(TariffError, match="across"):
        bill(native(tou), frame, zone="Asia/Kolkata")
