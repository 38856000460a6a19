"""The measurement plan: frozen once, dated and hashed; a later change is told until a new version is issued."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.journal import Journal
from pipeline.portfolio import Portfolio, load_portfolio
from pipeline.steps.planning import frozen_choices, issue_plan, plan_changes, plan_markdown
from pipeline.steps.scope import Scope
from pipeline.steps.status import status_of
from pipeline.warehouse import Warehouse
from tests.cli.conftest import v2b  # noqa: F401 - a fixture
from tests.factories import portfolio_folder

MAY, JUNE = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return portfolio_folder(tmp_path, ["atsugi"])


def edit(root: Path, old: str, new: str) -> Portfolio:
    path = root / "sites" / "atsugi.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return load_portfolio(root)


def plan_of(root: Path, at: datetime = MAY) -> str:
    portfolio, journal = load_portfolio(root), Journal(root)
    site = portfolio.sites["atsugi"]
    issue_plan(portfolio, journal, site, at)
    return plan_markdown(portfolio, site, journal.plans("atsugi"))


def test_the_same_choices_are_the_same_plan_with_its_first_date(root: Path) -> None:
    first = plan_of(root)
    assert plan_of(root, JUNE) == first
    assert "version 1, frozen 2026-05-01 00:00 UTC" in first
    assert len(Journal(root).plans("atsugi")) == 1
    assert Journal(root).plans("atsugi")[0].plan_hash in first


def test_a_plan_has_its_parts_and_every_frozen_choice(root: Path) -> None:
    text = plan_of(root)
    for heading in ("Boundary and option", "Baseline period", "Meters", "Expected accuracy", "Roles", "Frozen choices"):
        assert f"\n## {heading}\n" in text
    portfolio = load_portfolio(root)
    frozen = frozen_choices(portfolio, portfolio.sites["atsugi"])
    assert {"headline", "peak_window", "thresholds.clock_bound_s", "meters.main.accuracy_pct"} <= frozen.keys()
    assert all(f"| `{name}` | " in text for name in frozen)
    assert "Changes since" not in text


def test_expected_accuracy_follows_from_the_ratings(root: Path) -> None:
    """A charger of 6 kW at 1 % is 0.06 kW; 6 kW x 60 s of 30 min is 0.2 kW."""
    edit(root, "[[meters]]", CHARGER + "[[meters]]")
    text = plan_of(root)
    assert "| charger registers | 0.06 kW |" in text
    assert "| charger clocks | 0.20 kW |" in text


CHARGER = '[[chargers]]\ncharger_id = "CP9"\nrated_charge_kw = 6.0\nrated_discharge_kw = 6.0\naccuracy_pct = 1.0\n\n'


def test_class_and_ct_ratio_stand_in_the_plan(root: Path) -> None:
    edit(root, 'meter_id = "main"', 'meter_id = "main"\naccuracy_class = "0.5S"\nct_ratio = "200/5 | old"')
    assert "| main | billing | 0.5S | 200/5 \\| old | 0.5 % |" in plan_of(root)


def test_a_change_is_told_until_a_new_version_is_issued(root: Path) -> None:
    journal = Journal(root)
    before = load_portfolio(root)
    assert plan_changes(before, journal, before.sites["atsugi"]) == []  # no plan, no change of it
    plan_of(root)
    assert plan_changes(before, journal, before.sites["atsugi"]) == []
    after = edit(root, "name = ", 'headline = "no_ev"\nname = ')
    assert plan_changes(after, journal, after.sites["atsugi"]) == [
        'Change of plan: headline was "unmanaged" in version 1 of 2026-05-01 and is now "no_ev".'
    ]
    second = plan_of(root, JUNE)
    assert plan_changes(after, journal, after.sites["atsugi"]) == []
    assert "version 2, frozen 2026-06-01" in second
    assert "## Changes since version 1 of 2026-05-01" in second
    assert '| `headline` | "unmanaged" | "no_ev" |' in second


def test_a_name_or_a_recipient_changes_no_plan(root: Path) -> None:
    plan_of(root)
    after = edit(root, "name = ", 'notes = "painted"\nname = ')
    assert plan_changes(after, Journal(root), after.sites["atsugi"]) == []


def test_the_command_prints_the_plan_and_refuses_an_unknown_site(root: Path, v2b: Any) -> None:  # noqa: F811
    code, out, err = v2b("plan", "atsugi", "--portfolio", str(root))
    assert (code, out.splitlines()[0], err) == (
        0,
        "# Measurement and verification plan: Test centre",
        "version 1 of the plan of atsugi is in the journal\n",
    )
    code, again, err = v2b("plan", "atsugi", "--portfolio", str(root))
    assert (code, again, err) == (0, out, "")
    code, _, err = v2b("plan", "office", "--portfolio", str(root))
    assert (code, err) == (2, "error: office: not a site; the sites are atsugi\n")


def test_status_tells_a_change_of_plan_among_what_is_wrong(root: Path) -> None:
    plan_of(root)
    after = edit(root, "name = ", 'headline = "no_ev"\nname = ')
    with Warehouse(root) as warehouse:
        found = status_of(after, warehouse, Journal(root), Scope(JUNE))
    (told,) = [line for line in found.wrong if "Change of plan" in line]
    assert told.startswith("atsugi: Change of plan: headline was ")
