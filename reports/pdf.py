"""The report on paper: the content of the page as a tagged PDF (PDF/UA-1), the same bytes for the same content."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from html import unescape
from typing import Any, Final

import typst

from reports.language import Language
from reports.templating import TEMPLATES
from reports.theme import CSS_VARIABLES, FONT_FAMILIES, FONTS, printable
from reports.view import BillRow, Table, Tile

STANDARD: Final = "ua-1"
TINTED = re.compile(r'<span class="(gain|loss)">(.*?)</span>')


def report_pdf(said: Mapping[str, Any], words: Language) -> bytes:
    """Return the report as PDF; its date is that of the content, its fonts are the shipped ones."""
    stamp = datetime.fromisoformat(str(said["version"]["generated_at"]))
    data = printable(json.dumps(_printed(said, words), ensure_ascii=False))
    made = _compiler().compile(
        format="pdf", sys_inputs={"data": data}, pdf_standards=[STANDARD], timestamp=int(stamp.timestamp())
    )
    if not isinstance(made, bytes):
        raise TypeError("one PDF")
    return made


@lru_cache(maxsize=1)
def _compiler() -> typst.Compiler:
    """Return the compiler of a process; it reads the fonts once."""
    return typst.Compiler(
        str(TEMPLATES / "report.typ"), root=str(TEMPLATES), font_paths=[str(FONTS)], ignore_system_fonts=True
    )


def _printed(said: Mapping[str, Any], words: Language) -> dict[str, Any]:
    """Return the content as plain lists and texts, in the order of the page."""
    return {
        "lang": said["lang"],
        "title": said["title"],
        "site": said["site"].name,
        "fleet": said["fleet"],
        "masthead": said["masthead"],
        "headline": _runs(said["headline"]),
        "notices": said["notices"],
        "tiles": [_tile(tile) for tile in said["tiles"]],
        "demand_figures": [_figure(figure) for figure in said["demand_figures"]],
        "fleet_figures": [_figure(figure) for figure in said["fleet_figures"]],
        "bill": _bill(said, words) if said["rows"] else None,
        "worth": _worth(said, words),
        "utility": _table(said["utility"]),
        "missed": _table(said["missed"]),
        "ahead": [[note.term, note.text] for note in said["ahead"]],
        "ahead_title": words.say("What was missed, and what lies ahead"),
        "notes": [[note.term, note.text] for note in said["notes"]],
        "notes_title": words.say("How sure we are"),
        "footer": said["footer"],
        "pages": words.say("page {number} of {count}", number="@", count="#"),
        "colours": CSS_VARIABLES,
        "families": FONT_FAMILIES,
    }


def _runs(headline: str) -> list[list[str]]:
    """Return the headline as pieces of text with their tones."""
    pieces = TINTED.split(str(headline))
    plain, tones, tinted = pieces[::3], pieces[1::3], pieces[2::3]
    runs = [["plain", unescape(plain[0])]]
    for tone, text, then in zip(tones, tinted, plain[1:], strict=True):
        runs += [[tone, unescape(text)], ["plain", unescape(then)]]
    return runs


def _tile(tile: Tile) -> dict[str, Any]:
    return {
        "label": tile.label,
        "before": tile.unit_before,
        "value": tile.value,
        "after": tile.unit_after,
        "tone": tile.tone,
        "details": tile.details,
        "line": tile.sparkline,
    }


def _figure(figure: Any) -> dict[str, Any]:
    return {
        "title": figure.caption.title,
        "reading": figure.caption.reading,
        "alt": figure.caption.alt,
        "svg": figure.still,
        "keys": [[key.icon, key.text] for key in figure.keys],
    }


def _table(table: Table | None) -> dict[str, Any] | None:
    if table is None:
        return None
    return {"caption": table.caption, "heads": table.heads, "rows": [_plain(row) for row in table.rows]}


def _plain(row: Sequence[str]) -> list[list[str]]:
    return [["plain", cell] for cell in row]


def _bill(said: Mapping[str, Any], words: Language) -> dict[str, Any]:
    currency = said["currency"]
    heads = [
        said["bill_month"],
        words.say("Quantity without"),
        words.say("with V2B"),
        f"{words.say('Without V2B')}, {currency}",
        f"{words.say('With V2B')}, {currency}",
        f"{words.say('Saved')}, {currency}",
    ]
    return {
        "title": words.say("The bill, line by line"),
        "reading": said["bill_reading"],
        "heads": heads,
        "rows": [_bill_cells(row) for row in said["rows"]],
        "total": _bill_cells(said["total"]),
    }


def _bill_cells(row: BillRow) -> list[list[str]]:
    name = f"{row.description} {row.band}".strip()
    plain = (name, row.quantity_baseline, row.quantity_actual, row.amount_baseline, row.amount_actual)
    return [*_plain(plain), [row.tone, row.saved]]


def _worth(said: Mapping[str, Any], words: Language) -> dict[str, Any] | None:
    lists = [
        {
            "heads": [title, "", f"{words.say('Saved')}, {said['currency']}"],
            "rows": [_worth_cells(part) for part in parts],
        }
        for title, parts in said["worth"]
        if parts
    ]
    if not lists:
        return None
    return {
        "title": f"{words.say('Where the money came from')}, {said['currency']}",
        "reading": words.say("Each list sums to the saving. A minus is money lost."),
        "lists": lists,
    }


def _worth_cells(part: Any) -> list[list[str]]:
    return [["plain", part.label], ["picture", part.step], [part.tone, part.amount]]
