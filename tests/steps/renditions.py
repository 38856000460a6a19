"""One building's readings as every format writes them: the same content in many shapes of file."""

import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import strategies as st

from tests.factories import FLAT_TARIFF, METER_HEADER

START = datetime(2013, 6, 30, 14, tzinfo=UTC)
"""The first midnight of July on the clock of NEM12, which is UTC+10 all year, and of the site."""

NMI, USAGE_POINT = "6305000001", "/espi/UsagePoint/1"
SITE = f"""
site_id = "depot"
name = "Depot"
timezone = "Australia/Brisbane"
currency = "USD"
tariff = "flat"
demand_window_min = 30
weather_station = "depot"
[[meters]]
meter_id = "main"
aliases = ["{NMI}", "{USAGE_POINT}"]
[[chargers]]
charger_id = "CP1"
rated_charge_kw = 6.0
[[chargers]]
charger_id = "CP2"
rated_charge_kw = 6.0
[[vehicles]]
vehicle_id = "LEAF1"
usable_kwh = 20.0
"""


def depot(root: Path) -> Path:
    """Write a portfolio of one site that has all the names the files below use."""
    for name in ("sites", "tariffs", "landing"):
        (root / name).mkdir(parents=True)
    (root / "v2b.toml").write_text('currency = "USD"\n', encoding="utf-8")
    (root / "tariffs" / "flat.toml").write_text(FLAT_TARIFF, encoding="utf-8")
    (root / "sites" / "depot.toml").write_text(SITE, encoding="utf-8")
    return root


def moment(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def stamp(minute: int) -> str:
    return f"{moment(minute):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class Claim:
    """What one file says of one interval of the meter; times in minutes after START."""

    minute: int
    length: int
    import_wh: int
    export_wh: int
    estimated: bool = False


def meter_csv(claims: Sequence[Claim]) -> bytes:
    lines = (
        f"main,{stamp(c.minute)},{c.length * 60},{c.import_wh / 1000:.3f},{c.export_wh / 1000:.3f}\n" for c in claims
    )
    return (METER_HEADER + "".join(lines)).encode()


def torn_csv(claims: Sequence[Claim]) -> bytes:
    """Without its last line end: what that line says counts as estimated."""
    return meter_csv(claims).removesuffix(b"\n")


def as_parquet(csv: bytes) -> bytes:
    """The table of a canonical CSV, typed; times as timestamps."""
    out = io.BytesIO()
    pl.read_csv(io.BytesIO(csv), try_parse_dates=True).write_parquet(out)
    return out.getvalue()


def meter_parquet(claims: Sequence[Claim]) -> bytes:
    return as_parquet(meter_csv(claims))


def espi(claims: Sequence[Claim]) -> bytes:
    """A feed of two MeterReadings, import and export, descending as some utilities write them."""
    entries = [_entry("", "UsagePoint", "<ServiceCategory><kind>0</kind></ServiceCategory>")]
    for number, direction in ((1, 1), (2, 19)):
        kind = f"<flowDirection>{direction}</flowDirection><uom>72</uom>"
        reading = f"/MeterReading/{number}"
        meaning = f'<ReadingType xmlns="http://naesb.org/espi">{kind}</ReadingType>'
        entries += [
            f'<entry><link rel="self" href="/espi/ReadingType/{number}"/><content>{meaning}</content></entry>\n',
            _entry(reading, "MeterReading", "", f'<link rel="related" href="/espi/ReadingType/{number}"/>'),
            _entry(f"{reading}/IntervalBlock/1", "IntervalBlock", _readings(claims, number)),
        ]
    return f'<feed xmlns="http://www.w3.org/2005/Atom">\n{"".join(entries)}</feed>\n'.encode()


def _entry(path: str, name: str, inside: str, links: str = "") -> str:
    own = f"{USAGE_POINT}{path}"
    above = own.rpartition("/")[0]
    return (
        f'<entry><link rel="self" href="{own}"/><link rel="up" href="{above}"/>{links}\n'
        f'<content><{name} xmlns="http://naesb.org/espi">{inside}</{name}></content></entry>\n'
    )


def _readings(claims: Sequence[Claim], number: int) -> str:
    return "".join(
        f"<IntervalReading>{'<ReadingQuality><quality>8</quality></ReadingQuality>' if c.estimated else ''}"
        f"<timePeriod><duration>{c.length * 60}</duration><start>{int(moment(c.minute).timestamp())}</start>"
        f"</timePeriod><value>{c.import_wh if number == 1 else c.export_wh}</value></IntervalReading>\n"
        for c in reversed(claims)
    )


def nem12(claims: Sequence[Claim]) -> bytes:
    """Whole days only, all measured or all estimated."""
    lines, length = ["100,NEM12,201307100000,MDP,RET"], claims[0].length
    for letter, name in (("E", "import_wh"), ("B", "export_wh")):
        lines.append(f"200,{NMI},E1B1,1,{letter}1,N1,METER1,kWh,{length},")
        a_day = 1440 // length
        for first in range(0, len(claims), a_day):
            day = claims[first : first + a_day]
            date = f"{moment(day[0].minute + 600):%Y%m%d}"
            values = ",".join(f"{getattr(c, name) / 1000:.3f}" for c in day)
            lines.append(f"300,{date},{values},{'E52' if day[0].estimated else 'A'},,,20130710000000,")
    return "".join(f"{line}\n" for line in [*lines, "900"]).encode()


METER_FORMS: Mapping[str, Any] = {
    "csv": meter_csv,
    "torn": torn_csv,
    "parquet": meter_parquet,
    "espi": espi,
    "nem12": nem12,
}

CHARGER_HEADER = "charger_id,measured_at,energy_import_wh,energy_export_wh,power_w,soc_pct,session_id,vehicle_id\n"
Cells = tuple[int | None, int | None, int | None, float | None, str | None, str | None]


def charger_csv(rows: Iterable[tuple[int, Cells]]) -> bytes:
    """Rows are (minute, registers in and out [Wh], power [W], charge [%], session, car)."""
    lines = (
        f"CP1,{stamp(minute)},{','.join('' if cell is None else str(cell) for cell in cells)}\n"
        for minute, cells in rows
    )
    return (CHARGER_HEADER + "".join(lines)).encode()


def charger_parquet(rows: Iterable[tuple[int, Cells]]) -> bytes:
    return as_parquet(charger_csv(rows))


def weather_csv(minutes: Iterable[int]) -> bytes:
    lines = (f"depot,{stamp(minute)},{minute % 300 / 10}\n" for minute in minutes)
    return ("station_id,observed_at,temperature_c\n" + "".join(lines)).encode()


def sessions_csv(numbers: Iterable[int]) -> bytes:
    """Sessions of CP1, four hours apart, three hours long."""
    header = (
        "session_id,charger_id,vehicle_id,plugged_in_at,plugged_out_at,soc_in_pct,soc_out_pct,target_soc_pct,"
        "departure_at\n"
    )
    lines = (
        f"s{n},CP1,LEAF1,{stamp(240 * n)},{stamp(240 * n + 180)},{20 + n},{60 + n},80,{stamp(240 * n + 200)}\n"
        for n in numbers
    )
    return (header + "".join(lines)).encode()


def ocpp_frames(sessions: int) -> list[list[list[Any]]]:
    """OCPP 1.6 messages of CP2 in order, a start with its answer as one: a session every four hours."""
    found: list[list[list[Any]]] = []
    for n in range(sessions):
        begin, register = 240 * n + 7, 1000 * n
        payload = {"connectorId": 1, "idTag": "LEAF1", "meterStart": register, "timestamp": stamp(begin)}
        answer = {"transactionId": 40 + n, "idTagInfo": {"status": "Accepted"}}
        found.append([[2, f"start{n}", "StartTransaction", payload], [3, f"start{n}", answer]])
        for step in range(1, 6):
            sample = {"value": str(register + 150 * step), "unit": "Wh"}
            values = [{"timestamp": stamp(begin + 30 * step), "sampledValue": [sample]}]
            content = {"connectorId": 1, "transactionId": 40 + n, "meterValue": values}
            found.append([[2, f"values{n}-{step}", "MeterValues", content]])
        content = {"transactionId": 40 + n, "meterStop": register + 900, "timestamp": stamp(begin + 180)}
        found.append([[2, f"stop{n}", "StopTransaction", content]])
    return found


def _envelopes(messages: Iterable[Iterable[list[Any]]]) -> list[dict[str, Any]]:
    return [{"charge_point": "CP2", "message": frame} for frames in messages for frame in frames]


def ocpp_lines(messages: Iterable[Iterable[list[Any]]]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in _envelopes(messages)).encode()


def ocpp_array(messages: Iterable[Iterable[list[Any]]]) -> bytes:
    return json.dumps(_envelopes(messages), indent=1).encode()


def ocpp_prefixed(messages: Iterable[Iterable[list[Any]]]) -> bytes:
    return "".join(f"CP2 : {json.dumps(frame)}\n" for frames in messages for frame in frames).encode()


OCPP_FORMS: Mapping[str, Any] = {"lines": ocpp_lines, "array": ocpp_array, "prefixed": ocpp_prefixed}


def bundle(contents: Sequence[bytes]) -> bytes:
    """Several files merged into a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents):
            archive.writestr(zipfile.ZipInfo(f"{number}.any"), content)
    return out.getvalue()


DAY = 1440


@dataclass(frozen=True)
class Says:
    """A file that says `value` of every interval of a part of the day [minutes]."""

    form: str
    low: int
    high: int
    length: int
    value: int
    estimated: bool

    @property
    def claims(self) -> list[Claim]:
        starts = range(self.low, self.high - self.length + 1, self.length)
        torn = starts[-1] if self.form == "torn" else None
        return [Claim(at, self.length, self.value, 0, self.estimated or at == torn) for at in starts]

    @property
    def content(self) -> bytes:
        return METER_FORMS[self.form](self.claims)


@st.composite
def contradictions(draw: st.DrawFn) -> Says:
    """A file about a day, whose parts may shift against those of others by a quarter of an hour."""
    form, length = draw(st.sampled_from(sorted(METER_FORMS))), draw(st.sampled_from([30, 15]))
    low, high = 0, DAY
    if form != "nem12":
        low = draw(st.integers(0, DAY // 15 - 2)) * 15
        high = min(DAY, low + draw(st.integers(1, 24)) * length)
    estimated = form in {"espi", "nem12"} and draw(st.booleans())
    return Says(form, low, high, length, draw(st.integers(1, 3)) * 1000, estimated)
