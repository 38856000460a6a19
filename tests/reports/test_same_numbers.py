"""One report, one set of numbers: page, paper, mail and `summary.json` print the same figures."""

import io
import json
import re
from decimal import Decimal

import pytest
from pypdf import PdfReader

from tests.reports.pages import parse
from tests.reports.samples import SAMPLES

NUMBER = re.compile(r"[+\-]?\d[\d,]*(?:\.\d+)?")
STATES = ["good", "ranges", "full_year", "negative", "not_provable", "dollars", "euros", "home"]


def numbers(text: str) -> set[str]:
    """The numbers of a text: true minus read, grouping and signs of plus off."""
    plain = text.replace("\u2212", "-").replace("\u00a0", " ")
    return {found.replace(",", "").lstrip("+") for found in NUMBER.findall(plain)}


def page_text(html: str) -> str:
    """What a reader sees of a page: its charts once, without data tables and the phone's copies."""
    main = parse(html).find("body/main")
    for parent in list(main.iter()):
        for child in list(parent):
            if child.tag == "details" or child.get("class") == "narrow" or child.get("class") == "quantities":
                parent.remove(child)
    return " ".join(main.itertext())


def paper_text(pdf: bytes) -> str:
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


@pytest.mark.parametrize("name", STATES)
def test_paper_prints_the_numbers_of_the_page(name: str, render) -> None:
    report = render(name)
    page, paper = numbers(page_text(report.html)), paper_text(report.pdf)
    joined = re.sub(r"\s+", "", paper.replace("\u2212", "-").replace(",", ""))
    assert len(page) > 20
    assert {number for number in page if number.lstrip("-") not in joined} == set()


@pytest.mark.parametrize("name", STATES)
def test_a_mail_prints_only_numbers_of_the_page(name: str, render) -> None:
    report = render(name)
    page = numbers(" ".join(parse(report.html).itertext())) | numbers(page_alts(report.html))
    body = " ".join(parse(report.email_html).find("body").itertext())
    assert numbers(body) - page == set()
    assert numbers(report.email_text) - page == set()
    assert numbers(report.subject) - page == set()


def page_alts(html: str) -> str:
    return " ".join(str(picture.get("aria-label")) for picture in parse(html).iter("svg") if picture.get("role"))


def stated(summary: dict[str, object]) -> list[Decimal]:
    """The figures of a summary that a report must print."""
    paths = [("money", "saved"), ("money", "low"), ("money", "high"), ("annual", "realised"), ("annual", "run_rate")]
    paths += [("peak_kw", "reduction"), ("peak_kw", "low"), ("peak_kw", "high"), ("peak_kw", "actual")]
    paths += [("fleet", "departures"), ("fleet", "ready"), ("fleet", "charged_kwh"), ("fleet", "discharged_kwh")]
    found = [summary[block][key] for block, key in paths]  # type: ignore[index]
    found += [line[key] for line in summary["lines"] for key in ("amount_baseline", "amount_actual", "saved")]  # type: ignore[attr-defined]
    return [Decimal(str(value)) for value in found if value is not None]


@pytest.mark.parametrize("name", STATES)
def test_the_page_prints_the_summary(name: str, render) -> None:
    printed = {abs(Decimal(number)) for number in numbers(" ".join(parse(render(name).html).itertext()))}
    for figure in stated(json.loads(json.dumps(dict(SAMPLES[name]().summary)))):
        shown = {round(abs(figure), digits) for digits in (0, 1, 2)}
        assert shown & printed, figure


def test_a_changed_figure_is_noticed(render) -> None:
    report = render("good")
    assert "41015" in numbers(page_text(report.html))
    assert "41016" not in re.sub(r"[\s,]", "", paper_text(report.pdf))


def test_the_paper_is_tagged_titled_and_dated_by_its_content(render) -> None:
    reader = PdfReader(io.BytesIO(render("japanese").pdf))
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] is True or root["/MarkInfo"]["/Marked"].value is True
    assert root["/Lang"].startswith("ja")
    assert b"pdfuaid" in root["/Metadata"].get_object().get_data()
    assert reader.metadata.title == render("japanese").subject
    assert reader.metadata.creation_date.isoformat() == "2013-08-03T06:00:00+00:00"


def alts(reader: PdfReader) -> list[str]:
    """Alt texts of the figures of a tagged PDF."""
    found = []
    waiting = [reader.trailer["/Root"]["/StructTreeRoot"]]
    while waiting:
        node = waiting.pop().get_object()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            found += [str(node["/Alt"])] if "/Alt" in node else []
            waiting += [node["/K"]] if "/K" in node else []
    return found


def test_every_chart_on_paper_has_its_alt_text(render) -> None:
    report = render("good")
    found = alts(PdfReader(io.BytesIO(report.pdf)))
    drawn = {str(p.get("aria-label")) for p in parse(report.html).findall(".//div[@class='wide']//svg[@role='img']")}
    assert len(drawn) == 5
    assert drawn == set(found)
