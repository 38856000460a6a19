"""Marginal CO2 factors, and what their table refuses."""

import re
from decimal import Decimal

import pytest

from pipeline.domain import ConfigError
from pipeline.portfolio import read_marginal_co2


def table(folder, *rows):
    (folder / "marginal_co2.csv").write_text("\n".join(["region,from,to,g_per_kwh", *rows, ""]))
    return folder


ONE, TWO, THREE = "2026-01-01T00:00:00+09:00", "2026-01-01T01:00:00+09:00", "2026-01-01T02:00:00+09:00"


def test_factors_by_region_in_order_of_time(tmp_path):
    found = read_marginal_co2(table(tmp_path, f"JP,{TWO},{THREE},410.5", f"JP,{ONE},{TWO},0", f"DE,{ONE},{THREE},380"))
    assert [factor.g_per_kwh for factor in found["JP"]] == [Decimal(0), Decimal("410.5")]
    assert found["JP"][0].end == found["JP"][1].begin
    assert found["DE"][0].begin.isoformat() == ONE


def test_no_file_is_no_factor(tmp_path):
    assert read_marginal_co2(tmp_path) == {}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([f"JP,{ONE},{TWO},-1"], "g_per_kwh: '-1' is not allowed; allowed: a number of g CO2 per kWh, 0 or more"),
        ([f"JP,{TWO},{ONE},1"], "marginal_co2.csv: line 2, to"),
        ([f"JP,{ONE},{THREE},1", f"JP,{TWO},{THREE},2"], "lines 2 and 3, from"),
        (["JP,2026-01-01,2026-01-02,1"], "allowed: a time with its offset"),
    ],
)
def test_what_is_refused(tmp_path, rows, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        read_marginal_co2(table(tmp_path, *rows))
