"""The shipped fonts: they hold what reports print, and what they lack is drawn as a square, never as nothing."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from reports import theme
from reports.language import catalogue
from reports.monthly import render_report
from tests.reports.samples import good

PAIRS = (
    ("Inter-Regular.otf", "Inter-SemiBold.otf"),
    ("NotoSansCJKjp-Regular-cp932.otf", "NotoSansCJKjp-Bold-cp932.otf"),
)
INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ue000-\uf8ff]")


def drawn() -> set[int]:
    """Characters that both weights of a shipped family can draw."""
    both = [[set(TTFont(theme.FONTS / name)["cmap"].getBestCmap()) for name in pair] for pair in PAIRS]
    found = set().union(*(regular & bold for regular, bold in both))
    return {code for code in found if not INVISIBLE.match(chr(code))}


def test_the_list_of_drawn_characters_is_that_of_the_fonts() -> None:
    listed: set[int] = set()
    for line in (theme.FONTS / "coverage.txt").read_text(encoding="ascii").split():
        first, _, last = line.partition("-")
        listed |= set(range(int(first, 16), int(last or first, 16) + 1))
    assert listed == drawn()


def test_the_catalogue_can_be_printed() -> None:
    said = "".join(catalogue("ja").values())
    assert theme.printable(said) == said


@pytest.mark.parametrize("text", ["JPY 1,024.0\u00a0kW \u2212 \u2013", "Bürö Łódź Ωλ Жд", "厚木先進技術センター髙﨑㈱"])
def test_names_that_occur_are_printed_as_they_are(text: str) -> None:
    assert theme.printable(text) == text


@pytest.mark.parametrize(("text", "shown"), [("a\u202eb", "a□b"), ("\u0645", "□"), ("x\U0001f600", "x□"), ("\t", "□")])
def test_what_no_font_has_is_a_square(text: str, shown: str) -> None:
    assert theme.printable(text) == shown


def test_a_name_no_font_has_does_not_stop_the_report() -> None:
    data = good()
    report = render_report(replace(data, site=replace(data.site, name="\u0645\u202e\U0001f600" + "x" * 200)))
    assert report.pdf.startswith(b"%PDF-")


def test_the_licences_lie_beside_the_fonts() -> None:
    for name in ("Inter-LICENSE.txt", "NotoSansCJK-LICENSE.txt"):
        assert "SIL OPEN FONT LICENSE" in (theme.FONTS / name).read_text(encoding="utf-8")
    size = sum(path.stat().st_size for path in Path(theme.FONTS).iterdir())
    assert size < 4_500_000
