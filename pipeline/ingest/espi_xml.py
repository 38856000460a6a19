"""Green Button XML as a stream: readings as text columns, and the resources that tell what they mean.

Nothing is fetched, no entity is resolved and no DOCTYPE accepted; elements are dropped as soon as they were read, so
that memory grows with the readings only. Nesting and text sizes are bounded by libxml2 (256 levels, 10 MB).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl
from lxml import etree

from pipeline.ingest.espi_alike import MARK, Alike, Run
from pipeline.ingest.records import empty_rejects, refusal

_CHUNK_BYTES = 65_536
_CHUNK_READINGS = 100_000
_EVENTS_KEPT = 256
_READINGS_HELD = 512
_MOST_UNKNOWN_BYTES = 4 << 20
_DOCTYPE = re.compile(rb"\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*)*<!DOCTYPE", re.DOTALL)
READING_COLUMNS: Final = ("start", "duration", "value", "quality", "tou")
_RESOURCES: Final = ("ReadingType", "UsagePoint", "MeterReading")
_FIELDS: Final = (
    "accumulationBehaviour",
    "commodity",
    "dataQualifier",
    "defaultQuality",
    "flowDirection",
    "intervalLength",
    "kind",
    "phase",
    "powerOfTenMultiplier",
    "tou",
    "uom",
)
_IN_READING: Final = tuple(f"{{*}}{name}" for name in READING_COLUMNS)
_IN_BLOCK: Final = ("{*}IntervalReading", *_IN_READING)
_IN_RESOURCE: Final = tuple(f"{{*}}{name}" for name in _FIELDS)
_ENDS: Final = ("IntervalReading", "IntervalBlock", *_RESOURCES, "id", "link", "entry")
LAST_LINE: Final = 65_535  # libxml2 keeps 16 bits of a line number
_PLACE: Final = {"number": pl.Int64, "line": pl.Int64, "block": pl.Int64}
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
    rejects = empty_rejects()
    with path.open("rb") as stream:
        head = stream.read(_CHUNK_BYTES)
        alike = Alike(head, READING_COLUMNS, _ENDS)
        collector = _Collector(alike)
        if _DOCTYPE.match(head.removeprefix(b"\xef\xbb\xbf")):
            return Feed(collector.frame(), [], [], refusal("file", "DOCTYPE", "", "XML without a DOCTYPE"))
        parser = etree.XMLPullParser(
            events=("end",),
            tag=[f"{{*}}{name}" for name in _ENDS],
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
                parser.feed(alike.thinned(head))
                collector.take(parser, len(head))
                if collector.unknown_bytes > _MOST_UNKNOWN_BYTES:
                    allowed = f"an entry or IntervalReading at least every {_MOST_UNKNOWN_BYTES} bytes"
                    rejects = refusal("file", "XML", f"{collector.unknown_bytes} bytes without one", allowed)
                    return Feed(collector.frame(), collector.blocks, collector.entries, rejects)
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

    def __init__(self, alike: Alike) -> None:
        self._alike = alike
        self.entries: list[Entry] = []
        self.blocks: list[Entry] = []
        self._entry = Entry()
        self.unknown_bytes = 0
        self._in_block = False
        self._held: list[Any] = []  # IntervalReadings of one parent, yet to be taken in
        self._tags: list[str] = []
        self._leaves: list[str] = []
        self._places: list[tuple[int, int, int]] = []  # number, line and block of each of these readings
        self._runs: list[tuple[int, int, int, Run]] = []  # the same of the reading before each run
        self._count = 0
        self._frames: list[pl.DataFrame] = []
        self._local: dict[Any, str] = {}
        self._ends: dict[str, Callable[[Any], None]] = {
            "IntervalReading": self._reading,
            "IntervalBlock": self._block,
            **dict.fromkeys(_RESOURCES, self._resource),
            "id": self._identify,
            "link": self._link,
            "entry": self._leave,
        }

    def take(self, parser: Any, size: int) -> None:
        """Take every element that has ended in a piece of `size` bytes; now and then drop what lies before it."""
        ends, element = self._ends, None
        for number, (_, element) in enumerate(parser.read_events()):
            if taken := ends.get(self._name(element.tag)):
                taken(element)
            if number % _EVENTS_KEPT == 0 and not self._held:
                _drop_before(element)
        self.unknown_bytes = 0 if element is not None else self.unknown_bytes + size

    def _name(self, tag: str) -> str:
        """Return a tag without its namespace, remembered for the few tags of a feed."""
        name = self._local.get(tag)
        if name is None:
            name = tag.rpartition("}")[2]
            if len(self._local) < 1000:
                self._local[tag] = name
        return name

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
        self._empty()
        tables = [_table(self._tags, self._leaves, self._places), _run_table(self._runs)]
        line = pl.col("line").clip(upper_bound=LAST_LINE)
        self._frames.append(pl.concat(tables).sort("number").with_columns(line).select(list(_SCHEMA)))
        self._tags, self._leaves, self._places, self._runs = [], [], [], []

    def _reading(self, element: Any) -> None:
        if self._held and self._held[-1].getnext() is not element:
            self._empty()
        self._in_block = True
        self._held.append(element)
        place = (self._count, element.sourceline or 0, len(self.blocks))
        self._places.append(place)
        self._count += 1
        if run := self._alike.behind(element.get(MARK)):
            self._runs.append((*place, run))
            self._count += len(run.texts)
        if len(self._held) >= _READINGS_HELD:
            self._empty()
        if len(self._places) >= _CHUNK_READINGS:
            self._flush()

    def _empty(self) -> None:
        """Take in the readings held, which follow each other, and drop what lies before them."""
        if not self._held:
            return
        _drop_before(self._held[0])
        leaves = _leaves_at_once(self._held)
        tags = [leaf.tag for leaf in leaves]
        if sum(tags.count(tag) for tag in set(tags) if self._name(tag) == "IntervalReading") != len(self._held):
            leaves = [leaf for reading in self._held for leaf in (reading, *reading.iterdescendants(*_IN_READING))]
            tags = [leaf.tag for leaf in leaves]
        self._tags += tags
        self._leaves += [leaf.text or "" for leaf in leaves]
        self._held.clear()

    def _texts(self, element: Any, tags: Sequence[str]) -> dict[str, str]:
        """Return the texts inside an element by name: the last of each, but all qualities."""
        texts: dict[str, str] = {}
        for leaf in element.iter(*tags):
            name, text = self._name(leaf.tag), leaf.text or ""
            texts[name] = f"{texts[name]},{text}" if name == "quality" and name in texts else text
        return texts

    def _block(self, _: Any) -> None:
        self._in_block = False
        self.blocks.append(self._entry)
        self._entry.resource = self._entry.resource or "IntervalBlock"

    def _resource(self, element: Any) -> None:
        if self._entry.resource and self._entry.resource != "IntervalBlock":
            self._leave(element)
        self._entry.resource = self._name(element.tag)
        texts = self._texts(element, _IN_RESOURCE)
        self._entry.fields = {name: text.strip() for name, text in texts.items()}

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


def _leaves_at_once(readings: list[Any]) -> list[Any]:
    """Return each of some neighbouring readings and then what stands in it, with any reading that stands in one."""
    parent, after = readings[0].getparent(), readings[-1].getnext()
    leaves = list(parent.iterdescendants(*_IN_BLOCK)) if parent is not None else []
    if after is None:
        return leaves
    return leaves[: leaves.index(after)] if after in leaves else []


def _table(tags: list[str], texts: list[str], places: list[tuple[int, int, int]]) -> pl.DataFrame:
    """Return a row a reading: the last text of each name in it, but all qualities."""
    names = {tag: tag.rpartition("}")[2] for tag in set(tags)}
    leaves = pl.DataFrame({"tag": tags, "text": texts}, schema={"tag": pl.String, "text": pl.String})
    leaves = leaves.with_columns(name=pl.col("tag").replace_strict(names, return_dtype=pl.String, default=None))
    leaves = leaves.with_columns(reading=(pl.col("name") == "IntervalReading").cum_sum().cast(pl.Int64) - 1)
    table = pl.DataFrame(places, schema=_PLACE, orient="row").with_row_index("reading")
    table = table.cast({"reading": pl.Int64})
    for name in READING_COLUMNS:
        own = leaves.filter(pl.col("name") == name).group_by("reading", maintain_order=True)
        text = pl.col("text").str.join(",") if name == "quality" else pl.col("text").last()
        table = table.join(own.agg(text.alias(name)), on="reading", how="left", maintain_order="left")
    return table.select("number", *_SCHEMA)


def _run_table(runs: list[tuple[int, int, int, Run]]) -> pl.DataFrame:
    """Return a row a reading of the runs, as `_table` does for the readings before them."""
    numbers = ("before", "place", "ends", "line", "block")
    columns: dict[str, list[Any]] = {name: [] for name in (*numbers, *READING_COLUMNS)}
    for number, line, block, run in runs:
        count = len(run.texts)
        texts = dict(zip(run.columns, zip(*run.texts, strict=True), strict=True))
        for name in READING_COLUMNS:
            columns[name] += texts.get(name, (None,) * count)
        columns["before"] += (number,) * count
        columns["ends"] += (run.line_ends,) * count
        columns["line"] += (line,) * count
        columns["place"] += range(1, count + 1)
        columns["block"] += (block,) * count
    schema = dict.fromkeys(numbers, pl.Int64) | dict.fromkeys(READING_COLUMNS, pl.Binary)
    return pl.DataFrame(columns, schema=schema).select(
        (pl.col("before") + pl.col("place")).alias("number"),
        pl.col(READING_COLUMNS).cast(pl.String),
        pl.col("line") + pl.col("ends") * pl.col("place"),
        "block",
    )


def _drop_before(element: Any) -> None:
    """Remove what ended before an element, at its level and at those above; nothing asks for it any more."""
    while (parent := element.getparent()) is not None:
        del parent[: parent.index(element)]
        element = parent


def _of_entry(element: Any) -> bool:
    parent = element.getparent()
    return parent is not None and str(parent.tag).rpartition("}")[2] == "entry"
