"""The Japanese catalogue: every sentence a report, a page or a mail can say is in it, with the same values."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from string import Formatter

import pytest

import reports.monthly
from pipeline.domain import NO_CHECK, REASONS
from reports.inputs import ReportInput
from reports.language import Language, catalogue, language
from reports.missed import ADVICE, CAUSES
from reports.portfolio_page import STATES
from tests.reports.samples import SAMPLES, with_summary

REPO = Path(__file__).parents[2]
SAYERS = {"say", "say_marked", "_folded"}
JAPANESE = catalogue("ja")


class Heard(dict[str, str]):
    """A catalogue that remembers what it was asked and did not know."""

    def __init__(self, known: dict[str, str]) -> None:
        super().__init__(known)
        self.missing: set[str] = set()

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
        if key not in self:
            self.missing.add(key)
        return super().get(key, default)


def constants(node: ast.expr) -> Iterator[str]:
    """The texts an expression can be, where it says so itself."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from constants(node.body)
        yield from constants(node.orelse)


def written_messages() -> Iterator[str]:
    """Every message written where it is said, in code and templates."""
    for path in [*REPO.glob("reports/*.py"), *REPO.glob("pipeline/delivery/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SAYERS:
                yield from constants(node.args[0])
    for path in (REPO / "reports" / "templates").glob("*.j2"):
        yield from re.findall(r'_\("([^"]+)"', path.read_text(encoding="utf-8"))


def fields(message: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(message) if name}


def test_every_written_message_is_translated() -> None:
    found = set(written_messages())
    assert len(found) > 150
    assert found - set(JAPANESE) == set(), "add these to reports/locale/ja.po"


def test_every_message_of_a_table_is_translated() -> None:
    tables = [reason.sentence for reason in REASONS.values()] + [*NO_CHECK.values()]
    tables += [*CAUSES.values(), *ADVICE.values(), *STATES.values()]
    assert set(tables) - set(JAPANESE) == set(), "add these to reports/locale/ja.po"


@pytest.mark.parametrize("message", JAPANESE)
def test_a_translation_fills_in_what_its_message_does(message: str) -> None:
    assert fields(JAPANESE[message]) == fields(message)


def rich(data: ReportInput) -> ReportInput:
    """The same month with every optional figure stated."""
    if not data.summary["provable"]:
        return data
    return with_summary(
        data,
        peak_kw={"low": 20.0, "high": 30.0},
        money={"low": "1", "high": "2", "wear_low": "3", "wear_high": "4"},
        capture={"best_possible_peak_kw": 900.0, "capture_kw_pct": 70.0},
        annual={"locked": "5", "run_rate": "6", "run_rate_low": "5", "run_rate_high": "7"},
        levers={"hosting": "0", "managed_charging": "1", "discharge": "2"},
        fleet={"availability_pct": 80.0},
        check={
            "verdict": "confirms", "method": "m", "v2b_days": 20, "reference_days": 60,
            "metered_kw": 1.0, "estimated_kw": 1.0, "low": 0.5, "high": 1.5,
        },
    )  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_a_japanese_report_says_nothing_in_english(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard(JAPANESE)
    japanese: Language = replace(language("ja"), catalogue=heard)
    monkeypatch.setattr(reports.monthly, "language", lambda _: japanese)
    for data in (SAMPLES[name](), rich(SAMPLES[name]())):
        reports.monthly.render_report(replace(data, site=replace(data.site, language="ja")))
    assert heard.missing <= {"Tariff refused."}  # a code no table knows is shown as its own words


def test_dates_and_lists_follow_the_language() -> None:
    words = language("ja")
    assert words.month_year("2013-07") == "2013年7月"
    assert words.listed(["a", "b", "c"]) == "a、b、c"
    assert words.joined(["一。", "二。"]) == "一。二。"
    assert words.sentence("一") == "一。"
    assert words.kw(-25.6) == "\u221225.6\u00a0kW"


def test_a_language_without_catalogue_speaks_english() -> None:
    assert language("de").say("Saved") == "Saved"
    assert language("de").kw(1024.5) == "1.024,5\u00a0kW"
