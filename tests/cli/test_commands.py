"""Commands without a whole run: what they print, where, and with which exit code."""

import json
from pathlib import Path

import pytest

from pipeline import __version__
from pipeline.cli.output import frame_text, listed_money
from pipeline.portfolio import Site, load_portfolio
from pipeline.steps.stale import contiguous
from pipeline.tariff import load_tariff

DATA = Path(__file__).parent.parent / "data" / "tariffs"


def test_version_is_a_result(v2b):
    assert v2b("--version") == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("arguments", [["run", "--nonsense"], ["nonsense"], ["simulate"], ["sql"]])
def test_wrong_usage_ends_with_two(v2b, arguments):
    code, out, _ = v2b(*arguments)
    assert (code, out) == (2, "")


def test_init_writes_a_portfolio_that_loads(v2b, tmp_path):
    folder = tmp_path / "mine"
    code, out, err = v2b("init", str(folder))
    assert (code, out) == (0, "")
    assert "my-building" in err
    portfolio = load_portfolio(folder)
    assert list(portfolio.sites) == ["my-building"]
    assert portfolio.refused == {}
    path = portfolio.tariff_path(portfolio.sites["my-building"].tariff or "")
    assert path is not None
    assert [refusal.field for refusal in load_tariff(path, portfolio.series).refused] == ["placeholder"]
    again = v2b("init", str(folder))
    assert again[0] == 1
    assert "not empty" in again[2]


def test_every_documented_site_key_stands_in_the_template():
    text = (Path(__file__).parents[2] / "pipeline/examples/template/sites/my-building.toml").read_text()
    for name, field in Site.model_fields.items():
        assert (field.alias or name) in text, name


def test_an_unknown_example_names_those_there_are(v2b, tmp_path):
    code, _, err = v2b("init", str(tmp_path / "x"), "--example", "nowhere")
    assert code == 2
    assert "atsugi" in err
    assert "office" in err


def test_queries_are_listed_and_their_parameters_are_checked(v2b, tmp_path):
    code, out, _ = v2b("query")
    assert code == 0
    assert "What was saved in each month of a site?" in out
    assert v2b("query", "months")[0] == 2
    assert "site=..." in v2b("query", "months")[2]
    assert v2b("query", "nothing")[0] == 2


def test_asking_before_the_first_run_is_one_sentence(v2b, tmp_path):
    code, out, err = v2b("sql", "select 1", "--portfolio", str(tmp_path))
    assert (code, out) == (1, "")
    assert err == "error: analytics.duckdb is not there yet; run `v2b run` first\n"


def test_tariff_check_has_a_verdict_per_field(v2b):
    path = min(path for path in DATA.glob("*.json") if path.name != "bill_cases.json")
    record = json.loads(path.read_text())
    code, out, _ = v2b("tariff", "check", str(path), "--json")
    assert code == 0
    verdicts = json.loads(out)
    assert {verdict["verdict"] for verdict in verdicts} <= {"used", "refused", "ambiguous"}
    assert {verdict["field"].split("[")[0].split(".")[0] for verdict in verdicts} >= set(record)


def test_tariff_check_lists_what_is_not_priced_first_and_whole(v2b):
    code, out, err = v2b("tariff", "check", str(DATA / "sce-gs2-tou-b.json"))
    assert code == 0
    words = [line.split()[0] for line in out.splitlines() if not line.startswith(" ")]
    assert words == ["verdict", *sorted(words[1:], key=lambda word: word == "used")]
    assert "refused" in words
    assert "$-1.95/KW" in out
    assert err == "not priced: energyattrs, demandattrs; bills it concerns are partial\n"


def test_a_folder_that_is_no_portfolio_is_one_sentence(v2b, tmp_path):
    for command in ("run", "ingest", "status"):
        code, out, err = v2b(command, "--portfolio", str(tmp_path))
        assert (code, out) == (1, "")
        assert "v2b init" in err
        assert len(err.splitlines()) == 1


def test_named_months_are_run_without_those_between_them():
    months = ["2013-12", "2013-07", "2014-01", "2013-08", "2013-07"]
    assert contiguous(months) == [("2013-07", "2013-08"), ("2013-12", "2014-01")]
    assert contiguous([]) == []


def test_cells_are_exact():
    assert [frame_text(value) for value in (None, 998.4, 1234567.5, 0.0, True)] == [
        "-",
        "998.4",
        "1,234,567.5",
        "0",
        "True",
    ]
    assert listed_money("-4.85", "USD") == "-$4.85"
    assert listed_money("43338", "JPY") == "¥43,338"
    assert listed_money(None, "JPY") == "-"
