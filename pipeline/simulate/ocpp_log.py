"""A central system's OCPP 1.6J message log: one JSON object a line, one file a month."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pipeline.simulate.registers import Reading
from pipeline.simulate.timeline import stamp

_CONTEXT = {
    "begin": "Transaction.Begin",
    "clock": "Sample.Clock",
    "change": "Other",
    "end": "Transaction.End",
    "idle": "Sample.Clock",
}


def soc_text(millionths: int) -> str:
    """Return a state of charge [millionths of a percent] as percent with six decimals."""
    return f"{millionths // 1_000_000}.{millionths % 1_000_000:06d}"


def _meter_value(reading: Reading) -> str:
    context = _CONTEXT[reading.occasion]
    energy = "".join(
        f'{{"value":"{value}","context":"{context}","measurand":"Energy.Active.{side}.Register","unit":"Wh"}}{comma}'
        for value, side, comma in ((reading.import_wh, "Import", ","), (reading.export_wh, "Export", ""))
    )
    soc = reading.soc_millionths
    if soc is not None:
        energy += f',{{"value":"{soc_text(soc)}","context":"{context}","measurand":"SoC","unit":"Percent"}}'
    return f'[{{"timestamp":"{stamp(reading.stamp_s)}","sampledValue":[{energy}]}}]'


def _meter_values(reading: Reading) -> tuple[str, str]:
    transaction = "" if reading.transaction is None else f'"transactionId":{reading.transaction},'
    return "MeterValues", f'{{"connectorId":1,{transaction}"meterValue":{_meter_value(reading)}}}'


def _start(reading: Reading, tag: str) -> tuple[str, str]:
    clock = stamp(reading.stamp_s)
    return "StartTransaction", (
        f'{{"connectorId":1,"idTag":"{tag}","meterStart":{reading.import_wh},"timestamp":"{clock}"}}'
    )


def _stop(reading: Reading, tag: str) -> tuple[str, str]:
    return "StopTransaction", (
        f'{{"transactionId":{reading.transaction},"idTag":"{tag}","meterStop":{reading.import_wh},'
        f'"timestamp":"{stamp(reading.stamp_s)}","reason":"EVDisconnected","transactionData":{_meter_value(reading)}}}'
    )


def _calls(reading: Reading, tag: str) -> list[tuple[str, str]]:
    if reading.occasion == "begin":
        return [_start(reading, tag), _meter_values(reading)]
    if reading.occasion == "end":
        return [_stop(reading, tag)]
    return [_meter_values(reading)]


def message_lines(readings: Iterable[Reading], charge_points: Sequence[str], tags: Sequence[str]) -> Iterator[str]:
    """Return the log lines of readings of several chargers, in the order the central system heard them."""
    for number, reading in enumerate(sorted(readings, key=lambda r: (r.at_s, r.charger))):
        head = f'{{"at":"{stamp(reading.at_s)}","charge_point":"{charge_points[reading.charger]}","direction":'
        tag = tags[reading.charger]
        for part, (action, payload) in enumerate(_calls(reading, tag)):
            message_id = f"{reading.charger + 1}-{reading.at_s}-{number}-{part}"
            yield f'{head}"received","message":[2,"{message_id}","{action}",{payload}]}}\n'
            if action == "StartTransaction":
                answer = f'{{"transactionId":{reading.transaction},"idTagInfo":{{"status":"Accepted"}}}}'
                yield f'{head}"sent","message":[3,"{message_id}",{answer}]}}\n'
