"""The range of the year ahead: priced of draws that its own twelve months made."""

import numpy as np
import polars as pl

from pipeline.calendars import add_months
from pipeline.chain import ROUTINE, BillMeasured, Earlier, Result, compute, prepare
from pipeline.savings import coming_tariffs
from pipeline.tariff import DETERMINANT
from pipeline.uncertainty import DRAWS, IN_STEP, DrawnBill, at_ends
from tests.chain.cases import PERIOD, inputs, meter, tariff
from tests.factories import site
from tests.tariff.bench import native

KW_ONLY = '[[charges]]\nid = "demand"\nkind = "demand"\nrate = "10"\n'
SLOT = ("demand", 0, "all")


def drawn_before(**peaks_w: np.ndarray) -> Result:
    """July's 60 kW cut by 4, as in every month to come: seed months of 20 kW, some of which drew peaks [W] as well."""
    months = [add_months("2013-07", -ago) for ago in range(1, 14)]
    row = {"charge_id": "demand", "band": "all", "span": 0, "own_peak_w": 20_000, "windows": 1, "expected": 1}
    rows = [{**row, "scenario": world, "import_wh": 0, "export_wh": 0} for world in ("no_ev", "actual")]
    seed = BillMeasured(pl.DataFrame(rows, schema={**DETERMINANT, **ROUTINE}))
    nothing = np.zeros((1, DRAWS))
    drawn = {
        month.removeprefix("m").replace("_", "-"): DrawnBill.of(
            [("no_ev", SLOT)], {"import_wh": nothing, "export_wh": nothing, "own_peak_w": watts[None, :]}
        )
        for month, watts in peaks_w.items()
    }
    case = inputs(
        site=site(headline="no_ev"),
        tariff=tariff(KW_ONLY),
        meter=meter({"07-01 13:00": 28_000, "07-01 15:00": 12_500}),
        earlier=Earlier({}, frozenset(), {}, [], dict.fromkeys(months, seed), frozenset(months), drawn=drawn),
        coming=coming_tariffs(native(KW_ONLY, head='name = "test"\ncurrency = "USD"\n'), PERIOD),
    )
    return compute(prepare(case))


def with_ends(lowest: int, highest: int) -> np.ndarray:
    """Peaks [W] whose range ends with two draws: beyond them lie as many of their kind as the range leaves out."""
    watts = np.full(DRAWS, 500_000.0)
    for draw, at_end, beyond, side in ((lowest, 1e3, 0.0, 1), (highest, 1e6, 2e6, -1)):
        left_out = 1 if IN_STEP[draw] else 2
        alike = [other for other in np.flatnonzero(IN_STEP[draw] == IN_STEP)[::side] if other not in (lowest, highest)]
        watts[draw], watts[alike[:left_out]] = at_end, beyond
    assert at_ends(watts) == {lowest, highest}
    return watts


def test_the_range_of_a_coming_year_is_drawn_from_its_own_twelve_months() -> None:
    """The draws at both ends of July's saving lie at the ends of last July's peaks, which are no part of the year."""
    alone = drawn_before()
    (saved,) = alone.frames["saving_draw"].get_column("saved").to_list()
    watts = with_ends(int(np.argmin(saved)), int(np.argmax(saved)))
    ends_of_year = [alone.summary["annual"][f"run_rate_{end}"] for end in ("low", "high")]
    assert ends_of_year[0] < ends_of_year[1]
    for month, same in (("m2012_07", True), ("m2012_08", False)):
        annual = drawn_before(**{month: watts}).summary["annual"]
        assert ([annual["run_rate_low"], annual["run_rate_high"]] == ends_of_year) is same
