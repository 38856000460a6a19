"""What the templates print: tiles, bill lines and data tables, every figure formatted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from reports.days import DayPeaks, Days
from reports.facts import Facts
from reports.language import Language, Number, exact
from reports.months import Months
from reports.peak_day import PeakDay
from reports.theme import METER

NOT_STATED = "\u2013"  # an en dash


@dataclass(frozen=True)
class Tile:
    """One figure: label, unit before or after the value, tone gain, loss or plain, details, values of its sparkline."""

    label: str
    value: str
    unit_before: str
    unit_after: str
    tone: str
    details: tuple[str, ...]
    line: tuple[float | None, ...]

    @property
    def sparkline(self) -> str:
        """The months as an SVG; empty where fewer than two are known."""
        return _sparkline(self.line)


@dataclass(frozen=True)
class BillRow:
    """One line of the bill table."""

    description: str
    band: str
    quantity_baseline: str
    quantity_actual: str
    amount_baseline: str
    amount_actual: str
    saved: str
    tone: str


@dataclass(frozen=True)
class Table:
    """A chart's data: column heads with their units, and rows."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tiles(facts: Facts, words: Language) -> tuple[Tile, ...]:
    """Return the four figures at the head of a report."""
    return (
        _peak_tile(facts, words) if facts.bills_peaks else _moved_tile(facts, words),
        _saved_tile(facts, words),
        _realised_tile(facts, words),
        _ready_tile(facts, words),
    )


def _peak_tile(facts: Facts, words: Language) -> Tile:
    cut, base = facts.peak_cut_kw, facts.figure("peak_kw", facts.headline)
    details = []
    share = facts.figure("percent_saved", "peak")
    if share is not None and base is not None:
        details.append(words.say("{share} of {kw}", share=words.percent(abs(share)), kw=words.kw(base)))
    low, high = facts.figure("peak_kw", "low"), facts.figure("peak_kw", "high")
    if low is not None and high is not None:
        details.append(words.say("range {low} to {high}", low=words.number(low, 1), high=words.kw(high)))
    if facts.carried_from and facts.billed_cut_kw is not None:
        billed = words.kw(-exact(facts.billed_cut_kw))
        month = words.month_year_short(facts.carried_from)
        details.append(words.say("billed: {kw}, ratchet of {month}", kw=billed, month=month))
    changes = [
        None if base_kw is None or kw is None else base_kw - kw
        for base_kw, kw in facts.bills.select("peak_baseline_kw", "peak_actual_kw").iter_rows()
    ]
    label = words.say("Peak cut") if cut is None or cut >= 0 else words.say("Peak added")
    value = words.say("not stated") if cut is None else ("+" if cut < 0 else "") + words.number(-exact(cut), 1)
    return Tile(label, value, "", "" if cut is None else "kW", tone(cut), tuple(details), tuple(changes[-12:]))


def _moved_tile(facts: Facts, words: Language) -> Tile:
    """Return the energy moved out of the peak window, where no peak is billed."""
    label, share = (
        words.say("Energy moved out of the peak window"),
        facts.figure("percent_saved", "moved_out_of_window"),
    )
    if share is None:
        return Tile(label, words.say("not stated"), "", "", "plain", (), ())
    return Tile(label, words.number(share, 1), "", "%", tone(share), (), ())


def _saved_tile(facts: Facts, words: Language) -> Tile:
    month = words.month_name(facts.month)
    details = [_also(facts, facts.saved, words)]
    share = facts.figure("percent_saved", "bill")
    if share is not None:
        small = 2 if abs(share) < 1 else 1
        details.append(words.say("{share} of the bill", share=words.percent(share, small)))
    details.append(_range(facts, ("money", "low"), ("money", "high"), words))
    line = _numbers(facts.bills["saved"].to_list())
    return _money_tile(words.say("Saved in {month}", month=month), facts, facts.saved, details, line, words)


def _realised_tile(facts: Facts, words: Language) -> Tile:
    realised, bills = facts.money("annual", "realised"), facts.figure("annual", "bills")
    label = words.say("Saved in 12 months") if bills == 12 else words.say("Saved so far")
    details = [_also(facts, realised, words)]
    if bills is not None:
        count = words.say(
            "realised, {count} bill" if bills == 1 else "realised, {count} bills", count=words.number(bills)
        )
        proved = facts.figure("annual", "provable_bills")
        if proved is not None and proved != bills:
            count = words.say("{bills}, {proved} provable", bills=count, proved=words.number(proved))
        details.append(count)
    for name, message in (("locked", "locked {amount}"), ("run_rate", "run-rate {amount} a year")):
        amount = facts.money("annual", name)
        if amount is not None:
            details.append(words.say(message, amount=words.money(amount, facts.currency)))
    details.append(_range(facts, ("annual", "run_rate_low"), ("annual", "run_rate_high"), words))
    line = _numbers(facts.bills["realised"].to_list())
    return _money_tile(label, facts, realised, details, line, words)


def _range(facts: Facts, low: tuple[str, str], high: tuple[str, str], words: Language) -> str:
    """Return a range of money; empty where it is not stated."""
    bounds = [facts.money(*path) for path in (low, high)]
    known = [bound for bound in bounds if bound is not None]
    if len(known) < 2:
        return ""
    return words.say(
        "range {low} to {high}", low=words.money(known[0], facts.currency), high=words.amount(known[1], facts.currency)
    )


def _money_tile(
    label: str,
    facts: Facts,
    amount: Decimal | None,
    details: list[str],
    line: tuple[float | None, ...],
    words: Language,
) -> Tile:
    value = words.say("not stated") if amount is None else words.amount(amount, facts.currency)
    unit = "" if amount is None else facts.currency
    return Tile(label, value, unit, "", tone(amount), tuple(d for d in details if d), line)


def _ready_tile(facts: Facts, words: Language) -> Tile:
    departures, ready = facts.figure("fleet", "departures"), facts.figure("fleet", "ready")
    line = _numbers(facts.bills["ready_pct"].to_list())
    label = words.say("Ready at departure")
    if not departures or ready is None:
        return Tile(label, words.say("not stated"), "", "", "plain", (), line)
    unit = words.say("of {all} departures", all=words.number(departures))
    details = []
    share = facts.figure("fleet", "ready_pct")
    if share is not None:
        details.append(words.say("{share} at their target charge", share=words.percent(share)))
    for key, message in (("short", "{count} short"), ("unknown", "{count} unknown")):
        count = facts.figure("fleet", key)
        if count:
            details.append(words.say(message, count=words.number(count)))
    return Tile(label, words.number(ready), "", unit, "plain", tuple(details), line)


def _also(facts: Facts, amount: Decimal | None, words: Language) -> str:
    converted = facts.also(amount)
    if converted is None or facts.site.also is None:
        return ""
    return words.say("about {amount}", amount=words.about(converted, facts.site.also.currency))


def _numbers(values: Sequence[Number | None]) -> tuple[float | None, ...]:
    return tuple(None if value is None else float(value) for value in values[-12:])


def tone(value: Number | None) -> str:
    """Return how a figure is coloured: gain, loss or plain."""
    if value is None or exact(value) == 0:
        return "plain"
    return "gain" if exact(value) > 0 else "loss"


def _sparkline(values: Sequence[float | None], width: int = 120, height: int = 26) -> str:
    """Return a tile's months as a small SVG line, a dot on this month where known; empty where nothing changed."""
    known = [(index, value) for index, value in enumerate(values) if value is not None]
    if len({value for _, value in known}) < 2:
        return ""
    low, high = min(value for _, value in known), max(value for _, value in known)
    span, pad = (high - low) or 1.0, 4
    steps = max(len(values) - 1, 1)
    points = [
        (
            f"{pad + index / steps * (width - 2 * pad):.1f}",
            f"{height - pad - (v - low) / span * (height - 2 * pad):.1f}",
        )
        for index, v in known
    ]
    path, (x, y) = "M" + "L".join(" ".join(point) for point in points), points[-1]
    dot = "" if values[-1] is None else f'<circle cx="{x}" cy="{y}" r="3" fill="{METER}"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'aria-hidden="true"><path d="{path}" fill="none" stroke="{METER}" stroke-width="1.6"/>{dot}</svg>'
    )


def bill_rows(facts: Facts, words: Language) -> tuple[BillRow, ...]:
    """Return the bill line by line in both worlds."""
    return tuple(_bill_row(line, facts, words) for line in facts.summary["lines"])


def _bill_row(line: Mapping[str, Any], facts: Facts, words: Language) -> BillRow:
    saved = line["saved"]
    band = "" if line["band"] in ("", "all", None) else str(line["band"]).replace("_", " ")
    return BillRow(
        str(line["description"] or line["charge_id"]),
        band,
        quantity(line["quantity_baseline"], line["unit"], facts.currency, words),
        quantity(line["quantity_actual"], line["unit"], facts.currency, words),
        _amount(line["amount_baseline"], facts, words),
        _amount(line["amount_actual"], facts, words),
        NOT_STATED if saved is None else words.gain(saved, facts.currency),
        tone(saved if saved is None else words.rounded(saved, facts.currency)),
    )


def bill_total(facts: Facts, words: Language) -> BillRow:
    """Return the totals of the bill table, as published."""
    saved = facts.saved
    return BillRow(
        words.say("Total"),
        "",
        "",
        "",
        _amount(facts.bill_baseline, facts, words),
        _amount(facts.money("money", "bill_actual"), facts, words),
        NOT_STATED if saved is None else words.gain(saved, facts.currency),
        tone(saved),
    )


def _amount(value: Number | None, facts: Facts, words: Language) -> str:
    return NOT_STATED if value is None else words.amount(value, facts.currency)


def quantity(value: Number | None, unit: str, currency: str, words: Language) -> str:
    """Return a billed quantity with its unit: kW to at least one decimal, energy whole from 1,000 kWh on."""
    if value is None:
        return NOT_STATED
    if unit == "money":
        return words.money(value, currency)
    if unit in ("month", "day"):
        name = unit if exact(value) == 1 else f"{unit}s"
        return words.with_unit(value, words.say(name), 0, 3)
    if unit == "kW":
        return words.with_unit(value, unit, 1, 3)
    return words.with_unit(value, unit, 0, 0 if abs(exact(value)) >= 1000 else 3)


def rounded_lines(facts: Facts, words: Language) -> bool:
    """Whether any line has more decimals than the currency prints, so that printed lines may not add up."""
    amounts = [line[key] for line in facts.summary["lines"] for key in ("amount_baseline", "amount_actual", "saved")]
    return any(a is not None and words.rounded(a, facts.currency) != exact(a) for a in amounts)


def peak_day_table(day: PeakDay, words: Language) -> Table:
    """Return the whole peak day's windows."""
    rows = tuple(
        (
            words.clock(w.local_start),
            *(_kw(value, words) for value in (w.baseline_kw, w.actual_kw, w.discharge_kw, w.charge_kw)),
        )
        for w in day.windows
    )
    heads = ("Window from", "Without V2B, kW", "With V2B, kW", "Cars to building, kW", "Building to cars, kW")
    caption = words.say("Data: every window of {date}", date=words.day(day.day))
    return Table(caption, tuple(words.say(head) for head in heads), rows)


def days_table(days: Days, words: Language) -> Table:
    """Return the daily peaks."""
    rows = tuple(
        (
            words.day_short(row.day),
            *(_kw(value, words) for value in (row.baseline_kw, row.actual_kw)),
            _gave(row, words),
        )
        for row in days.rows
    )
    heads = ("Day", "Highest without V2B, kW", "with V2B, kW", "Cars gave energy")
    return Table(words.say("Data: every day"), tuple(words.say(head) for head in heads), rows)


def _gave(row: DayPeaks, words: Language) -> str:
    return words.say("yes" if row.gave else "no")


def months_table(months: Months, words: Language) -> Table:
    """Return the monthly peaks and billed demands."""
    rows = tuple(
        (
            words.month_year_short(row.month),
            *(
                _kw(value, words)
                for value in (row.baseline_kw, row.actual_kw, row.billed_baseline_kw, row.billed_actual_kw)
            ),
        )
        for row in months.rows
    )
    heads = ("Bill", "Own peak without V2B, kW", "with V2B, kW", "Billed without V2B, kW", "with V2B, kW")
    return Table(words.say("Data: every bill shown"), tuple(words.say(head) for head in heads), rows)


def _kw(value: float | None, words: Language) -> str:
    return NOT_STATED if value is None else words.number(value, 1)
