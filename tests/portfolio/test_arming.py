"""The arming log, and what it refuses."""

import re
from datetime import date

import pytest

from pipeline.domain import ConfigError
from pipeline.portfolio.arming import read_arming


def log(folder, *rows):
    (folder / "arming.csv").write_text("\n".join(["site_id,date,armed", *rows, ""]))
    return folder


def test_days_by_site(tmp_path):
    folder = log(tmp_path, "a,2026-07-01,true", "a,2026-07-02,0", "b,2026-07-01,1")
    assert read_arming(folder, {"a", "b"}) == {
        "a": {date(2026, 7, 1): True, date(2026, 7, 2): False},
        "b": {date(2026, 7, 1): True},
    }


def test_no_file_is_no_log(tmp_path):
    assert read_arming(tmp_path, {"a"}) == {}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["c,2026-07-01,true"], "arming.csv: line 2, site_id: 'c' is not allowed; allowed: a site of sites/: a, b"),
        (["a,2026-07-01,true", "a,2026-07-01,false"], "allowed: each day of a site once"),
        (["a,2026-07-01,maybe"], "line 2, armed: 'maybe' is not allowed; allowed: true, false, 1 or 0"),
        (["a,1.7.2026,true"], "allowed: a date YYYY-MM-DD"),
    ],
)
def test_what_is_refused(tmp_path, rows, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        read_arming(log(tmp_path, *rows), {"a", "b"})
