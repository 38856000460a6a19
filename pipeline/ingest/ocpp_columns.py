"""OCPP messages to columns: one row a reading, one row a sampled value, one row an answer to a start.

Attributes of a sampled value repeat without end, so that only their few combinations are kept as text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
    """One block of a log: its columns, its attributes by number, and what was refused (by line)."""

    columns: Columns
    attributes: pl.DataFrame
    refused: pl.DataFrame


@dataclass
class Log:
    """The columns a log is decoded into, a tuple a row; `block` hands them over, what is counted stays."""

    readings: list[tuple[Any, ...]] = field(default_factory=list)
    samples: list[tuple[int, int, str]] = field(default_factory=list)
    attributes: dict[tuple[Any, ...], int] = field(default_factory=dict)  # the few combinations that occur
    results: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    unused: Counter[str] = field(default_factory=Counter)
    whole_station: int = 0
    understood: int = 0
    repeated: int = 0
    plain_lines: int = 0
    behind: bool = False  # some frame stood behind a log line's prefix
    sequences: dict[tuple[str, str], set[int]] = field(default_factory=dict)  # seqNo seen of each 2.x transaction
    _parts: list[Columns] = field(default_factory=list)

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

    def notes(self) -> tuple[str, ...]:
        """Say what was passed over."""
        notes = []
        if self.unused:
            names = ", ".join(sorted(self.unused))
            notes.append(f"{self.unused.total()} messages without readings passed over: {names}")
        if self.whole_station:
            notes.append(f"{self.whole_station} MeterValues of connector 0 (the whole station) ignored")
        if self.repeated:
            notes.append(f"{self.repeated} repeated TransactionEvents (same seqNo) passed over")
        if self.plain_lines:
            notes.append(f"{self.plain_lines} lines without a message passed over")
        broken = self.broken_frame()
        if broken.height:
            ids = ", ".join(broken["transaction"].head(5))
            notes.append(f"{broken.height} transactions lack messages (gaps in seqNo) and stay incomplete: {ids}")
        return tuple(notes)

    def add_columns(self, part: Columns) -> None:
        """Take in many messages at once; their readings are numbered from 0."""
        first = len(self.readings) + sum(other.readings.height for other in self._parts)
        numbered = pl.col("reading") + first
        self._parts.append(
            Columns(
                part.readings.with_columns(numbered), part.samples.with_columns(numbered), part.results, part.events
            )
        )

    def block(self) -> Decoded:
        """Return what was taken in since the last block, readings numbered in the order of the file, repeats dropped.

        Nothing is added one by one after `add_columns` until then.
        """
        own = Columns(
            pl.DataFrame(self.readings, schema=READING, orient="row"),
            pl.DataFrame(self.samples, schema=SAMPLE, orient="row"),
            pl.DataFrame(self.results, schema=RESULT, orient="row"),
            pl.DataFrame(self.events, schema=EVENT, orient="row"),
        )
        joined = _joined([own, *self._parts])
        rows = [(one.line, one.field, one.value, one.allowed, one.plain) for one in self.refused]
        refused = pl.DataFrame(rows, schema=_REFUSED, orient="row")
        repeated = self._repeated(joined.events)
        if repeated:
            self.repeated += len(repeated)
            kept = ~pl.col("line").is_in(repeated)
            readings, refused = joined.readings.filter(kept), refused.filter(kept)
            joined = replace(joined, readings=readings, samples=joined.samples.join(readings, on="reading", how="semi"))
        for columns in (self.readings, self.samples, self.results, self.events, self.refused, self._parts):
            columns.clear()
        return Decoded(_in_order(joined), self._attribute_frame(), refused)

    def _attribute_frame(self) -> pl.DataFrame:
        """Return the text of each combination of attributes; no measurand means the import register."""
        rows = [tuple(_text(value) for value in attributes) for attributes in self.attributes]
        names = pl.DataFrame(rows, schema=dict.fromkeys(ATTRIBUTE_NAMES, pl.String), orient="row")
        return names.with_columns(
            pl.col("measurand").replace("", DEFAULT_MEASURAND), pl.col("unit").replace("", None)
        ).select(pl.int_range(pl.len(), dtype=pl.Int64).alias("attributes"), *ATTRIBUTE_NAMES)

    def _repeated(self, events: pl.DataFrame) -> list[int]:
        """Return the lines whose sequence number their transaction had before; message ids alone are not unique."""
        repeated: list[int] = []
        grouped = events.sort("line").group_by("charge_point", "transaction", maintain_order=True)
        for charge_point, transaction, lines, numbers in grouped.agg("line", "sequence").iter_rows():
            seen = self.sequences.setdefault((charge_point, transaction), set())
            if seen.isdisjoint(numbers) and len(set(numbers)) == len(numbers):
                seen.update(numbers)
                continue
            for line, number in zip(lines, numbers, strict=True):
                if number in seen:
                    repeated.append(line)
                seen.add(number)
        return repeated

    def broken_frame(self) -> pl.DataFrame:
        """Return charge_point and transaction of those whose sequence numbers have a gap."""
        rows = [key for key, seen in self.sequences.items() if max(seen) - min(seen) >= len(seen)]
        return pl.DataFrame(sorted(rows), schema={"charge_point": pl.String, "transaction": pl.String}, orient="row")

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


def _joined(parts: Sequence[Columns]) -> Columns:
    return Columns(
        pl.concat([part.readings for part in parts]),
        pl.concat([part.samples for part in parts]),
        pl.concat([part.results for part in parts]),
        pl.concat([part.events for part in parts]),
    )


def _in_order(columns: Columns) -> Columns:
    """Number the readings anew by their place in the file, and put the samples in the order of their readings."""
    readings = columns.readings.sort("line", "part")
    order = readings.get_column("reading").to_numpy()
    place = np.zeros(order.max(initial=-1) + 1, dtype=np.int64)
    place[order] = np.arange(len(order))
    numbers = pl.Series("reading", place[columns.samples.get_column("reading").to_numpy()], dtype=pl.Int64)
    samples = columns.samples.with_columns(numbers).sort("reading", maintain_order=True)
    numbered = readings.drop("part").with_columns(reading=pl.int_range(pl.len(), dtype=pl.Int64))
    return replace(columns, readings=numbered, samples=samples)


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
