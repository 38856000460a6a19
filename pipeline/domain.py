"""Words of the field: scenarios, shapes of records and intervals, error classes, reason codes.

Conventions, said once: time is UTC, intervals are half-open and stamped at their start; energy is integer Wh per
interval; power is the interval's mean; import, export, charge and discharge are four columns, never one signed sum;
money is `decimal.Decimal` in major units. Local days and months follow the site's IANA zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import polars as pl

Scenario = Literal["actual", "no_ev", "unmanaged", "managed"]
SCENARIOS: Final[tuple[Scenario, ...]] = ("actual", "no_ev", "unmanaged", "managed")
STATED_SCENARIOS: Final[tuple[Scenario, ...]] = ("actual", "no_ev", "unmanaged")
"""The worlds whose bills and peaks are published; `managed` only tells the levers of the saving apart."""

Headline = Literal["no_ev", "unmanaged"]
Outcome = Literal["loaded", "unchanged", "partial", "rejected"]
State = Literal["seed", "ok", "no_bill", "failed"]

UTC: Final = pl.Datetime("us", "UTC")

METER_RECORD: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "meter_id": pl.String,
    "interval_start": UTC,
    "duration_s": pl.Int64,
    "import_wh": pl.Int64,
    "export_wh": pl.Int64,
    "quality": pl.String,  # measured | estimated | outage: 0, and the meter says that it had no power
}
REACTIVE_RECORD: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "meter_id": pl.String,
    "interval_start": UTC,
    "duration_s": pl.Int64,
    "reactive_varh": pl.Int64,  # + where the site draws it (inductive), - where it gives it back
    "quality": pl.String,  # measured | estimated
}
CHARGER_RECORD: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "charger_id": pl.String,
    "measured_at": UTC,
    "energy_import_wh": pl.Int64,  # cumulative register, into the car; null where the message had none
    "energy_export_wh": pl.Int64,  # cumulative register, out of the car
    "power_w": pl.Int64,  # signed, + into the car
    "soc_pct": pl.Float64,
    "session_id": pl.String,
    "vehicle_id": pl.String,
    "context": pl.String,  # begin | sample | end (of a session)
}
SESSION_RECORD: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "session_id": pl.String,
    "charger_id": pl.String,
    "vehicle_id": pl.String,
    "plugged_in_at": UTC,
    "plugged_out_at": UTC,
    "soc_in_pct": pl.Float64,
    "soc_out_pct": pl.Float64,
    "target_soc_pct": pl.Float64,
    "departure_at": UTC,
}
WEATHER_RECORD: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "station_id": pl.String,
    "observed_at": UTC,
    "temperature_c": pl.Float64,
}
RECORDS: Final[Mapping[str, Mapping[str, pl.DataType | type[pl.DataType]]]] = {
    "meter": METER_RECORD,
    "reactive": REACTIVE_RECORD,
    "charger": CHARGER_RECORD,
    "session": SESSION_RECORD,
    "weather": WEATHER_RECORD,
}
REJECT: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "position": pl.String,  # "line 7", "message 12"
    "field": pl.String,
    "value": pl.String,
    "allowed": pl.String,
    "raw": pl.String,
}
CHARGER_INTERVAL: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "charger_id": pl.String,
    "interval_start": UTC,
    "duration_s": pl.Int64,
    "charge_wh": pl.Int64,
    "discharge_wh": pl.Int64,
    "covered": pl.Boolean,  # the registers bracket this window closely enough to say its energy
    "error_wh": pl.Int64,  # bound of the error of charge and discharge together; null where not covered
}
CHARGING_SESSION: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    **SESSION_RECORD,
    "charge_wh": pl.Int64,
    "discharge_wh": pl.Int64,
    "complete": pl.Boolean,  # begin and end both seen
}
LOAD: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "scenario": pl.String,
    "interval_start": UTC,
    "duration_s": pl.Int64,
    "import_wh": pl.Int64,
    "export_wh": pl.Int64,
}


class V2BError(Exception):
    """Any failure this program explains to its user in one sentence."""


class InputError(V2BError):
    """Input that is refused: says file, place, value and what is allowed."""

    def __init__(self, file: str, place: str, value: object, allowed: str) -> None:
        self.file, self.place, self.value, self.allowed = file, place, value, allowed
        super().__init__(f"{file}: {place}: {value!r} is not allowed; allowed: {allowed}")


class ConfigError(InputError):
    """A configuration file that is refused as a whole."""


class TariffError(InputError):
    """A tariff that cannot be read, or a charge that cannot be priced."""


class LockedError(V2BError):
    """Somebody else holds the warehouse; names the holder."""


class WarehouseError(V2BError):
    """The warehouse file is of another version, or broken."""


@dataclass(frozen=True)
class BillPeriod:
    """One bill of one site: local dates, `read_to` exclusive; `month` (YYYY-MM) is the key the bill is filed under."""

    month: str
    read_from: date
    read_to: date


@dataclass(frozen=True)
class Reason:
    """Why a figure is not stated, or what a reader must know about one that is."""

    sentence: str
    fields: tuple[str, ...] = ()


NO_CHECK: Final[Mapping[str, str]] = {
    "no_hours": "the site has no peak window and its tariff no dearest hours",
    "no_v2b_day": "this bill has no V2B day",
    "no_baseline": "no V2B day has a baseline",
    "few_days_before": "none of the {days} V2B days has the {least} days like it before it that a baseline takes at "
    "least",
    "older": "the baselines of the V2B days rest on days further back than those of the reference days",
    "few_references": "{references} reference days have a baseline fit to compare; {needed} are needed",
    "few_seasons": "too few reference days among the V2B days, and those before them lie in too few months to know "
    "the season's error",
}
"""Why V2B days cannot be compared with other days: the sentences of `check.reason`; numbers stand for the names."""

LACK_OF_DAYS: Final = frozenset({"few_days_before", "older", "few_references", "few_seasons"})
"""Those of them that days without V2B would mend."""

REASONS: Final[Mapping[str, Reason]] = {
    "clock_measured": Reason(
        "The meter tells every charger's clock better than the configured bound; one that is certainly off was "
        "corrected."
    ),
    "clock_bounded": Reason(
        "The meter does not tell how far charger clocks are off; they are taken to be within the configured bound.",
        ("data.clock_offset_s",),
    ),
    "clock_contradicted": Reason(
        "A charger's clock is certainly further off than the configured bound, so the load without V2B cannot be "
        "rebuilt."
    ),
    "clock_doubted": Reason(
        "When the meter last told the chargers' clocks one was certainly wrong, and it has not shown since that they "
        "are right."
    ),
    "clock_slipped": Reason(
        "The meter's windows lie one whole window off against its chargers, so the load without V2B cannot be rebuilt."
    ),
    "wiring_contradicted": Reason(
        "The meter does not answer to a charger as its site file says it is wired, so the load without V2B cannot be "
        "rebuilt."
    ),
    "check_contradicts": Reason(
        "The meter and other days contradict the cut in the charger logs by more than chance allows."
    ),
    "wiring_not_compared": Reason("Charger wiring was not compared with the meter.", ("data.beta",)),
    "range_not_computed": Reason(
        "Within what the saving lies is not known: a load is not known, or something contradicts it.",
        (
            "peak_kw.low",
            "peak_kw.high",
            "percent_saved.peak_low",
            "percent_saved.peak_high",
            "percent_saved.bill_low",
            "percent_saved.bill_high",
            "money.low",
            "money.high",
            "annual.run_rate_low",
            "annual.run_rate_high",
        ),
    ),
    "charging_does_not_fit": Reason(
        "Cars took more than fits into their stays at the power measured or rated, so the saving is not split into "
        "levers: a rating, a capacity or a clock is wrong.",
        ("levers.hosting", "levers.managed_charging", "levers.discharge"),
    ),
    "levers_not_known": Reason(
        "Energy flowed through chargers outside any logged session, so the saving is not split into levers.",
        ("levers.hosting", "levers.managed_charging", "levers.discharge", "outside.kwh", "outside.value"),
    ),
    "year_not_known": Reason(
        "Figures that look ahead need last year's quantities in both worlds for every charge of today's tariff; some "
        "are missing.",
        ("annual.locked", "annual.run_rate", "annual.next_roll_off"),
    ),
    "run_rate_not_known": Reason(
        "No run-rate is stated: twelve months with a proved V2B bill or one from before V2B began are not known yet, "
        "or a month that could set the year's peak, or a whole season of the tariff, has no proved V2B bill.",
        ("annual.run_rate",),
    ),
    "no_ratchet": Reason(
        "The tariff has no ratchet, so no peak is carried into later bills.", ("annual.next_roll_off",)
    ),
    "no_roll_off": Reason("No peak that a ratchet carries ends before this bill's own do.", ("annual.next_roll_off",)),
    "capture_not_known": Reason(
        "What the cars could have reached at best is not known: it needs their states of charge and capacities, a "
        "demand charge on the highest window, and a bill without missing data or an outage.",
        ("capture.best_possible_peak_kw", "capture.capture_kw_pct"),
    ),
    "capture_money_not_known": Reason(
        "The share of the possible saving in money is not stated: it needs every car's state of charge and capacity, a "
        "tariff of energy and of the highest clock-aligned windows, a bill without missing data or an outage, and a "
        "possible saving of 0.1 % of the bill.",
        ("capture.capture_money_pct",),
    ),
    "availability_not_known": Reason(
        "No hours to work in, no chargers, or sessions without an end: the plugged-in share is not known.",
        ("fleet.availability_pct", "fleet.available_at_peak_pct"),
    ),
    "reserve_not_known": Reason(
        "No reading states the charge of a configured car, so whether one gave from its reserve is not known.",
        ("fleet.reserve_violations",),
    ),
    "check_not_possible": Reason(
        "V2B days could not be compared with reference days.",
        (
            "check.method",
            "check.v2b_days",
            "check.reference_days",
            "check.metered_kw",
            "check.estimated_kw",
            "check.low",
            "check.high",
            "check.smallest_detectable_kw",
        ),
    ),
    "co2_factors_missing": Reason(
        "CO2 is not stated: marginal factors are missing for hours in which V2B changed the load.", ("co2.change_kg",)
    ),
    "no_demand_charge": Reason(
        "The tariff has no demand charge, so there is no billed peak.",
        (
            "peak_kw.*",
            "billing_demand_kw.*",
            "percent_saved.peak",
            "percent_saved.peak_low",
            "percent_saved.peak_high",
            "fleet.available_at_peak_pct",
        ),
    ),
    "no_peak_window": Reason(
        "No peak window is set and the tariff has no dearest hours.", ("percent_saved.moved_out_of_window",)
    ),
    "no_departures": Reason("No car departed in this bill.", ("fleet.ready_pct",)),
    "no_discharge": Reason("No car discharged in this bill, outages aside.", ("fleet.round_trip_efficiency",)),
    "efficiency_assumed": Reason("Too few discharges to measure the round trip; an efficiency of 0.835 is assumed."),
    "vehicles_unknown": Reason(
        "No vehicle capacities are configured.",
        ("fleet.equivalent_full_cycles", "fleet.short_kwh", "fleet.short_minutes"),
    ),
    "wear_not_configured": Reason("No battery wear range is configured.", ("money.wear_low", "money.wear_high")),
    "meter_gap": Reason("Meter data is missing, so neither the energy nor the peak of this bill is known."),
    "range_biased": Reason(
        "Noise in the readings lifts the highest window by more than a tenth of the range; the range allows for it."
    ),
    "meter_gap_bounded": Reason(
        "Meter data is missing where no peak can lie; those windows are billed with an estimate, within a range."
    ),
    "meter_zero_run": Reason(
        "The meter reads exactly 0 where its load never is; such zeros count as missing, so this bill is not known."
    ),
    "charger_gap": Reason("Charger data is missing, so the load without V2B cannot be rebuilt."),
    "charger_log_empty": Reason("There is no charger log for this bill, so the load without V2B cannot be rebuilt."),
    "ratchet_history_incomplete": Reason(
        "An earlier month that the ratchet looks back to has missing data, so its peak is not known."
    ),
    "ratchet_history_short": Reason(
        "The ratchet looks back further than the data; no peak is assumed for the months before it."
    ),
    "clock_unresolved": Reason(
        "What charger clocks may be off by would change the peak reduction by more than a tenth of it and 1 kW."
    ),
    "range_too_wide": Reason(
        "What the chargers, clocks and the model can be off by leaves the saving too uncertain to call it proved."
    ),
    "placeholder_prices": Reason("The tariff still has placeholder prices: no sum of money here is real."),
    "bill_partial": Reason("Some charges of the tariff were refused, so the bill is partial."),
    "sessions_unknown": Reason(
        "Energy flowed through chargers outside any logged session, so charging from plug-in cannot be modelled."
    ),
    "unproved_bills_left_out": Reason("Bills of which no saving is known are left out of the sum of twelve bills."),
    "unproved_bills_at_least": Reason(
        "Bills without a proved saving enter the sum of twelve bills with the least they can have saved."
    ),
    "demand_not_reconciled": Reason(
        "The utility billed another demand than we find for the same days, so no peak of this bill is proved."
    ),
    "computation_failed": Reason("This bill could not be computed.", ("*",)),
    "no_bill": Reason("No bill of the site ends in this month.", ("*",)),
    "programme_not_started": Reason("V2B had not begun: this bill feeds ratchets and baselines and has no saving."),
}
"""Every code that may stand in `summary.json` under `reasons`, with the fields it leaves null."""
PARTIAL: Final = ("placeholder_prices", "bill_partial")
"""Codes of bills that leave charges unpriced, the plainer one first."""
