"""OCPP 1.6 messages to columns: one row a reading, one row a sampled value, one row an answer to a start.

Attributes of a sampled value repeat without end, so that only their few combinations are kept as text.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from pipeline.ingest.ocpp_log import Message, Refused

IMPORT_REGISTER: Final = "Energy.Active.Import.Register"
REFUSED_COLUMNS: Final = ("line", "field", "value", "allowed")

_READING: Final = {
    "line": pl.Int64,
    "kind": pl.String,  # start | stop | data (of a stop) | meter
    "charge_point": pl.String,
    "connector": pl.Int64,
    "transaction": pl.String,
    "stamp": pl.String,
    "message_id": pl.String,
    "id_tag": pl.String,
}
_SAMPLE: Final = {"reading": pl.Int64, "attributes": pl.Int64, "value": pl.String}
_ATTRIBUTE_NAMES: Final = ("measurand", "unit", "context", "phase", "location", "format")
_RESULT: Final = {"line": pl.Int64, "charge_point": pl.String, "message_id": pl.String, "transaction": pl.String}


@dataclass
class Log:
    """The columns a log is decoded into, a tuple a row."""

    readings: list[tuple[Any, ...]] = field(default_factory=list)
    sample_readings: list[int] = field(default_factory=list)
    sample_attributes: list[int] = field(default_factory=list)
    sample_values: list[str] = field(default_factory=list)
    attributes: dict[tuple[Any, ...], int] = field(default_factory=dict)  # the few combinations that occur
    results: list[tuple[Any, ...]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    unused: Counter[str] = field(default_factory=Counter)
    whole_station: int = 0
    understood: int = 0

    def add(self, message: Message | Refused) -> None:
        """Take in one message, or what stands in its place."""
        if isinstance(message, Refused):
            self.refused.append(message)
            return
        self.understood += 1
        match message.action:
            case "MeterValues":
                self._meter_values(message)
            case "StartTransaction":
                self._start(message)
            case "StopTransaction":
                self._stop(message)
            case "":
                self._result(message)
            case _:
                self.unused[message.action] += 1

    def notes(self) -> tuple[str, ...]:
        """Say what was passed over."""
        notes = []
        if self.unused:
            names = ", ".join(sorted(self.unused))
            notes.append(f"{self.unused.total()} messages without readings passed over: {names}")
        if self.whole_station:
            notes.append(f"{self.whole_station} MeterValues of connector 0 (the whole station) ignored")
        return tuple(notes)

    def sample_frame(self) -> pl.DataFrame:
        """Return reading, value text and attributes of each sampled value; no measurand means the import register."""
        columns = (self.sample_readings, self.sample_attributes, self.sample_values)
        samples = pl.DataFrame(dict(zip(_SAMPLE, columns, strict=True)), schema=_SAMPLE)
        rows = [tuple(_text(value) for value in attributes) for attributes in self.attributes]
        names = pl.DataFrame(rows, schema=dict.fromkeys(_ATTRIBUTE_NAMES, pl.String), orient="row")
        names = names.with_columns(
            pl.col("measurand").replace("", IMPORT_REGISTER), pl.col("unit").replace("", None)
        ).with_row_index("attributes")
        return samples.join(names.cast({"attributes": pl.Int64}), on="attributes", maintain_order="left")

    def reading_frame(self) -> pl.DataFrame:
        """Return line, kind (start, stop, data of a stop, meter), place and stamp of each reading, numbered."""
        frame = pl.DataFrame(self.readings, schema=_READING, orient="row").with_row_index("reading")
        return frame.cast({"reading": pl.Int64})

    def result_frame(self) -> pl.DataFrame:
        """Return the transaction each answer gives, with its message id."""
        return pl.DataFrame(self.results, schema=_RESULT, orient="row")

    def refused_frame(self) -> pl.DataFrame:
        """Return line, field, value and what is allowed for everything refused."""
        rows = [(entry.line, entry.field, entry.value, entry.allowed) for entry in self.refused]
        return pl.DataFrame(rows, schema=dict.fromkeys(REFUSED_COLUMNS, pl.String) | {"line": pl.Int64}, orient="row")

    def _refuse(self, message: Message, name: str, value: Any, allowed: str) -> None:
        self.refused.append(Refused(message.line, name, "" if value is None else str(value)[:200], allowed))

    def _reading(self, message: Message, kind: str, connector: int | None, stamp: Any) -> int:
        payload = message.payload
        row = (
            message.line,
            kind,
            message.charge_point,
            connector,
            _transaction(payload.get("transactionId")),
            stamp if isinstance(stamp, str) else _text(stamp),
            message.message_id,
            _text(payload.get("idTag")) or None,
        )
        self.readings.append(row)
        return len(self.readings) - 1

    def _meter_values(self, message: Message) -> None:
        connector = message.payload.get("connectorId", 1)
        if not _is_whole(connector) or connector < 0:
            self._refuse(message, "connectorId", connector, "a whole number, 0 or more")
        elif connector == 0:
            self.whole_station += 1
        else:
            self._entries(message, "meter", connector, message.payload.get("meterValue"))

    def _entries(self, message: Message, kind: str, connector: int | None, entries: Any) -> None:
        if not isinstance(entries, list):
            self._refuse(message, "meterValue", entries, "a list of {timestamp, sampledValue}")
            return
        for entry in entries:
            sampled = entry.get("sampledValue") if isinstance(entry, dict) else None
            if not isinstance(sampled, list):
                self._refuse(message, "sampledValue", sampled, "a list of {value, ...} in every meterValue")
                continue
            reading = self._reading(message, kind, connector, entry.get("timestamp"))
            for sample in sampled:
                self._sample(message, reading, sample)

    def _sample(self, message: Message, reading: int, sample: Any) -> None:
        if not isinstance(sample, dict):
            self._refuse(message, "sampledValue", sample, "objects {value, measurand, unit, ...}")
            return
        attributes = tuple(map(sample.get, _ATTRIBUTE_NAMES))
        try:
            number = self.attributes.setdefault(attributes, len(self.attributes))
        except TypeError:
            self._refuse(message, "sampledValue", sample, "text for measurand, unit, context, phase and location")
            return
        self._add_sample(reading, number, sample.get("value"))

    def _add_sample(self, reading: int, attributes: int, value: Any) -> None:
        self.sample_readings.append(reading)
        self.sample_attributes.append(attributes)
        self.sample_values.append(_text(value))

    def _boundary(self, message: Message, kind: str, connector: int | None, register: str) -> None:
        reading = self._reading(message, kind, connector, message.payload.get("timestamp"))
        in_wh = self.attributes.setdefault((IMPORT_REGISTER, "Wh", None, None, None, None), len(self.attributes))
        self._add_sample(reading, in_wh, message.payload.get(register))

    def _start(self, message: Message) -> None:
        connector = message.payload.get("connectorId", 1)
        if not _is_whole(connector) or connector < 1:
            self._refuse(message, "connectorId", connector, "a whole number, 1 or more")
            return
        self._boundary(message, "start", connector, "meterStart")

    def _stop(self, message: Message) -> None:
        self._boundary(message, "stop", None, "meterStop")
        data = message.payload.get("transactionData")
        if data is not None:
            self._entries(message, "data", None, data)

    def _result(self, message: Message) -> None:
        if "transactionId" in message.payload:
            transaction = _transaction(message.payload["transactionId"])
            self.results.append((message.line, message.charge_point, message.message_id, transaction))


def _text(value: Any) -> str:
    """Return text and numbers as text without blanks around; '' for anything else."""
    if type(value) is str:
        return value.strip()
    return str(value) if type(value) is int else ""


def _is_whole(value: Any) -> bool:
    return type(value) is int and abs(value) < 10**6


def _transaction(value: Any) -> str | None:
    """Return a usable transaction id as text; None for none, and for the placeholders 0 and below."""
    text = _text(value)
    return text if text.isdecimal() and text.strip("0") else None
