"""Canonical CSV: meter, reactive energy, charger, sessions and weather, told apart by their header (docs/formats.md).

One physical line is one record: a cell may be quoted, but holds no line break, so that a torn or wild quote costs its
own line and never the rest of the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from pipeline.domain import REJECT
from pipeline.ingest import cells
from pipeline.ingest.cells import Cell
from pipeline.ingest.plain_meter import plain_values
from pipeline.ingest.records import (
    Records,
    ascends,
    in_schema,
    joined_rejects,
    part_touching_sessions,
    refusal,
    refused,
)
from pipeline.ingest.whole_wh import WHOLE, in_whole_wh

FORMAT: Final = "canonical_csv"
DESCRIPTION: Final = "canonical CSV (meter, reactive, charger, sessions or weather)"

_LARGEST_KWH = 10**9
_LARGEST_WH = 10**12


def _energy_kwh(text: pl.Expr) -> pl.Expr:
    return cells.between(cells.exact(text), 0, _LARGEST_KWH)


def _reactive_kvarh(text: pl.Expr) -> pl.Expr:
    return cells.between(cells.exact(text), -_LARGEST_KWH, _LARGEST_KWH)


def _register_wh(text: pl.Expr) -> pl.Expr:
    return cells.rounded(cells.between(cells.exact(text), 0, _LARGEST_WH))


def _power_w(text: pl.Expr) -> pl.Expr:
    return cells.rounded(cells.between(cells.exact(text), -(10**9), 10**9))


def _percent(text: pl.Expr) -> pl.Expr:
    return cells.real(text, 0, 100)


_ID = Cell(cells.name, "a name of 1 to 200 characters")
_ANY_ID = Cell(cells.name, "a name of at most 200 characters, or blank", optional=True)
_AT = Cell(cells.utc, cells.TIME_ALLOWED)
_ANY_AT = Cell(cells.utc, f"{cells.TIME_ALLOWED}, or blank", optional=True)
_DURATION = Cell(lambda text: cells.whole(text, 1, 31_622_400), "a whole number of seconds, 1 or more")
_REGISTER = Cell(_register_wh, "a cumulative register in Wh, 0 or more, or blank", optional=True)
_PERCENT = Cell(_percent, "a number from 0 to 100, or blank", optional=True)

COLUMNS: Final[Mapping[str, Mapping[str, Cell]]] = {
    "meter": {
        "meter_id": _ID,
        "interval_start": _AT,
        "duration_s": _DURATION,
        "import_kwh": Cell(_energy_kwh, "a number of kWh from 0 to 1e9; energy fed in belongs to export_kwh"),
        "export_kwh": Cell(_energy_kwh, "a number of kWh from 0 to 1e9; 0 where the meter measures no export"),
    },
    "reactive": {
        "meter_id": _ID,
        "interval_start": _AT,
        "duration_s": _DURATION,
        "reactive_kvarh": Cell(
            _reactive_kvarh, "a number of kvarh, negative where it is given back, or blank", optional=True
        ),
    },
    "charger": {
        "charger_id": _ID,
        "measured_at": _AT,
        "energy_import_wh": _REGISTER,
        "energy_export_wh": _REGISTER,
        "power_w": Cell(_power_w, "a number of W, positive into the car, or blank", optional=True),
        "soc_pct": _PERCENT,
        "session_id": _ANY_ID,
        "vehicle_id": _ANY_ID,
    },
    "session": {
        "session_id": _ID,
        "charger_id": _ID,
        "vehicle_id": _ANY_ID,
        "plugged_in_at": _AT,
        "plugged_out_at": _ANY_AT,
        "soc_in_pct": _PERCENT,
        "soc_out_pct": _PERCENT,
        "target_soc_pct": _PERCENT,
        "departure_at": _ANY_AT,
    },
    "weather": {
        "station_id": _ID,
        "observed_at": _AT,
        "temperature_c": Cell(lambda text: cells.real(text, -90, 60), "a temperature from -90 to 60 degrees Celsius"),
    },
}
"""Every column of every kind, in the order of its header."""

_KEYS: Final[Mapping[str, list[str]]] = {
    "meter": ["meter_id", "interval_start"],
    "reactive": ["meter_id", "interval_start"],
    "charger": ["charger_id", "measured_at"],
    "session": ["session_id"],
    "weather": ["station_id", "observed_at"],
}
_REACTIVE: Final = "reactive_kvarh"
_QUOTED_CELL = r'\s*"(?:[^"]|"")*"\s*,|[^",]*,'


def sniff(head: bytes) -> bool:
    """Tell whether a file's first line looks like a canonical header: at least two of its names."""
    return bool(nearest_kind(header_names(parted(head)[1])))


def read(path: Path, hints: Sequence[str]) -> Records:  # noqa: ARG001  # every format has these two parameters
    """Read a canonical CSV; a bad cell costs its line and is refused with its number, never the file."""
    first_line, head, body = parted(path.read_bytes())
    header = header_names(head)
    kind = nearest_kind(header)
    wrong = wrong_header(header, kind)
    if wrong:
        return wrong
    notes = ignored_columns(header, kind)
    good, rejects, repeated = parsed_once(body, header, kind, first_line)
    if repeated:
        notes += (f"{repeated} repeated lines counted once",)
    if good.is_empty():
        return refused(FORMAT, or_no_rows(rejects), kind, notes)
    records = {kind: _to_records(good, kind)}
    if reactive_beside(header, kind):
        beside, more = parsed_beside(body, header, first_line, rejects)
        records["reactive"], rejects = _to_records(beside, "reactive"), pl.concat([rejects, more])
    torn = not body.endswith((b"\n", b"\r"))
    return as_records(kind, records, rejects, notes, last_line(body, first_line) if torn else None)


def as_records(
    kind: str, records: Mapping[str, pl.DataFrame], rejects: pl.DataFrame, notes: tuple[str, ...], torn: int | None
) -> Records:
    """Return what was read, by kind and with its `line`; `torn` is the number of a last line without a line end."""
    found = {of: frame for of, frame in records.items() if frame.height}
    frames = {of: in_schema(frame, of) for of, frame in found.items()}
    if torn is None:
        return Records(FORMAT, kind, frames, rejects, notes)
    last = {of: in_schema(frame.filter(pl.col("line") == torn), of) for of, frame in found.items()}
    cut = {of: frame for of, frame in last.items() if frame.height}
    return Records(FORMAT, kind, frames, rejects, notes, unterminated=True, last_line=cut)


def reactive_beside(header: Sequence[str], kind: str) -> bool:
    """Tell whether a meter file has the column of reactive energy, which it may lack."""
    return kind == "meter" and header.count(_REACTIVE) == 1


def parsed_beside(
    body: bytes, header: Sequence[str], first_line: int, told: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the reactive energy of a meter file, and what is refused on lines of which nothing was told yet."""
    good, rejects, _ = parsed_once(body, header, "reactive", first_line)
    return good, rejects.join(told, on="position", how="anti")


def parted(content: bytes) -> tuple[int, str, bytes]:
    """Return the number of the first line below the header, the header, and all bytes below it."""
    blank = len(content) - len(content.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n"))
    ends = [at for at in (content.find(b"\n", blank), content.find(b"\r", blank)) if at >= 0]
    end = min(ends, default=len(content))
    below = end + (2 if content[end : end + 2] == b"\r\n" else 1)
    above = content[:below].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return above.count(b"\n") + 1, content[:end].decode("utf-8", "replace"), content[below:]


def wrong_header(header: Sequence[str], kind: str) -> Records | None:
    """Return the refusal of a file whose header lacks a column or has one twice; None where it is right."""
    columns = COLUMNS[kind]
    if all(header.count(name) == 1 for name in columns):
        return None
    rejects = refusal("line 1", "header", ",".join(header), ",".join(columns), ",".join(header))
    return refused(FORMAT, rejects, kind)


def parsed_once(
    body: bytes, header: Sequence[str], kind: str, first_line: int
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Return the good rows, one a key in key order, the rejects, and how many lines only repeated another."""
    values, refused_cells = parsed(body, header, kind, first_line)
    good, disagreeing, repeated = one_line_each(values, kind)
    if disagreeing.height:  # a line is refused with its text, which costs too much to keep of every line
        values, refused_cells = parsed(body, header, kind, first_line, with_raw=True)
        good, disagreeing, repeated = one_line_each(values, kind)
    return good, joined_rejects([refused_cells, disagreeing]), repeated


def parsed(
    body: bytes, header: Sequence[str], kind: str, first_line: int, *, with_raw: bool = False
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the values of every good line (line, raw, columns of the kind) and the rejects with their `line`."""
    if kind == "meter" and body:
        values = plain_values(body, header, first_line, with_raw=with_raw)
        if values is not None:
            return values, _line_rejects(values.clear(), "")
    table, malformed = _split(_lines(body, first_line), header, COLUMNS[kind])
    values, bad_cells = _values(table, COLUMNS[kind])
    values, inconsistent = _checked_kind(values, kind)
    if kind == "reactive":
        values = values.drop_nulls(_REACTIVE)
    return values, pl.concat([malformed, bad_cells, inconsistent])


def last_line(body: bytes, first_line: int) -> int:
    """Return the number of the last line that is not blank."""
    text = body.rstrip()
    return first_line + text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")


def header_names(line: str) -> list[str]:
    """Return the column names of a header."""
    return [cell.strip().strip('"') for cell in line.removeprefix("\ufeff").split(",")]


def nearest_kind(header: Sequence[str]) -> str:
    """Return the kind whose columns a header shares most; empty where it shares fewer than two.

    A header that lacks the reading itself is rather that of a meter's energy than of its reactive energy.
    """
    shared = {kind: len(set(columns) & set(header)) for kind, columns in COLUMNS.items()}
    if _REACTIVE not in header:
        del shared["reactive"]
    best = max(shared, key=lambda kind: shared[kind] / len(COLUMNS[kind]))
    return best if shared[best] >= 2 else ""


def ignored_columns(header: Sequence[str], kind: str) -> tuple[str, ...]:
    """Return the note that names columns no reader asks for, if there are any."""
    asked = {*COLUMNS[kind], *(COLUMNS["reactive"] if reactive_beside(header, kind) else ())}
    extra = [name or "(unnamed)" for name in header if name not in asked]
    return (f"ignored columns: {', '.join(extra)}",) if extra else ()


def _lines(body: bytes, first_line: int) -> pl.DataFrame:
    """Return the lines below the header, numbered as an editor numbers them; blank lines are left out."""
    text = body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    raw = pl.Series("raw", text.split("\n"), dtype=pl.String)
    frame = raw.to_frame().with_row_index("line", offset=first_line).with_columns(pl.col("line").cast(pl.Int64))
    return frame.filter(pl.col("raw").str.strip_chars() != "")


def _split(
    lines: pl.DataFrame, header: Sequence[str], columns: Mapping[str, Cell]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the text cells of every well-formed line, and the other lines as rejects."""
    quoted = pl.col("raw").str.contains('"', literal=True)
    plain = lines.filter(~quoted).with_columns(cell=pl.col("raw").str.split(","))
    pieces = (pl.col("raw") + ",").str.extract_all(_QUOTED_CELL)
    with_quotes = lines.filter(quoted).with_columns(cell=pieces)
    whole = pl.col("cell").list.join("").str.len_chars() == pl.col("raw").str.len_chars() + 1
    inner = pl.element().str.strip_suffix(",").str.strip_chars().str.replace(r'^"((?s:.*))"$', "$1")
    unquoted = with_quotes.filter(whole).with_columns(
        cell=pl.col("cell").list.eval(inner.str.replace_all('""', '"', literal=True))
    )
    table = pl.concat([plain, unquoted]).sort("line")
    count = pl.col("cell").list.len()
    undecoded = pl.col("raw").str.contains("\ufffd", literal=True)
    rejects = [
        _line_rejects(with_quotes.filter(~whole), "quotes closed on the same line"),
        _line_rejects(table.filter(undecoded), "text in UTF-8"),
        _line_rejects(table.filter(~undecoded & (count != len(header))), f"{len(header)} cells, as in the header"),
    ]
    texts = [
        pl.col("cell").list.get(header.index(name), null_on_oob=True).str.strip_chars().replace("", None).alias(name)
        for name in columns
    ]
    table = table.filter(~undecoded & (count == len(header))).select("line", "raw", *texts)
    return table, pl.concat(rejects)


def _line_rejects(lines: pl.DataFrame, allowed: str) -> pl.DataFrame:
    return _rejects(lines, pl.lit("line"), pl.col("raw"), pl.lit(allowed))


def _rejects(lines: pl.DataFrame, field: pl.Expr, value: pl.Expr, allowed: pl.Expr) -> pl.DataFrame:
    return lines.select(
        "line",
        pl.format("line {}", "line").alias("position"),
        field.alias("field"),
        value.fill_null("").cast(pl.String).alias("value"),
        allowed.alias("allowed"),
        pl.col("raw"),
    ).select("line", *REJECT)


def _values(table: pl.DataFrame, columns: Mapping[str, Cell]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the parsed rows whose every cell is allowed, and one reject for every cell that is not."""
    parsed = table.with_columns(cell.read(pl.col(name)).alias(f"value:{name}") for name, cell in columns.items())
    rejects, bad = [], pl.lit(value=False)
    for name, cell in columns.items():
        wrong = pl.col(f"value:{name}").is_null()
        if cell.optional:
            wrong &= pl.col(name).is_not_null()
        rejects.append(_rejects(parsed.filter(wrong), pl.lit(name), pl.col(name), pl.lit(cell.allowed)))
        bad |= wrong
    good = parsed.filter(~bad).select("line", "raw", *(pl.col(f"value:{name}").alias(name) for name in columns))
    return good, pl.concat(rejects)


def _checked_kind(values: pl.DataFrame, kind: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Apply what a single cell cannot tell: a session does not end before it begins."""
    if kind == "charger":
        return part_touching_sessions(values), _line_rejects(values.clear(), "")
    if kind != "session":
        return values, _line_rejects(values.clear(), "")
    backwards = (pl.col("plugged_out_at") < pl.col("plugged_in_at")).fill_null(value=False)
    left = pl.col("plugged_out_at").dt.to_string("%Y-%m-%dT%H:%M:%SZ")
    rejects = _rejects(
        values.filter(backwards), pl.lit("plugged_out_at"), left, pl.lit("a time not before plugged_in_at")
    )
    return values.filter(~backwards), rejects


def one_line_each(values: pl.DataFrame, kind: str) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Keep one row a key, in key order; returns (rows, rejects, how many agreed with another line).

    The later line wins, lines that disagree with it are refused, blanks are filled from both.
    """
    key = _KEYS[kind]
    if ascends(values, key):
        return values, _line_rejects(values.clear(), ""), 0
    values = values.sort(*key, "line")
    again = _repeats(values, key)
    if not again.any():
        return values, _line_rejects(values.clear(), ""), 0
    shared = again | again.shift(-1, fill_value=False)
    content = [name for name in COLUMNS[kind] if name not in key]
    last = {name: pl.col(name).drop_nulls().last() for name in content}
    disagrees = pl.any_horizontal(
        (pl.col(name) != last[name].over(key)).fill_null(value=False) for name in content
    ).alias("disagrees")
    marked = values.filter(shared).sort("line").with_columns(disagrees, winner=pl.col("line").max().over(key))
    losers = marked.filter("disagrees")
    allowed = pl.format("one value for each {}; line {} is used", pl.lit(" and ".join(key)), "winner")
    lost = _rejects(losers, pl.lit(key[-1]), pl.col("raw"), allowed)
    agreeing = marked.filter(~pl.col("disagrees"))
    merged = agreeing.group_by(key).agg(pl.col("line", "raw").last(), *last.values()).select(values.columns)
    kept = pl.concat([values.filter(~shared), merged]).sort(*key, "line")
    return kept, lost, agreeing.height - merged.height


def _repeats(ordered: pl.DataFrame, key: Sequence[str]) -> pl.Series:
    """Tell of each row of an ordered frame whether the row above it has the same key."""
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in key)
    return ordered.select(same.fill_null(value=False).alias("repeats")).to_series()


def _to_records(values: pl.DataFrame, kind: str) -> pl.DataFrame:
    if kind == "charger":
        return values.with_columns(context=pl.lit("sample"))
    return in_whole_wh(values, kind) if kind in WHOLE else values


def or_no_rows(rejects: pl.DataFrame) -> pl.DataFrame:
    """Return the rejects, or the one that says there was no line at all."""
    return rejects if rejects.height else refusal("file", "rows", "", "at least one line below the header")
