"""`python -m tests.reports.gallery FOLDER`: every state of a report as PNG, for anyone to look at.

Pages at 1000 and 390 px, mails in light and dark, paper as typeset, the portfolio page; chromium draws what is HTML.
"""

import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from reports import pdf
from reports.inputs import CHART_CID
from reports.monthly import render_report
from reports.portfolio_page import PortfolioRow, portfolio_page
from tests.browser import open_chromium
from tests.reports.samples import SAMPLES

PAPER_PPI = 80
PDF_COMPILER = pdf._compiler
KINDS, PLACES = ("Depot", "Office", "Plant", "School"), ("North", "Harbour", "Lyon")
MONTHS = ("2026-05", "2026-06", "2026-07")


def portfolio(sites: int, *, seed: int = 1) -> Iterator[PortfolioRow]:
    """Rows of a made-up portfolio with every state and three currencies."""
    draw = Random(seed)
    for number in range(sites):
        name = f"{draw.choice(KINDS)} {draw.choice(PLACES)} {number}"
        currency = ("JPY", "USD", "EUR")[number % 3]
        for month in MONTHS:
            state = draw.choices(("ok", "not_provable", "seed", "no_bill", "failed"), (85, 8, 3, 2, 2))[0]
            proved, saved = state == "ok", draw.gauss(400, 260) * (100 if currency == "JPY" else 1)
            yield PortfolioRow(
                f"site-{number:05d}", name, month, state,
                draw.choice("ABC") if proved else "F" if state == "not_provable" else None, currency,
                f"{saved:.{0 if currency == 'JPY' else 2}f}" if proved else None,
                draw.gauss(20, 12) if proved else None, draw.uniform(90, 100) if proved else None,
                1 if state in ("ok", "not_provable") else None,
                "" if proved else "Charger data is missing, so the load without V2B cannot be rebuilt.",
            )  # fmt: skip


def shoot(browser: Browser, page: Path, target: Path, width: int, *, dark: bool = False, whole: bool = True) -> None:
    """Draw a file at a width."""
    view = browser.new_page(viewport={"width": width, "height": 850}, color_scheme="dark" if dark else "light")
    view.goto(page.as_uri())
    view.screenshot(path=target, full_page=whole)
    view.close()


class Both:
    """A compiler that leaves the sheets of every PDF as PNG beside `target`."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.compiler = PDF_COMPILER()

    def compile(self, **options: Any) -> Any:
        sheets: Any = self.compiler.compile(format="png", ppi=PAPER_PPI, sys_inputs=options["sys_inputs"])
        for number, sheet in enumerate(sheets if isinstance(sheets, list) else [sheets], start=1):
            self.target.with_name(f"{self.target.name}-paper-{number}.png").write_bytes(sheet)
        return self.compiler.compile(**options)


def main(folder: Path) -> None:
    """Draw every state into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = open_chromium(playwright)
        for name, sample in SAMPLES.items():
            pdf._compiler = partial(Both, folder / name)  # type: ignore[assignment]
            report = render_report(sample())
            page, mail = Path(scratch, "page.html"), Path(scratch, "mail.html")
            page.write_text(report.html, encoding="utf-8")
            Path(scratch, "chart.png").write_bytes(report.peak_day_png)
            mail.write_text(report.email_html.replace(f"cid:{CHART_CID}", "chart.png"), encoding="utf-8")
            shoot(browser, page, folder / f"{name}-page.png", 1000)
            shoot(browser, page, folder / f"{name}-phone.png", 390)
            shoot(browser, mail, folder / f"{name}-mail.png", 700)
            shoot(browser, mail, folder / f"{name}-mail-dark.png", 700, dark=True)
        index = Path(scratch, "index.html")
        for code in ("en", "ja"):
            index.write_text(portfolio_page(portfolio(400), code), encoding="utf-8")
            shoot(browser, index, folder / f"portfolio-{code}.png", 1200, whole=False)
        shoot(browser, index, folder / "portfolio-phone.png", 390, whole=False)
        browser.close()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
