"""What a tariff says, free of any file format: versions, charges, periods, tiers, ratchets, rounding.

A charge keeps its quantity (what is measured) apart from its price (periods and tiers), so that a new billing quantity
or a new kind of price is a new row here and in the tables of `bill.py`, never a new branch elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal, get_args

from pipeline.domain import BillPeriod

ChargeKind = Literal[
    "fixed",
    "energy",
    "demand",
    "coincident",
    "contract_demand",
    "reactive",
    "minimum",
    "per_kwh_rider",
    "percent_rider",
    "export",
    "tax",
    "credit",
]
CHARGE_KINDS: Final[tuple[ChargeKind, ...]] = get_args(ChargeKind)
DEMAND_KINDS: Final = frozenset({"demand", "coincident", "contract_demand"})
"""Kinds with an own peak in every bill, kept as history for ratchets and for capacity tags."""
ENERGY_KINDS: Final = frozenset({"energy", "per_kwh_rider", "export"})
RoundingMode = Literal["half_even", "half_up", "down", "up"]
RoundingPlace = Literal["line", "subtotal", "total"]
Prorate = Literal["first_day", "days", "parts"]
Clock = Literal["prevailing", "standard"]
Statistic = Literal["max", "mean", "sum_of_days"]
TopOf = Literal["windows", "days"]
QuantityUnit = Literal["kW", "kVA", "kVAr", "kVArh"]
Per = Literal["month", "day", "kWh", "kW"]
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
class TierRule:
    """How the tiers of a charge are filled.

    `per` is what `Tier.up_to` counts: kWh (kW) of the bill, kWh a day of the bill, or kWh per kW (hours use) of the
    demand billed by charge `of` - without `of`, of the charge's own highest window. `scope`: every period fills tiers
    of its own, or all periods together fill one set, shared among them by their kWh. `all_units`: the tier reached
    prices the whole quantity, not only its slice.
    """

    per: Literal["bill", "day", "kW"] = "bill"
    of: str = ""
    scope: Literal["period", "pooled"] = "period"
    all_units: bool = False


@dataclass(frozen=True)
class Ratchet:
    """`percent` [%] of the highest own peak of the last `look_back_months`, of the named `months` only.

    `of` names the charge whose own peaks are looked at: an off-peak ratchet on on-peak peaks. Empty: this charge's.
    """

    percent: Decimal
    look_back_months: int
    months: tuple[int, ...] = ALL_MONTHS
    include_current: bool = False
    of: str = ""


@dataclass(frozen=True)
class QuantityStep:
    """A quantity is billed in whole steps, such as 1 kW."""

    step: Decimal
    mode: RoundingMode = "half_up"


@dataclass(frozen=True)
class PowerFactor:
    """How the power factor [%] of the hours `when` changes a billed demand.

    `points`: the demand times 1 + (reference - power factor) x percent_per_point / 100, both ways.
    `ratio`: the demand times reference / power factor where the power factor is below the reference.
    The power factor is cut at `best_pct` and rounded to `rounding`.
    """

    reference_pct: Decimal
    rule: Literal["points", "ratio"] = "points"
    percent_per_point: Decimal = Decimal(1)
    best_pct: Decimal = Decimal(100)
    rounding: QuantityStep | None = None
    when: tuple[Mask, ...] = (Mask(),)


@dataclass(frozen=True)
class ContractStep:
    """Contract demand [kW] from a local day on; `scenarios` names the worlds it is agreed in, () for every one."""

    first: date
    kw: Decimal
    scenarios: tuple[str, ...] = ()


@dataclass(frozen=True)
class EventSet:
    """Coincident peaks (local starts of windows) and the local days of the bills they are charged in.

    `bill_from` None: each event is charged in the bill it lies in.
    """

    starts: tuple[datetime, ...]
    bill_from: date | None = None
    bill_to: date | None = None

    def lies_in(self, period: BillPeriod) -> bool:
        """Whether any of the events is on a local day of a bill."""
        return any(period.read_from <= start.date() < period.read_to for start in self.starts)

    def charges(self, period: BillPeriod) -> bool:
        """Whether a bill is charged on these events: by its first day, or because they lie in it."""
        if self.bill_from is None:
            return self.lies_in(period)
        return self.bill_from <= period.read_from and (self.bill_to is None or period.read_from < self.bill_to)


@dataclass(frozen=True)
class DemandQuantity:
    """What a demand charge bills: a statistic of window means, not below a floor [kW] nor a ratchet.

    `window_min` is on the clock, or with `sliding` any such span of the load's own intervals. `statistic`: the highest
    window; the mean of the `top` highest `top_of` (windows, or days by their highest window); the sum of every day's
    highest. For a coincident charge: the highest or the mean of the windows at `events`, which are complete for bills
    that end by `events_known_until`; None: for bills that some events are charged in. `unit` is of the quantity:
    kW and kVA of demand, kVArh (sum) and kVAr (highest window) of reactive charges. `contract` and
    `over_contract_factor` (the multiple of the rate for each kW above the contract; None: it is not billed) belong to
    contract demand.
    """

    window_min: int | None = None
    floor_kw: Decimal = Decimal(0)
    ratchets: tuple[Ratchet, ...] = ()
    sliding: bool = False
    statistic: Statistic = "max"
    top: int = 1
    top_of: TopOf = "windows"
    unit: QuantityUnit = "kW"
    step: QuantityStep | None = None
    power_factor: PowerFactor | None = None
    contract: tuple[ContractStep, ...] = ()
    over_contract_factor: Decimal | None = None
    events: tuple[EventSet, ...] = ()
    events_known_until: date | None = None


@dataclass(frozen=True)
class Rounding:
    """How money is rounded: decimals and mode (`down` and `up` are towards and away from zero)."""

    digits: int
    mode: RoundingMode
    at: RoundingPlace = "line"


@dataclass(frozen=True)
class Charge:
    """One charge; `periods` of a fixed, minimum, credit or percentage charge is a single one over all hours.

    `per` is what a fixed charge or a credit counts; a credit per kW takes the billed demand of charge `of`, one per
    kWh all import. The rates of `export` and `credit` are what the customer gets: their lines are negative. `free_pct`
    [%] of the kWh (kW) is the reactive energy (power) that costs nothing. A `minimum` is the least sum of the charges
    it applies to.
    """

    charge_id: str
    kind: ChargeKind
    description: str
    periods: tuple[TouPeriod, ...]
    per: Per = "month"
    prorate: Prorate = "first_day"
    quantity: DemandQuantity = DemandQuantity()
    applies_to: tuple[str, ...] = ()
    rounding: Rounding | None = None
    assumed: str = ""
    tiers: TierRule = TierRule()
    of: str = ""
    free_pct: Decimal = Decimal(0)

    @property
    def bills_a_peak(self) -> bool:
        """Whether the charge bills highest windows of the whole bill rather than sums that split by day."""
        return self.kind in DEMAND_KINDS or (self.kind == "reactive" and self.quantity.unit == "kVAr")

    @property
    def splits(self) -> bool:
        """Whether every price holds for its own days of a bill, not the first day's for all of it."""
        by_day = self.kind in ENERGY_KINDS or (self.kind == "reactive" and not self.bills_a_peak)
        return by_day or self.per in ("day", "kWh") or self.prorate != "first_day"


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
class Cycle:
    """Bills of another length than a month: monthly money and tier ends count days / `month_days`.

    Bills of `normal_days` (both ends included) count as one month.
    """

    month_days: Decimal
    normal_days: tuple[int, int] | None = None


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
class Answer:
    """What a person decided where a tariff file leaves something open, and why: quoted with every bill."""

    question: str
    answer: str
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
    clock: Clock = "prevailing"
    cycle: Cycle | None = None
    answers: tuple[Answer, ...] = ()

    @property
    def assumed(self) -> tuple[tuple[str, str], ...]:
        """Return (charge id, what is assumed about it) of every charge with an assumed figure."""
        found = {(c.charge_id, c.assumed): None for v in self.versions for c in v.charges if c.assumed}
        return tuple(found)
