"""The monthly report: one site-month's results in, HTML, chart and e-mail out. Pure: no clock, no network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import altair as alt
from markupsafe import Markup

from reports.captions import Caption, days_caption, months_caption, peak_day_caption
from reports.charts import days_chart, months_chart, peak_day_chart
from reports.days import find_days
from reports.drawing import to_png, to_svg
from reports.email_body import email_html, email_text
from reports.facts import Facts, reason_sentence
from reports.inputs import AlsoCurrency, PeakHours, RenderedReport, ReportInput, ReportSite
from reports.language import Language, language
from reports.months import find_months
from reports.notes import notes
from reports.peak_day import PeakDay, find_peak_day
from reports.plot import MAIL, PAGE, PHONE
from reports.templating import fill, stylesheet
from reports.theme import CSS_VARIABLES, font_faces
from reports.view import (
    Table,
    bill_rows,
    bill_total,
    days_table,
    months_table,
    peak_day_table,
    rounded_lines,
    sparkline,
    tiles,
)
from reports.wording import Voice, cars, headline, subject
from reports.worth import lever_rows, mostly_modelled, part_rows, utility_table

__all__ = ["AlsoCurrency", "PeakHours", "RenderedReport", "ReportInput", "ReportSite", "render_report"]

NO_PICTURE = b""


@dataclass(frozen=True)
class Figure:
    """A chart with its caption, in the page's and the phone's size, and its data."""

    name: str
    caption: Caption
    wide: Markup
    narrow: Markup
    table: Table
    compared: bool = True


def render_report(data: ReportInput) -> RenderedReport:
    """Return the report of one site-month; the same input gives the same bytes.

    Where the month has no demand data there is no peak day: its SVG is '' and its PNG b''.
    """
    facts, words = Facts(data), language(data.site.language)
    day = find_peak_day(facts)
    drawn = (_peak_day(facts, day, words), _days(facts, words), _months(facts, words))
    figures = [figure for figure in drawn if figure]
    common = _common(facts, words)
    caption = figures[0].caption if day else None
    return RenderedReport(
        html=_page(facts, words, common, figures),
        peak_day_svg=str(figures[0].wide) if day else "",
        peak_day_png=_mail_picture(day, caption, words),
        email_html=email_html(facts, words, common, caption),
        email_text=email_text(facts, words, common, caption),
        subject=subject(facts, words),
    )


def _peak_day(facts: Facts, day: PeakDay | None, words: Language) -> Figure | None:
    if day is None:
        return None
    caption = peak_day_caption(facts, day, words)
    pictures = _both_sizes(partial(peak_day_chart, day, words=words), "peak-day", caption)
    return Figure("peak-day", caption, *pictures, peak_day_table(day, words), day.compared)


def _days(facts: Facts, words: Language) -> Figure | None:
    days = find_days(facts)
    if days is None:
        return None
    caption = days_caption(facts, days, words)
    pictures = _both_sizes(partial(days_chart, days, words=words), "days", caption)
    return Figure("days", caption, *pictures, days_table(days, words))


def _months(facts: Facts, words: Language) -> Figure | None:
    months = find_months(facts.bills)
    if months.empty:
        return None
    caption = months_caption(months, words)
    pictures = _both_sizes(partial(months_chart, months, words=words), "months", caption)
    return Figure("months", caption, *pictures, months_table(months, words))


def _both_sizes(draw: Callable[..., alt.TopLevelMixin], name: str, caption: Caption) -> tuple[Markup, Markup]:
    """Return a chart for the page and for the phone."""
    wide = to_svg(draw(size=PAGE), name, caption.alt)
    narrow = to_svg(draw(size=PHONE), f"{name}-phone", caption.alt)
    return Markup(wide), Markup(narrow)  # noqa: S704 - to_svg escapes


def _mail_picture(day: PeakDay | None, caption: Caption | None, words: Language) -> bytes:
    if day is None or caption is None:
        return NO_PICTURE
    return to_png(to_svg(peak_day_chart(day, MAIL, words), "peak-day-mail", caption.alt))


def _page(facts: Facts, words: Language, common: dict[str, Any], figures: list[Figure]) -> str:
    values = common | {
        "title": subject(facts, words),
        "headline": headline(facts, Voice(words, html=True)),
        "figures": figures,
        "rows": bill_rows(facts, words),
        "worth": ((words.say("By cause"), part_rows(facts, words)), (words.say("By lever"), lever_rows(facts, words))),
        "utility": utility_table(facts, words),
        "total": bill_total(facts, words),
        "bill_month": words.month_year(facts.month),
        "bill_reading": _bill_reading(facts, words),
        "fonts": Markup(font_faces()),  # noqa: S704 - our own files
        "css": Markup(stylesheet("report.css")),  # noqa: S704 - our own file
        "colours": CSS_VARIABLES,
        "sparkline": partial(sparkline, width=120, height=26),
    }
    return fill("report.html.j2", words, values)


def _common(facts: Facts, words: Language) -> dict[str, Any]:
    """Return what page and mail both print."""
    return {
        "lang": facts.site.language,
        "site": facts.site,
        "currency": facts.currency,
        "version": facts.summary["version"],
        "masthead": _masthead(facts, words),
        "fleet": _fleet(facts, words),
        "notices": _notices(facts, words),
        "tiles": tiles(facts, words),
        "notes": notes(facts, words),
        "footer": _footer(facts, words),
    }


def _fleet(facts: Facts, words: Language) -> str:
    return words.say("{cars} on the building", cars=cars(facts, words).lower()) if facts.site.vehicles else ""


def _masthead(facts: Facts, words: Language) -> str:
    parts = [words.say("V2B savings report, {month}", month=words.month_year(facts.month))]
    if facts.figure("grade"):
        parts.append(words.say("grade {grade}", grade=str(facts.figure("grade"))))
    version = facts.figure("version", "report")
    if version is not None:
        parts.append(words.say("version {number}", number=str(version)))
    return ", ".join(parts)


def _notices(facts: Facts, words: Language) -> list[str]:
    """Return what a reader must know before the figures."""
    found = []
    if facts.figure("money", "partial"):
        found.append(words.say(reason_sentence("bill_partial")))
    if mostly_modelled(facts):
        found.append(words.say("More than half of this saving is when the cars charged, which is modelled."))
    if not facts.provable:
        found += [words.say(reason_sentence(code)) for code in facts.blocking[1:] if facts.state == "ok"]
    return found


def _bill_reading(facts: Facts, words: Language) -> str:
    first = date.fromisoformat(facts.figure("bill_from"))
    last = date.fromisoformat(facts.figure("bill_to")) - timedelta(days=1)
    parts = [
        words.say("{first} to {last}, both included.", first=words.day(first), last=words.day(last)),
        words.say("Saved is without V2B minus with V2B."),
    ]
    if rounded_lines(facts, words):
        parts.append(
            words.say("Lines are exact in summary.json and printed rounded here, so they may differ in the last digit.")
        )
    return " ".join(parts)


def _footer(facts: Facts, words: Language) -> str:
    version = facts.summary["version"]
    parts = [
        words.say("V2B Savings {code}", code=str(version["code"])),
        words.say("report version {number}", number=str(version["report"])),
        words.say("generated {at}", at=_generated(str(version["generated_at"]), words)),
        words.say("inputs {hash}", hash=str(version["input_hash"])),
    ]
    return ", ".join(part for part in parts if part) + "."


def _generated(text: str, words: Language) -> str:
    at = datetime.fromisoformat(text).astimezone(UTC)
    return f"{words.day(at.date())} {at:%H:%M} UTC"
