"""Pictures: drawn, with text in them, small enough, with ids of their own."""

import io
import re
from xml.etree import ElementTree as ET

import pytest
import vl_convert
from PIL import Image

from reports import theme
from reports.drawing import layer, to_png, to_svg
from reports.inputs import RenderedReport


def ink(png: bytes) -> int:
    """Pixels darker than the lightest grid line."""
    return sum(Image.open(io.BytesIO(png)).convert("L").histogram()[:128])


def word(font: str) -> bytes:
    chart = layer([{}]).mark_text(text="Demand 1,024.0 kW", fontSize=20, font=font).configure(background="#fff")
    return to_png(to_svg(chart, "word", "a word"))


def test_text_is_drawn_in_the_shipped_font() -> None:
    assert ink(word("Inter, sans-serif")) > 500
    assert word("Inter") != word("monospace")


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


def test_ids_do_not_grow_with_the_life_of_the_process() -> None:
    chart = layer([{"x": 1}]).mark_rect(clip=True).encode(x="x:Q")
    first = to_svg(chart, "one", "a bar")
    vl_convert.vegalite_to_svg(chart.to_dict())
    assert to_svg(chart, "one", "a bar") == first
    assert set(re.findall(r'id="([^"]+)"', first)) <= {f"one-{number}" for number in range(20)}


def test_an_alt_text_is_escaped() -> None:
    svg = to_svg(layer([{}]).mark_text(text="x"), "one", 'a "quoted" <word>')
    assert ET.fromstring(svg).get("aria-label") == 'a "quoted" <word>'
