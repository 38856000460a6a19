"""`v2b bill`: any load under any tariff, line by line; needs no portfolio."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from babel.numbers import get_currency_precision
from pydantic import TypeAdapter, ValidationError

from pipeline.calendars import add_months, holiday_dates
from pipeline.cli.bills import bills_frame, bills_json, print_bills, refusals
from pipeline.cli.output import Format, fail, print_frame, print_json, say
from pipeline.cli.root import app
from pipeline.domain import BillPeriod, InputError
from pipeline.portfolio import read_cycles, read_seeds
from pipeline.portfolio.models import Currency, DemandWindow, HolidayCode, Zone
from pipeline.pricing import BillLoad, Priced, Terms, common_span, metered_load, price_bills, whole_bills
from pipeline.steps.bill_inputs import MeterFile, read_load, series_beside
from pipeline.tariff import Tariff, demand_charges, load_tariff, ratchet_months


@dataclass(frozen=True)
class _Options:
    """The options as given, checked."""

    zone: str
    demand_window_min: int | None
    holiday_code: str | None
    currency: str | None
    seeds: Path | None
    cycles: Path | None


@app.command("bill")
def bill_command(
    tariff: Annotated[Path, typer.Option(help="A native tariff (.toml) or a URDB record (.json).")],
    load: Annotated[Path, typer.Option(help="Meter readings: canonical CSV, or any format of docs/formats.md.")],
    timezone: Annotated[str, typer.Option(help="IANA zone of the bills, such as Asia/Tokyo.")],
    demand_window: Annotated[
        int | None, typer.Option(metavar="MIN", help="Minutes over which demand is averaged; default: the tariff's.")
    ] = None,
    holidays: Annotated[
        str | None, typer.Option(metavar="CODE", help="Public holidays the tariff bills as such: JP, US-CA ...")
    ] = None,
    seed: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Own peaks in kW of months before the load: CSV month,kw or TOML."),
    ] = None,
    cycles: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read dates: CSV read_from,read_to[,month]; default: months.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option(metavar="C", help="ISO 4217 code where the tariff states none.")
    ] = None,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = "table",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Price any load with any tariff, line by line; needs no portfolio."""
    options = _Options(timezone, demand_window, holidays, currency, seed, cycles)
    _check(options)
    found = _with_options(load_tariff(tariff, series_beside(tariff)), options)
    metered = read_load(load, options.zone)
    periods = _periods(load, metered, options)
    terms = _terms(found, periods, options)
    loads = [metered_load(metered.meter, period, options.zone, metered.reactive) for period in periods]
    priced = price_bills(found, loads, terms)
    if as_json or style == "json":
        print_json(bills_json(priced, found.currency, options.zone))
    elif style == "csv":
        print_frame(bills_frame(priced, found.currency, options.zone), "csv")
    else:
        print_bills(priced, found.currency, options.zone)
    for sentence in [*metered.notes, *_gaps(loads, options.zone), *_notes(found, priced, terms, options)]:
        say(f"note: {sentence}")
    for refused in refusals(priced):
        say(f"partial: {refused['field']} is not priced: {refused['reason']}")


def _check(options: _Options) -> None:
    """End with exit code 2 for an option that is none."""
    given: tuple[tuple[str, Any, Any], ...] = (
        ("--timezone", options.zone, Zone),
        ("--demand-window", options.demand_window_min, DemandWindow),
        ("--holidays", options.holiday_code, HolidayCode),
        ("--currency", options.currency, Currency),
    )
    for name, value, kind in given:
        try:
            TypeAdapter(kind).validate_python(value) if value is not None else None
        except ValidationError as error:
            allowed = (
                error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            )
            fail(f"{name} {value}: allowed is {allowed}", 2)


def _with_options(tariff: Tariff, options: _Options) -> Tariff:
    """The tariff with what the options state: the demand window, and the currency where the file has none."""
    if options.currency and tariff.currency not in (None, options.currency):
        fail(f"--currency {options.currency}: the rates of {tariff.file or tariff.name} are in {tariff.currency}", 2)
    return replace(
        tariff,
        currency=tariff.currency or options.currency,
        demand_window_min=options.demand_window_min or tariff.demand_window_min,
    )


def _periods(load: Path, metered: MeterFile, options: _Options) -> list[BillPeriod]:
    """The whole bills in the load; says which ones it holds in part only."""
    span = common_span(metered.meter)
    cycles = read_cycles(options.cycles) if options.cycles else ()
    whole, in_part = whole_bills(span, options.zone, cycles)
    begin, end = (at.astimezone(ZoneInfo(options.zone)).isoformat(timespec="minutes") for at in span)
    if not whole:
        raise InputError(load.name, "span of the data", f"{begin} to {end}", "data that holds at least one whole bill")
    if in_part:
        parts = ", ".join(f"{p.read_from.isoformat()} to {p.read_to.isoformat()}" for p in in_part)
        say(f"note: the load is from {begin} to {end}; only whole bills are priced, not {parts}")
    return whole


def _terms(tariff: Tariff, periods: Sequence[BillPeriod], options: _Options) -> Terms:
    years = range(periods[0].read_from.year, periods[-1].read_to.year + 1)
    return Terms(
        zone=options.zone,
        holidays=holiday_dates(options.holiday_code, years),
        seeds=read_seeds(options.seeds) if options.seeds else {},
        currency_digits=get_currency_precision(tariff.currency) if tariff.currency else None,
    )


def _gaps(loads: Iterable[BillLoad], zone: str) -> Iterator[str]:
    """Where the load lacks windows."""
    for load in loads:
        span = f"from {load.period.read_from} to {load.period.read_to}"
        if load.load.is_empty():
            yield f"the load holds nothing at all {span}; that bill is left out"
        elif load.missing.len():
            first = load.missing.sort()[0].astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")
            yield f"the load lacks {load.missing.len()} windows {span}, the first at {first}"


def _notes(tariff: Tariff, priced: Sequence[Priced], terms: Terms, options: _Options) -> Iterator[str]:
    """What a reader of the bills must know."""
    if tariff.currency is None:
        yield "the tariff states no currency and --currency was not given: amounts are as its rates, unrounded"
    if not options.holiday_code and tariff.holidays.base is None and not tariff.holidays.add:
        yield "no day is billed as a holiday: the tariff names none and --holidays was not given"
    for charge_id, assumed in tariff.assumed:
        yield f"charge {charge_id}: {assumed}"
    for answer in tariff.answers:
        yield f'answered {answer.question} = "{answer.answer}": {answer.reason}'
    for entry in priced[:1]:
        yield from _demand_notes(entry, terms)


def _demand_notes(first: Priced, terms: Terms) -> Iterator[str]:
    if not demand_charges(first.resolved):
        return
    if first.resolved.demand_window_min is None:
        yield "no demand window is stated (--demand-window, tariff): demand is averaged over the load's intervals"
    reach = ratchet_months(first.resolved)
    blank = [
        month
        for month in (add_months(first.period.month, -back) for back in range(1, reach + 1))
        if month not in terms.seeds
    ]
    if blank:
        yield (
            f"a ratchet looks back {reach} months; no peak is assumed for {len(blank)} months before the load, from "
            f"{blank[-1]} to {blank[0]} (--seed gives them)"
        )
