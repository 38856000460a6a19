"""Green Button XML as a stream: readings as text columns, and the resources that tell what they mean.

Nothing is fetched, no entity is resolved and no DOCTYPE accepted; elements are dropped as soon as they were read, so
that memory grows with the readings only. Nesting and text sizes are bounded by libxml2 (256 levels, 10 MB).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl
from lxml import etree

from pipeline.ingest.records import empty_rejects, refusal

_CHUNK_BYTES = 65_536
_CHUNK_READINGS = 100_000
_EVENTS_KEPT = 256
_DOCTYPE = re.compile(rb"\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*)*<!DOCTYPE", re.DOTALL)
READING_COLUMNS: Final = ("start", "duration", "value", "quality", "tou")
_LEAVES: Final = frozenset(
    {
        *READING_COLUMNS,
        "accumulationBehaviour",
        "commodity",
        "dataQualifier",
        "defaultQuality",
        "flowDirection",
        "intervalLength",
        "kind",
        "phase",
        "powerOfTenMultiplier",
        "uom",
    }
)
_SCHEMA: Final = {**dict.fromkeys(READING_COLUMNS, pl.String), "line": pl.Int64, "block": pl.Int64}


@dataclass
class Entry:
    """One Atom entry: its links, and what stands in it; the fields of a ReadingType, the kind of a UsagePoint."""

    ident: str = ""
    self_href: str = ""
    up_href: str = ""
    related: list[str] = field(default_factory=list)
    resource: str = ""
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Feed:
    """What a file holds. `readings`: start, duration, value, quality, tou (text), line and the number of its block."""

    readings: pl.DataFrame
    blocks: list[Entry]
    entries: list[Entry]
    rejects: pl.DataFrame


def parse(path: Path) -> Feed:
    """Read a file to its end, or to the place where it is no XML any more: that place becomes a reject."""
    collector = _Collector()
    rejects = empty_rejects()
    with path.open("rb") as stream:
        head = stream.read(_CHUNK_BYTES)
        if _DOCTYPE.match(head.removeprefix(b"\xef\xbb\xbf")):
            return Feed(collector.frame(), [], [], refusal("file", "DOCTYPE", "", "XML without a DOCTYPE"))
        parser = etree.XMLPullParser(
            events=("end",),
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
            collect_ids=False,
        )
        try:
            while head:
                parser.feed(head)
                collector.take(parser)
                head = stream.read(_CHUNK_BYTES)
            parser.close()
        except etree.XMLSyntaxError as error:
            rejects = refusal(f"line {error.lineno or 0}", "XML", _said(error), "well-formed XML to the end")
            if error.code == etree.ErrorTypes.NS_ERR_UNDEFINED_NAMESPACE:
                return Feed(collector.frame().clear(), [], [], rejects)
        collector.finish()
    return Feed(collector.frame(), collector.blocks, collector.entries, rejects)


def _said(error: etree.XMLSyntaxError) -> str:
    return str(error.msg or "").partition(", line")[0][:200]


class _Collector:
    """Keeps what the end of each element completes."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.blocks: list[Entry] = []
        self._entry = Entry()
        self._in_block = False
        self._fields: dict[str, str] = {}
        self._rows: list[tuple[Any, ...]] = []
        self._frames: list[pl.DataFrame] = []
        self._local: dict[Any, str] = {}
        self._ends: dict[str, Callable[[Any], None]] = {
            "IntervalReading": self._reading,
            "interval": self._forget,
            "IntervalBlock": self._block,
            "ReadingType": self._resource,
            "UsagePoint": self._resource,
            "MeterReading": self._resource,
            "id": self._identify,
            "link": self._link,
            "entry": self._leave,
        }

    def take(self, parser: Any) -> None:
        """Take every element that has ended; now and then drop all that lie before it in the tree."""
        local, ends, fields = self._local, self._ends, self._fields
        for number, (_, element) in enumerate(parser.read_events()):
            tag = element.tag
            name = local.get(tag)
            if name is None:
                name = str(tag).rpartition("}")[2]
                if len(local) < 1000:
                    local[tag] = name
            if name in _LEAVES:
                text = element.text or ""
                fields[name] = f"{fields[name]},{text}" if name == "quality" and name in fields else text
            elif name in ends:
                ends[name](element)
            if number % _EVENTS_KEPT == 0:
                _drop_before(element)

    def finish(self) -> None:
        """Close the document: what stood outside any entry, or in one that was cut, counts as an entry of its own."""
        if self._in_block:
            self.blocks.append(self._entry)
        self.entries.append(self._entry)

    def frame(self) -> pl.DataFrame:
        """Return all readings, in the order of the file."""
        self._flush()
        return pl.concat(self._frames)

    def _flush(self) -> None:
        self._frames.append(pl.DataFrame(self._rows, schema=_SCHEMA, orient="row"))
        self._rows.clear()

    def _forget(self, _: Any) -> None:
        self._fields.clear()

    def _reading(self, element: Any) -> None:
        get = self._fields.get
        self._in_block = True
        self._rows.append((*(get(name) for name in READING_COLUMNS), element.sourceline or 0, len(self.blocks)))
        self._fields.clear()
        if len(self._rows) >= _CHUNK_READINGS:
            self._flush()

    def _block(self, _: Any) -> None:
        self._in_block = False
        self.blocks.append(self._entry)
        self._entry.resource = self._entry.resource or "IntervalBlock"

    def _resource(self, element: Any) -> None:
        name = self._local.get(element.tag) or str(element.tag).rpartition("}")[2]
        if self._entry.resource and self._entry.resource != "IntervalBlock":
            self._leave(element)
        self._entry.resource = name
        self._entry.fields = {key: text.strip() for key, text in self._fields.items()}
        self._fields.clear()

    def _identify(self, element: Any) -> None:
        if _of_entry(element):
            self._entry.ident = (element.text or "").strip()

    def _link(self, element: Any) -> None:
        if not _of_entry(element):
            return
        href = (element.get("href") or "").strip().rstrip("/")
        relation = element.get("rel")
        if relation == "self":
            self._entry.self_href = href
        elif relation == "up":
            self._entry.up_href = href
        else:
            self._entry.related.append(href)

    def _leave(self, _: Any) -> None:
        if self._entry.resource:
            self.entries.append(self._entry)
        self._entry = Entry()
        self._fields.clear()


def _drop_before(element: Any) -> None:
    """Remove what ended before an element, at its level and at those above; nothing asks for it any more."""
    while (parent := element.getparent()) is not None:
        del parent[: parent.index(element)]
        element = parent


def _of_entry(element: Any) -> bool:
    parent = element.getparent()
    return parent is not None and str(parent.tag).rpartition("}")[2] == "entry"
