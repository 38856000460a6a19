"""Lines of canonical meter CSV in their plainest spelling, a column at a time: ten times faster than any spelling."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.ingest import cells
from pipeline.ingest.plain_times import instants

_WHOLE: Final = r"^[1-9][0-9]{0,6}$"
_LONGEST_S: Final = 31_622_400
_LARGEST_KWH: Final = 10**9
_NAME: Final = r"^[^\s\x00-\x1f\x7f\x{fffd}](?:[^\x00-\x1f\x7f\x{fffd}]{0,198}\S)?$"
_FEW: Final = {"meter_id": _NAME, "duration_s": _WHOLE}  # a block holds few different ones
_KWH: Final = ("import_kwh", "export_kwh")


def plain_values(
    block: bytes, header: Sequence[str], first_line: int, *, with_raw: bool = False
) -> pl.DataFrame | None:
    """Return line, raw and the five meter columns of every line, or None where any line is not plainly right.

    Whoever gets None reads the block by the general rules, which tell what is wrong; here no line is refused and none
    is changed, so both ways give the same values. `raw` is empty unless asked for.
    """
    table = _cells(block, header)
    if table is None or not _all_plain(table):
        return None
    at = instants(table.get_column("interval_start"))
    if at is None:
        return None
    return table.select(
        pl.int_range(first_line, first_line + table.height, dtype=pl.Int64).alias("line"),
        (pl.Series(block.decode().split("\n")[: table.height]) if with_raw else pl.lit("")).alias("raw"),
        "meter_id",
        at.alias("interval_start"),
        pl.col("duration_s").cast(pl.Int64),
        *_KWH,
    )


def _cells(block: bytes, header: Sequence[str]) -> pl.DataFrame | None:
    """Split lines at their commas; None where a quote, a blank line or another count of cells asks for more care.

    The energies come as exact decimals, of whole Wh where they all are: what is none, or has a blank behind it, is
    null.
    """
    letters = np.frombuffer(block, dtype=np.uint8)
    height = int(np.count_nonzero(letters == ord("\n"))) + (not block.endswith(b"\n"))
    commas = int(np.count_nonzero(letters == ord(",")))  # of a letter this frequent, NumPy's count is the faster one
    number = _number(block)
    if b'"' in block or b"\r" in block or commas != height * (len(header) - 1) or number is None:
        return None
    names = [f"column {number}" if header.count(name) > 1 or not name else name for number, name in enumerate(header)]
    try:
        table = pl.read_csv(
            io.BytesIO(block),
            has_header=False,
            schema={name: number if name in _KWH else pl.String for name in names},
            quote_char=None,
        )
    except pl.exceptions.PolarsError:
        return None
    return table if table.height == height else None


def _number(block: bytes) -> pl.Decimal | None:
    """The decimals that hold a block's numbers exactly; None where a dot stands before no digit.

    Such a number may have been cut there, and Polars would not mind. Whole Wh are the cheaper ones: no dot has more
    than three digits behind it, and no exponent stands behind a number.
    """
    letters = np.frombuffer(block, dtype=np.uint8)
    dots = np.flatnonzero(letters == ord("."))
    digits = [_is_digit(letters.take(dots + behind, mode="clip")) for behind in range(1, 5)]
    if not digits[0].all():
        return None
    is_fine = np.logical_and.reduce(digits).any() or _has_exponent(block)
    return cells.EXACT if is_fine else cells.TO_THE_WH


def _has_exponent(block: bytes) -> bool:
    """Whether an E stands behind a digit or a dot."""
    if b"e" not in block and b"E" not in block:
        return False
    letters = np.frombuffer(block, dtype=np.uint8)
    before = letters.take(np.flatnonzero((letters | 0x20) == ord("e")) - 1, mode="clip")
    return bool((_is_digit(before) | (before == ord("."))).any())


def _is_digit(letters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = letters - ord("0") < 10  # what is below wraps around to far above
    return found


def _all_plain(table: pl.DataFrame) -> bool:
    few = {name: cells.different(table.get_column(name)) for name in _FEW}
    if not all(few[name].str.contains(rule).all(ignore_nulls=False) for name, rule in _FEW.items()):
        return False
    if few["duration_s"].cast(pl.Int64).max() > _LONGEST_S:  # type: ignore[operator]  # a line is there
        return False
    energies = (pl.col(name).is_between(0, _LARGEST_KWH).all(ignore_nulls=False) for name in _KWH)
    return all(table.select(*energies).row(0))
