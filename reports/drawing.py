"""From an Altair chart to a still picture: SVG with stable ids, PNG small enough for mail."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import altair as alt
import vl_convert
from markupsafe import escape
from PIL import Image

from reports.theme import register_fonts

Rows = list[dict[str, Any]]
PNG_SCALE = 2
PNG_COLOURS = 128


def layer(rows: Rows) -> alt.Chart:
    """Return a chart on rows given in place; the renderer never loads anything.

    The rows are one JSON text: Altair copies its objects many times over, but not the letters of a text.
    """
    return alt.Chart(alt.InlineData(values=json.dumps(rows), format=alt.JsonDataFormat(type="json")))


def to_svg(chart: alt.TopLevelMixin, name: str, alt_text: str) -> str:
    """Return a chart as SVG that scales with its page; `name` begins its ids, `alt_text` states its finding."""
    register_fonts()
    spec = chart.to_dict(validate=False)
    return _tidy(str(vl_convert.vegalite_to_svg(spec)), name, alt_text)


def to_png(svg: str) -> bytes:
    """Return an SVG as PNG at two pixels a point, in few enough colours for mail."""
    register_fonts()
    picture = Image.open(io.BytesIO(vl_convert.svg_to_png(svg, scale=PNG_SCALE))).convert("RGB")
    few = picture.quantize(PNG_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    out = io.BytesIO()
    few.save(out, "PNG", optimize=True)
    return out.getvalue()


def _tidy(svg: str, name: str, alt_text: str) -> str:
    """Renumber ids (the renderer counts on over a process's life) and give the picture its one description."""
    ids = {old: f"{name}-{index}" for index, old in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)))}
    for old, new in ids.items():
        svg = svg.replace(f'id="{old}"', f'id="{new}"').replace(f"url(#{old})", f"url(#{new})")
    head, _, body = svg.partition(">")
    found = re.search(r'viewBox="([^"]+)"', head)
    size = re.search(r'width="([^"]+)" height="([^"]+)"', head)
    if found is None or size is None:
        raise ValueError("an SVG with a viewBox, a width and a height")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(alt_text)}" '
        f'width="{size[1]}" height="{size[2]}" viewBox="{found[1]}">{body}'
    )
