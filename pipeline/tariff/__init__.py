"""Tariff files -> charges -> determinants -> bill lines. Files first, then one bill in three steps.

model         what a tariff says, free of any file format
hours         time-of-use hours: overlaps, holes, the rest of a day
price_shapes  the values and prices of a native file
charge_shapes  the keys of its charges, by kind
shapes        the keys outside its charges
native_charges  charges from their shapes
native        native TOML -> Tariff
urdb_fields   the fields of a record of the Utility Rate Database, as tables
urdb_answers  what a record leaves open, and the file that answers it
urdb_rates    its tiers and schedules
urdb_energy   its charges and credits on energy
urdb_demand   its charges on demand, ratchets, coincident and reactive demand
urdb_fixed    its fixed charges and minimum bills
urdb          a record -> Tariff, with a verdict on every field
load          any tariff file
resolve       what prices one bill
clock         local calendars of windows, summer time or not
slots         what a bill measures, as a flat list
matrix        load frames as matrices of windows
peaks         highest windows, means of the top, sums of daily peaks
cells         windows that lie in the same slots
figures       slots read off a bill's windows
quantities    what is measured, and earlier peaks -> billed kW
determinants  loads -> the quantities a bill is priced on
tiers         how much of a quantity each price applies to
lines         quantities -> lines of money, one function a kind of charge
bill          the bill of one load, or of many
dearest       the hours in which a kWh costs most
"""

from pipeline.tariff.bill import (
    Bill,
    measured_rows,
    price,
    price_many,
    price_measured,
)
from pipeline.tariff.dearest import dearest_window
from pipeline.tariff.determinants import (
    DETERMINANT,
    MeasuredDraws,
    masks_expr,
    measure,
    measure_draws,
    measure_many,
    slot_expr,
    with_billed_time,
)
from pipeline.tariff.lines import BillLine
from pipeline.tariff.load import load_tariff
from pipeline.tariff.matrix import Matrix, Moved
from pipeline.tariff.model import (
    CHARGE_KINDS,
    Answer,
    Charge,
    ContractStep,
    Cycle,
    DemandQuantity,
    EventSet,
    Mask,
    PowerFactor,
    QuantityStep,
    Ratchet,
    Refusal,
    Rounding,
    Tariff,
    TariffVersion,
    Tier,
    TierRule,
    TouPeriod,
    Verdict,
)
from pipeline.tariff.native import PLACEHOLDER
from pipeline.tariff.quantities import Measured, Rows, billing_demand
from pipeline.tariff.resolve import (
    ResolvedCharge,
    ResolvedTariff,
    demand_charges,
    history_months,
    ratchet_months,
    resolve,
)

__all__ = [
    "CHARGE_KINDS",
    "DETERMINANT",
    "PLACEHOLDER",
    "Answer",
    "Bill",
    "BillLine",
    "Charge",
    "ContractStep",
    "Cycle",
    "DemandQuantity",
    "EventSet",
    "Mask",
    "Matrix",
    "Measured",
    "MeasuredDraws",
    "Moved",
    "PowerFactor",
    "QuantityStep",
    "Ratchet",
    "Refusal",
    "ResolvedCharge",
    "ResolvedTariff",
    "Rounding",
    "Rows",
    "Tariff",
    "TariffVersion",
    "Tier",
    "TierRule",
    "TouPeriod",
    "Verdict",
    "billing_demand",
    "dearest_window",
    "demand_charges",
    "history_months",
    "load_tariff",
    "masks_expr",
    "measure",
    "measure_draws",
    "measure_many",
    "measured_rows",
    "price",
    "price_many",
    "price_measured",
    "ratchet_months",
    "resolve",
    "slot_expr",
    "with_billed_time",
]
