"""Lines read alike, by their shape, give exactly what they give one by one; and blocks of any size give the same."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.ingest import ocpp, ocpp_alike, ocpp_blocks, ocpp_frames, ocpp_log
from tests.ingest.faults import FAULTS

LOGS = sorted(path for path in FAULTS.joinpath("ocpp").iterdir() if not path.name.endswith(".expected.json"))
ONE_BY_ONE, ALIKE = 10**9, 1
Content = tuple[object, ...]


def content(path: Path) -> Content:
    found = ocpp.read(path, ("site", path.stem))
    frames = {kind: (dict(frame.schema), frame.rows()) for kind, frame in found.frames.items()}
    return (found.format, found.kind, frames, found.rejects.rows(), found.notes)


def with_fewest(monkeypatch, fewest: int, path: Path) -> Content:
    with monkeypatch.context() as patched:
        patched.setattr(ocpp_alike, "FEWEST_LINES", fewest)
        return content(path)


def both(monkeypatch, path: Path) -> tuple[Content, Content]:
    return with_fewest(monkeypatch, ONE_BY_ONE, path), with_fewest(monkeypatch, ALIKE, path)


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_every_fixture_is_read_alike_as_one_by_one(monkeypatch, path):
    one_by_one, alike = both(monkeypatch, path)
    assert alike == one_by_one


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_small_blocks_give_the_same(monkeypatch, path):
    whole = content(path)
    monkeypatch.setattr(ocpp_blocks, "BLOCK_BYTES", 300)
    monkeypatch.setattr(ocpp_alike, "FEWEST_LINES", 2)
    assert content(path) == whole


# Lines as shapes with holes, and what may stand in the holes: usual tokens, and what only looks like one.
SAMPLE = '{"value":?,"measurand":?,"unit":?,"phase":?}'
SAMPLE_2 = '{"value":?,"unitOfMeasure":{"unit":"Wh","multiplier":?}}'
SHAPES = [
    '[2,"?","MeterValues",{"connectorId":?,"transactionId":?,"meterValue":[{"timestamp":?,"sampledValue":['
    + SAMPLE
    + ","
    + SAMPLE
    + "]}]}]",
    '{"ts":?,"cp":?,"message":[2,?,"StartTransaction",{"connectorId":?,"idTag":?,"meterStart":?,"timestamp":?}]}',
    '{"ts":?,"cp":?,"message":[3,?,{"transactionId":?}]}',
    '[2,"s7","StopTransaction",{"transactionId":?,"idTag":?,"meterStop":?,"timestamp":?}]',
    '[2,"?","TransactionEvent",{"eventType":?,"timestamp":?,"seqNo":?,"transactionInfo":{"transactionId":?},'
    '"idToken":{"idToken":?},"evse":{"id":?},"meterValue":[{"timestamp":?,"sampledValue":[' + SAMPLE_2 + "]}]}]",
    '[?,"?",?,{"connectorId":?}]',
    '[4,"?","InternalError","",{}]',
]
PREFIXES = [
    "",
    "",
    "CP7 : ",
    "2024-05-06T08:00:02Z gw ocppd[412]: CP1 RECV ",
    "[2024-05-06 08:00:02] SEND ",
    "[1] ",
    " ",
]
WORDS = [
    "Energy.Active.Import.Register",
    "Energy.Active.Export.Register",
    "Power.Active.Import",
    "Voltage",
    "Wh",
    "kW",
    "L1",
    "L2",
    "L3-N",
    "Started",
    "Updated",
    "Ended",
    "MeterValues",
    "2024-05-06T08:00:00Z",
    "2024-05-06T08:15:00+02:00",
    "2024-05-06T08:15:00.25Z",
    "CP1",
    "CP 2 ",
    " 12.5 ",
    "17",
    "1e3",
    "-4",
    "tx-1",
    "100005",
    "Zürich 3",
    "",
]
NUMBERS = ["0", "1", "2", "17", "123456", "100003", "-1", "-0", "12.5", "-0.25", "1e3", "1.5E2", "05", "1.", "1.5.3"]
NUMBERS += ["9" * 19, "999999", "1000000"]
OTHERS = ["null", "true", "[]", "{}", '["a1"]', '{"id":3}', '"\\u0031"', '"a\\"1"', "NaN", '5"', '"5', ":5", ""]
HOLES = st.one_of(
    st.sampled_from([json.dumps(word, ensure_ascii=False) for word in WORDS]),
    st.sampled_from(NUMBERS),
    st.sampled_from(OTHERS),
)
USUAL = st.sampled_from(
    ['"2024-05-06T08:00:00Z"', '"2024-05-06T09:00:00Z"', '"CP1"', '"17"', "17", "1", "250.5", '"Wh"']
)


@st.composite
def log_lines(draw: st.DrawFn) -> str:
    shape = draw(st.sampled_from(SHAPES))
    holes = USUAL if draw(st.integers(0, 3)) else HOLES
    parts = shape.split("?")
    line = parts[0] + "".join(draw(holes) + part for part in parts[1:])
    end = draw(st.sampled_from(["", "", "", "\r", " and more 5", "]", "\x01"]))
    return draw(st.sampled_from(PREFIXES)) + line.replace('""', '"') + end


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("alike") / "CP1.log"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(log_lines(), min_size=1, max_size=30))
def test_any_lines_are_read_alike_as_one_by_one(monkeypatch, place, lines):
    place.write_text("\n".join(lines), encoding="utf-8")
    one_by_one, alike = both(monkeypatch, place)
    assert alike == one_by_one


@pytest.mark.soak
@settings(max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(log_lines(), min_size=1, max_size=30))
def test_many_lines_are_read_alike_as_one_by_one(monkeypatch, place, lines):
    place.write_text("\n".join(lines), encoding="utf-8")
    one_by_one, alike = both(monkeypatch, place)
    assert alike == one_by_one


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    log=st.sampled_from(LOGS),
    places=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_damaged_logs_are_read_alike_as_one_by_one(monkeypatch, place, log, places):
    damaged = bytearray(log.read_bytes() * 2)
    for at, byte in places:
        damaged[at % len(damaged)] = byte
    place.write_bytes(damaged)
    one_by_one, alike = both(monkeypatch, place)
    assert alike == one_by_one


def regular(count: int, charge_point: str = "CP1") -> str:
    """A log of readings a minute apart, every tenth line of another kind."""
    lines = []
    for number in range(count):
        at = f"2024-05-{1 + number // 1440:02d}T{number // 60 % 24:02d}:{number % 60:02d}:00Z"
        sample = {"value": f"{number}.5", "measurand": "Energy.Active.Import.Register", "unit": "Wh", "phase": "L1"}
        entry = {"timestamp": at, "sampledValue": [sample, sample | {"phase": "L2"}]}
        call = [2, str(number), "MeterValues", {"connectorId": 1 + number % 3, "meterValue": [entry]}]
        message = call if number % 10 else [3, str(number), {"currentTime": at}]
        lines.append(json.dumps({"at": at, "charge_point": charge_point, "message": message}))
    return "\n".join(lines) + "\n"


def read_by_themselves(monkeypatch, path: Path) -> list[int]:
    """The numbers of the lines that are not read alike."""
    seen: list[int] = []
    one_by_one = ocpp_log.messages

    def counted(pieces, charge_point):
        kept = list(pieces)
        seen.extend(number for number, piece in kept if piece)
        return one_by_one(kept, charge_point)

    with monkeypatch.context() as patched:
        patched.setattr(ocpp_alike, "messages", counted)
        ocpp.read(path, ("CP1",))
    return seen


def test_a_regular_log_is_hardly_read_one_by_one(monkeypatch, tmp_path):
    """Else the fast way would be right and idle: 1,000 lines of two shapes, and one that is no message."""
    path = tmp_path / "log"
    path.write_text(regular(1000) + "what is this?\n")
    assert read_by_themselves(monkeypatch, path) == [1001]
    found = ocpp.read(path, ("CP1",))
    assert found.frames["charger"].height == 900
    assert found.rejects["position"].to_list() == ["line 1001"]
    # Two phases of 1.5 Wh each, in the first reading of connector 2.
    assert found.frames["charger"].filter(charger_id="CP1-2")["energy_import_wh"][0] == 3


def test_names_with_digits_are_part_of_the_shape(monkeypatch, tmp_path):
    """`i7Tag` has a digit as ids and times have; the next line has `idTag` there, which is read."""
    path = tmp_path / "log"
    call = '[2,"s","StartTransaction",{{"connectorId":1,"{}":"CAR","meterStart":5,"timestamp":"2024-05-06T{}:00:00Z"}}]'
    path.write_text("\n".join(call.format(name, hour) for name, hour in (("i7Tag", "08"), ("idTag", "09"))))
    one_by_one, alike = both(monkeypatch, path)
    assert alike == one_by_one
    frame = ocpp.read(path, ("CP1",)).frames["charger"]
    assert frame["vehicle_id"].to_list() == [None, "CAR"]


@pytest.mark.parametrize("ends", ["\r\n", "\n"])
@pytest.mark.parametrize("before", ["", "May  6 08:00:02 gw ocppd[412]: CP1 RECV ", 'level=info from="gw" frame='])
@pytest.mark.parametrize("unit", ["Wh", "°C"])
def test_line_ends_prefixes_and_other_alphabets_are_read_at_once(monkeypatch, tmp_path, ends, before, unit):
    path = tmp_path / "log"
    text = regular(1000).replace('"Wh"', f'"{unit}"').replace("\n", ends)
    path.write_bytes("".join(before + line for line in text.splitlines(keepends=True)).encode())
    one_by_one, alike = both(monkeypatch, path)
    assert alike == one_by_one
    assert read_by_themselves(monkeypatch, path) == []


def test_columns_stay_with_their_lines_across_blocks(monkeypatch, tmp_path):
    path = tmp_path / "log"
    path.write_text(regular(600) + regular(600, "CP2"))
    whole = content(path)
    monkeypatch.setattr(ocpp_blocks, "BLOCK_BYTES", 20_000)
    assert content(path) == whole


@pytest.mark.parametrize("begin", ['[2,"', '[[2,"'])
def test_a_message_without_end_is_refused_by_its_length(monkeypatch, tmp_path, begin):
    monkeypatch.setattr(ocpp_blocks, "BLOCK_BYTES", 1000)
    for module in (ocpp_blocks, ocpp_log, ocpp_frames):
        monkeypatch.setattr(module, "LONGEST_MESSAGE_BYTES", 5000)
    path = tmp_path / "log"
    path.write_text(begin + "a" * 20_000)
    found = ocpp.read(path, ("CP1",))
    assert dict(found.frames) == {}
    assert found.rejects.select("field", "value", "allowed").rows() == [
        ("length", "over 5000 bytes", "a message of at most 5000 bytes")
    ]


def test_calls_and_answers_that_alternate_are_all_learnt(tmp_path):
    """Of 50,000 lines in turn a call and its answer, every twelfth one is a call: a sample by steps would miss half."""
    path = tmp_path / "CP1.log"
    sample = '{"value":"17","measurand":"Energy.Active.Import.Register","unit":"Wh"}'
    value = f'{{"timestamp":"2024-05-06T08:00:00Z","sampledValue":[{sample}]}}'
    pair = '[2,"{0}","MeterValues",{{"connectorId":1,"meterValue":[' + value.replace("{", "{{").replace("}", "}}")
    pair += ']}}]\n[3,"{0}",{{}}]\n'
    path.write_text("".join(pair.format(number) for number in range(25_000)), encoding="utf-8")
    (block,) = ocpp_blocks.blocks(path)
    groups = ocpp_alike.Shapes().alike(ocpp_frames.framed(block, "CP1"))
    assert sum(len(group.lines) for group in groups) == 50_000
