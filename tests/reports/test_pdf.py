"""The report on paper as a reader of tags finds it: PDF/UA-1 as the compiler keeps it, and its claims looked at.

The compiler refuses what it can see is not PDF/UA-1 (a figure without alt text, a document without title); these tests
read the file itself: ISO 14289-1 clauses 5 (identification), 7.1 (tags, title), 7.2 (language), 7.3 (figures), 7.4
(headings), 7.5 (tables), 7.21 (fonts).
"""

from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from typing import Any

import pytest
from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject

from reports import pdf
from reports.facts import Facts
from reports.figures import demand_figures, fleet_figures
from reports.language import language
from reports.monthly import render_report
from tests.reports.conftest import rendered
from tests.reports.samples import SAMPLES

LOOKED_AT = ("ranges", "japanese", "not_provable", "silent", "home")


def opened(name: str) -> PdfReader:
    return PdfReader(BytesIO(rendered(name).pdf))


def tags(node: Any) -> Iterator[tuple[str, DictionaryObject]]:
    """Every element of a structure tree, in reading order."""
    node = node.get_object()
    if isinstance(node, ArrayObject):
        for child in node:
            yield from tags(child)
    elif isinstance(node, DictionaryObject):
        if "/S" in node:
            yield str(node["/S"]), node
        if "/K" in node:
            yield from tags(node["/K"])


def structure(reader: PdfReader) -> list[tuple[str, DictionaryObject]]:
    return list(tags(reader.root_object["/StructTreeRoot"]))


@pytest.mark.parametrize("name", LOOKED_AT)
def test_the_file_says_what_it_is_in_which_language_and_under_which_title(name: str) -> None:
    reader, data = opened(name), SAMPLES[name]()
    root = reader.root_object
    assert root["/MarkInfo"]["/Marked"] is not None
    assert bool(root["/MarkInfo"]["/Marked"])
    assert str(root["/Lang"])[:2] == data.site.language
    assert bool(root["/ViewerPreferences"]["/DisplayDocTitle"])
    assert reader.metadata is not None
    assert reader.metadata.title == rendered(name).subject
    packet = root["/Metadata"].get_object().get_data().decode()
    assert "<pdfuaid:part>1</pdfuaid:part>" in packet


@pytest.mark.parametrize("name", LOOKED_AT)
def test_every_figure_has_the_alt_text_of_the_page_in_its_order(name: str) -> None:
    facts, words = Facts(SAMPLES[name]()), language(SAMPLES[name]().site.language)
    stated = [figure.caption.alt for figure in (*demand_figures(facts, words), *fleet_figures(facts, words))]
    assert [str(element["/Alt"]) for tag, element in structure(opened(name)) if tag == "/Figure"] == stated


@pytest.mark.parametrize("name", LOOKED_AT)
def test_headings_go_down_one_level_at_a_time_and_tables_have_heads(name: str) -> None:
    found = structure(opened(name))
    levels = [int(tag[2:]) for tag, _ in found if tag[:2] == "/H" and tag[2:].isdigit()]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    tables = [element for tag, element in found if tag == "/Table"]
    assert all("/TH" in dict(tags(table["/K"])) for table in tables)


@pytest.mark.parametrize("name", LOOKED_AT)
def test_every_font_is_in_the_file_and_can_be_read_back(name: str) -> None:
    fonts = [
        font.get_object()
        for page in opened(name).pages
        for font in page["/Resources"].get("/Font", DictionaryObject()).get_object().values()
    ]
    assert fonts
    for font in fonts:
        assert "/ToUnicode" in font
        for inner in font.get("/DescendantFonts", [font]):
            described = inner.get_object()["/FontDescriptor"].get_object()
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(described)


@pytest.mark.parametrize("name", LOOKED_AT)
def test_all_that_is_drawn_is_tagged_or_an_artifact(name: str) -> None:
    """Text between no marks would be read by nobody: each page's text lies inside marked content."""
    for page in opened(name).pages:
        depth = 0
        for _operands, operator in page.get_contents().operations:  # type: ignore[union-attr]
            depth += operator in (b"BDC", b"BMC")
            depth -= operator == b"EMC"
            if operator in (b"Tj", b"TJ"):
                assert depth > 0
        assert depth == 0


def test_the_compiler_holds_to_the_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure without alt text is refused, not typeset."""
    printed = pdf._printed

    def mute(*arguments: Any) -> dict[str, Any]:
        content = printed(*arguments)
        return {**content, "demand_figures": [{**figure, "alt": None} for figure in content["demand_figures"]]}

    monkeypatch.setattr(pdf, "_printed", mute)
    with pytest.raises(Exception, match="PDF/UA-1 error: missing alt text"):
        render_report(SAMPLES["good"]())
