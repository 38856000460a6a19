"""Every fixture and real file below tests/data, and the ways in which files are bent on their way.

They are cut, flipped, shuffled, re-encoded, doubled, zipped: `CHOICES` lets Hypothesis choose file and mutations.
"""

import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
from hypothesis import strategies as st

DATA = Path(__file__).parents[1] / "data"
LARGEST_SEED = 70_000

CANONICAL = {
    "meter.csv": "meter_id,interval_start,duration_s,import_kwh,export_kwh\n"
    + "".join(f"M1,2013-07-10T{hour:02}:00:00+09:00,3600,{hour}.125,0\n" for hour in range(24)),
    "charger.csv": "charger_id,measured_at,energy_import_wh,energy_export_wh,power_w,soc_pct,session_id,vehicle_id\n"
    + "".join(f"CP1,2013-07-10T{hour:02}:00:00Z,{hour}000,,7000,{hour},S1,LEAF\n" for hour in range(24)),
    "sessions.csv": "session_id,charger_id,vehicle_id,plugged_in_at,plugged_out_at,soc_in_pct,soc_out_pct,"
    "target_soc_pct,departure_at\nS1,CP1,LEAF,2013-07-10T09:00:00Z,2013-07-10T17:00:00Z,40,80,80,2013-07-10T17:00:00Z\n",
    "weather.csv": "station_id,observed_at,temperature_c\natsugi,2013-07-10T00:00:00Z,25.5\n",
    "comed.csv": "Account,1\nTYPE,DATE,START TIME,END TIME,USAGE (kWh),NOTES\n"
    + "".join(f"Electric usage,2013-07-01,{hour:02}:00,{hour:02}:59,{hour}.5,\n" for hour in range(24)),
    "ocpp.jsonl": "".join(
        json.dumps(frame) + "\n"
        for frame in (
            [
                2,
                "s1",
                "StartTransaction",
                {"connectorId": 1, "idTag": "A", "meterStart": 5, "timestamp": "2013-07-10T09:00:00Z"},
            ],
            [3, "s1", {"transactionId": 17, "idTagInfo": {"status": "Accepted"}}],
            [
                2,
                "m1",
                "MeterValues",
                {
                    "connectorId": 1,
                    "transactionId": 17,
                    "meterValue": [
                        {"timestamp": "2013-07-10T09:05:00Z", "sampledValue": [{"value": "1.5", "unit": "kWh"}]}
                    ],
                },
            ],
            [2, "p1", "StopTransaction", {"transactionId": 17, "meterStop": 2000, "timestamp": "2013-07-10T10:00:00Z"}],
        )
    ),
}


def seeds() -> dict[str, bytes]:
    """Files to mutate: the fixtures and real files of every format, and canonical ones."""
    found = {name: content.encode() for name, content in CANONICAL.items()}
    for path in sorted(DATA.rglob("*")):
        is_input = path.is_file() and not path.name.endswith(".expected.json") and path.suffix not in {".md", ".toml"}
        if is_input and path.name != "LICENSE" and path.stat().st_size <= LARGEST_SEED:
            found[str(path.relative_to(DATA))] = path.read_bytes()
    table = io.BytesIO()
    pl.read_csv(io.StringIO(CANONICAL["meter.csv"])).write_parquet(table)
    return found | {"meter.parquet": table.getvalue()}


SEEDS = seeds()

Mutation = Callable[[bytes, random.Random], bytes]


def truncated(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content) + 1)]


def beheaded(content: bytes, draw: random.Random) -> bytes:
    return content[draw.randrange(min(len(content), 200) + 1) :]


def flipped(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.randint(1, 8)):
        if changed:
            changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def printable(content: bytes, draw: random.Random) -> bytes:
    """Exchange letters for others that look innocent: what survives longest in a parser."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, 8)):
        if changed:
            changed[draw.randrange(len(changed))] = draw.choice(b"0123456789-+.,;:\"'{}[]<>/&|eETZ \t\r\nxN")
    return bytes(changed)


def columns_swapped(content: bytes, draw: random.Random) -> bytes:
    lines = content.split(b"\n")
    width = max(line.count(b",") for line in lines) + 1
    one, other = draw.randrange(width), draw.randrange(width)
    swapped = []
    for line in lines:
        cells = line.split(b",")
        if max(one, other) < len(cells):
            cells[one], cells[other] = cells[other], cells[one]
        swapped.append(b",".join(cells))
    return b"\n".join(swapped)


def lines_shuffled(content: bytes, draw: random.Random) -> bytes:
    lines = content.split(b"\n")
    draw.shuffle(lines)
    return b"\n".join(lines)


def block_repeated(content: bytes, draw: random.Random) -> bytes:
    first, last = sorted((draw.randrange(len(content) + 1), draw.randrange(len(content) + 1)))
    return content[:last] + content[first:last] * draw.randint(1, 3) + content[last:]


def block_removed(content: bytes, draw: random.Random) -> bytes:
    first, last = sorted((draw.randrange(len(content) + 1), draw.randrange(len(content) + 1)))
    return content[:first] + content[last:]


def re_encoded(content: bytes, draw: random.Random) -> bytes:
    text = content.decode("utf-8", "replace")
    return text.encode(
        draw.choice(["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "shift_jis", "latin-1", "cp037"]), "replace"
    )


def line_ends(content: bytes, draw: random.Random) -> bytes:
    return content.replace(b"\n", draw.choice([b"\r\n", b"\r", b"\n\n", b"\r\r\n", b"\x85", b"\x00\n", b""]))


def number_replaced(content: bytes, draw: random.Random) -> bytes:
    """Exchange one run of digits for a number no meter shows."""
    at = [index for index, byte in enumerate(content) if 48 <= byte <= 57]
    if not at:
        return content
    place = draw.choice(at)
    strange = [
        b"1e999",
        b"-1",
        b"9" * 40,
        b"NaN",
        b"Infinity",
        b"0x1F",
        b"1_0",
        "\u0663".encode(),
        b"1e-400",
        b"",
        b"-9999",
    ]
    return content[:place] + draw.choice(strange) + content[place + 1 :]


def text_inserted(content: bytes, draw: random.Random) -> bytes:
    strange = [
        b"\0",
        b'"',
        b"\\ud800",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\x1b[2J",
        b"null",
        b"{" * 2000,
        b"[" * 5000,
        b"\xed\xa0\x80",
    ]
    place = draw.randrange(len(content) + 1)
    return content[:place] + draw.choice(strange) + content[place:]


def zipped(content: bytes, draw: random.Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr(draw.choice(["CP1/a.jsonl", "../a", "a.csv", "C:/a", "\u65e5.csv"]), content)
        bundle.writestr("b.csv", CANONICAL["meter.csv"])
    return out.getvalue()


def gzipped(content: bytes, draw: random.Random) -> bytes:
    return gzip.compress(content, draw.choice([0, 6]))


MUTATIONS: tuple[Mutation, ...] = (
    truncated,
    beheaded,
    flipped,
    printable,
    columns_swapped,
    lines_shuffled,
    block_repeated,
    block_removed,
    re_encoded,
    line_ends,
    number_replaced,
    text_inserted,
    zipped,
    gzipped,
)

CHOICES = st.tuples(
    st.sampled_from(sorted(SEEDS)), st.lists(st.sampled_from(MUTATIONS), min_size=1, max_size=3), st.integers(0, 2**32)
)


def mutated(name: str, mutations: Sequence[Mutation], seed: int) -> bytes:
    """A file of the corpus, bent one way after the other."""
    content, draw = SEEDS[name], random.Random(seed)
    for mutation in mutations:
        content = mutation(content, draw)
    return content
