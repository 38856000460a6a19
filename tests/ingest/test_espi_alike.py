"""Readings alike are read as each alone would be: a CDATA section at the top makes the reader look at every one."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ingest import espi_xml
from pipeline.ingest.espi_alike import Alike

DATA = Path(__file__).parents[1] / "data"
FEEDS = sorted(DATA.glob("**/green_button/**/*.xml"))
ONE = "<IntervalReading><timePeriod><duration>900</duration><start>{}</start></timePeriod><value>{}</value>\n{}"
END = "</IntervalReading>"
OTHERS = {  # readings of other shapes, and what looks like one
    "quality": "<IntervalReading><ReadingQuality><quality>8</quality></ReadingQuality><start>1</start><value>2</value>",
    "qualities": "<IntervalReading><quality>8</quality><quality>17</quality><start>1</start><value>2</value>",
    "prefix": "<e:IntervalReading><e:start>5</e:start><e:value>6</e:value></e:IntervalReading>",
    "attributes": '<IntervalReading a="1"><start>1</start><value b="v2b-alik">2</value>',
    "spaces": "<IntervalReading><start> 1 </start><value>\n2</value>",
    "entities": "<IntervalReading><start>1&#48;</start><value>&lt;2</value>",
    "empty": "<IntervalReading><start></start><value/>",
    "tail": "<IntervalReading><start>1</start>7<value>2</value>",
    "inner": "<IntervalReading><start>1<x>3</x></start><value>2</value>",
    "nested": "<IntervalReading><start>1</start><value>3</value><IntervalReading><value>2</value></IntervalReading>",
    "comment": "<IntervalReading><!-- <value>9</value> --><start>1</start><value>2</value>",
    "instruction": "<?x <IntervalReading><value>9</value></IntervalReading>?>",
    "cdata": "<x><![CDATA[<IntervalReading><start>1</start><value>2</value></IntervalReading>]]></x>",
    "commented": "<!-- <IntervalReading><start>1</start><value>2</value></IntervalReading> -->",
    "entry": "<IntervalReading><start>1</start><entry><value>2</value></entry>",
    "link": '<link rel="related" href="x"/>',
    "block": '</IntervalBlock>\n<IntervalBlock xmlns:e="y">',
    "text": "text",
    "lines": "\n\n \r\n",
}
PLAIN = st.tuples(st.integers(0, 10**10), st.decimals(-5, 10**6, places=1), st.sampled_from(["", "<tou>1</tou>"]))
ITEMS = st.one_of(
    st.lists(PLAIN.map(lambda parts: ONE.format(*parts) + END), min_size=1, max_size=6).map("".join),
    st.tuples(st.integers(0, 99), st.integers(2, 9)).map(lambda two: (ONE.format(two[0], 7, "") + END) * two[1]),
    st.sampled_from(list(OTHERS)).map(
        lambda name: OTHERS[name] + ("</IntervalReading>" if OTHERS[name].startswith("<IntervalReading") else "")
    ),
)


def feed(items: list[str], title: str) -> str:
    blocks = f'<IntervalBlock xmlns:e="y">{"".join(items)}</IntervalBlock>'
    return f'<feed xmlns="http://naesb.org/espi"><title>{title}</title>\n<entry><id>1</id>{blocks}</entry></feed>\n'


def parsed(path: Path, text: bytes):
    path.write_bytes(text)
    found = espi_xml.parse(path)
    return found.readings.rows(), found.blocks, found.entries, found.rejects.rows()


def both(path: Path, text: bytes):
    """What the file says with runs taken out, and with every reading parsed; their pieces are cut at the same bytes."""
    assert text.count(b"############") == 1
    return parsed(path, text), parsed(path, text.replace(b"############", b"<![CDATA[]]>"))


@settings(max_examples=150, deadline=None)
@given(
    items=st.lists(ITEMS, max_size=8),
    piece=st.one_of(st.integers(120, 900), st.just(65_536)),
    damage=st.lists(st.tuples(st.floats(0.05, 1), st.binary(max_size=2)), max_size=2),
)
def test_runs_are_read_as_each_reading_alone(tmp_path_factory, items, piece, damage):
    text = bytearray(feed(items, "############").encode())
    for share, byte in damage:
        place = max(int(share * len(text)), 70)
        text[place : place + len(byte)] = byte
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(espi_xml, "_CHUNK_BYTES", piece)
        fast, slow = both(tmp_path_factory.getbasetemp() / "alike.xml", bytes(text))
    assert fast == slow


@pytest.mark.parametrize("path", FEEDS, ids=lambda path: path.stem)
@pytest.mark.parametrize("piece", [997, 65_536])
def test_feeds_are_read_as_each_reading_alone(monkeypatch, tmp_path, path, piece):
    """A title goes before the root's first child, in real feeds and in broken ones."""
    text = path.read_bytes()
    place = text.find(b">", text.find(b"<feed")) + 1
    monkeypatch.setattr(espi_xml, "_CHUNK_BYTES", piece)
    fast, slow = both(tmp_path / "alike.xml", text[:place] + b"<title>############</title>" + text[place:])
    assert fast == slow


def thin(*pieces: str) -> list[str]:
    alike = Alike(pieces[0].encode(), ("start", "duration", "value", "quality", "tou"), ("IntervalReading", "entry"))
    return [alike.thinned(piece.encode()).decode() for piece in pieces]


def test_a_run_leaves_its_first_reading_and_all_line_ends():
    (text,) = thin("<a>" + (ONE.format(10, 7, "") + END + "\n") * 50 + "</a>")
    assert text.count("<IntervalReading") == 1
    assert text.count("\n") == 100
    assert text.startswith('<a><IntervalReading v2b-alike="1"><timePeriod>')


def test_the_readings_taken_out_are_handed_out_once():
    alike = Alike(b"", ("start", "value"), ())
    alike.thinned("".join(ONE.format(10 + number, -number, "") + END for number in range(3)).encode())
    run = alike.behind("1")
    assert (run.columns, run.texts, run.line_ends) == (["start", "value"], [(b"11", b"-1"), (b"12", b"-2")], 1)
    assert (alike.behind("1"), alike.behind(None), alike.behind("x")) == (None, None, None)


@pytest.mark.parametrize(
    "name", ["qualities", "attributes", "spaces", "entities", "empty", "nested", "comment", "entry"]
)
def test_other_shapes_are_left_as_they_are(name):
    text = (OTHERS[name] + END) * 5
    assert thin(text) == [text]


@pytest.mark.parametrize(
    "before",
    [
        '<?xml version="1.0" encoding="UTF-7"?>',
        '<?xml version="1.0" encoding="ISO-2022-JP"?>',
        "<!-- a --><!DOCTYPE feed>",
        "<a><![CDATA[",
        '<a v2b-alike="1">',
        '<IntervalReading v2b-alike="2">',
    ],
)
@pytest.mark.parametrize("cut", range(1, 12, 2))
def test_where_a_reading_may_be_none_nothing_is_taken_out(before, cut):
    run = (ONE.format(10, 7, "") + END) * 4
    assert thin(before + run) == [before + run]
    if "encoding" not in before:
        pieces = before[:-cut], before[-cut:] + run
        assert thin(*pieces) == list(pieces)


@pytest.mark.parametrize("lines", [65_530, 65_536, 70_000])
def test_line_numbers_stop_where_the_parser_stops_counting(tmp_path, lines):
    text = feed(["\n" * lines, (ONE.format(10, 7, "") + END) * 9], "############")
    fast, slow = both(tmp_path / "alike.xml", text.encode())
    assert fast == slow
    assert len(fast[0]) == 9


def test_a_feed_of_many_shapes_is_read_to_its_end(tmp_path):
    items = [f"<IntervalReading><start>1</start><value>2</value><x{n}></x{n}>{END}" * 3 for n in range(200)]
    fast, slow = both(tmp_path / "alike.xml", feed(items, "############").encode())
    assert fast == slow
    assert len(fast[0]) == 600
