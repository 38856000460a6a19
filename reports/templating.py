"""The one Jinja2 environment: everything a template prints is escaped, a missing name is an error."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from reports.language import Language

TEMPLATES = Path(__file__).parent / "templates"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(disabled_extensions=("txt.j2",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def fill(template: str, words: Language, values: Mapping[str, Any]) -> str:
    """Return a template of `templates/` filled in; `.txt.j2` is plain text, everything else is HTML."""
    return _environment().get_template(template).render({**values, "_": words.say})


def stylesheet(name: str) -> str:
    """Return the text of a stylesheet or script of `templates/`."""
    return (TEMPLATES / name).read_text(encoding="utf-8")
