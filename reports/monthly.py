"""The monthly report: one site-month's results in; page, paper, mail out. Pure: no clock, no network."""

from __future__ import annotations

from base64 import b64encode
from functools import lru_cache
from hashlib import sha256

from markupsafe import Markup

from reports.content import content
from reports.email_body import email_html, email_text
from reports.facts import Facts
from reports.inputs import AlsoCurrency, PeakHours, RenderedReport, ReportInput, ReportSite
from reports.language import language
from reports.pdf import report_pdf
from reports.templating import fill, stylesheet
from reports.theme import CSS_VARIABLES, font_faces

__all__ = ["AlsoCurrency", "PeakHours", "RenderedReport", "ReportInput", "ReportSite", "render_report"]


def render_report(data: ReportInput) -> RenderedReport:
    """Return the report of one site-month; the same input gives the same bytes.

    Where the month has no demand data there is no peak day: its SVG is '' and its PNG b''.
    """
    facts, words = Facts(data), language(data.site.language)
    said = content(facts, words)
    figure = said["mail_figure"]
    return RenderedReport(
        html=fill("report.html.j2", words, {**said, **_own_files()}),
        pdf=report_pdf(said, words),
        peak_day_svg=figure.still if figure else "",
        peak_day_png=figure.picture if figure else b"",
        email_html=email_html(facts, words, said),
        email_text=email_text(facts, words, said),
        subject=said["subject"],
    )


@lru_cache(maxsize=1)
def _own_files() -> dict[str, object]:
    """Return what every page carries: fonts, styles, and the script that the page's own policy names by its hash."""
    script = stylesheet("report.js")
    return {
        "fonts": Markup(font_faces()),  # noqa: S704 - our own files
        "css": Markup(stylesheet("report.css")),  # noqa: S704 - our own file
        "script": Markup(script),  # noqa: S704 - our own file
        "script_hash": b64encode(sha256(script.encode()).digest()).decode(),
        "colours": CSS_VARIABLES,
    }
