"""Any tariff file: native TOML, or a record of the Utility Rate Database with its answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

from pipeline.domain import TariffError
from pipeline.tariff.model import Tariff
from pipeline.tariff.native import load_native
from pipeline.tariff.urdb import load_urdb


def load_tariff(path: Path, series: Callable[[str], list[tuple[date, Decimal]]]) -> Tariff:
    """Return the tariff in a file, .toml native or .json of the Utility Rate Database.

    `series(name)` gives the dated values of a named series. Raises TariffError with file, key, value and what is
    allowed.
    """
    if path.suffix == ".toml":
        return load_native(path, series)
    if path.suffix == ".json":
        return load_urdb(path)
    raise TariffError(path.name, "file", path.suffix, "a file named .toml (native) or .json (URDB record)")
