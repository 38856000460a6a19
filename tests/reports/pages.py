"""Reads a page the way a test asks for it: as a tree, and as the words a keyboard can write."""

from html.parser import HTMLParser
from xml.etree import ElementTree as ET

VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.builder = ET.TreeBuilder()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.builder.start(tag, {name: value or "" for name, value in attrs})
        if tag in VOID:
            self.builder.end(tag)
        else:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} closes what it did not open"
        self.builder.end(tag)

    def handle_data(self, data: str) -> None:
        if self.open:
            self.builder.data(data)


def parse(page: str) -> ET.Element:
    """The tree of a page; fails where its tags do not balance."""
    reader = _Reader()
    reader.feed(page)
    assert reader.open == []
    return reader.builder.close()


def text_of(element: ET.Element) -> str:
    """All text inside an element."""
    return "".join(element.itertext())


def keyed(text: str) -> str:
    """Text with keyboard apostrophes, minus signs and spaces, runs of white space joined."""
    table = {0x2019: "'", 0x2212: "-", 0xA0: " ", 0x201C: '"', 0x201D: '"'}
    return " ".join(text.translate(table).split())
