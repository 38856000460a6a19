"""A hash of all that a bill was read from: while it stands, nothing has to be rebuilt to know that a result stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from hashlib import sha256
from operator import itemgetter
from typing import Any

import numpy as np
import polars as pl
from pydantic import BaseModel

from pipeline.chain.hashing import missing, physical, texts
from pipeline.chain.inputs import Inputs
from pipeline.chain.measured import BillMeasured
from pipeline.tariff import ResolvedTariff
from pipeline.uncertainty import DrawnBill

_LATER = frozenset({"coming"})  # follows from the tariff
_Framed = BillMeasured | DrawnBill
"""What is a frame, and no more than that."""


def source_hash(inputs: Inputs, code: str) -> str:
    """Return the SHA-256 of a bill's inputs as they were read and of the version of the `code` that reads them.

    It is wider than `input_hash`, which leaves out what no number depends on: where it is unchanged so is that, and
    where it is not, `input_hash` decides.
    """
    digest = sha256(code.encode())
    for part in _parts(inputs):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _parts(value: Any) -> Iterator[bytes]:
    """Yield the bytes that tell a value from any other, whatever the order of what has none."""
    if isinstance(value, Mapping) and any(isinstance(member, pl.DataFrame | _Framed) for member in value.values()):
        frames = {key: member.frame if isinstance(member, _Framed) else member for key, member in value.items()}
        value = pl.concat([frame.with_columns(_key=pl.lit(str(key))) for key, frame in frames.items()])
    if isinstance(value, pl.DataFrame):
        yield from _frame_parts(value)
        return
    if isinstance(value, np.ndarray):
        yield f"{value.dtype} {value.shape}".encode() + value.tobytes()
        return
    members = _members(value)
    if members is None:
        yield _text(value).encode()
        return
    yield f"{len(members)}".encode()
    for name, member in members:
        yield name.encode()
        yield from _parts(member)


def _members(value: Any) -> list[tuple[str, Any]] | None:
    """Return what a value is made of by name, None for a plain one."""
    if isinstance(value, ResolvedTariff | BaseModel):
        return None
    if is_dataclass(value):
        return [(part.name, getattr(value, part.name)) for part in fields(value) if part.name not in _LATER]
    if isinstance(value, Mapping):
        return sorted(((str(key), member) for key, member in value.items()), key=itemgetter(0))
    if isinstance(value, set | frozenset):
        return [("", member) for member in sorted(value, key=str)]
    return [("", member) for member in value] if isinstance(value, list | tuple) else None


def _text(value: Any) -> str:
    if isinstance(value, ResolvedTariff):
        return value.canonical()
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    return str(value.normalize() if isinstance(value, Decimal) else value)


def _frame_parts(frame: pl.DataFrame) -> Iterator[bytes]:
    """Yield names, types, values and which of them are missing, whatever the order of the rows."""
    for column in frame.sort(frame.columns).get_columns():
        yield f"{column.name} {column.dtype}".encode()
        yield from _column_parts(column)


def _column_parts(column: pl.Series) -> Iterator[bytes]:
    yield missing(column)
    plain = physical(column)
    if isinstance(plain.dtype, pl.List):
        yield plain.list.len().fill_null(0).to_numpy().tobytes()
        yield from _column_parts(plain.explode())
    elif plain.dtype.is_numeric() or plain.dtype == pl.Boolean:
        known = plain.fill_null(strategy="zero") if plain.null_count() else plain
        yield known.to_numpy().tobytes()
    else:
        yield texts(plain.cast(pl.String))
