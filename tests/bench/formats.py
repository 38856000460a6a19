"""OCPP logs beside DuckDB's `read_json`, Green Button beside greenbutton-objects; each side in a process of its own.

`python -m tests.bench.formats` prints a row each; V2B_BENCH_MESSAGES and V2B_BENCH_READINGS make them smaller.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import duckdb

from pipeline.ingest import read_file

MESSAGES = int(os.environ.get("V2B_BENCH_MESSAGES", "2_000_000"))
READINGS = int(os.environ.get("V2B_BENCH_READINGS", "105_120"))
STATIONS = 20
START = datetime(2024, 5, 6, tzinfo=UTC)
RUNS = 3
BLOCK = 96


def moment(minute: int) -> str:
    return f"{START + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}"


def samples(register: int, power: int, charge: int, *, second: bool) -> list[dict[str, Any]]:
    """Four values as chargers send them: text and unit in 1.6, a number and a unit of measure in 2.0.1."""
    import_wh = ("Energy.Active.Import.Register", "Wh", "Outlet", str(register))
    export_wh = ("Energy.Active.Export.Register", "Wh", "Outlet", "5000")
    import_kw = ("Power.Active.Import", "kW", "Outlet", f"{power / 1000:.3f}")
    values = [import_wh, export_wh, import_kw, ("SoC", "Percent", "EV", str(charge))]
    return [
        {"value": json.loads(value) if second else value, "context": "Sample.Clock", "measurand": name}
        | {"location": place}
        | ({"unitOfMeasure": {"unit": unit}} if second else {"unit": unit})
        for name, unit, place, value in values
    ]


def messages() -> Iterator[tuple[int, int, list[Any]]]:
    """Station, minute and frame without end: sessions of eight hours, one station in four of OCPP 2.0.1."""
    draw, number = random.Random(1), 0
    registers = [100_000] * STATIONS
    for minute in range(10**9):
        for station in range(STATIONS):
            number += 1
            power, second = draw.randrange(11_000), station % 4 == 3
            registers[station] += power // 60
            session, phase = divmod(minute + 7 * station, 600)
            values = samples(registers[station], power, 20 + phase // 8, second=second)
            call = (event if second else call_16)(phase, session, registers[station], moment(minute), values)
            yield station, minute, [2, str(number), *call]
            answer = {"transactionId": session} if call[0] == "StartTransaction" else {}
            yield station, minute, [3, str(number), answer]
            if phase % 10 == 5:
                yield station, minute, [2, f"{number}h", "Heartbeat", {}]
                yield station, minute, [3, f"{number}h", {"currentTime": moment(minute)}]
        if minute == 0:
            boot = {"chargePointVendor": "Acme", "chargePointModel": "V2B-11", "firmwareVersion": "1.2.3"}
            yield 0, 0, [2, "boot", "BootNotification", boot]


def call_16(phase: int, session: int, register: int, at: str, values: list[Any]) -> list[Any]:
    if phase == 0:
        start = {"connectorId": 1, "idTag": "LEAF1", "meterStart": register, "timestamp": at}
        return ["StartTransaction", start]
    if phase == 480:
        return ["StopTransaction", {"transactionId": session, "meterStop": register, "timestamp": at}]
    if phase == 481:
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": at}
        return ["StatusNotification", status]
    told = {"transactionId": session} if phase < 480 else {}
    return ["MeterValues", {"connectorId": 1, **told, "meterValue": [{"timestamp": at, "sampledValue": values}]}]


def event(phase: int, session: int, register: int, at: str, values: list[Any]) -> list[Any]:
    if phase > 480:
        return call_16(phase, session, register, at, values)
    kind = {0: "Started", 480: "Ended"}.get(phase, "Updated")
    payload = {
        "eventType": kind,
        "timestamp": at,
        "triggerReason": "MeterValuePeriodic",
        "seqNo": phase,
        "transactionInfo": {"transactionId": f"tx-{session}"},
        "evse": {"id": 1},
        "meterValue": [{"timestamp": at, "sampledValue": values}],
    }
    return ["TransactionEvent", payload]


def write_ocpp(path: Path, *, prefixed: bool) -> None:
    source = messages()
    with path.open("w", encoding="utf-8") as out:
        for _ in range(MESSAGES):
            station, minute, frame = next(source)
            name, at = f"CP{station:02d}", moment(minute)
            way = "RECV" if frame[0] == 2 else "SEND"
            line = {"at": at, "charge_point": name, "direction": way, "message": frame}
            text = json.dumps(frame if prefixed else line, separators=(",", ":"))
            out.write(f"{at} ocppd[412]: {name} {way} {text}\n" if prefixed else f"{text}\n")


def write_green_button(path: Path) -> None:
    """A feed of quarter hours, a day an IntervalBlock, linked as both readers want it."""

    def entry(href: str, up: str, related: str, content: str) -> str:
        links = f'<link rel="self" href="{href}"/><link rel="up" href="{up}"/><link rel="related" href="{related}"/>'
        stamp = "2013-01-01T00:00:00Z"
        ends = f"<published>{stamp}</published><updated>{stamp}</updated>"
        return f"<entry><id>urn:{href}</id>{links}<title/><content>{content}</content>{ends}</entry>\n"

    point, meter, espi = "C/1/UsagePoint/1", "C/1/UsagePoint/1/MeterReading/1", 'xmlns="http://naesb.org/espi"'
    fields = {"accumulationBehaviour": 4, "commodity": 1, "flowDirection": 1, "intervalLength": 900, "kind": 12}
    fields |= {"powerOfTenMultiplier": 0, "uom": 72}
    kind = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    service = f"<UsagePoint {espi}><ServiceCategory><kind>0</kind></ServiceCategory></UsagePoint>"
    with path.open("w", encoding="utf-8") as out:
        out.write('<?xml version="1.0"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n')
        out.write(entry(point, "C/1/UsagePoint", f"{point}/MeterReading", service))
        related = f'{meter}/IntervalBlock"/><link rel="related" href="ReadingType/1'
        out.write(entry(meter, f"{point}/MeterReading", related, f"<MeterReading {espi}/>"))
        out.write(entry("ReadingType/1", "ReadingType", "", f"<ReadingType {espi}>{kind}</ReadingType>"))
        for first in range(0, READINGS, BLOCK):
            block = "".join(reading(number) for number in range(first, min(first + BLOCK, READINGS)))
            span = (
                f"<interval><duration>{900 * BLOCK}</duration><start>{1_356_998_400 + 900 * first}</start></interval>"
            )
            content = f"<IntervalBlock {espi}>\n{span}\n{block}</IntervalBlock>"
            out.write(entry(f"{meter}/IntervalBlock/{first}", f"{meter}/IntervalBlock", "", content))
        out.write("</feed>\n")


def reading(number: int) -> str:
    start = 1_356_998_400 + 900 * number
    return (
        f"<IntervalReading>\n  <ReadingQuality><quality>17</quality></ReadingQuality>\n  <timePeriod>\n"
        f"    <duration>900</duration>\n    <start>{start}</start>\n  </timePeriod>\n"
        f"  <value>{number * 7 % 900}</value>\n</IntervalReading>\n"
    )


def records(path: Path) -> int:
    """Read a file to validated records."""
    return sum(frame.height for frame in read_file(path, ("site", "CP1")).frames.values())


def read_json(path: Path) -> int:
    """Make a table of a file's lines, their frames undecoded."""
    with duckdb.connect() as connection:
        connection.execute("create table plain as select * from read_json(?)", [str(path)])
        return int(connection.execute("select count(*) from plain").fetchall()[0][0])


def greenbutton_objects(path: Path) -> int:
    parse = import_module("greenbutton_objects.parse")  # no dependency: measured where somebody installed it

    points = parse.parse_feed(str(path))
    return sum(1 for point in points for meter in point.meterReadings for _ in meter.intervalReadings)


SIDES: dict[str, Callable[[Path], int]] = {side.__name__: side for side in (records, read_json, greenbutton_objects)}


def apart(side: str, path: Path) -> tuple[int, float, float, int]:
    """Return (rows, seconds, processor seconds, peak memory [MB]) of the fastest of three processes."""
    command = [sys.executable, "-m", "tests.bench.formats", side, str(path)]
    runs = [json.loads(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(RUNS)]
    done, seconds, cpu_s, peak = min(runs, key=lambda run: float(run[1]))
    return done, seconds, cpu_s, peak


def row(name: str, path: Path, floor: str, on: Path) -> str:
    """Return a line of the table: time, floor, ratio (on the clock, on the processors) and peak memory of both."""
    (done, took, cpu, peak), (_, least, least_cpu, least_peak) = apart("records", path), apart(floor, on)
    size = f"{done:,} records"
    ratio = f"{took / least:.2f} x (cpu {cpu / least_cpu:.2f} x)"
    return f"{name:<28} {size:>20} {took:.2f} s  {floor} {least:.2f} s  {ratio}  {peak} MB, {least_peak} MB"


def peak_mb() -> int:
    """The most memory this process ever had; `ru_maxrss` would count its parent's too."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) >> 10


def table() -> None:
    with tempfile.TemporaryDirectory() as folder:
        log, prefixed, feed = (Path(folder) / name for name in ("log.jsonl", "log.txt", "feed.xml"))
        write_ocpp(log, prefixed=False)
        print(row(f"OCPP, {MESSAGES:,} messages", log, "read_json", log), flush=True)
        write_ocpp(prefixed, prefixed=True)
        print(row("the same behind prefixes", prefixed, "read_json", log), flush=True)
        write_green_button(feed)
        if find_spec("greenbutton_objects") is None:
            print("Green Button: not compared, greenbutton-objects is not installed")
        else:
            print(row(f"Green Button, {READINGS:,}", feed, "greenbutton_objects", feed), flush=True)


def one_side(side: str, path: Path) -> None:
    begin, on_processors = perf_counter(), process_time()
    done = SIDES[side](path)
    print(json.dumps([done, perf_counter() - begin, process_time() - on_processors, peak_mb()]))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        one_side(sys.argv[1], Path(sys.argv[2]))
    else:
        table()
