"""Compares a warehouse with the truth its simulated portfolio was written with."""

import json
from decimal import Decimal
from pathlib import Path

import polars as pl

from pipeline.domain import STATED_SCENARIOS
from pipeline.warehouse import Warehouse, all_checks

WINDOW_COLUMNS = {
    "actual_wh": "actual_import_wh",
    "no_ev_wh": "no_ev_import_wh",
    "unmanaged_wh": "unmanaged_import_wh",
    "charge_wh": "charge_wh",
    "discharge_wh": "discharge_wh",
}


def window_differences(warehouse: Warehouse, folder: Path) -> list[str]:
    """Windows whose energy is not the true one, to the Wh."""
    truth = pl.read_csv(folder / "truth_windows.csv").with_columns(
        pl.col("interval_start").str.to_datetime(time_zone="UTC", time_unit="us")
    )
    found = warehouse.query(
        "select load_interval.*, state from load_interval join savings_month using (site_id, month)"
    )
    joined = truth.join(found, on=["site_id", "interval_start"], how="full", coalesce=True, suffix="_found")
    # truth.json calls the seed worlds what was metered, as they are billed; the stored load keeps the cars out of no_ev
    without_cars = pl.col("actual_wh") - pl.col("charge_wh") + pl.col("discharge_wh")
    seed = pl.col("state").eq_missing("seed")
    joined = joined.with_columns(no_ev_wh=pl.when(seed).then(without_cars).otherwise("no_ev_wh"))
    wrong = []
    for true_name, name in WINDOW_COLUMNS.items():
        column = f"{name}_found" if true_name == name else name
        off = joined.filter(pl.col(true_name).ne_missing(pl.col(column)))
        wrong += [
            f"{row['site_id']} {row['interval_start']} {true_name}: {row[true_name]} is true, {row[column]} was found"
            for row in off.head(5).iter_rows(named=True)
        ]
        wrong += [f"{true_name}: {off.height} windows differ"] if off.height else []
    return wrong


def sums_that_do_not_close(warehouse: Warehouse) -> list[str]:
    """Months whose lines, levers or parts do not sum to the bill and the saving, to the last digit."""
    checks = {check.name: check for check in all_checks()}
    return [
        f"{name}: {row}"
        for name in ("lines_sum_to_bill", "parts_sum_to_saving", "energy_is_conserved", "ranges_hold_their_figures")
        for row in warehouse.query(checks[name].sql).rows()
    ]


def month_differences(warehouse: Warehouse, folder: Path) -> list[str]:
    """Figures of months that are not the true ones: peaks to the W, energy to the Wh, money to the last digit."""
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["sites"]
    rows = warehouse.query("select site_id, month, summary from savings_month").iter_rows()
    found = {(site, month): json.loads(text) for site, month, text in rows}
    lines = warehouse.query("select site_id, month, scenario, charge_id, band, quantity, amount from bill_line")
    wrong = [f"{key}: not in truth" for key in found if key[1] not in truth[key[0]]["months"]]
    for site_id, site in truth.items():
        for month, true in site["months"].items():
            where = f"{site_id} {month}"
            if (site_id, month) not in found:
                wrong.append(f"{where}: not computed")
                continue
            mine = lines.filter((pl.col("site_id") == site_id) & (pl.col("month") == month))
            wrong += [f"{where}: {text}" for text in _one_month(true, found[site_id, month], mine)]
    return wrong


def _one_month(true: dict, summary: dict, lines: pl.DataFrame) -> list[str]:
    pairs = [("state", true["state"], summary["state"])]
    for world in STATED_SCENARIOS:
        if summary["peak_kw"]["demand_line"] is not None:
            pairs.append((f"{world} peak W", true["peak_w"][world], round(summary["peak_kw"][world] * 1000)))
        pairs.append((f"{world} Wh", true["energy_wh"][world], round(summary["energy_kwh"][world] * 1000)))
        pairs.append((f"{world} bill", true["bills"][world]["total"], summary["money"][f"bill_{world}"]))
        mine = {
            (charge, band): (quantity, amount)
            for scenario, charge, band, quantity, amount in lines.drop("site_id", "month").iter_rows()
            if scenario == world
        }
        for line in true["bills"][world]["lines"]:
            got = mine.get((line["charge_id"], line["band"]))
            want = (Decimal(line["quantity"]), Decimal(line["amount"]))
            pairs.append((f"{world} {line['charge_id']}/{line['band']}", want, got))
    pairs.append(("charged Wh", true["charged_wh"], round(summary["fleet"]["charged_kwh"] * 1000)))
    pairs.append(("discharged Wh", true["discharged_wh"], round(summary["fleet"]["discharged_kwh"] * 1000)))
    pairs.append(("departures", true["fleet"]["departures"], summary["fleet"]["departures"]))
    pairs.append(("ready", true["fleet"]["ready"], summary["fleet"]["ready"]))
    if summary["state"] == "ok":  # sound data can leave a range too wide to prove a saving, and that is said
        pairs.append(("provable", "range_too_wide" not in summary["reasons"], summary["provable"]))
    return [f"{name}: {want} is true, {got} was found" for name, want, got in pairs if _plain(want) != _plain(got)]


def _plain(value: object) -> object:
    return Decimal(value) if isinstance(value, str) and value.replace(".", "").replace("-", "").isdigit() else value
