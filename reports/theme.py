"""How everything looks: the Okabe-Ito colours with their meaning, the font, the Vega config.

Orange is energy to the building and money saved; blue is energy to the cars and money or demand added; grey, dashed,
is the world without V2B; the dark line is the meter. Line style says the same as colour.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import lru_cache
from pathlib import Path
from typing import Any

import vl_convert

FONTS = Path(__file__).parent / "fonts"
FONT_FAMILIES = ("Inter", "Noto Sans CJK JP")
"""Families that are shipped: what paper and still pictures are set in."""
NO_GLYPH = "\u25a1"
CJK = "'Noto Sans CJK JP', 'Hiragino Sans', 'Noto Sans JP', 'Yu Gothic', Meiryo"
FONT_CJK = f"{CJK}, sans-serif"
FONT = f"Inter, {CJK}, 'Noto Sans', sans-serif"

INK = "#17212b"
MUTED = "#5b6770"
RULE = "#e3e8ec"
PAPER = "#ffffff"
METER = "#123a5e"
BASELINE = "#7b868f"
SAVED = "#e69f00"  # Okabe-Ito orange
SAVED_TINT = "#f7d794"
SAVED_DEEP = "#b85c00"  # the end of a scale, as dark as its blue counterpart
SAVED_TEXT = "#a65200"  # the same hue, dark enough to read on white
ADDED = "#0072b2"  # Okabe-Ito blue
ADDED_TINT = "#b5d8ee"
ADDED_TEXT = "#00639c"
READY = "#00795a"  # Okabe-Ito bluish green, dark enough to read
FILL = "#d5dee6"
BAND = "#f6f2e9"
BAND_TEXT = "#7d7257"

CSS_VARIABLES = {
    "ink": INK,
    "muted": MUTED,
    "rule": RULE,
    "paper": PAPER,
    "meter": METER,
    "baseline": BASELINE,
    "saved": SAVED,
    "saved-tint": SAVED_TINT,
    "saved-deep": SAVED_DEEP,
    "saved-text": SAVED_TEXT,
    "added": ADDED,
    "added-tint": ADDED_TINT,
    "added-text": ADDED_TEXT,
    "ready": READY,
    "band": BAND,
    "font": FONT,
}


VEGA_CONFIG: dict[str, Any] = {
    "aria": False,  # the figure carries one alt text; hundreds of labelled steps would bury it
    "background": "transparent",
    "view": {"stroke": None},
}
"""What every chart's marks have in common; words are set by `drawing`."""


def shade(share: float) -> str:
    """Return the colour of a change from -1 (saved) over 0 (paper) to 1 (added)."""
    full, start = (ADDED, ADDED_TINT) if share > 0 else (SAVED_DEEP, SAVED_TINT)
    part = min(abs(share), 1.0)
    mixed = [
        round(low + (high - low) * part)
        for low, high in zip(bytes.fromhex(start[1:]), bytes.fromhex(full[1:]), strict=True)
    ]
    return "#" + bytes(mixed).hex()


@lru_cache(maxsize=1)
def register_fonts() -> None:
    """Make the shipped fonts known to the renderer: a font it cannot find draws no text and raises no error."""
    vl_convert.register_font_directory(str(FONTS))


@lru_cache(maxsize=1)
def _no_glyph() -> re.Pattern[str]:
    """Return the characters that no shipped font has, from the ranges of `fonts/coverage.txt`."""
    spans = (line.partition("-") for line in (FONTS / "coverage.txt").read_text(encoding="ascii").split())
    inside = "".join(f"\\U{int(a, 16):08X}-\\U{int(b or a, 16):08X}" for a, _, b in spans)
    return re.compile(f"[^\n{inside}]")


def printable(text: str) -> str:
    """Return a text for paper and still pictures: a white square for each character the shipped fonts lack."""
    return _no_glyph().sub(NO_GLYPH, text)


@lru_cache(maxsize=1)
def font_faces() -> str:
    """Return the `@font-face` rules with the Latin fonts inside, so that a report needs no network."""
    return "\n".join(
        f'@font-face{{font-family:"Inter";font-weight:{weight};font-style:normal;'
        f'src:url(data:font/woff2;base64,{b64encode((FONTS / name).read_bytes()).decode()}) format("woff2")}}'
        for weight, name in (("400", "Inter-Regular-latin.woff2"), ("600", "Inter-SemiBold-latin.woff2"))
    )
