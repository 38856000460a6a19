"""The real files in chromium: silent, offline, answering to pointer and keyboard, readable on a phone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from reports.portfolio_page import portfolio_page
from tests.browser import open_chromium
from tests.reports.conftest import rendered
from tests.reports.gallery import MONTHS, portfolio

pytestmark = pytest.mark.browser
SITES = 10_000
SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = open_chromium(playwright)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages looked at, on disk as they are published."""
    folder = tmp_path_factory.mktemp("out")
    texts = {name: rendered(name).html for name in ("ranges", "japanese", "not_provable", "euros", "full_year")}
    texts["index"] = portfolio_page(portfolio(SITES), "en")
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


class Watched:
    """A page with everything it said or asked for."""

    def __init__(self, browser: Browser, file: Path, width: int = 1000) -> None:
        self.page: Page = browser.new_page(viewport={"width": width, "height": 850})
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())
        self.file = file

    def quiet(self) -> bool:
        """Whether nothing was said and nothing but the file itself was asked for."""
        outside = [url for url in self.asked if not url.startswith(("data:", self.file.as_uri()))]
        return self.said == [] and outside == []


@pytest.fixture
def watch(browser: Browser, files: dict[str, Path]) -> Iterator[object]:
    opened: list[Watched] = []

    def begin(name: str, width: int = 1000) -> Watched:
        opened.append(Watched(browser, files[name], width))
        return opened[-1]

    yield begin
    for watched in opened:
        assert watched.quiet(), (watched.said, watched.asked)
        watched.page.close()


@pytest.mark.parametrize(("name", "width"), [("ranges", 1000), ("japanese", 390), ("index", 1000)])
def test_axe_finds_nothing_serious(watch, name: str, width: int) -> None:
    page = watch(name, width).page
    for fold in page.locator("summary").all():
        fold.click()
    found = Axe().run(page).response["violations"]
    assert [(v["id"], [n["html"][:120] for n in v["nodes"]][:3]) for v in found if v["impact"] in SERIOUS] == []


def test_a_pointer_finds_what_a_window_was(watch) -> None:
    page = watch("ranges").page
    said = page.locator("#says")
    assert said.is_hidden()
    chart = page.locator(".wide svg").first
    answers = chart.locator(".answer")
    answers.nth(11).hover()  # 9:00 is the first window drawn
    assert said.inner_text() == "14:30: 1,024.0\u00a0kW without V2B, 998.4\u00a0kW with V2B, \u221225.6\u00a0kW"
    page.mouse.move(5, 5)
    assert said.is_hidden()


def test_the_arrow_keys_walk_through_a_chart(watch) -> None:
    page = watch("ranges").page
    page.locator(".wide svg[tabindex]").nth(1).focus()
    said = page.locator("#says")
    page.keyboard.press("ArrowRight")
    assert said.inner_text().startswith("1 July: ")
    page.keyboard.press("ArrowRight")
    assert said.inner_text().startswith("2 July: ")
    page.keyboard.press("ArrowLeft")
    assert said.inner_text().startswith("1 July: ")
    page.keyboard.press("Escape")
    assert said.is_hidden()


def test_tables_unfold_and_the_tab_key_goes_down_the_page(watch) -> None:
    page = watch("ranges").page
    tables = page.locator("details table")
    assert tables.count() == 5
    assert not tables.first.is_visible()
    stops = []
    for _ in range(10):
        page.keyboard.press("Tab")
        stops.append(
            page.evaluate(
                "[document.activeElement.tagName, document.activeElement.getBoundingClientRect().y + scrollY]"
            )
        )
    assert [tag.lower() for tag, _ in stops] == ["svg", "summary"] * 5
    assert [y for _, y in stops] == sorted(y for _, y in stops)
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert tables.first.is_visible()
    assert tables.first.locator("tbody tr").count() == 48


@pytest.mark.parametrize("name", ["ranges", "japanese", "euros", "not_provable"])
def test_a_phone_needs_no_sideways_scrolling(watch, name: str) -> None:
    page = watch(name, 390).page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".narrow svg").first.is_visible()
    assert not page.locator(".wide svg").first.is_visible()
    outside = page.evaluate(
        """() => [...document.querySelectorAll(".narrow svg text")].filter((word) => {
             const box = word.getBoundingClientRect(), chart = word.closest("svg").getBoundingClientRect();
             return box.left < chart.left - 0.5 || box.right > chart.right + 0.5;
           }).map((word) => word.textContent)"""
    )
    assert outside == []


OVERLAPS = """(charts) => [...document.querySelectorAll(charts)].flatMap((chart) => {
  const edge = chart.getBoundingClientRect();
  const words = [...chart.querySelectorAll("text")].map((word) => ({
    text: word.textContent, box: word.getBoundingClientRect() }));
  const out = words.filter(({ box }) => box.left < edge.left - 0.5 || box.right > edge.right + 0.5);
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4 && b.top < a.bottom - 4;
  const on = words.flatMap((one, place) => words.slice(place + 1).filter((other) => meet(one.box, other.box))
    .map((other) => one.text + " / " + other.text));
  return [...out.map(({ text }) => text), ...on];
})"""


@pytest.mark.parametrize(("width", "charts"), [(1000, ".wide svg"), (390, ".narrow svg")])
@pytest.mark.parametrize("name", ["ranges", "japanese", "euros", "full_year"])
def test_no_word_of_a_chart_leaves_it_or_lies_on_another(watch, name: str, width: int, charts: str) -> None:
    assert watch(name, width).page.evaluate(OVERLAPS, charts) == []


def test_ten_thousand_sites_sort_and_filter(watch) -> None:
    page = watch("index").page
    rows = page.locator("tbody tr:not(.gap)")
    sums = page.locator("#sums")
    assert sums.inner_text().startswith("10,000 bills")  # the newest month is chosen
    assert rows.count() < 100  # only what is in view is drawn
    page.locator("#month").select_option("")
    assert sums.inner_text().startswith(f"{SITES * len(MONTHS):,} bills")
    page.locator("#month").select_option(MONTHS[0])
    page.locator("#state").select_option("not_provable")
    assert {cell.inner_text() for cell in rows.locator("td:nth-child(3)").all()} == {"not provable"}
    page.locator("#state").select_option("ok")
    proved = next(row.site_id for row in portfolio(SITES) if (row.month, row.state) == (MONTHS[0], "ok"))
    page.locator("#find").fill(proved)
    assert rows.count() == 1
    assert sums.inner_text().startswith("1 bill \u00b7 1 with a proved saving")
    assert rows.locator("a").first.get_attribute("href") == f"{proved}/{MONTHS[0]}/report.html"
    page.locator("#find").fill("")
    cut = page.get_by_role("button", name="Peak cut, kW")
    cut.focus()
    page.keyboard.press("Enter")
    assert page.locator("th[data-by=cut]").get_attribute("aria-sort") == "descending"
    shown = [float(cell.inner_text().replace("\u2212", "-")) for cell in rows.locator("td:nth-child(6)").all()]
    assert shown == sorted(shown, reverse=True)
    page.locator("#list").evaluate("list => { list.scrollTop = list.scrollHeight }")
    page.wait_for_function("document.querySelector('tbody').firstElementChild.className === 'gap'")
    foot = [float(cell.inner_text().replace("\u2212", "-")) for cell in rows.locator("td:nth-child(6)").all()]
    assert foot == sorted(foot, reverse=True)
    assert foot[-1] < shown[0]


def test_sums_of_the_portfolio_are_exact_and_by_currency(watch) -> None:
    listed = [row for row in portfolio(SITES) if row.month == MONTHS[-1] and row.saved is not None]
    said = watch("index").page.locator("#sums").inner_text()
    assert f"{len(listed):,} with a proved saving" in said
    for currency, digits in (("EUR", 2), ("JPY", 0), ("USD", 2)):
        cents = sum(round(float(row.saved or 0) * 10**digits) for row in listed if row.currency == currency)
        assert f"saved {currency}\u00a0{cents / 10**digits:,.{digits}f}" in said
