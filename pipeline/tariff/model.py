"""What a tariff says, free of any file format: versions, charges, periods, tiers, ratchets, rounding.

A charge keeps its quantity (what is measured) apart from its price (periods and tiers), so that a new billing quantity
or a new kind of price is a new row here and in the tables of `bill.py`, never a new branch elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, Literal

ChargeKind = Literal["fixed", "energy", "demand", "per_kwh_rider", "percent_rider", "tax"]
CHARGE_KINDS: Final[tuple[ChargeKind, ...]] = ("fixed", "energy", "demand", "per_kwh_rider", "percent_rider", "tax")
RoundingMode = Literal["half_even", "half_up", "down", "up"]
RoundingPlace = Literal["line", "total"]
Prorate = Literal["first_day", "days"]
VerdictWord = Literal["used", "refused", "ambiguous"]

ALL_MONTHS: Final = tuple(range(1, 13))
ALL_WEEKDAYS: Final = tuple(range(1, 8))
MINUTES_OF_DAY: Final = 1440
ALL_DAY: Final = ((0, MINUTES_OF_DAY),)
ALL_HOURS_BAND: Final = "all"
ROUNDING_CHARGE: Final = "rounding"  # the line that takes the total's rounding


@dataclass(frozen=True)
class Mask:
    """Hours of the year: months (1-12), ISO weekdays (1-7) and half-open spans of wall-clock minutes of the day."""

    months: tuple[int, ...] = ALL_MONTHS
    weekdays: tuple[int, ...] = ALL_WEEKDAYS
    minutes: tuple[tuple[int, int], ...] = ALL_DAY


@dataclass(frozen=True)
class Tier:
    """A slice of a quantity at one price, stated (`rate`) or looked up by date (`series`).

    `up_to` [kWh or kW of the bill] is the cumulative end of the slice; None for the last one.
    """

    rate: Decimal | None = None
    series: str | None = None
    up_to: Decimal | None = None


@dataclass(frozen=True)
class TouPeriod:
    """A named set of hours with its tiers; the name is the band of its bill lines."""

    name: str
    tiers: tuple[Tier, ...]
    when: tuple[Mask, ...] = (Mask(),)


@dataclass(frozen=True)
class Ratchet:
    """`percent` [%] of the highest own peak of the last `look_back_months`, of the named `months` only."""

    percent: Decimal
    look_back_months: int
    months: tuple[int, ...] = ALL_MONTHS
    include_current: bool = False


@dataclass(frozen=True)
class DemandQuantity:
    """What a demand charge bills: the highest window mean, not below a floor [kW] nor a ratchet."""

    window_min: int | None = None
    floor_kw: Decimal = Decimal(0)
    ratchets: tuple[Ratchet, ...] = ()


@dataclass(frozen=True)
class Rounding:
    """How money is rounded: decimals and mode (`down` and `up` are towards and away from zero)."""

    digits: int
    mode: RoundingMode
    at: RoundingPlace = "line"


@dataclass(frozen=True)
class Charge:
    """One charge; `periods` of a fixed or percentage charge is a single one over all hours."""

    charge_id: str
    kind: ChargeKind
    description: str
    periods: tuple[TouPeriod, ...]
    per: Literal["month", "day"] = "month"
    prorate: Prorate = "first_day"
    quantity: DemandQuantity = DemandQuantity()
    applies_to: tuple[str, ...] = ()
    rounding: Rounding | None = None
    assumed: str = ""


@dataclass(frozen=True)
class TariffVersion:
    """The charges in force on local days from `valid_from` until before `valid_to`; None is without end."""

    valid_from: date | None
    valid_to: date | None
    charges: tuple[Charge, ...]

    def in_force(self, day: date) -> bool:
        """Whether this version holds on a local day."""
        return (self.valid_from or date.min) <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True)
class Holidays:
    """Days billed as another weekday: a base calendar of the `holidays` library, and the tariff's own corrections."""

    base: str | None = None
    add: frozenset[date] = frozenset()
    remove: frozenset[date] = frozenset()
    billed_as: int = 7


@dataclass(frozen=True)
class Refusal:
    """Something in a tariff that is not priced, by name; it makes a bill partial.

    `only_with_export`: it has no effect on a bill without export.
    """

    field: str
    reason: str
    only_with_export: bool = False


@dataclass(frozen=True)
class Verdict:
    """What was done with one field of a tariff file."""

    field: str
    verdict: VerdictWord
    reason: str


@dataclass(frozen=True)
class Tariff:
    """A tariff file, read and checked; `currency` is None where the file states none."""

    name: str
    currency: str | None
    versions: tuple[TariffVersion, ...]
    refused: tuple[Refusal, ...] = ()
    notes: str = ""
    source: str = ""
    verdicts: tuple[Verdict, ...] = ()
    demand_window_min: int | None = None
    holidays: Holidays = Holidays()
    rounding: Rounding | None = None
    series: Mapping[str, tuple[tuple[date, Decimal], ...]] = field(default_factory=dict)
    file: str = ""

    @property
    def assumed(self) -> tuple[tuple[str, str], ...]:
        """Return (charge id, what is assumed about it) of every charge with an assumed figure."""
        found = {(c.charge_id, c.assumed): None for v in self.versions for c in v.charges if c.assumed}
        return tuple(found)
