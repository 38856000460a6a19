"""What the readings of each block of a Green Button feed mean: whose they are, in which direction and unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.ingest.espi_xml import Entry, Feed

_UNITS: Final = {
    "5": "current in A",
    "29": "voltage in V",
    "42": "volume in m3",
    "61": "apparent power in VA",
    "63": "reactive power in var",
    "71": "apparent energy in VAh",
    "119": "volume in cubic feet",
    "128": "volume in US gallons",
    "132": "heat in BTU",
    "134": "volume in litres",
    "169": "heat in therms",
}
_SERVICES: Final = {"1": "gas", "2": "water", "3": "time", "4": "heat", "5": "refuse", "6": "sewerage", "7": "rates"}
_ELECTRICITY: Final = {"", "0", "1", "2"}  # none, secondary and primary metered
_ENERGY, _POWER, _REACTIVE = "72", "38", "73"
_DIRECTIONS: Final = {"": "import", "0": "import", "1": "import", "19": "export", "4": "net"}
_ACCUMULATIONS: Final = {_ENERGY: {"", "0", "4"}, _REACTIVE: {"", "0", "4"}, _POWER: {"", "0", "4", "6", "12"}}
_WHOLE_VALUES: Final = {"", "0", "2", "12"}  # none, average and normal: not a minimum or maximum
_SINGLE_PHASES: Final = {"128", "129", "64", "65", "32", "33"}


@dataclass(frozen=True)
class Series:
    """One block's meaning. `passed` says why its readings are no interval energy, `wrong` what is missing."""

    meter: str
    direction: str = ""
    power: bool = False
    reactive: bool = False
    factor: str = "1"
    duration: str = ""
    quality: str = ""
    tou: str = ""
    phase: str = ""
    passed: str = ""
    wrong: str = ""


class _Links:
    """The resources of a feed by their links."""

    def __init__(self, feed: Feed) -> None:
        def of(resource: str) -> list[Entry]:
            return [entry for entry in feed.entries if entry.resource == resource]

        self.types, self.meters, self.points = of("ReadingType"), of("MeterReading"), of("UsagePoint")
        self.type_at = {entry.self_href: entry for entry in self.types if entry.self_href}
        self.meter_at = _reachable(self.meters)
        self.point_at = _reachable(self.points)

    def meter_of(self, block: Entry) -> Entry | None:
        """The MeterReading a block belongs to: by its links, or because there is only one."""
        above = [_above(block.self_href, "IntervalBlock"), _above(block.up_href, "IntervalBlock")]
        return _first(self.meter_at, [*above, block.up_href, block.self_href, *block.related], self.meters)

    def type_of(self, meter: Entry | None) -> Entry | None:
        """The ReadingType of a MeterReading, or the only one there is."""
        return _first(self.type_at, meter.related if meter else [], self.types)

    def point_of(self, meter: Entry) -> Entry | None:
        """The UsagePoint of a MeterReading or block, or the only one there is."""
        above = [_above(meter.self_href, "MeterReading"), _above(meter.up_href, "MeterReading")]
        return _first(self.point_at, [*above, meter.up_href, meter.self_href, *meter.related], self.points)


def _reachable(entries: Sequence[Entry]) -> dict[str, Entry]:
    found = {href: entry for entry in entries for href in entry.related if href}
    return found | {entry.self_href: entry for entry in entries if entry.self_href}


def _above(href: str, resource: str) -> str:
    return href.partition(f"/{resource}")[0] if f"/{resource}" in href else ""


def _first(table: Mapping[str, Entry], hrefs: Sequence[str], entries: Sequence[Entry]) -> Entry | None:
    found = next((table[href] for href in hrefs if href in table), None)
    return found or (entries[0] if len(entries) == 1 else None)


def series_of(feed: Feed, fallback_name: str) -> list[Series]:
    """Return the meaning of each block; where a feed names no meter, `fallback_name` does."""
    links = _Links(feed)
    known: dict[int, Series] = {}
    for block in feed.blocks:
        if id(block) not in known:
            known[id(block)] = _series(links, block, fallback_name)
    return [known[id(block)] for block in feed.blocks]


def _series(links: _Links, block: Entry, fallback_name: str) -> Series:
    meter = links.meter_of(block)
    point = links.point_of(meter or block)
    name = _meter_id(point, meter, block) or fallback_name
    kind = point.fields.get("kind", "") if point else ""
    if kind in _SERVICES:
        return Series(name, passed=f"{_SERVICES[kind]}, not electricity")
    reading_type = links.type_of(meter)
    if reading_type is None:
        return Series(name, wrong="a ReadingType that the links of its MeterReading lead to")
    return _meaning(name, reading_type.fields)


def _meter_id(point: Entry | None, meter: Entry | None, block: Entry) -> str:
    if point and (point.self_href or point.ident):
        return point.self_href or point.ident
    for entry in (meter, block):
        for href in (entry.self_href, entry.up_href) if entry else ():
            before, found, after = href.partition("/UsagePoint/")
            if found and after:
                return before + found + after.partition("/")[0]
    return (meter.self_href or meter.ident) if meter else ""


def _meaning(name: str, fields: Mapping[str, str]) -> Series:
    def get(key: str) -> str:
        return fields.get(key, "")

    uom, multiplier = get("uom"), _multiplier(get("powerOfTenMultiplier"))
    passed = _no_interval_energy(get("commodity"), uom, get)
    if passed:
        return Series(name, passed=passed)
    if uom not in _ACCUMULATIONS:
        return Series(name, wrong=f"a ReadingType with uom 72 (Wh), 38 (W) or 73 (varh), not {uom or 'none'}")
    if multiplier is None:
        return Series(name, wrong=f"a powerOfTenMultiplier from -9 to 9, not {get('powerOfTenMultiplier')}")
    return Series(
        name,
        direction=_DIRECTIONS[get("flowDirection")],
        power=uom == _POWER,
        reactive=uom == _REACTIVE,
        factor=multiplier,
        duration=get("intervalLength"),
        quality=get("defaultQuality"),
        tou="" if get("tou") == "0" else get("tou"),
        phase=get("phase") if get("phase") in _SINGLE_PHASES else "",
    )


def _no_interval_energy(commodity: str, uom: str, get: Callable[[str], str]) -> str:
    """Say why readings of this type are no electricity drawn or fed in per interval; nothing where they are."""
    accumulation, qualifier, flow = get("accumulationBehaviour"), get("dataQualifier"), get("flowDirection")
    whys = {
        f"commodity {commodity}, not electricity": commodity not in _ELECTRICITY,
        f"{_UNITS.get(uom)} (uom {uom})": uom in _UNITS,
        f"a register, not energy per interval (accumulationBehaviour {accumulation})": (
            uom in _ACCUMULATIONS and accumulation not in _ACCUMULATIONS[uom]
        ),
        f"minima, maxima or the like (dataQualifier {qualifier})": qualifier not in _WHOLE_VALUES,
        f"neither import nor export (flowDirection {flow})": flow not in _DIRECTIONS,
    }
    # A unit says more than the commodity does: gas in therms is named by its unit.
    found = [why for why, holds in whys.items() if holds]
    return next((why for why in found if "uom" in why), found[0] if found else "")


def _multiplier(text: str) -> str | None:
    """Return ten to the power of a small number as decimal text."""
    try:
        power = int(text or "0")
    except ValueError:
        return None
    if not -9 <= power <= 9:
        return None
    return "1" + "0" * power if power >= 0 else "0." + "0" * (-power - 1) + "1"
