"""Builds the charges of a native tariff from their checked shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias

from pipeline.domain import ConfigError, TariffError
from pipeline.portfolio.models import minute_of_day
from pipeline.tariff.charge_shapes import (
    ChargeShape,
    CoincidentShape,
    ContractDemandShape,
    CreditShape,
    DemandShape,
    EnergyShape,
    FixedShape,
    MinimumShape,
    PeakShape,
    PercentShape,
    PowerFactorShape,
    PricedShape,
    ReactiveShape,
    StepShape,
)
from pipeline.tariff.hours import hole, overlap, rest
from pipeline.tariff.model import (
    ALL_DAY,
    ALL_HOURS_BAND,
    ALL_MONTHS,
    ALL_WEEKDAYS,
    MINUTES_OF_DAY,
    Charge,
    ContractStep,
    DemandQuantity,
    EventSet,
    Mask,
    PowerFactor,
    QuantityStep,
    Ratchet,
    Rounding,
    Tier,
    TierRule,
    TouPeriod,
)
from pipeline.tariff.price_shapes import LineRounding, PeriodShape, TariffRounding, TierShape, WhenShape

Series: TypeAlias = Callable[[str], list[tuple[date, Decimal]]]
Seasons: TypeAlias = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Place:
    """Where in which file a charge stands, and what it may refer to."""

    file: str
    place: str
    seasons: Seasons
    series: Series


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
        """Refuse two periods in one month: what looks at other months needs one own peak a month."""
        months = [month for period in self.periods for month in {m for mask in period.when for m in mask.months}]
        twice = next((month for month in months if months.count(month) > 1), None)
        self._refuse(
            f"month {twice}" if twice else None,
            "one period a month in a charge that looks at other months; split the charge",
        )


def _priced_periods(shape: PricedShape, at: Place) -> tuple[TouPeriod, ...]:
    if shape.periods is None:
        return (TouPeriod(ALL_HOURS_BAND, _tiers(shape)),)
    periods = _Periods(shape.periods, at.seasons, at.file, at.place)
    if not isinstance(shape, PeakShape):
        periods.tile()
    elif getattr(shape, "ratchets", None) or isinstance(shape, CoincidentShape):
        periods.one_a_month()
    return periods.periods


def rounding_of(shape: LineRounding | None) -> Rounding | None:
    """Return the rounding a shape states; None without one."""
    if shape is None:
        return None
    return Rounding(shape.digits, shape.mode, shape.at if isinstance(shape, TariffRounding) else "line")


def _base(shape: ChargeShape, periods: tuple[TouPeriod, ...]) -> Charge:
    kind: Any = shape.kind
    text = shape.description or shape.id
    return Charge(shape.id, kind, text, periods, rounding=rounding_of(shape.rounding), assumed=shape.assumed)


def _at_all_hours(shape: ChargeShape) -> Charge:
    return _base(shape, (TouPeriod(ALL_HOURS_BAND, _tiers(shape)),))


def _fixed(shape: FixedShape, _at: Place) -> Charge:
    return replace(_at_all_hours(shape), per=shape.per, prorate=shape.prorate)


def _applies(named: Sequence[str] | str) -> tuple[str, ...]:
    return () if isinstance(named, str) else tuple(named)


def _minimum(shape: MinimumShape, at: Place) -> Charge:
    return replace(_fixed(shape, at), applies_to=_applies(shape.applies_to))


def _credit(shape: CreditShape, _at: Place) -> Charge:
    return replace(_at_all_hours(shape), per=shape.per, prorate=shape.prorate, of=shape.of or "")


def _percent(shape: PercentShape, _at: Place) -> Charge:
    period = TouPeriod(ALL_HOURS_BAND, (Tier(shape.percent, shape.series),))
    return replace(_base(shape, (period,)), applies_to=_applies(shape.applies_to), prorate=shape.prorate)


def _energy(shape: EnergyShape, at: Place) -> Charge:
    rule = TierRule(shape.tier_per, shape.tier_demand or "", shape.tier_scope, shape.all_units)
    quantity = DemandQuantity(window_min=shape.window_min)
    return replace(_base(shape, _priced_periods(shape, at)), tiers=rule, quantity=quantity)


def _peak(shape: PeakShape, at: Place, quantity: DemandQuantity) -> Charge:
    charge = replace(_base(shape, _priced_periods(shape, at)), tiers=TierRule(all_units=shape.all_units))
    measured = replace(quantity, window_min=shape.window_min, sliding=shape.sliding)
    return replace(charge, quantity=measured, prorate=shape.prorate)


def _step(shape: StepShape | None) -> QuantityStep | None:
    return None if shape is None else QuantityStep(shape.step, shape.mode)


def _power_factor(shape: PowerFactorShape | None, at: Place) -> PowerFactor | None:
    if shape is None:
        return None
    hours = shape.when or [WhenShape()]
    return PowerFactor(
        reference_pct=shape.reference_pct,
        rule=shape.rule,
        percent_per_point=shape.percent_per_point,
        best_pct=shape.best_pct,
        rounding=_step(shape.rounding),
        when=tuple(_mask(when, at.seasons, at.file, f"{at.place}.power_factor") for when in hours),
    )


def _demand(shape: DemandShape, at: Place) -> Charge:
    ratchets = tuple(
        Ratchet(r.percent, r.look_back_months, tuple(r.months or ALL_MONTHS), r.include_current, r.of or "")
        for r in shape.ratchets
    )
    quantity = DemandQuantity(
        floor_kw=shape.floor_kw,
        ratchets=ratchets,
        statistic=shape.statistic,
        top=shape.top or 1,
        top_of=shape.top_of or "windows",
        unit=shape.unit,
        step=_step(shape.step),
        power_factor=_power_factor(shape.power_factor, at),
    )
    return _peak(shape, at, quantity)


def _contract_demand(shape: ContractDemandShape, at: Place) -> Charge:
    quantity = DemandQuantity(
        unit=shape.unit,
        step=_step(shape.step),
        power_factor=_power_factor(shape.power_factor, at),
        contract=tuple(ContractStep(step.from_, step.kw, tuple(step.worlds or ())) for step in shape.contract),
        over_contract_factor=shape.over_contract_factor,
    )
    return _peak(shape, at, quantity)


def _coincident(shape: CoincidentShape, at: Place) -> Charge:
    events = tuple(EventSet(tuple(found.starts), found.bill_from, found.bill_to) for found in shape.events)
    if shape.events_series is not None:
        events = _events_of(shape.events_series, shape.tag_from_month, at)
    quantity = DemandQuantity(
        statistic=shape.statistic,
        floor_kw=shape.floor_kw,
        step=_step(shape.step),
        events=events,
        events_known_until=shape.events_known_until,
    )
    return _peak(shape, at, quantity)


def _events_of(name: str, tag_from_month: int | None, at: Place) -> tuple[EventSet, ...]:
    """Events of a series: its dates, and as value the local hour they begin at (15.5 is 15:30).

    With a tag month the events of a calendar year are charged in the twelve months from that month of the next year.
    """
    by_year: dict[int, list[datetime]] = {}
    for day, hour in read_series(name, at.series, at.file, f"{at.place}.events_series"):
        if not 0 <= hour < 24 or hour * 60 != int(hour * 60):
            raise TariffError(
                at.file, f"{at.place}.events_series, {day}", str(hour), "the local hour, such as 15 or 15.5"
            )
        start = datetime(day.year, day.month, day.day) + timedelta(minutes=int(hour * 60))  # noqa: DTZ001 - local
        by_year.setdefault(day.year, []).append(start)
    if tag_from_month is None:
        return tuple(EventSet(tuple(starts)) for starts in by_year.values())
    return tuple(
        EventSet(tuple(starts), date(year + 1, tag_from_month, 1), date(year + 2, tag_from_month, 1))
        for year, starts in by_year.items()
    )


def _reactive(shape: ReactiveShape, at: Place) -> Charge:
    return replace(_peak(shape, at, DemandQuantity(unit=shape.unit)), free_pct=shape.free_pct)


def read_series(name: str, series: Series, file: str, place: str) -> list[tuple[date, Decimal]]:
    """Return a dated series in order; raises TariffError where it cannot be read."""
    try:
        return sorted(series(name))
    except (ConfigError, LookupError) as error:
        raise TariffError(file, place, name, f"a series that can be read; {error}") from None


_BUILDERS: Final[Mapping[type[ChargeShape], Callable[[Any, Place], Charge]]] = {
    FixedShape: _fixed,
    EnergyShape: _energy,
    DemandShape: _demand,
    CoincidentShape: _coincident,
    ContractDemandShape: _contract_demand,
    ReactiveShape: _reactive,
    MinimumShape: _minimum,
    PercentShape: _percent,
    CreditShape: _credit,
}


def build(shape: ChargeShape, at: Place) -> Charge:
    """Return the charge a checked shape states; raises TariffError for hours, seasons and series that do not fit."""
    return _BUILDERS[type(shape)](shape, at)
