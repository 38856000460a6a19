"""The names of OCPP and its log writers, as the data file beside this module lists them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

_FILE: Final[Mapping[str, Any]] = tomllib.loads(Path(__file__).with_name("ocpp_names.toml").read_text(encoding="utf-8"))

CHARGE_POINT_KEYS: Final[tuple[str, ...]] = tuple(_FILE["charge_point_keys"])
MESSAGE_KEYS: Final[tuple[str, ...]] = tuple(_FILE["message_keys"])
HEARD_KEYS: Final[tuple[str, ...]] = tuple(_FILE["heard_keys"])
DIRECTION_WORDS: Final[frozenset[str]] = frozenset(_FILE["direction_words"])
GENERIC_WORDS: Final[frozenset[str]] = frozenset(_FILE["generic_words"])
DEFAULT_MEASURAND: Final[str] = _FILE["default_measurand"]
DATA_TRANSFER: Final[tuple[Mapping[str, str], ...]] = tuple(_FILE["data_transfer"])
STAMP: Final[str] = _FILE["stamps"]["data_transfer"]
PLACEHOLDER: Final[Mapping[str, Any]] = _FILE["placeholder"]
RANGES: Final[Mapping[str, tuple[int, int, str]]] = {
    entry["column"]: (entry["low"], entry["high"], entry["allowed"]) for entry in _FILE["range"]
}
MEASURANDS: Final = pl.DataFrame(
    [
        (entry["name"], unit, entry["column"], factor)
        for entry in _FILE["measurand"]
        for unit, factor in entry["units"].items()
    ],
    schema={"measurand": pl.String, "unit": pl.String, "column": pl.String, "factor": pl.Int64},
    orient="row",
)
"""What is read, in which units, the column it becomes and the factor to W or Wh; the first unit is the default."""
