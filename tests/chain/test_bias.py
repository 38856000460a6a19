"""Noise that lifts the highest of many windows is said in words."""

from tests.chain.cases import DEMAND, meter, summary, tariff
from tests.factories import charger_records, site

HEAD = {"session_id": "a", "vehicle_id": "LEAF1", "soc_pct": 90.0}


def even_giver(step_wh: int) -> list[tuple[object, ...]]:
    """A car that gives 253 and 247 Wh by turns in ten minutes from 08:00 to 18:00, by a register in steps."""
    rows: list[tuple[object, ...]] = [("06-30 20:00", 0, 0)]
    for number in range(61):
        at = f"07-01 {8 + number // 6:02}:{number % 6 * 10:02}"
        context = {0: "begin", 60: "end"}.get(number, "sample")
        given_wh = 250 * number + 3 * (number % 2)
        rows.append((at, 0, given_wh // step_wh * step_wh, {**HEAD, "context": context}))
    return [*rows, ("07-03 08:00", 0, 15_000)]


def test_a_coarse_register_lifts_the_highest_of_many_equal_windows() -> None:
    """Half hours without the car are 10.747 or 10.753 kWh by turns; a register in 100 Wh says 10.7 or 10.8."""
    same = {"tariff": tariff(DEMAND), "site": site(headline="no_ev"), "meter": meter()}
    coarse = summary(**same, readings=charger_records(even_giver(100)))
    fine = summary(**same, readings=charger_records(even_giver(1)))
    assert (coarse["peak_kw"]["reduction"], fine["peak_kw"]["reduction"]) == (1.6, 1.506)
    assert ("range_biased" in coarse["reasons"], "range_biased" in fine["reasons"]) == (True, False)
    assert coarse["peak_kw"]["low"] < 1.506 < coarse["peak_kw"]["high"]
