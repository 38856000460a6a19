"""The analysts' views as files: the same rows in every format, explained column by column."""

from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from pipeline.domain import InputError, WarehouseError
from pipeline.steps import workbook
from pipeline.steps.exporting import export, exported_views
from pipeline.warehouse import PUBLISHED_NAME, Warehouse, publish
from tests.cli.conftest import v2b  # noqa: F401 - a fixture
from tests.factories import portfolio_folder
from tests.test_sql import plant


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two bills of one site and one of another in another currency; a hostile description."""
    root = portfolio_folder(tmp_path_factory.mktemp("export"), ["atsugi", "berlin"])
    with Warehouse(root) as warehouse:
        for site, month, currency in (
            ("atsugi", "2013-07", "JPY"),
            ("atsugi", "2013-08", "JPY"),
            ("berlin", "2013-07", "EUR"),
        ):
            plant(warehouse, "savings_month", site_id=site, month=month, state="ok", headline="unmanaged",
                  currency=currency, provable=True, saved=40999.0, peak_reduction_kw=25.6,
                  bill_to="2013-08-01")  # fmt: skip
            for world, amount in (("actual", 10.0), ("unmanaged", 12.5)):
                plant(warehouse, "bill_line", site_id=site, month=month, scenario=world, charge_id="basic", band="all",
                      kind="demand", description="=1+1", unit="kW", quantity=998.4, amount=amount,
                      set_at="2013-07-10 05:00:00+00")  # fmt: skip
        publish(warehouse)
    return root


def rows_of(folder: Path, name: str, **named: Any) -> pl.DataFrame:
    views = exported_views(folder / PUBLISHED_NAME, named.get("months", ()), named.get("sites", ()))
    return next(view.rows for view in views if view.name == name)


def test_a_workbook_explains_every_column_and_has_a_sheet_per_view_and_month(folder: Path, tmp_path: Path) -> None:
    (path,) = export(folder / PUBLISHED_NAME, tmp_path, "xlsx")
    book = openpyxl.load_workbook(path)
    views = exported_views(folder / PUBLISHED_NAME, (), ())
    assert book.sheetnames == ["README", *[view.name for view in views], "2013-07", "2013-08"]
    told = {(row[0], row[1] or ""): row[2] for row in book["README"].iter_rows(min_row=5, values_only=True)}
    for view in views:
        assert told[view.name, ""] == view.grain
        for column in view.rows.columns:
            assert told[view.name, column] == view.comments[column]
            header = next(cell for cell in book[view.name][1] if cell.value == column)
            assert header.comment.text == view.comments[column]
    assert told["monthly_savings", "saved"].endswith("[money]")


def test_a_month_sheet_holds_each_site_and_then_each_bill_line(folder: Path, tmp_path: Path) -> None:
    (path,) = export(folder / PUBLISHED_NAME, tmp_path, "xlsx")
    rows = list(openpyxl.load_workbook(path)["2013-07"].iter_rows(values_only=True))
    assert [row[0] for row in rows] == ["site_id", "atsugi", "berlin", None, "site_id", "atsugi", "berlin"]
    saved = rows[0].index("saved")
    assert [row[saved] for row in rows[1:3]] == [40999, 40999]
    line = dict(zip(rows[4], rows[5], strict=True))
    assert (line["saved"], line["quantity_actual"]) == (2.5, 998.4)


def test_cells_have_the_type_and_format_of_their_unit(folder: Path, tmp_path: Path) -> None:
    (path,) = export(folder / PUBLISHED_NAME, tmp_path, "xlsx")
    book = openpyxl.load_workbook(path)
    first = {
        head.value: cell for head, cell in zip(book["monthly_savings"][1], book["monthly_savings"][2], strict=True)
    }
    assert first["saved"].number_format == "#,##0.00"  # euro beside yen: the finer of both
    assert first["peak_reduction_kw"].number_format == "#,##0.0"
    assert first["bill_to"].value == datetime(2013, 8, 1)
    assert book["peak_event"]["F2"].value == datetime(2013, 7, 10, 5, 0)  # set_at, UTC
    assert book["bill_comparison"]["G2"].value == "=1+1"
    assert book["bill_comparison"]["G2"].data_type == "s"


def test_yen_alone_have_no_decimals(folder: Path, tmp_path: Path) -> None:
    (path,) = export(folder / PUBLISHED_NAME, tmp_path, "xlsx", sites=["atsugi"])
    book = openpyxl.load_workbook(path)
    first = {
        head.value: cell for head, cell in zip(book["monthly_savings"][1], book["monthly_savings"][2], strict=True)
    }
    assert first["saved"].number_format == "#,##0"


def test_the_same_rows_make_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    one, two = (export(folder / PUBLISHED_NAME, tmp_path / name, "xlsx")[0] for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert openpyxl.load_workbook(one).properties.created == datetime(2013, 8, 1)


def test_csv_and_parquet_hold_the_views_row_by_row(folder: Path, tmp_path: Path) -> None:
    views = {view.name: view.rows for view in exported_views(folder / PUBLISHED_NAME, (), ())}
    for style in ("csv", "parquet"):
        files = {path.name for path in export(folder / PUBLISHED_NAME, tmp_path, style)}  # type: ignore[arg-type]
        assert files == {"README.csv", *[f"{name}.{style}" for name in views]}
    for name, rows in views.items():
        assert pl.read_parquet(tmp_path / f"{name}.parquet").equals(rows)
        assert pl.read_csv(tmp_path / f"{name}.csv").height == rows.height
    told = pl.read_csv(tmp_path / "README.csv").filter(pl.col("column") == "peak_reduction_kw")
    assert told.get_column("meaning").str.ends_with("[kW]").all()


def test_months_and_sites_narrow_it_and_nothing_is_refused_in_words(folder: Path, tmp_path: Path) -> None:
    named = rows_of(folder, "monthly_savings", months=["2013-07"], sites=["atsugi"])
    assert named.select("site_id", "month").rows() == [("atsugi", "2013-07")]
    with pytest.raises(InputError, match=r"--month, --site: '2001-01'.*a computed bill"):
        export(folder / PUBLISHED_NAME, tmp_path / "none", "csv", months=["2001-01"])
    assert not (tmp_path / "none").exists()
    with pytest.raises(WarehouseError, match="run `v2b run` first"):
        export(tmp_path / PUBLISHED_NAME, tmp_path, "csv")


def test_a_view_longer_than_a_sheet_is_refused_by_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "_MOST_ROWS", 2)
    with pytest.raises(InputError, match=r"v2b\.xlsx.*bill_comparison: 3 .* 2 rows a sheet; use --month or CSV"):
        export(folder / PUBLISHED_NAME, tmp_path, "xlsx")


def test_the_command_names_the_files_it_wrote(folder: Path, tmp_path: Path, v2b: Any) -> None:  # noqa: F811
    code, out, _ = v2b("export", "--portfolio", str(folder), "--to", str(tmp_path / "x"), "--month", "2013-07")
    assert (code, out) == (0, f"{tmp_path / 'x' / 'v2b.xlsx'}\n")
    code, _, err = v2b("export", "--portfolio", str(folder), "--month", "July")
    assert (code, err) == (2, "error: --month July: allowed is a month YYYY-MM\n")
