"""Pictures: drawn, with text in them, small enough, with ids of their own."""

import io
import re
from xml.etree import ElementTree as ET

import altair as alt
import pytest
from PIL import Image

from reports import plot, theme
from reports.drawing import Answer, Drawing, Panel, Word, to_png, to_svg
from reports.inputs import RenderedReport


def ink(png: bytes) -> int:
    """Pixels darker than the lightest grid line."""
    return sum(Image.open(io.BytesIO(png)).convert("L").histogram()[:128])


def bar() -> alt.LayerChart:
    return alt.layer(plot.boxes("bar", color="#000000"))


def drawing(*words: Word, bars: int = 0) -> Drawing:
    rows = {"bar": [{"x": i, "x2": i + 0.5, "y": 0, "y2": 1} for i in range(bars)]}
    return Drawing((Panel(bar, rows, (0, 10), (0, 1), 300, 40, 0, words),), 0, 0, 40)


def word(text: str, family: str = theme.FONT) -> bytes:
    svg = to_svg(drawing(Word(2, 30, text, "start", 20, theme.INK)), "word", "a word")
    return to_png(svg.replace(theme.FONT, family))


def test_text_is_drawn_in_the_shipped_font() -> None:
    assert ink(word("Demand 1,024.0 kW")) > 500
    assert word("Demand 1,024.0 kW") == word("Demand 1,024.0 kW", "Inter")
    assert word("Demand 1,024.0 kW") != word("Demand 1,024.0 kW", "monospace")


def test_a_japanese_word_is_drawn_in_the_shipped_font_alone() -> None:
    mixed = word("V2Bなし 1,024.0 kW")
    assert ink(mixed) > 500
    assert mixed == word("V2Bなし 1,024.0 kW", "monospace")  # the picture's own family does not matter
    assert theme.FONT_CJK.startswith("'Noto Sans CJK JP'")


def test_every_family_ends_with_a_generic_one() -> None:
    assert theme.FONT.endswith(", sans-serif")
    assert (theme.FONTS / "Inter-LICENSE.txt").read_text(encoding="utf-8").count("SIL OPEN FONT LICENSE") == 1


def test_the_mail_picture_has_ink_and_fits(good: RenderedReport) -> None:
    picture = Image.open(io.BytesIO(good.peak_day_png))
    assert picture.mode == "P"
    assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert 2 * 500 < picture.width <= 2 * 640
    assert len(good.peak_day_png) < 60_000
    without_text = to_png(re.sub(r"<text.*?</text>", "", good.peak_day_svg))
    with_text = to_png(good.peak_day_svg)
    assert ink(with_text) > ink(without_text) + 2_000


@pytest.mark.parametrize("name", ["good", "negative", "dollars", "first_month"])
def test_the_peak_day_is_svg_that_says_what_it_shows(name: str, render) -> None:
    svg = render(name).peak_day_svg
    root = ET.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("role") == "img"
    assert "kW" in (root.get("aria-label") or "")
    fonts = set(re.findall(r'font-family="([^"]+)"', svg))
    assert fonts
    assert all(font.endswith("sans-serif") for font in fonts)


def clipped() -> alt.LayerChart:
    return alt.layer(plot.boxes("bar", color="#000000", clip=True))


def test_ids_do_not_grow_with_the_life_of_the_process() -> None:
    panel = Panel(clipped, {"bar": [{"x": 0, "x2": 1, "y": 0, "y2": 1}]}, (0, 1), (0, 1), 50, 50)
    first = to_svg(Drawing((panel,), 0, 0, 50), "one", "a bar")
    assert to_svg(Drawing((panel,), 0, 0, 50), "one", "a bar") == first
    ids = re.findall(r'id="([^"]+)"', first)
    assert ids
    assert ids == [f"one-{number}" for number in range(len(ids))]


def test_rows_are_swapped_into_marks_compiled_once() -> None:
    heights = [to_svg(drawing(bars=bars), "one", "bars").count("<path") for bars in (0, 1, 3)]
    assert heights[1] - heights[0] == 1
    assert heights[2] - heights[0] == 3


def test_a_place_is_where_its_scale_says() -> None:
    panel = drawing().panels[0]
    assert (panel.x(2.5), panel.y(1), panel.y(0.25)) == (75.0, 0.0, 30.0)


def test_an_alt_text_is_escaped() -> None:
    svg = to_svg(drawing(Word(0, 0, "<b>&")), "one", 'a "quoted" <word>')
    root = ET.fromstring(svg)
    assert root.get("aria-label") == 'a "quoted" <word>'
    assert [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")] == ["<b>&"]


def test_answers_are_for_the_page_only() -> None:
    panel = Panel(bar, {"bar": []}, (0, 1), (0, 1), 50, 50, answers=(Answer(0, 10, "<10 kW"),))
    picture = Drawing((panel,), 0, 0, 50)
    still, live = to_svg(picture, "one", "x"), to_svg(picture, "one", "x", answers=True)
    assert "data-says" not in still
    assert "tabindex" not in still
    assert 'data-says="&lt;10 kW"' in live
    assert 'tabindex="0"' in live
