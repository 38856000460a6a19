"""How bills are printed: the machine contract, one CSV row a line, and a table that reads like a bill."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import polars as pl
from babel.numbers import format_currency, get_currency_precision
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.domain import BillPeriod
from pipeline.pricing import METERED, Priced
from pipeline.savings import money_text
from pipeline.tariff import BillLine

_LINE_KEYS: Final = (
    "charge_id",
    "band",
    "kind",
    "description",
    "quantity",
    "unit",
    "rate",
    "amount",
    "set_at",
    "carried_from",
)
_SHOWN_DECIMALS: Final = 6  # of a table; JSON and CSV are exact
_PIPED_WIDTH: Final = 100


def exact_text(value: Decimal | None) -> str | None:
    """Return a decimal as it is, without exponent and without zeros that say nothing."""
    if value is None:
        return None
    return format((value.normalize() if value else Decimal(0)), "f")


def refusals(priced: Sequence[Priced]) -> list[dict[str, str]]:
    """Return what was not priced, each once; a reason that does not hold for every bill names those it holds for."""
    found: dict[tuple[str, str], list[str]] = {}
    for entry in priced:
        for refusal in entry.bills[METERED].refused:
            found.setdefault((refusal.field, refusal.reason), []).append(entry.period.month)
    return [
        {"field": field, "reason": reason if len(months) == len(priced) else f"{reason} (bill {', '.join(months)})"}
        for (field, reason), months in found.items()
    ]


def bills_json(priced: Sequence[Priced], currency: str | None, zone: str) -> dict[str, Any]:
    """Return the machine contract of `v2b bill`: dates local, `to` exclusive, money as decimal strings."""
    refused = refusals(priced)
    return {
        "currency": currency,
        "partial": bool(refused),
        "refused": refused,
        "bills": [
            {
                "from": entry.period.read_from.isoformat(),
                "to": entry.period.read_to.isoformat(),
                "total": _money(entry.bills[METERED].total, currency),
                "lines": [_line_json(line, currency, zone) for line in entry.bills[METERED].lines],
            }
            for entry in priced
        ],
    }


def _money(amount: Decimal, currency: str | None) -> str | None:
    return money_text(amount, currency) if currency else exact_text(amount)


def _line_json(line: BillLine, currency: str | None, zone: str) -> dict[str, Any]:
    values = {
        "charge_id": line.charge_id,
        "band": line.band,
        "kind": line.kind,
        "description": line.description,
        "quantity": float(line.quantity),
        "unit": line.unit,
        "rate": exact_text(line.rate),
        "amount": _money(line.amount, currency),
        "set_at": line.set_at.astimezone(ZoneInfo(zone)).isoformat() if line.set_at else None,
        "carried_from": line.carried_from,
    }
    return {key: values[key] for key in _LINE_KEYS}


def bills_frame(priced: Sequence[Priced], currency: str | None, zone: str) -> pl.DataFrame:
    """Return one row per bill line: from, to, the keys of the machine contract (quantities exact), and the currency."""
    rows = [
        {
            "from": entry.period.read_from.isoformat(),
            "to": entry.period.read_to.isoformat(),
            **_line_json(line, currency, zone),
            "quantity": exact_text(line.quantity),
            "currency": currency,
        }
        for entry in priced
        for line in entry.bills[METERED].lines
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(("from", "to", *_LINE_KEYS, "currency"), pl.String))


def print_bills(priced: Sequence[Priced], currency: str | None, zone: str) -> None:
    """Print every bill as a table of its lines with their trace, and the sum of several."""
    parts: list[RenderableType] = [_page(entry, currency, zone) for entry in priced]
    if len(priced) > 1:
        total = sum((entry.bills[METERED].total for entry in priced), Decimal(0))
        partial = any(entry.bills[METERED].partial for entry in priced)
        parts.append(Text(f"{len(priced)} bills{_marked(partial=partial)}: {_shown_money(total, currency)}", "bold"))
    fixed = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPED_WIDTH
    Console(file=sys.stdout, width=fixed, highlight=False).print(Group(*parts))


def _page(entry: Priced, currency: str | None, zone: str) -> Group:
    bill = entry.bills[METERED]
    table = Table(box=None, pad_edge=False, header_style="dim", show_footer=True, footer_style="bold", expand=False)
    table.add_column("charge", Text(f"total{_marked(partial=bill.partial)}"), ratio=1, overflow="fold")
    table.add_column("band", overflow="fold")
    table.add_column("quantity", justify="right", no_wrap=True)
    table.add_column("rate", justify="right", no_wrap=True)
    table.add_column("amount", Text(_shown_money(bill.total, currency)), justify="right", no_wrap=True)
    for line in bill.lines:
        table.add_row(
            _described(line, zone),
            Text(line.band),
            Text(f"{_shown(line.quantity)} {line.unit}" if line.unit != "money" else _shown(line.quantity)),
            Text("" if line.rate is None else exact_text(line.rate) or ""),
            Text(_shown_amount(line.amount, currency)),
        )
    return Group(Text(_heading(entry.period, entry.resolved.name), "bold"), table, Text(""))


def _heading(period: BillPeriod, tariff: str) -> str:
    last = period.read_to - timedelta(days=1)
    days = (period.read_to - period.read_from).days
    return f"{period.read_from.isoformat()} to {last.isoformat()} ({days} days), {tariff}"


def _marked(*, partial: bool) -> str:
    return " of the lines priced (partial)" if partial else ""


def _described(line: BillLine, zone: str) -> Text:
    """The words of the line, and below them what set and what carried its demand."""
    trace = [f"set {line.set_at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"] if line.set_at else []
    trace += [f"carried from {line.carried_from}"] if line.carried_from else []
    words = Text(line.description)
    return words.append("".join(f"\n  {part}" for part in trace), "dim")


def _shown(value: Decimal) -> str:
    short = round(value, _SHOWN_DECIMALS)
    return format(short.normalize() if short else Decimal(0), ",f")


def _shown_amount(amount: Decimal, currency: str | None) -> str:
    """An amount with at least the decimals of its currency."""
    digits = get_currency_precision(currency) if currency else 0
    short = round(amount, _SHOWN_DECIMALS)
    return format(round(short, digits) if round(short, digits) == short else short.normalize(), ",f")


def _shown_money(amount: Decimal, currency: str | None) -> str:
    if currency is None:
        return _shown_amount(amount, None)
    exact = round(amount, get_currency_precision(currency)) == amount
    return format_currency(amount, currency, locale="en") if exact else f"{currency} {_shown_amount(amount, currency)}"
