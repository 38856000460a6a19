"""What prices one bill: versions, series, seasons and how a change inside a bill is split."""

from decimal import Decimal

import pytest

from pipeline.calendars import calendar_month
from pipeline.domain import BillPeriod, TariffError
from pipeline.tariff import Mask, dearest_window, demand_charges, history_months, load_tariff, ratchet_months, resolve
from tests.tariff.bench import DATA, HEAD, JULY, amounts, bill, day, load, native

MIDDLE = BillPeriod("2013-07", day("2013-06-21"), day("2013-07-21"))  # 10 days in June, 20 in July


def energy(rate: object) -> str:
    return f'[[versions.charges]]\nid = "energy"\nkind = "energy"\nrate = {rate}\n'


VERSIONS = (
    "[[versions]]\nvalid_from = 2013-01-01\nvalid_to = 2013-07-01\n"
    + energy(10)
    + '[[versions.charges]]\nid = "basic"\nkind = "demand"\nrate = 100\n'
    + "[[versions]]\nvalid_from = 2013-07-01\n"
    + energy(13)
    + '[[versions.charges]]\nid = "basic"\nkind = "demand"\nrate = 130\n'
    + '[[versions.charges]]\nid = "extra"\nkind = "fixed"\nrate = 9\n'
    + '[[versions.charges]]\nid = "rider"\nkind = "per_kwh_rider"\nrate = 1\n'
)


def test_the_version_in_force_prices_a_bill() -> None:
    tariff = native(VERSIONS)
    june = bill(tariff, load(calendar_month("2013-06"), lambda _: 500), calendar_month("2013-06"))
    july = bill(tariff, load(JULY, lambda _: 500))
    assert amounts(june) == {("energy", "all"): 7200, ("basic", "all"): 100}
    assert amounts(july)["energy", "all"] == 744 * 13
    assert amounts(july)["extra", "all"] == 9


def test_a_version_that_changes_inside_a_bill_splits_kwh_by_day_and_leaves_demand_to_the_first_day() -> None:
    priced = bill(native(VERSIONS), load(MIDDLE, lambda _: 500), MIDDLE)
    assert amounts(priced) == {
        ("energy", "all from 2013-06-21"): 10 * 24 * 10,
        ("energy", "all from 2013-07-01"): 20 * 24 * 13,
        ("basic", "all"): 100,
        ("rider", "all"): 20 * 24,
    }


def test_prorated_demand_counts_each_price_for_its_days_of_the_same_peak() -> None:
    tariff = native(VERSIONS.replace('kind = "demand"\n', 'kind = "demand"\nprorate = "days"\n'))
    peak_in_july = load(MIDDLE, lambda n: 3000 if n == 900 else 500)
    priced = bill(tariff, peak_in_july, MIDDLE)
    assert amounts(priced)["basic", "all from 2013-06-21"] == 2 * 100
    assert amounts(priced)["basic", "all from 2013-07-01"] == 4 * 130
    assert {line.own_peak_kw for line in priced.lines if line.charge_id == "basic"} == {6}


def test_tier_ends_are_shared_out_by_days_where_prices_change() -> None:
    tariff = native(
        "[[versions]]\nvalid_to = 2013-07-01\n"
        + energy(1).replace("rate = 1", "tiers = [{up_to=30, rate=1}, {rate=2}]")
        + "[[versions]]\nvalid_from = 2013-07-01\n"
        + energy(1).replace("rate = 1", "tiers = [{up_to=30, rate=3}, {rate=4}]")
    )
    priced = bill(tariff, load(MIDDLE, lambda _: 500), MIDDLE)
    assert [(line.quantity, line.rate) for line in priced.lines] == [(10, 1), (230, 2), (20, 3), (460, 4)]


def test_a_bill_outside_every_version_is_refused() -> None:
    period = calendar_month("2012-12")
    with pytest.raises(TariffError, match=r"2012-12-01.*2013-01-01 until 2013-07-01"):
        resolve(native(VERSIONS), period)


def test_a_bill_with_one_day_outside_every_version_is_refused() -> None:
    tariff = native("valid_to = 2013-07-20\n" + '[[charges]]\nid = "e"\nkind = "energy"\nrate = 1\n')
    with pytest.raises(TariffError, match="2013-07-20"):
        resolve(tariff, MIDDLE)


TAX = (
    '[[charges]]\nid = "energy"\nkind = "energy"\nrate = 1\n'
    '[[charges]]\nid = "fuel"\nkind = "per_kwh_rider"\nseries = "fuel"\n'
    '[[charges]]\nid = "tax"\nkind = "tax"\nseries = "tax"\n'
)
SERIES = {
    "fuel": [(day("2014-04-11"), Decimal("0.30")), (day("2013-01-01"), Decimal("0.10"))],
    "tax": [(day("1997-04-01"), Decimal(5)), (day("2014-04-01"), Decimal(8))],
}


def test_a_series_holds_from_its_date_until_the_next() -> None:
    tariff = native(TAX, SERIES)
    for month, rate in (("2014-03", "0.05"), ("2014-04", "0.08"), ("2020-01", "0.08")):
        period = calendar_month(month)
        assert bill(tariff, load(period, lambda _: 500), period).lines[-1].rate == Decimal(rate)


def test_a_series_that_changes_inside_a_bill_splits_the_rider_and_not_the_tax() -> None:
    april = calendar_month("2014-04")
    priced = amounts(bill(native(TAX, SERIES), load(april, lambda _: 500), april))
    assert priced["fuel", "all from 2014-04-01"] == 24  # 10 days of 24 kWh at 0.10
    assert priced["fuel", "all from 2014-04-11"] == 144  # 20 days at 0.30
    assert priced["tax", "all"] == Decimal("0.08") * (720 + 168)
    across = BillPeriod("2014-04", day("2014-03-20"), day("2014-04-09"))
    assert bill(native(TAX, SERIES), load(across, lambda _: 500), across).lines[-1].rate == Decimal("0.05")


def test_a_series_without_a_value_yet_is_refused() -> None:
    period = calendar_month("2012-12")
    with pytest.raises(TariffError, match=r"charge 'fuel', series 'fuel'.*2012-12-01"):
        resolve(native(TAX, SERIES), period)


def test_a_season_that_changes_inside_a_bill_is_never_charged_twice() -> None:
    tariff = native(
        "[seasons]\nsummer = [7, 8, 9]\nother = [1, 2, 3, 4, 5, 6, 10, 11, 12]\n"
        '[[charges]]\nid = "d"\nkind = "demand"\n'
        '[[charges.periods]]\nname = "summer"\nseason = "summer"\nrate = 20\n'
        '[[charges.periods]]\nname = "other"\nseason = "other"\nrate = 10\n'
    )
    priced = bill(tariff, load(MIDDLE, lambda n: 3000 if n == 900 else 500), MIDDLE)
    assert amounts(priced) == {("d", "other"): 60}


def test_bands_of_other_seasons_are_no_part_of_a_bill() -> None:
    tariff = load_tariff(DATA / "example.toml", lambda _: [(day("2012-01-01"), Decimal(5))])
    bands = {line.band for line in bill(tariff, load(JULY, lambda _: 0)).lines if line.charge_id == "energy"}
    assert bands == {"peak", "summer day", "night"}


def test_canonical_text_changes_with_every_price_of_the_bill_and_nothing_else() -> None:
    def canonical(text: str, head: str = HEAD) -> str:
        return resolve(native(text, SERIES, head=head), JULY).canonical()

    base = canonical(TAX)
    assert canonical(TAX.replace("rate = 1", 'rate = "1.00"\ndescription = "Energy"\nassumed = "yes"')) == base
    assert canonical(TAX, HEAD.replace("test", "other") + 'notes = "n"\nsource = "s"\n') == base
    for other in (
        canonical(TAX.replace("rate = 1", "rate = 2")),
        canonical(TAX, HEAD.replace("JPY", "USD")),
        canonical(TAX, HEAD + "[holidays]\nadd = [2013-07-02]\n"),
        canonical(TAX, HEAD + '[rounding]\ndigits = 0\nmode = "up"\n'),
        resolve(native(TAX, SERIES), calendar_month("2013-08")).canonical(),
    ):
        assert other != base
    assert canonical(TAX, HEAD + "[holidays]\nadd = [2013-08-02]\n") == base


def test_another_seasons_price_leaves_the_canonical_text_alone() -> None:
    text = (DATA / "example.toml").read_text(encoding="utf-8")
    one = {name: [(day("2012-01-01"), Decimal(5))] for name in ("fuel-adjustment", "renewable-levy", "consumption-tax")}
    base = resolve(native(text, one, head=""), JULY).canonical()
    assert resolve(native(text.replace("15.40", "15.41"), one, head=""), JULY).canonical() == base
    assert resolve(native(text.replace("16.50", "16.51"), one, head=""), JULY).canonical() != base


def test_demand_window_is_the_common_divisor_of_what_the_charges_state() -> None:
    text = '[[charges]]\nid = "{0}"\nkind = "demand"\nrate = 1\n{1}'
    assert resolve(native(text.format("a", "")), JULY).demand_window_min is None
    both = text.format("a", "window_min = 30\n") + text.format("b", "")
    assert resolve(native("demand_window_min = 20\n" + both), JULY).demand_window_min == 10


def test_look_back_and_demand_charges_of_a_bill() -> None:
    tariff = load_tariff(DATA / "example.toml", lambda _: [(day("2012-01-01"), Decimal(5))])
    resolved = resolve(tariff, JULY)
    assert (ratchet_months(resolved), demand_charges(resolved)) == (11, ("basic",))
    assert ratchet_months(resolve(native(TAX, SERIES), JULY)) == 0


def test_a_bill_looks_only_at_the_months_its_ratchets_and_coincident_peaks_name() -> None:
    text = (
        '[[charges]]\nid = "d"\nkind = "demand"\nrate = 1\n'
        "[[charges.ratchets]]\npercent = 80\nlook_back_months = 11\nmonths = [6, 7, 8]\n"
        '[[charges]]\nid = "tag"\nkind = "coincident"\nrate = 1\nevents = [{starts = [2012-01-20T16:00:00], '
        "bill_from = 2013-06-01, bill_to = 2014-06-01}]\n"
    )
    resolved = resolve(native(text), JULY)
    assert history_months(resolved) == {"2012-01", "2012-08", "2013-06"}
    assert ratchet_months(resolved) == 11


def test_dearest_hours_sum_all_charges_and_are_none_at_a_flat_price() -> None:
    tariff = load_tariff(DATA / "example.toml", lambda _: [(day("2012-01-01"), Decimal(5))])
    working = (1, 2, 3, 4, 5, 6)
    assert dearest_window(resolve(tariff, JULY)) == (Mask((7,), working, ((780, 960),)),)
    winter = resolve(tariff, calendar_month("2013-12"))
    assert dearest_window(winter) == (Mask((12,), working, ((480, 1320),)),)
    assert dearest_window(resolve(native(TAX, SERIES), JULY)) == ()
