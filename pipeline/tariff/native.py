"""Reads a native tariff (TOML), checked whole: refused with file, key, value and what is allowed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from pydantic import ValidationError

from pipeline.domain import ConfigError, TariffError
from pipeline.portfolio.load import read_toml
from pipeline.portfolio.models import Config
from pipeline.tariff.charge_shapes import CHARGE_SHAPES
from pipeline.tariff.model import DEMAND_KINDS, ROUNDING_CHARGE, Charge, Cycle, Holidays, Refusal, Tariff, TariffVersion
from pipeline.tariff.native_charges import Place, Seasons, Series, build, read_series, rounding_of
from pipeline.tariff.shapes import CycleShape, TariffShape

AnyShape = TypeVar("AnyShape", bound=Config)


def _keys(shape: type[Config], location: Sequence[int | str]) -> str:
    current: Any = shape
    for part in location:
        if isinstance(part, int):
            continue
        by_key = {field.alias or name: field for name, field in current.model_fields.items()}
        candidates: list[Any] = [by_key[str(part)].annotation]
        while candidates and not (isinstance(candidates[0], type) and issubclass(candidates[0], Config)):
            candidates = [*get_args(candidates[0]), *candidates[1:]]
        current = candidates[0]
    return ", ".join(field.alias or name for name, field in current.model_fields.items())


def _place(prefix: str, location: Iterable[int | str]) -> str:
    text = prefix
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "file"


def _shown(value: Any) -> Any:
    if isinstance(value, int) and abs(value) >= 10**18:
        return "a huge number"
    return "a table" if isinstance(value, dict | list | Config) else value


def _checked(shape: type[AnyShape], data: Any, file: str, prefix: str) -> AnyShape:
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        first = min(error.errors(include_url=False), key=lambda entry: entry["type"] != "extra_forbidden")
    location, kind, value = first["loc"], first["type"], first.get("input")
    place = _place(prefix, location)
    if kind == "extra_forbidden":
        raise TariffError(file, place, location[-1], f"one of the keys: {_keys(shape, location[:-1])}")
    if kind == "missing":
        raise TariffError(file, place, None, "a value; the key is required")
    raise TariffError(file, place, _shown(value), first["msg"].removeprefix("Value error, "))


def _charges(
    entries: Sequence[Mapping[str, Any]], seasons: Seasons, file: str, prefix: str, series: Series
) -> tuple[Charge, ...]:
    charges: dict[str, Charge] = {}
    for number, entry in enumerate(entries):
        place = f"{prefix}charges[{number}]"
        kind = entry.get("kind")
        shape_of = CHARGE_SHAPES.get(kind) if isinstance(kind, str) else None
        if shape_of is None:
            raise TariffError(file, f"{place}.kind", _shown(kind), f"one of {', '.join(CHARGE_SHAPES)}")
        shape = _checked(shape_of, entry, file, place)
        if shape.id in {*charges, ROUNDING_CHARGE}:
            raise TariffError(
                file, f"{place}.id", shape.id, f"each charge id once, and none called {ROUNDING_CHARGE!r}"
            )
        charge = build(shape, Place(file, place, seasons, series))
        _refuse_unknown(file, f"{place}.applies_to", charge.applies_to, charges)
        _refuse_unknown(file, f"{place}.of", [charge.of] if charge.of else [], _with_demand(charges))
        if charge.kind in _OF_OTHERS:
            charge = replace(charge, applies_to=charge.applies_to or tuple(charges))
        charges[shape.id] = charge
    for number, charge in enumerate(charges.values()):
        named = [*(ratchet.of for ratchet in charge.quantity.ratchets), charge.tiers.of]
        place = f"{prefix}charges[{number}], the charge it looks at"
        _refuse_unknown(file, place, [name for name in named if name], _with_demand(charges), "in this version")
    return tuple(charges.values())


_OF_OTHERS: Final = frozenset({"percent_rider", "tax", "minimum"})
"""Kinds that apply to charges above them: to all, where they name none."""


def _with_demand(charges: Mapping[str, Charge]) -> list[str]:
    return [charge_id for charge_id, charge in charges.items() if charge.kind in DEMAND_KINDS]


def _refuse_unknown(file: str, place: str, named: Iterable[str], known: Iterable[str], where: str = "above it") -> None:
    unknown = next((name for name in named if name not in known), None)
    if unknown is not None:
        raise TariffError(file, place, unknown, f"charges {where}: {', '.join(known) or 'none'}")


def _versions(shape: TariffShape, file: str, series: Series) -> tuple[TariffVersion, ...]:
    if shape.charges is not None:
        return (
            _version(
                shape.valid_from, shape.valid_to, _charges(shape.charges, shape.seasons, file, "", series), file, ""
            ),
        )
    found = []
    for number, entry in enumerate(shape.versions or []):
        prefix = f"versions[{number}]."
        charges = _charges(entry.charges, shape.seasons, file, prefix, series)
        found.append(_version(entry.valid_from, entry.valid_to, charges, file, prefix))
    for number, (before, after) in enumerate(itertools.pairwise(found), start=1):
        if before.valid_to is None or after.valid_from is None or after.valid_from < before.valid_to:
            allowed = "a day on or after valid_to of the version before, which must state it"
            raise TariffError(file, f"versions[{number}].valid_from", after.valid_from, allowed)
    return tuple(found)


def _version(
    valid_from: date | None, valid_to: date | None, charges: tuple[Charge, ...], file: str, prefix: str
) -> TariffVersion:
    if valid_from and valid_to and valid_to <= valid_from:
        raise TariffError(file, f"{prefix}valid_to", valid_to, f"a day after valid_from, {valid_from}")
    return TariffVersion(valid_from, valid_to, charges)


def _read_series(
    versions: Iterable[TariffVersion], read: Series, file: str
) -> dict[str, tuple[tuple[date, Decimal], ...]]:
    found: dict[str, tuple[tuple[date, Decimal], ...]] = {}
    for charge in (charge for version in versions for charge in version.charges):
        for name in (tier.series for period in charge.periods for tier in period.tiers):
            if name is None or name in found:
                continue
            found[name] = tuple(read_series(name, read, file, f"charge {charge.charge_id!r}, series"))
    return found


def read_tariff_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file as plain data with exact decimals; raises TariffError where it is none."""
    try:
        return read_toml(path)
    except ConfigError as error:
        raise TariffError(error.file, error.place, error.value, error.allowed) from None
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise TariffError(path.name, "file", str(error), "TOML with numbers and tables of ordinary size") from None


def _cycle(shape: CycleShape | None) -> Cycle | None:
    if shape is None:
        return None
    fewest, most = shape.normal_days or (0, 0)
    return Cycle(shape.month_days, (fewest, most) if shape.normal_days else None)


PLACEHOLDER: Final = "placeholder"
"""What a bill names as refused while the prices are the template's."""
_PLACEHOLDER: Final = Refusal(
    PLACEHOLDER, "its prices are the template's; put in your contract's and take out the line placeholder = true"
)


def load_native(path: Path, series: Series) -> Tariff:
    """Return a native tariff; raises TariffError with file, key, value and what is allowed.

    `series(name)` gives the dated values of a named series; each holds from its date until the next.
    """
    shape = _checked(TariffShape, read_tariff_toml(path), path.name, "")
    versions = _versions(shape, path.name, series)
    days = shape.holidays
    return Tariff(
        name=shape.name,
        currency=shape.currency,
        versions=versions,
        refused=(_PLACEHOLDER,) if shape.placeholder else (),
        notes=shape.notes,
        source=shape.source,
        demand_window_min=shape.demand_window_min,
        holidays=Holidays(days.base, frozenset(days.add), frozenset(days.remove), days.billed_as),
        rounding=rounding_of(shape.rounding),
        series=_read_series(versions, series, path.name),
        file=path.name,
        clock=shape.clock,
        cycle=_cycle(shape.cycle),
    )
