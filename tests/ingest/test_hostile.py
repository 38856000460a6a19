"""Hostile input over every registered format: no traceback, no hang, bounded memory, one of the four outcomes.

The corpus is every fixture and real file below tests/data, bent in the ways files are bent on their way: cut, flipped,
shuffled, re-encoded, doubled, zipped. Hypothesis chooses file and mutations and shrinks what it finds.
"""

import gzip
import io
import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.domain import RECORDS, REJECT
from pipeline.ingest import FORMATS, Records, read_file

DATA = Path(__file__).parents[1] / "data"
ROOT = Path(__file__).parents[2]
LARGEST_SEED = 70_000
SMALL_LINE, LARGE_LINE = 5 << 20, 100 << 20
MOST_MEMORY = 1 << 30

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


def assert_one_of_the_four(found: Records) -> None:
    """A reader's answer is whole: something loaded, refused with a reason, or noted; never nothing."""
    assert isinstance(found, Records)
    assert found.frames or found.local or found.rejects.height
    assert dict(found.rejects.schema) == dict(REJECT)
    if found.rejects.height:
        assert found.rejects.select(pl.col("position", "allowed").str.len_chars().min() > 0).row(0) == (True, True)
    for kind, frame in found.frames.items():
        assert dict(frame.schema) == dict(RECORDS[kind])
        assert frame.height or found.notes or found.rejects.height, "nothing is dropped in silence"
    if (meter := found.frames.get("meter")) is not None and meter.height:
        assert meter.select(pl.all().null_count().sum()).row(0) == (0,) * meter.width
        assert meter.select(pl.min_horizontal(pl.col("import_wh", "export_wh").min())).item() >= 0
        assert meter["interval_start"].dt.year().is_between(2000, 2100).all()
        assert meter.select("meter_id", "interval_start").is_unique().all()
    if (charger := found.frames.get("charger")) is not None:
        assert charger.select("charger_id", "measured_at", "context").null_count().row(0) == (0, 0, 0)
        assert charger.select("charger_id", "measured_at").is_unique().all()


def attack(path: Path, name: str, mutations: list[Mutation], seed: int) -> None:
    content, draw = SEEDS[name], random.Random(seed)
    for mutation in mutations:
        content = mutation(content, draw)
    path.write_bytes(content)
    assert_one_of_the_four(read_file(path, ("site", "CP1_2013-07")))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "file.any"


def test_every_format_has_a_seed():
    found = {entry.name for entry in FORMATS if any(entry.sniff(content[:65_536]) for content in SEEDS.values())}
    assert found == {entry.name for entry in FORMATS}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_every_mutation_of_every_kind_of_file(place, mutation):
    """One draw for each pair; Hypothesis looks deeper below."""
    for number, name in enumerate(sorted(SEEDS)):
        if number % 4 == MUTATIONS.index(mutation) % 4:
            attack(place, name, [mutation], number)


CHOICES = st.tuples(
    st.sampled_from(sorted(SEEDS)), st.lists(st.sampled_from(MUTATIONS), min_size=1, max_size=3), st.integers(0, 2**32)
)
LAX = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=150, deadline=None, suppress_health_check=LAX)
@given(choice=CHOICES)
def test_mutated_files_end_as_one_of_the_four(place, choice):
    attack(place, *choice)


@pytest.mark.soak
@settings(max_examples=20_000, deadline=None, suppress_health_check=LAX)
@given(choice=CHOICES)
def test_many_mutated_files_end_as_one_of_the_four(place, choice):
    attack(place, *choice)


# Files that aim at memory and time: each is read by a process of its own, which the system stops at a limit.


def heads() -> dict[str, bytes]:
    """The first bytes of a file of each format: what follows is the format's to survive."""
    return {
        "canonical": b"meter_id,interval_start,duration_s,import_kwh,export_kwh\n",
        "nem12": b"100,NEM12,200405011135,MDA1,Ret1\n200,1,E1,1,E1,,,KWH,30,\n300,20040201,",
        "ocpp": b'[2,"1","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"2013-07-10T09:00:00Z"}]}]\n[2,"',
        "ocpi": b'[{"id":"1","start_date_time":"2013-07-10T09:00:00Z","charging_periods":[],"kwh":"',
        "acn": b'{"_items":[{"connectionTime":"","kWhDelivered":"',
        "ocmf": b"OCMF|{",
        "ocmf_xml": b'<values><value><signedData format="OCMF">',
        "espi": b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><content><IntervalBlock xmlns="http://naesb.org/espi">',
        "comed": b"TYPE,DATE,START TIME,END TIME,USAGE\n",
        "plain": b"",
    }


def long_lines(size: int, of: str = "") -> dict[str, bytes]:
    found = {}
    for name, head in heads().items():
        if of not in {name, ""}:
            continue
        fillers = {"letters": b"a", "commas": b","}
        if size == SMALL_LINE and name not in {"canonical", "nem12", "comed"}:
            fillers |= {"brackets": b"[", "quotes": b'"', "tags": b"<a>"}
        found |= {f"{name}_{what}": head + filler * (size // len(filler)) for what, filler in fillers.items()}
    return found


def bombs() -> dict[str, bytes]:
    layers = "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY b0 "boom">{layers}]>'
    outside = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY b9 SYSTEM "file:///dev/zero">]>'
    bodies = {
        "ocmf": '<values><value><signedData format="OCMF">&b9;</signedData></value></values>',
        "espi": '<feed xmlns="http://www.w3.org/2005/Atom"><entry><content>&b9;</content></entry></feed>',
    }
    found = {f"{name}_entities": (bomb + body).encode() for name, body in bodies.items()}
    found |= {f"{name}_outside": (outside + body).encode() for name, body in bodies.items()}
    block = gzip.compress(b"0" * (16 << 20))
    found["gzip_bomb"] = block * 100
    found["zip_bomb"] = bomb_of_overlapping_entries(1000)
    return found


def bomb_of_overlapping_entries(count: int) -> bytes:
    """A zip whose directory names the same 16 MiB of zeros again and again."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("a0000.csv", b"0" * (16 << 20))
    content = out.getvalue()
    at = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    entry = content[at:end]
    # All name the one local entry: a reader that compares the two names refuses them, one that does not unpacks 16 GB.
    directory = entry * count
    tail = bytearray(content[end:])
    tail[8:12] = count.to_bytes(2, "little") * 2
    tail[12:16] = len(directory).to_bytes(4, "little")
    return content[:at] + directory + bytes(tail)


READER = """
import json, resource, sys
from pathlib import Path
from pipeline.ingest.batches import read_batches
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[2]), int(sys.argv[2])))
for path in sorted(Path(sys.argv[1]).iterdir()):
    gave, rejects = False, 0
    for found in read_batches(path, ("site", "CP1")):
        gave, rejects = gave or bool(found.frames or found.local), rejects + found.rejects.height
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps([path.name, gave, rejects, used]), flush=True)
"""


def read_apart(folder: Path, files: dict[str, bytes], cpu_s: int) -> dict[str, tuple[bool, int, int]]:
    """Read files in a process of limited time; returns whether each gave records, its rejects and the memory so far."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    run = subprocess.run(
        [sys.executable, "-c", READER, str(folder), str(cpu_s)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    answers = {name: (gave, rejects, used) for name, gave, rejects, used in map(json.loads, run.stdout.splitlines())}
    missing = sorted(files.keys() - answers.keys())
    assert not missing, f"{missing[0]}: {run.stderr[-2000:] or f'ended with {run.returncode}'}"
    return answers


def test_lines_of_5_megabytes(tmp_path):
    answers = read_apart(tmp_path, long_lines(SMALL_LINE), 120)
    assert all(gave or rejects for gave, rejects, _ in answers.values())
    assert max(used for _, _, used in answers.values()) < MOST_MEMORY


@pytest.mark.soak
@pytest.mark.parametrize("name", sorted(heads()))
def test_lines_of_100_megabytes(tmp_path, name):
    answers = read_apart(tmp_path, long_lines(LARGE_LINE, name), 300)
    assert all(gave or rejects for gave, rejects, _ in answers.values())
    assert max(used for _, _, used in answers.values()) < MOST_MEMORY


def test_bombs_of_zip_gzip_and_xml(tmp_path):
    answers = read_apart(tmp_path, bombs(), 60)
    assert {name: gave for name, (gave, _, _) in answers.items()} == dict.fromkeys(answers, False)
    assert all(rejects for _, rejects, _ in answers.values())
    assert max(used for _, _, used in answers.values()) < MOST_MEMORY
