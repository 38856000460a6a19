"""The report as a whole: what it prints is what the summary states, in every state, and always the same bytes."""

import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline.domain import REASONS
from reports import theme
from reports.facts import Facts
from reports.figures import demand_figures
from reports.inputs import AlsoCurrency, RenderedReport
from reports.language import language
from reports.monthly import render_report
from reports.plot import PAGE
from reports.templating import stylesheet
from tests.reports.pages import keyed, parse, text_of
from tests.reports.samples import ATSUGI, SAMPLES, good, with_summary

REPO = Path(__file__).parents[2]
HOSTILE = "<script>alert('x')</script> & \"Sons\" {{ 7*7 }}"


def visible(text: str) -> Decimal:
    """A printed number as a decimal: grouping off, true minus read."""
    return Decimal(re.sub(r"[^\d.\-]", "", text.replace("\u2212", "-")))


def bill_cells(report: RenderedReport) -> list[list[str]]:
    rows = parse(report.html).findall(".//table[@class='bill']//tr")
    return [[text_of(cell) for cell in row.findall("td")] for row in rows if row.findall("td")]


@pytest.mark.parametrize("name", ["good", "full_year", "negative", "first_month", "dollars"])
def test_the_bill_table_prints_the_summary(name: str, render) -> None:
    summary = SAMPLES[name]().summary
    keys = ("quantity_baseline", "quantity_actual", "amount_baseline", "amount_actual", "saved")
    *lines, total = bill_cells(render(name))
    assert len(lines) == len(summary["lines"]) == 4
    for cells, line in zip(lines, summary["lines"], strict=True):
        for cell, key in zip(cells, keys, strict=True):
            printed, stated = visible(cell), Decimal(str(line[key]))
            assert abs(printed - stated) < Decimal("0.5") if line["unit"] == "kWh" else printed == stated, (cell, key)
    money = summary["money"]
    stated = [Decimal(money[key]) for key in ("bill_unmanaged", "bill_actual", "saved")]
    assert [visible(cell) for cell in total[2:]] == stated
    for column, whole in zip((2, 3, 4), stated, strict=True):
        assert sum(visible(cells[column]) for cells in lines) == whole


def test_the_tiles_print_the_summary(good: RenderedReport) -> None:
    tiles = parse(good.html).find(".//ul[@class='tiles']")
    values = [keyed(text_of(value)) for value in tiles.findall(".//span[@class='value']")]
    assert values == ["-25.6 kW", "JPY 41,015", "JPY 41,015", "108 of 108 departures"]
    details = [keyed(text_of(detail)) for detail in tiles.findall(".//span[@class='detail']")]
    assert "2.5 % of 1,024.0 kW" in details  # 25.6 / 1,024.0
    assert "about USD 399" in details  # 41,015 x 0.00973 = 399.08
    assert "realised, 1 bill" in details


def test_a_year_is_named_a_year_and_shorter_histories_are_not(render) -> None:
    assert "Saved in 12 months" in render("full_year").html
    assert "realised, 12 bills" in render("full_year").html
    assert "Saved in 12 months" not in render("good").html


@pytest.mark.parametrize("name", SAMPLES)
def test_every_state_renders_and_loads_nothing(name: str, render) -> None:
    report = render(name)
    for page in (report.html, report.email_html):
        references = re.findall(r"""(?:src|href|url|action|data)\s*[=(]\s*["']?([^"')\s>]+)""", page)
        outside = [found for found in references if not found.startswith(("data:font/woff2", "#", "cid:"))]
        assert outside == []
        assert page.count("<script") == (page is report.html)
        assert "@import" not in page
    assert "default-src 'none'" in report.html


@pytest.mark.parametrize("name", SAMPLES)
def test_pages_are_well_formed(name: str, render) -> None:
    for page in (render(name).html, render(name).email_html):
        assert parse(page).tag == "html"
        ids = re.findall(r'\bid="([^"]+)"', page)
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", SAMPLES)
def test_no_number_or_placeholder_leaks(name: str, render) -> None:
    report = render(name)
    body = parse(report.html).find("body/main")
    drawn = [str(picture.get("aria-label")) for picture in body.iter("svg") if picture.get("role")]
    text = "\n".join([text_of(body), report.email_text, report.subject, *drawn])
    for leak in ("None", "nan", "NaN", "null", "{", "undefined", "Decimal"):
        assert leak not in text


def test_hostile_names_are_text() -> None:
    data = good()
    also = AlsoCurrency("USD", Decimal("0.01"), data.site.also.rate_date, HOSTILE)
    site = replace(data.site, name=HOSTILE, notes=HOSTILE, tariff_name=HOSTILE, tariff_notes=HOSTILE, also=also)
    line = {**data.summary["lines"][1], "description": HOSTILE, "band": HOSTILE}
    hostile = with_summary(
        replace(data, site=site),
        lines=[data.summary["lines"][0], line, *data.summary["lines"][2:]],
        reasons=[HOSTILE],
        data={"findings": [HOSTILE]},
        version={"code": HOSTILE},
    )
    report = render_report(hostile)
    for page in (report.html, report.email_html):
        assert [text_of(script) for script in parse(page).iter("script")] == [stylesheet("report.js")] * (
            page is report.html
        )
        assert HOSTILE in text_of(parse(page))


def test_the_same_input_gives_the_same_bytes_whatever_was_rendered_before(render) -> None:
    first = render_report(good())
    for name in SAMPLES:
        render(name)
    assert render_report(good()) == first


def test_a_fresh_process_gives_the_same_bytes(good: RenderedReport) -> None:
    program = (
        "from hashlib import sha256\nfrom reports.monthly import render_report\n"
        "from tests.reports.samples import good\n"
        "r = render_report(good())\n"
        "print(sha256(repr((r.html, r.pdf, r.peak_day_png, r.email_html, r.email_text)).encode()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=REPO)
    here = (good.html, good.pdf, good.peak_day_png, good.email_html, good.email_text)
    assert done.stdout.strip() == sha256(repr(here).encode()).hexdigest()


def test_a_month_without_data_has_no_picture(render) -> None:
    report = render("failed")
    assert (report.peak_day_svg, report.peak_day_png) == ("", b"")
    assert "<img" not in report.email_html
    assert "could not be computed" in report.email_text


def test_an_unknown_baseline_is_not_drawn(render) -> None:
    page = render("not_provable").html
    assert "without V2B cannot be rebuilt" in page
    assert "dashed, the same day" not in page
    assert "less drawn from the grid" not in page


def test_charts_say_what_they_show_and_give_their_data(good: RenderedReport) -> None:
    page = parse(good.html)
    texts = [keyed(picture.get("aria-label")) for picture in page.findall(".//figure//svg[@role='img']")]
    assert len(texts) == 10  # five charts, for page and phone
    assert "1,024.0 kW on 10 July at 14:30" in texts[0]
    assert "998.4 kW on 10 July at 14:30" in texts[0]
    assert "July 2013: 1,024.0 kW without V2B, 998.4 kW with it." in texts[4]
    assert "Axis starts at 500 kW." in keyed(text_of(page))
    assert "LEAF2: lowest 52 %, ready 18:24, left 18:53." in texts[6]
    assert "14:00 -25.3 kW" in texts[8]  # (25.0 + 25.6) / 2
    tables = page.findall(".//details//table")
    assert [len(table.findall("tbody/tr")) for table in tables] == [48, 31, 12, 6, 31]
    row = [text_of(cell) for cell in tables[0].findall("tbody/tr")[29]]
    assert row == ["14:30", "1,024.0", "998.4", "25.6", "0.0"]


def test_the_days_cars_gave_energy_are_counted(good: RenderedReport, render) -> None:
    days = parse(good.html).findall(".//details//table")[1]
    rows = {row[0].text: [text_of(cell) for cell in row[1:]] for row in days.findall("tbody/tr")}
    assert rows["10 July"] == ["1,024.0", "998.4", "yes"]
    assert rows["3 July"][2] == "no"  # a day left out on purpose
    gave = sum(cells[2] == "yes" for cells in rows.values())
    assert gave == 18  # 22 working days, four of them left out
    assert "lower on all 18 days" in keyed(good.html)
    assert "higher on all 18 days" in keyed(render("negative").html)


def test_a_day_of_25_hours_has_25_windows(render) -> None:
    table = parse(render("dollars").html).find(".//details//table")
    clocks = [text_of(row[0]) for row in table.findall("tbody/tr")]
    assert len(clocks) == 25
    assert clocks.count("1:00") == 2


def test_the_note_on_rounded_lines_stands_where_amounts_are_finer_than_printed() -> None:
    data = good()
    assert "may differ in the last digit" not in render_report(data).html
    finer = [{**line, "amount_actual": f"{line['amount_actual']}.4"} for line in data.summary["lines"]]
    assert "may differ in the last digit" in render_report(with_summary(data, lines=finer)).html


def test_method_notes_name_what_is_not_known(good: RenderedReport) -> None:
    assert "they are taken to be within the configured bound" in good.html
    assert "Charger wiring was not compared with the meter" in good.html
    assert REASONS["range_not_computed"].sentence in good.html
    assert "Battery wear, the cost of the chargers" in good.html
    assert ATSUGI.notes in good.html
    assert ATSUGI.tariff_notes in good.html
    assert str(Facts(SAMPLES["good"]()).figure("version", "input_hash")) in good.html
    assert language("en").say("report version {number}", number="1") in good.html


def test_a_key_names_only_what_is_drawn(render) -> None:
    """Where no bill differs between the worlds, no hollow dot and no second line is explained."""
    apart, alike = ("own peak without V2B", "billed without V2B"), "Each bill's own peak as metered."
    drawn, bare = (keyed(text_of(parse(render(name).html))) for name in ("good", "not_provable"))
    assert all(name in drawn for name in apart)
    assert not any(name in bare for name in apart)
    assert alike in bare
    assert alike not in drawn


def test_equal_peaks_in_one_window_have_one_label_and_no_colour() -> None:
    data = good()
    peak = dict.fromkeys(("unmanaged", "no_ev"), data.summary["peak_kw"]["actual"])
    at = data.summary["peak_kw"]["actual_set_at"]
    same = with_summary(data, peak_kw={**peak, "baseline_set_at": at, "reduction": 0.0})
    [figure] = [f for f in demand_figures(Facts(same), language("en")) if f.name == "peak-day"]
    words = {word.text: word.colour for panel in figure.draw(PAGE).panels for word in panel.words}
    labels = [text for text in words if "V2B" in text]
    assert [keyed(text) for text in labels] == ["998.4 kW with and without V2B, 14:30"]
    assert words["0.0\u00a0kW"] == theme.MUTED
