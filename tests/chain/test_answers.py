"""What was decided about a tariff that leaves something open is said with the month's result."""

from dataclasses import replace

from pipeline.tariff import Answer
from tests.chain.cases import result, tariff


def test_every_answer_is_a_finding_of_the_month() -> None:
    answered = replace(tariff(), answers=(Answer("lookback", "range", "schedule 7, sheet 2"),))
    found = result(tariff=answered)
    sentence = "The tariff leaves lookback open; answered 'range': schedule 7, sheet 2."
    named = found.frames["quality_finding"].select("name", "source", "sentence").rows()
    assert ("tariff.answered", "lookback", sentence) in named
    assert sentence in found.summary["data"]["findings"]
    assert found.summary["money"] == result().summary["money"]
    assert answered.canonical() != tariff().canonical()
