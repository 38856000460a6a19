"""OCPP messages to columns: one row a reading, one row a sampled value, one row an answer to a start.

Attributes of a sampled value repeat without end, so that only their few combinations are kept as text.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl

from pipeline.ingest.ocpp_log import Message, Refused
from pipeline.ingest.ocpp_names import DATA_TRANSFER, DEFAULT_MEASURAND, STAMP

REFUSED_COLUMNS: Final = ("line", "field", "value", "allowed")
KINDS: Final = pl.Enum(["start", "stop", "data", "meter"])  # data: what a stop brings along

Schema = dict[str, pl.DataType | type[pl.DataType]]
READING: Final[Schema] = {
    "reading": pl.Int64,
    "part": pl.Int64,  # the order of readings within their message
    "line": pl.Int64,
    "kind": KINDS,
    "charge_point": pl.String,
    "connector": pl.Int64,
    "transaction": pl.String,
    "stamp": pl.String,
    "message_id": pl.String,
    "id_tag": pl.String,
    "heard": pl.String,
}
SAMPLE: Final[Schema] = {"reading": pl.Int64, "attributes": pl.Int64, "value": pl.String}
RESULT: Final[Schema] = {"line": pl.Int64, "charge_point": pl.String, "message_id": pl.String, "transaction": pl.String}
EVENT: Final[Schema] = {"line": pl.Int64, "charge_point": pl.String, "transaction": pl.String, "sequence": pl.Int64}
ATTRIBUTE_NAMES: Final = ("measurand", "unit", "context", "phase", "location", "format")
ATTRIBUTES: Final[Schema] = {"attributes": pl.Int64, **dict.fromkeys(ATTRIBUTE_NAMES, pl.String)}
_REFUSED: Final = dict.fromkeys(REFUSED_COLUMNS, pl.String) | {"line": pl.Int64, "plain": pl.Boolean}
_EVENT_KINDS: Final = {"Started": "start", "Updated": "meter", "Ended": "stop"}
_LARGEST_MULTIPLIER: Final = 18


@dataclass(frozen=True)
class Columns:
    """What messages hold: a row a reading, a sampled value, an answer with a transaction, a numbered 2.x event.

    `samples` name their reading and the number of their attributes.
    """

    readings: pl.DataFrame
    samples: pl.DataFrame
    results: pl.DataFrame
    events: pl.DataFrame


@dataclass(frozen=True)
class Decoded:
    """One block of a log: its columns, its attributes by number, what was refused (by line), and what is counted.

    `unused` counts messages without readings by their action; `behind` tells of a frame behind a log line's prefix.
    """

    columns: Columns
    attributes: pl.DataFrame
    refused: pl.DataFrame
    understood: int
    whole_station: int
    unused: Counter[str]
    behind: bool


@dataclass
class Log:
    """The columns a block of a log is decoded into, a tuple a row, and what is counted in it."""

    readings: list[tuple[Any, ...]] = field(default_factory=list)
    samples: list[tuple[int, int, str]] = field(default_factory=list)
    attributes: dict[tuple[Any, ...], int] = field(default_factory=dict)  # the few combinations that occur
    results: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    unused: Counter[str] = field(default_factory=Counter)
    whole_station: int = 0
    understood: int = 0
    behind: bool = False

    def add(self, message: Message | Refused) -> None:
        """Take in one message, or what stands in its place."""
        if isinstance(message, Refused):
            self.refused.append(message)
            return
        self.understood += 1
        self.behind |= message.behind
        match message.action:
            case "MeterValues":
                self._meter_values(message)
            case "TransactionEvent":
                self._transaction_event(message)
            case "DataTransfer":
                self._data_transfer(message)
            case "StartTransaction":
                self._start(message)
            case "StopTransaction":
                self._stop(message)
            case "":
                self._result(message)
            case _:
                self.unused[message.action] += 1

    def block(self, many: Columns) -> Decoded:
        """Return what was taken in, and with it `many` messages, readings numbered in the order of the file."""
        rows = [(one.line, one.field, one.value, one.allowed, one.plain) for one in self.refused]
        return Decoded(
            self._joined(many),
            self._attribute_frame(),
            pl.DataFrame(rows, schema=_REFUSED, orient="row"),
            self.understood,
            self.whole_station,
            self.unused,
            self.behind,
        )

    def _joined(self, many: Columns) -> Columns:
        """Return all rows; samples stand in the order of their reading's, whatever lies between."""
        own = pl.DataFrame(self.readings, schema=READING, orient="row")
        readings = pl.concat([own, many.readings.with_columns(pl.col("reading") + own.height)])
        order = np.lexsort((readings.get_column("part").to_numpy(), readings.get_column("line").to_numpy()))
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        samples = pl.concat(
            [
                pl.DataFrame(self.samples, schema=SAMPLE, orient="row"),
                many.samples.with_columns(pl.col("reading") + own.height),
            ]
        )
        numbers = pl.Series("reading", place[samples.get_column("reading").to_numpy()], dtype=pl.Int64)
        return Columns(
            readings[order].drop("part").with_columns(reading=pl.int_range(pl.len(), dtype=pl.Int64)),
            samples.with_columns(numbers),
            pl.concat([pl.DataFrame(self.results, schema=RESULT, orient="row"), many.results]),
            pl.concat([pl.DataFrame(self.events, schema=EVENT, orient="row"), many.events]),
        )

    def _attribute_frame(self) -> pl.DataFrame:
        """Return the text of each combination of attributes; no measurand means the import register."""
        rows = [tuple(_text(value) for value in attributes) for attributes in self.attributes]
        names = pl.DataFrame(rows, schema=dict.fromkeys(ATTRIBUTE_NAMES, pl.String), orient="row")
        return names.with_columns(
            pl.col("measurand").replace("", DEFAULT_MEASURAND), pl.col("unit").replace("", None)
        ).select(pl.int_range(pl.len(), dtype=pl.Int64).alias("attributes"), *ATTRIBUTE_NAMES)

    def _refuse(self, message: Message, name: str, value: Any, allowed: str) -> None:
        self.refused.append(Refused(message.line, name, "" if value is None else str(value)[:200], allowed))

    def _reading(self, message: Message, kind: str, connector: int | None, stamp: Any) -> int:
        payload = message.payload
        event = payload.get("transactionInfo")
        stated = event.get("transactionId") if isinstance(event, dict) else payload.get("transactionId")
        token = payload.get("idToken")
        tag = token.get("idToken") if isinstance(token, dict) else payload.get("idTag")
        number = len(self.readings)
        row = (
            number,
            number,
            message.line,
            kind,
            message.charge_point,
            connector,
            _name(stated) if isinstance(event, dict) else _transaction(stated),
            stamp if isinstance(stamp, str) else _text(stamp),
            message.message_id,
            _text(tag) or None,
            message.heard,
        )
        self.readings.append(row)
        return number

    def _meter_values(self, message: Message) -> None:
        connector = message.payload.get("connectorId", message.payload.get("evseId", 1))
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
        measure = sample.get("unitOfMeasure")
        multiplier = None
        if isinstance(measure, dict):
            multiplier = measure.get("multiplier")
            sample = {**sample, "unit": measure.get("unit")}
        attributes = tuple(map(sample.get, ATTRIBUTE_NAMES))
        try:
            number = self.attributes.setdefault(attributes, len(self.attributes))
        except TypeError:
            self._refuse(message, "sampledValue", sample, "text for measurand, unit, context, phase and location")
            return
        self._add_sample(reading, number, _scaled(sample.get("value"), multiplier))

    def _add_sample(self, reading: int, attributes: int, value: Any) -> None:
        self.samples.append((reading, attributes, _text(value)))

    def _boundary(self, message: Message, kind: str, connector: int | None, register: str) -> None:
        reading = self._reading(message, kind, connector, message.payload.get("timestamp"))
        in_wh = self.attributes.setdefault((DEFAULT_MEASURAND, "Wh", None, None, None, None), len(self.attributes))
        self._add_sample(reading, in_wh, message.payload.get(register))

    def _start(self, message: Message) -> None:
        connector = message.payload.get("connectorId", 1)
        if not _is_whole(connector) or connector < 1:
            self._refuse(message, "connectorId", connector, "a whole number, 1 or more")
            return
        self._boundary(message, "start", connector, "meterStart")

    def _transaction_event(self, message: Message) -> None:
        """Take in a TransactionEvent of OCPP 2.x: the event itself, and a reading for each of its meter values."""
        payload = message.payload
        event, evse = payload.get("transactionInfo"), payload.get("evse")
        transaction = _name(event.get("transactionId")) if isinstance(event, dict) else None
        kind = _EVENT_KINDS.get(_text(payload.get("eventType")))
        connector = evse.get("id") if isinstance(evse, dict) else None
        if kind is None:
            self._refuse(message, "eventType", payload.get("eventType"), "Started, Updated or Ended")
        elif transaction is None:
            self._refuse(message, "transactionInfo", event, "an object with transactionId")
        elif connector is not None and (not _is_whole(connector) or connector < 1):
            self._refuse(message, "evse", evse, "an object whose id is a whole number, 1 or more")
        else:
            if _is_whole(number := payload.get("seqNo")):
                self.events.append((message.line, message.charge_point, transaction, number))
            self._reading(message, kind, connector, payload.get("timestamp"))
            if payload.get("meterValue") is not None:
                self._entries(message, "data" if kind == "stop" else "meter", connector, payload["meterValue"])

    def _data_transfer(self, message: Message) -> None:
        """Take in signed power from a vendor's text, where it also says when."""
        data = message.payload.get("data")
        text = data if isinstance(data, str) else ""
        stamp = re.search(STAMP, text)
        when = stamp.group(1) if stamp else message.heard
        for profile in DATA_TRANSFER:
            found = re.search(profile["pattern"], text)
            if found and when:
                reading = self._reading(message, "meter", 1, when)
                unit = found["unit"] or profile["unit"]
                attributes = (profile["measurand"], unit, None, None, None, None)
                number = self.attributes.setdefault(attributes, len(self.attributes))
                self._add_sample(reading, number, found["value"])
                return
        self.unused["DataTransfer"] += 1

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


def _name(value: Any) -> str | None:
    """Return the name a 2.x transaction has, any text; None for none."""
    return _text(value) or None


def _scaled(value: Any, multiplier: Any) -> Any:
    """Return a value with the power of ten that its unit carries; a wrong power makes it no number."""
    if multiplier is None or (_is_whole(multiplier) and multiplier == 0):
        return value
    text = _text(value)
    if not _is_whole(multiplier) or abs(multiplier) > _LARGEST_MULTIPLIER:
        return f"{text} * 10^{multiplier}"
    mantissa, _, exponent = text.lower().partition("e")
    shifted = int(exponent) + multiplier if re.fullmatch(r"[+-]?[0-9]{1,2}", exponent) else multiplier
    return f"{mantissa}e{shifted}"


def _is_whole(value: Any) -> bool:
    return type(value) is int and abs(value) < 10**6


def _transaction(value: Any) -> str | None:
    """Return a usable transaction id as text; None for none, and for the placeholders 0 and below."""
    text = _text(value)
    return text if text.isdecimal() and text.strip("0") else None
