"""OCMF: signed meter values, bare (`OCMF|{...}|{...}`) or inside the XML files of transparency software.

Signatures are not verified: that takes the key a calibration office published and software approved for it. They stay
in the file below `landing/`, which is never changed.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
from lxml import etree

from pipeline.domain import REJECT
from pipeline.ingest import cells
from pipeline.ingest.json_sessions import text
from pipeline.ingest.ocpp_log import charge_point_of
from pipeline.ingest.records import Records, in_schema, joined_rejects, part_touching_sessions, refusal, refused

FORMAT: Final = "ocmf"
DESCRIPTION: Final = "OCMF signed meter values"

_MOST_BYTES: Final = 64 << 20
_XML: Final = re.compile(rb"^[\xef\xbb\xbf\s]*<")
_INHERITED: Final = ("TM", "TX", "RI", "RU", "EF", "ST")
"""What a reading leaves out is that of the reading before it (OCMF 1.0, section on readings)."""
_CONTEXTS: Final = {"B": "begin", "E": "end", "L": "end", "R": "end", "A": "end", "P": "end"}
_FACTORS: Final = {"kWh": 1000, "Wh": 1}
_REGISTER: Final = re.compile(r"^[0-9A-Fa-f]+-[0-9A-Za-z]+:0*([0-9A-Fa-f]+)\.0*8\.")
_REGISTERS: Final = {
    "1": ("energy_import_wh", 0),
    "B0": ("energy_import_wh", 1),
    "B1": ("energy_import_wh", 2),
    "B2": ("energy_import_wh", 3),
    "B3": ("energy_import_wh", 4),
    "98": ("energy_import_wh", 5),
    "2": ("energy_export_wh", 0),
    "C0": ("energy_export_wh", 1),
    "C1": ("energy_export_wh", 2),
    "C2": ("energy_export_wh", 3),
    "C3": ("energy_export_wh", 4),
}
"""OBIS value group C, its column, and which goes first where a station states several: totals before transactions,
the mains side before the device side. 98.8.0 is a manufacturer's transaction register of energy into the car."""
_ALLOWED: Final = {
    "stamp": f"{cells.TIME_ALLOWED} and a clock state, such as 2021-09-02T12:29:53,000+0200 S",
    "register": "an energy register of OBIS 1.8, 2.8, 98.8, B0.8 to B3.8 or C0.8 to C3.8",
    "unit": "kWh or Wh",
    "state": "a reading that the meter did not mark as faulty (ST is G, EF has no E and no t)",
    "value": "a number from 0 to 1e12 Wh",
}
_COLUMNS: Final = (
    "line",
    "raw",
    "charger_id",
    "session_id",
    "vehicle_id",
    "stamp",
    "context",
    "register",
    "rank",
    "unit",
    "state",
    "value",
    "obis",
)


@dataclass(frozen=True)
class _Signed:
    """One signed value of a file: its text and the transaction its envelope names."""

    text: str
    transaction: str | None = None


def sniff(head: bytes) -> bool:
    """Tell whether a file's beginning is an OCMF value, or XML that holds one."""
    if _XML.match(head):
        return b"<signedData" in head or b"<encodedData" in head
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"OCMF|")


def read(path: Path, hints: Sequence[str]) -> Records:
    """Read the signed values of a file; a value or reading that is wrong is refused by its number, the rest loads."""
    size = path.stat().st_size
    if size > _MOST_BYTES:
        return refused(FORMAT, refusal("file", "size", f"{size} bytes", f"at most {_MOST_BYTES} bytes"), "charger")
    content = path.read_bytes()
    try:
        values = list(_of_xml(content) if _XML.match(content) else _of_text(content))
    except (etree.XMLSyntaxError, ValueError) as error:
        allowed = "well-formed XML without DOCTYPE and entities, or OCMF text in UTF-8"
        return refused(FORMAT, refusal("file", "content", str(error)[:200], allowed), "charger")
    if not values:
        return refused(FORMAT, refusal("file", "content", "no signed value", "at least one value in OCMF"), "charger")
    rows, failures, methods = [], [], set()
    for number, signed in enumerate(values, start=1):
        try:
            payload, method = _parts(signed.text)
            rows += list(_rows(number, signed, payload, hints))
            methods.add(method)
        except _BadValueError as error:
            failures.append(error.row(number, signed.text))
    return _records(rows, failures, len(values), methods)


class _BadValueError(Exception):
    """A signed value that is refused as a whole."""

    def __init__(self, field: str, value: Any, allowed: str) -> None:
        super().__init__(field)
        self.field, self.value, self.allowed = field, value, allowed

    def row(self, number: int, raw: str) -> dict[str, Any]:
        """Return the reject of the value."""
        shown = text(str(self.value)[:200])
        place = {"line": number, "position": f"value {number}", "field": self.field}
        return {**place, "value": shown, "allowed": self.allowed, "raw": raw[:2000]}


def _of_text(content: bytes) -> Iterator[_Signed]:
    """Split text at each `OCMF|` that begins a line."""
    decoded = content.decode("utf-8-sig")
    for part in re.split(r"(?m)^\s*(?=OCMF\|)", decoded):
        if part.strip():
            yield _Signed(part.strip())


def _of_xml(content: bytes) -> Iterator[_Signed]:
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise ValueError("a DOCTYPE")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    for data in etree.fromstring(content, parser).iter("{*}signedData", "{*}encodedData"):
        parent = data.getparent()
        stated = {name.lower(): value for name, value in (parent.attrib if parent is not None else {}).items()}
        # One vendor writes a small L for the I of transactionId.
        transaction = stated.get("transactionid") or stated.get("transactionld")
        yield _Signed(_decoded("".join(data.itertext()).strip(), data.get("encoding", "plain")), transaction)


def _decoded(content: str, encoding: str) -> str:
    try:
        if encoding.lower() == "base64":
            return base64.b64decode(content).decode("utf-8", "replace")
        if encoding.lower() == "hex":
            return bytes.fromhex(content).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return content
    return content


def _parts(signed: str) -> tuple[Mapping[str, Any], str]:
    """Return the payload and the method of the signature."""
    allowed = "OCMF|{readings}|{signature}"
    if not signed.startswith("OCMF|"):
        raise _BadValueError("value", signed[:80], allowed)
    decoder = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
    try:
        payload, end = decoder.raw_decode(signed, 5)
        rest = signed[end:].strip()
        signature = decoder.decode(rest[1:]) if rest.startswith("|") else None
    except (ValueError, RecursionError) as error:
        raise _BadValueError("value", error, allowed) from error
    if not isinstance(payload, dict) or not isinstance(payload.get("RD"), list):
        raise _BadValueError("RD", "", "a payload with a list of readings")
    if not isinstance(signature, dict) or not signature.get("SD"):
        raise _BadValueError("signature", rest[:80], "a signature {SA, SD} after the readings")
    return payload, text(signature.get("SA")) or "ECDSA-secp256r1-SHA256"


def _rows(number: int, signed: _Signed, payload: Mapping[str, Any], hints: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    charger = text(payload.get("CI")) or charge_point_of(hints)
    if not charger or len(charger) > 200 or not charger.isprintable():
        raise _BadValueError("CI", charger, "the charge point's id in CI, or as folder or file name")
    transaction = text(signed.transaction) or text(payload.get("PG"))
    session = f"{charger}-{transaction}"[:200] if transaction else None
    vehicle = text(payload.get("ID")) or None if payload.get("IS") is True else None
    before: dict[str, Any] = {}
    for reading in payload["RD"]:
        if not isinstance(reading, dict):
            raise _BadValueError("RD", reading, "a list of readings {TM, TX, RV, RI, RU, ST}")
        before |= {name: reading[name] for name in _INHERITED if name in reading}
        full = {**before, "RV": reading.get("RV")}
        found = _REGISTER.match(text(full.get("RI")) or "")
        register, rank = _REGISTERS.get(found[1].upper(), (None, 9)) if found else (None, 9)
        faulty = (text(full.get("ST")) or "") != "G" or re.search("[Et]", text(full.get("EF")) or "")
        yield (
            number,
            json.dumps(reading)[:2000],
            charger,
            session,
            vehicle,
            text(full.get("TM")),
            _CONTEXTS.get(text(full.get("TX")) or "", "sample"),
            register,
            rank,
            text(full.get("RU")),
            f"ST {text(full.get('ST')) or ''} EF {text(full.get('EF')) or ''}" if faulty else None,
            text(full.get("RV")),
            text(full.get("RI")),
        )


def _records(rows: list[tuple[Any, ...]], failures: list[dict[str, Any]], count: int, methods: set[str]) -> Records:
    schema = {name: pl.Int64 if name in ("line", "rank") else pl.String for name in _COLUMNS}
    stamp = pl.col("stamp").str.replace(",", ".", literal=True)
    table = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        measured_at=cells.utc(stamp.str.replace(r"\s*[UISR]$", "")),
        number=cells.between(
            cells.exact(pl.col("value")) * pl.col("unit").replace_strict(_FACTORS, default=None, return_dtype=pl.Int64),
            0,
            10**12,
        ),
    )
    good, bad = _checked(table)
    own = pl.DataFrame(failures, schema={"line": pl.Int64, **dict(REJECT)})
    rejects = joined_rejects([own, bad])
    notes = _notes(good, count, methods)
    if good.is_empty():
        nothing = refusal("file", "RD", "no readings", "at least one reading")
        return refused(FORMAT, rejects if rejects.height else nothing, "charger", notes)
    return Records(FORMAT, "charger", {"charger": _readings(good)}, rejects, notes)


def _checked(table: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    rules = {
        "stamp": pl.col("measured_at").is_null(),
        "register": pl.col("register").is_null(),
        "unit": ~pl.col("unit").is_in(list(_FACTORS)).fill_null(value=False),
        "state": pl.col("state").is_not_null(),
        "value": pl.col("number").is_null(),
    }
    first = pl.coalesce(pl.when(bad).then(pl.lit(name)) for name, bad in rules.items())
    marked = table.with_columns(field=first)
    bad = marked.filter(pl.col("field").is_not_null()).select(
        "line",
        position=pl.concat_str(pl.lit("value "), pl.col("line")),
        field="field",
        value=pl.coalesce(
            pl.when(pl.col("field") == name).then(pl.col("obis" if name == "register" else name)) for name in rules
        ).fill_null(""),
        allowed=pl.col("field").replace_strict(_ALLOWED, return_dtype=pl.String),
        raw="raw",
    )
    return marked.filter(pl.col("field").is_null()), bad


def _notes(good: pl.DataFrame, count: int, methods: set[str]) -> tuple[str, ...]:
    signed = ", ".join(sorted(methods)) or "unknown"
    notes = [f"{count} signed values: signatures ({signed[:200]}) were not verified and stay in the file"]
    loose = good.filter(~pl.col("stamp").str.ends_with("S")).height
    if loose:
        notes.append(f"{loose} readings of a clock that the meter does not call synchronised")
    return tuple(notes)


def _readings(good: pl.DataFrame) -> pl.DataFrame:
    def register(column: str) -> pl.Expr:
        return cells.rounded(pl.col("number").filter(pl.col("register") == column).first()).alias(column)

    key = ["charger_id", "measured_at", "session_id"]
    wide = (
        good.sort("measured_at", "rank", maintain_order=True)
        .group_by(key, maintain_order=True)
        .agg(
            register("energy_import_wh"),
            register("energy_export_wh"),
            pl.col("vehicle_id").drop_nulls().first(),
            pl.when((pl.col("context") == "end").any())
            .then(pl.lit("end"))
            .when((pl.col("context") == "begin").any())
            .then(pl.lit("begin"))
            .otherwise(pl.lit("sample"))
            .alias("context"),
        )
        .with_columns(power_w=pl.lit(None), soc_pct=pl.lit(None))
    )
    parted = part_touching_sessions(wide).unique(["charger_id", "measured_at"], keep="first", maintain_order=True)
    return in_schema(parted.sort("charger_id", "measured_at"), "charger")
