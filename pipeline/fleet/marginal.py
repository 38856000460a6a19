"""What one more kWh or kW of a bill would have cost, read off the bill's own arithmetic.

Each quantity that a tariff measures is raised a little and the whole bill priced again, unrounded: riders, percentages
and tax are then in the price, whatever the tariff's shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from pipeline.tariff import Bill, Measured, ResolvedTariff, Rows, price_measured
from pipeline.tariff.quantities import History
from pipeline.tariff.slots import Slot, slots_of

_WORLD: Final = "actual"
_KWH_MORE: Final = 1
_KW_MORE: Final = 10  # more than the step in which a demand is billed
_LINEAR_KINDS: Final = frozenset(
    {"fixed", "energy", "per_kwh_rider", "export", "demand", "percent_rider", "credit", "minimum", "tax"}
)


@dataclass(frozen=True)
class SlotPrice:
    """Hours of a bill, and the money one more kWh drawn, kWh fed in and kW of demand there would have cost.

    Feeding in mostly costs less than nothing. `floor_kw` is billed whatever is drawn; both are 0 for energy.
    """

    slot: Slot
    per_import_kwh: float
    per_export_kwh: float
    per_kw: float = 0.0
    floor_kw: float = 0.0


def marginal_prices(tariff: ResolvedTariff, rows: Rows, history: History, window_min: int) -> list[SlotPrice] | None:
    """Return the prices of every slot of the metered bill; None where a charge cannot be steered window by window.

    `rows` are the metered world's determinants, `history` its earlier own peaks as `tariff.price` takes them. Charges
    on anything but kWh and the highest clock-aligned window of `window_min` [min] have no such price.
    """
    slots = slots_of(tariff)
    if not all(charge.kind in _LINEAR_KINDS for charge in tariff.charges):
        return None
    if not all(_is_plain(slot, window_min) for slot in slots):
        return None
    exact = _Exact(_unrounded(tariff), rows, history)
    whole = exact.bill({})
    return [exact.price_of(slot, whole) for slot in slots if (slot.charge_id, slot.span, slot.band) in rows]


def cheapest_kwh(tariff: ResolvedTariff, rows: Rows, history: History, hours: Iterable[Sequence[Slot]]) -> Decimal:
    """Return the least that one kWh more would have cost in any of the `hours`, each the slots it counts in [money].

    `rows` and `history` as of `marginal_prices`; any tariff will do. 0 where no charge is on kWh.
    """
    exact = _Exact(_unrounded(tariff), rows, history)
    whole = exact.bill({})
    return min((exact.kwh_more(slots, whole) for slots in hours), default=Decimal(0))


def _is_plain(slot: Slot, window_min: int) -> bool:
    quantity = slot.quantity
    if slot.reactive or slot.events is not None:
        return False
    if quantity is None:
        return True
    plain = quantity.statistic == "max" and quantity.unit == "kW" and not quantity.sliding
    return plain and quantity.power_factor is None and (quantity.window_min or window_min) == window_min


def _unrounded(tariff: ResolvedTariff) -> ResolvedTariff:
    return replace(tariff, rounding=None, charges=tuple(replace(charge, rounding=None) for charge in tariff.charges))


@dataclass(frozen=True)
class _Exact:
    tariff: ResolvedTariff
    rows: Rows
    history: History

    def bill(self, changed: Mapping[tuple[str, int, str], Measured]) -> Bill:
        return price_measured(self.tariff, {_WORLD: {**self.rows, **changed}}, self.history)[_WORLD]

    def price_of(self, slot: Slot, whole: Bill) -> SlotPrice:
        key = (slot.charge_id, slot.span, slot.band)
        row = self.rows[key]
        if slot.quantity is not None:
            return self._demand(slot, row)
        fed_in = self.bill({key: row._replace(export_wh=row.export_wh + 1000 * _KWH_MORE)})
        return SlotPrice(slot, float(self.kwh_more([slot], whole)), float((fed_in.total - whole.total) / _KWH_MORE))

    def kwh_more(self, slots: Iterable[Slot], whole: Bill) -> Decimal:
        keys = [(slot.charge_id, slot.span, slot.band) for slot in slots]
        known = {key: self.rows[key] for key in keys if key in self.rows}
        more = {key: row._replace(import_wh=row.import_wh + 1000 * _KWH_MORE) for key, row in known.items()}
        return (self.bill(more).total - whole.total) / _KWH_MORE

    def _demand(self, slot: Slot, row: Measured) -> SlotPrice:
        key = (slot.charge_id, slot.span, slot.band)
        idle = self.bill({key: row._replace(own_peak_w=0)})
        floor_kw = max(
            (
                line.billing_demand_kw
                for line in idle.lines
                if _is_of(line.charge_id, line.band, slot, self.tariff) and line.billing_demand_kw is not None
            ),
            default=Decimal(0),
        )
        reached_w = max(row.own_peak_w or 0, int(floor_kw * 1000))
        low, high = (self.bill({key: row._replace(own_peak_w=reached_w + 1000 * more)}) for more in (0, _KW_MORE))
        return SlotPrice(slot, 0.0, 0.0, float((high.total - low.total) / _KW_MORE), float(floor_kw))


def _is_of(charge_id: str, line_band: str, slot: Slot, tariff: ResolvedTariff) -> bool:
    if charge_id != slot.charge_id:
        return False
    charge = next(charge for charge in tariff.charges if charge.charge_id == charge_id)
    bands = [band for band in charge.spans[slot.span].bands if band.band == slot.band]
    return any(line_band in (band.band, *band.lines) for band in bands)
