"""The rows of methods.toml against the rules' published terms (docs/methods.md names them)."""

import pytest

from pipeline.baselines import DAY_MATCHING, REGRESSIONS


@pytest.mark.parametrize(
    ("name", "weekend", "wanted"),
    [
        ("caiso_10_in_10", False, (10, 10)),
        ("caiso_10_in_10", True, (4, 4)),
        ("high_5_of_10", False, (10, 5)),
        ("high_4_of_5", False, (5, 4)),
        ("high_4_of_5", True, (3, 2)),
        ("high_4_of_5_jp", False, (5, 4)),
        ("ten_in_ten_additive", False, (10, 10)),
    ],
)
def test_how_many_days_are_looked_for_and_averaged(name, weekend, wanted):
    assert DAY_MATCHING[name].wanted(weekend=weekend) == wanted


def test_how_far_each_rule_looks_back():
    assert {name: rule.furthest_day for name, rule in DAY_MATCHING.items()} == {
        "caiso_10_in_10": 45,
        "high_5_of_10": 30,
        "high_4_of_5": 60,
        "high_4_of_5_jp": 30,
        "ten_in_ten_additive": 45,
    }
    assert {rule.look_back_days for rule in REGRESSIONS.values()} == {365}


def test_the_morning_ends_before_the_event_begins():
    for rule in [*DAY_MATCHING.values(), *(r for r in REGRESSIONS.values() if r.adjustment)]:
        window = rule.window(26, 30)
        assert window.start < window.stop <= 24
