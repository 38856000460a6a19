"""Reads a native tariff (TOML), checked whole: refused with file, key, value and what is allowed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar, get_args

from pydantic import ValidationError

from pipeline.domain import ConfigError, TariffError
from pipeline.portfolio.load import read_toml
from pipeline.portfolio.models import Config, minute_of_day
from pipeline.tariff.hours import hole, overlap, rest
from pipeline.tariff.model import (
    ALL_DAY,
    ALL_HOURS_BAND,
    ALL_MONTHS,
    ALL_WEEKDAYS,
    MINUTES_OF_DAY,
    ROUNDING_CHARGE,
    Charge,
    DemandQuantity,
    Holidays,
    Mask,
    Ratchet,
    Rounding,
    Tariff,
    TariffVersion,
    Tier,
    TouPeriod,
)
from pipeline.tariff.shapes import (
    CHARGE_SHAPES,
    ChargeShape,
    DemandShape,
    EnergyShape,
    FixedShape,
    LineRounding,
    PercentShape,
    PeriodShape,
    TariffRounding,
    TariffShape,
    TierShape,
    WhenShape,
)

Series: TypeAlias = Callable[[str], list[tuple[date, Decimal]]]
Seasons: TypeAlias = Mapping[str, Sequence[int]]
AnyShape = TypeVar("AnyShape", bound=Config)


def _keys(shape: type[Config], location: Sequence[int | str]) -> str:
    current: Any = shape
    for part in location:
        if isinstance(part, int):
            continue
        candidates: list[Any] = [current.model_fields[part].annotation]
        while candidates and not (isinstance(candidates[0], type) and issubclass(candidates[0], Config)):
            candidates = [*get_args(candidates[0]), *candidates[1:]]
        current = candidates[0]
    return ", ".join(current.model_fields)


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


def _months(season: str | None, seasons: Seasons, file: str, place: str) -> tuple[int, ...]:
    if season is None:
        return ALL_MONTHS
    if season not in seasons:
        raise TariffError(file, f"{place}.season", season, f"one of [seasons]: {', '.join(seasons) or 'none stated'}")
    return tuple(sorted(seasons[season]))


def _minutes(hours: Sequence[str] | None) -> tuple[tuple[int, int], ...]:
    if hours is None:
        return ALL_DAY
    spans: list[tuple[int, int]] = []
    for entry in hours:
        start, end = (minute_of_day(clock) for clock in entry.split("-"))
        spans += [(start, end)] if start < end else [(0, end), (start, MINUTES_OF_DAY)]
    return tuple(sorted(span for span in spans if span[0] < span[1]))


def _mask(when: WhenShape, seasons: Seasons, file: str, place: str) -> Mask:
    weekdays = tuple(sorted(when.weekdays)) if when.weekdays else ALL_WEEKDAYS
    return Mask(_months(when.season, seasons, file, place), weekdays, _minutes(when.hours))


def _tiers(shape: Any) -> tuple[Tier, ...]:
    tiers: list[TierShape] | None = getattr(shape, "tiers", None)
    if tiers:
        return tuple(Tier(tier.rate, None, tier.up_to) for tier in tiers)
    return (Tier(getattr(shape, "rate", None), shape.series),)


class _Periods:
    """The periods of one charge, in file order, with every `otherwise` turned into the hours it takes."""

    def __init__(self, shapes: Sequence[PeriodShape], seasons: Seasons, file: str, place: str) -> None:
        self.file, self.place = file, place
        self.names = [shape.name for shape in shapes]
        twice = next((name for name in self.names if self.names.count(name) > 1), None)
        if twice is not None:
            raise TariffError(file, f"{place}.periods", twice, "each period name once; list its hours under when")
        stated = {s.name: self._stated(s, seasons, n) for n, s in enumerate(shapes) if not s.otherwise}
        self._refuse(overlap(list(stated.values())), "hours in one period only")
        left = {s.name: self._left(s, seasons, n, stated) for n, s in enumerate(shapes) if s.otherwise}
        self._refuse(overlap(list(left.values())), "one otherwise a season")
        self.periods = tuple({**stated, **left}[name] for name in self.names)

    def _stated(self, shape: PeriodShape, seasons: Seasons, number: int) -> TouPeriod:
        place = f"{self.place}.periods[{number}]"
        masks = tuple(_mask(when, seasons, self.file, place) for when in shape.when or [shape])
        return TouPeriod(shape.name, _tiers(shape), masks)

    def _left(self, shape: PeriodShape, seasons: Seasons, number: int, stated: Mapping[str, TouPeriod]) -> TouPeriod:
        place = f"{self.place}.periods[{number}]"
        masks = rest(list(stated.values()), _months(shape.season, seasons, self.file, place))
        if not masks:
            raise TariffError(self.file, f"{place}.otherwise", True, "hours left over by the other periods")  # noqa: FBT003
        return TouPeriod(shape.name, _tiers(shape), masks)

    def _refuse(self, hours: str | None, allowed: str) -> None:
        if hours is not None:
            raise TariffError(self.file, f"{self.place}.periods", hours, allowed)

    def tile(self) -> None:
        """Refuse hours that no period prices."""
        hours = hole(self.periods, ALL_MONTHS)
        self._refuse(hours, "every hour of the year in one period; an otherwise = true period takes the rest")

    def one_a_month(self) -> None:
        """Refuse two periods in one month: a ratchet needs one own peak a month."""
        months = [month for period in self.periods for month in {m for mask in period.when for m in mask.months}]
        twice = next((month for month in months if months.count(month) > 1), None)
        self._refuse(
            f"month {twice}" if twice else None, "one period a month in a charge with ratchets; split the charge"
        )


def _priced_periods(shape: Any, seasons: Seasons, file: str, place: str) -> tuple[TouPeriod, ...]:
    if shape.periods is None:
        return (TouPeriod(ALL_HOURS_BAND, _tiers(shape)),)
    periods = _Periods(shape.periods, seasons, file, place)
    if not isinstance(shape, DemandShape):
        periods.tile()
    elif shape.ratchets:
        periods.one_a_month()
    return periods.periods


def _rounding(shape: LineRounding | None) -> Rounding | None:
    if shape is None:
        return None
    return Rounding(shape.digits, shape.mode, shape.at if isinstance(shape, TariffRounding) else "line")


def _base(shape: ChargeShape, periods: tuple[TouPeriod, ...]) -> Charge:
    kind: Any = shape.kind
    text = shape.description or shape.id
    return Charge(shape.id, kind, text, periods, rounding=_rounding(shape.rounding), assumed=shape.assumed)


def _fixed(shape: FixedShape, _seasons: Seasons, _file: str, _place: str) -> Charge:
    return replace(_base(shape, (TouPeriod(ALL_HOURS_BAND, _tiers(shape)),)), per=shape.per, prorate=shape.prorate)


def _energy(shape: EnergyShape, seasons: Seasons, file: str, place: str) -> Charge:
    return _base(shape, _priced_periods(shape, seasons, file, place))


def _demand(shape: DemandShape, seasons: Seasons, file: str, place: str) -> Charge:
    ratchets = tuple(
        Ratchet(r.percent, r.look_back_months, tuple(r.months or ALL_MONTHS), r.include_current) for r in shape.ratchets
    )
    quantity = DemandQuantity(shape.window_min, shape.floor_kw, ratchets)
    periods = _priced_periods(shape, seasons, file, place)
    return replace(_base(shape, periods), quantity=quantity, prorate=shape.prorate)


def _percent(shape: PercentShape, _seasons: Seasons, _file: str, _place: str) -> Charge:
    period = TouPeriod(ALL_HOURS_BAND, (Tier(shape.percent, shape.series),))
    named = () if shape.applies_to == "all" else tuple(shape.applies_to)
    return replace(_base(shape, (period,)), applies_to=named, prorate=shape.prorate)


_BUILDERS: Final[Mapping[type[ChargeShape], Callable[[Any, Seasons, str, str], Charge]]] = {
    FixedShape: _fixed,
    EnergyShape: _energy,
    DemandShape: _demand,
    PercentShape: _percent,
}


def _charges(entries: Sequence[Mapping[str, Any]], seasons: Seasons, file: str, prefix: str) -> tuple[Charge, ...]:
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
        charge = _BUILDERS[shape_of](shape, seasons, file, place)
        unknown = next((name for name in charge.applies_to if name not in charges), None)
        if unknown is not None:
            raise TariffError(file, f"{place}.applies_to", unknown, f"charges above it: {', '.join(charges) or 'none'}")
        if isinstance(shape, PercentShape):
            charge = replace(charge, applies_to=charge.applies_to or tuple(charges))
        charges[shape.id] = charge
    return tuple(charges.values())


def _versions(shape: TariffShape, file: str) -> tuple[TariffVersion, ...]:
    if shape.charges is not None:
        return (_version(shape.valid_from, shape.valid_to, _charges(shape.charges, shape.seasons, file, ""), file, ""),)
    found = []
    for number, entry in enumerate(shape.versions or []):
        prefix = f"versions[{number}]."
        charges = _charges(entry.charges, shape.seasons, file, prefix)
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
            try:
                found[name] = tuple(sorted(read(name)))
            except (ConfigError, LookupError) as error:
                allowed = f"a series that can be read; {error}"
                raise TariffError(file, f"charge {charge.charge_id!r}, series", name, allowed) from None
    return found


def read_tariff_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file as plain data with exact decimals; raises TariffError where it is none."""
    try:
        return read_toml(path)
    except ConfigError as error:
        raise TariffError(error.file, error.place, error.value, error.allowed) from None
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise TariffError(path.name, "file", str(error), "TOML with numbers and tables of ordinary size") from None


def load_native(path: Path, series: Series) -> Tariff:
    """Return a native tariff; raises TariffError with file, key, value and what is allowed.

    `series(name)` gives the dated values of a named series; each holds from its date until the next.
    """
    shape = _checked(TariffShape, read_tariff_toml(path), path.name, "")
    versions = _versions(shape, path.name)
    days = shape.holidays
    return Tariff(
        name=shape.name,
        currency=shape.currency,
        versions=versions,
        notes=shape.notes,
        source=shape.source,
        demand_window_min=shape.demand_window_min,
        holidays=Holidays(days.base, frozenset(days.add), frozenset(days.remove), days.billed_as),
        rounding=_rounding(shape.rounding),
        series=_read_series(versions, series, path.name),
        file=path.name,
    )
