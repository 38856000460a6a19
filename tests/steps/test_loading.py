"""From landing/ into the warehouse: what becomes of good files, wrong files, copies, and files of strangers."""

import base64
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.domain import InputError
from pipeline.journal import Journal
from pipeline.portfolio import load_portfolio
from pipeline.steps.loading import FileOutcome, copy_to_landing, ingest
from pipeline.steps.names import names_of
from pipeline.warehouse import Warehouse
from tests.factories import METER_HEADER, half_hours, lay_out_warehouse, meter_csv, portfolio_folder

NOW = datetime(2013, 8, 3, tzinfo=UTC)
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
CHARGER_HEADER = "charger_id,measured_at,energy_import_wh,energy_export_wh,power_w,soc_pct,session_id,vehicle_id\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = portfolio_folder(tmp_path / "portfolio")
    lay_out_warehouse(folder)
    return folder


Ingest = Callable[..., dict[str, FileOutcome]]


@pytest.fixture
def run(root: Path) -> Ingest:
    def ingested(only: Iterable[str] | None = None) -> dict[str, FileOutcome]:
        """One run over a freshly read portfolio; outcomes by path."""
        with Warehouse(root) as warehouse:
            found = ingest(load_portfolio(root), warehouse, Journal(root), now=NOW, only=only)
        return {outcome.path: outcome for outcome in found}

    return ingested


def land(root: Path, path: str, content: str | bytes) -> Path:
    target = root / "landing" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content.encode() if isinstance(content, str) else content)
    return target


def rows(root: Path, sql: str) -> list[tuple[object, ...]]:
    with Warehouse(root) as warehouse:
        return warehouse.query(sql).rows()


ALL = "select site_id, meter_id, interval_start, import_wh, quality, load_id, local_day, bill_month from meter_interval"


# --- wrong files


def test_wrong_files_end_with_their_reason_and_the_rest_loads(root: Path, run: Ingest) -> None:
    whole = meter_csv(half_hours("07-01", 48))
    land(root, "good.csv", whole)
    land(root, "picture.csv", PNG)
    land(root, "half.csv", meter_csv(half_hours("07-02", 10))[:-25])
    bad_date = meter_csv(half_hours("07-03", 10)).splitlines(keepends=True)
    bad_date[6] = bad_date[6].replace("2013-07-03", "2013-07-99")
    land(root, "bad_date.csv", "".join(bad_date))
    land(root, "empty.csv", "")
    (root / "landing" / "x.csv").mkdir()

    found = run()

    assert {path: outcome.outcome for path, outcome in found.items()} == {
        "good.csv": "loaded",
        "picture.csv": "rejected",
        "half.csv": "partial",
        "bad_date.csv": "partial",
        "empty.csv": "rejected",
        "x.csv": "rejected",
    }
    (reason,) = found["bad_date.csv"].reasons
    assert (reason["position"], reason["field"]) == ("line 7", "interval_start")
    assert "2013-07-99" in reason["value"]
    assert (found["bad_date.csv"].result.loaded, found["bad_date.csv"].rejected) == (9, 1)
    assert found["half.csv"].result.loaded == 9
    assert found["half.csv"].reasons[0]["position"] == "line 11"
    assert found["picture.csv"].reasons[0]["value"] == "binary data"
    assert "a file with content" in found["empty.csv"].reasons[0]["allowed"]
    assert "not a folder" in found["x.csv"].reasons[0]["allowed"]
    assert rows(root, "select count(*) from meter_interval") == [(48 + 9 + 9,)]


def test_a_second_run_changes_nothing_and_remembers_the_reasons(root: Path, run: Ingest) -> None:
    land(root, "good.csv", meter_csv(half_hours("07-01", 4)))
    land(root, "picture.csv", PNG)
    land(root, "odd.csv", METER_HEADER + "main,2013-07-02T00:00:00Z,1800,1,0\nmain,yesterday,1800,1,0\n")
    first = run()
    before = rows(root, ALL + " order by all"), rows(root, "select * from source_file order by load_id")
    second = run()
    assert {path: (outcome.outcome, outcome.is_new) for path, outcome in second.items()} == {
        "good.csv": ("unchanged", False),
        "odd.csv": ("partial", False),
        "picture.csv": ("rejected", False),
    }
    assert second["good.csv"].result.unchanged == 4
    assert {p: [dict(r) for r in o.reasons] for p, o in second.items()} == {
        p: [dict(r) for r in o.reasons] for p, o in first.items()
    }
    assert (rows(root, ALL + " order by all"), rows(root, "select * from source_file order by load_id")) == before


def test_hidden_files_are_still_being_written(root: Path, run: Ingest) -> None:
    land(root, ".good.csv.part", meter_csv(half_hours("07-01", 4)))
    land(root, ".trash/good.csv", meter_csv(half_hours("07-01", 4)))
    assert run() == {}


# --- the same, corrected, cut


def test_a_renamed_copy_changes_no_value(root: Path, run: Ingest) -> None:
    text = meter_csv(half_hours("07-01", 4))
    land(root, "a.csv", text)
    run()
    before = rows(root, ALL + " order by all")
    land(root, "deeper/copy of a.csv", text)
    found = run()["deeper/copy of a.csv"]
    assert (found.outcome, found.result.loaded, found.result.unchanged) == ("unchanged", 0, 4)
    assert rows(root, ALL + " order by all") == before


def test_a_correction_supersedes(root: Path, run: Ingest) -> None:
    land(root, "a.csv", meter_csv(half_hours("07-01", 4, 10.0)))
    run()
    land(root, "b.csv", meter_csv([("2013-07-01 00:30", 12.5)]))
    found = run()["b.csv"]
    assert (found.outcome, found.result.loaded, found.result.superseded) == ("loaded", 1, 1)
    assert rows(root, "select import_wh from meter_interval order by interval_start") == [
        (10_000,), (12_500,), (10_000,), (10_000,),
    ]  # fmt: skip


def test_a_last_line_without_its_end_loses_to_any_other_source(root: Path, run: Ingest) -> None:
    """12.5 kWh cut to 12: whether it was cut, the file cannot tell."""
    cut = meter_csv([("2013-07-01 00:00", 9.0), ("2013-07-01 00:30", 12.5)]).removesuffix(".5,0\n") + ",0"
    land(root, "whole.csv", meter_csv([("2013-07-01 00:30", 12.5)]))
    run()
    land(root, "z cut.csv", cut)
    run()
    found = rows(root, "select import_wh, quality from meter_interval order by interval_start")
    assert found == [(9000, "measured"), (12_500, "measured")]


def test_a_rebuilt_warehouse_has_the_same_content(root: Path, run: Ingest) -> None:
    """The journal remembers in which order the files came, whatever their names say."""
    land(root, "z.csv", meter_csv(half_hours("07-01", 4, 10.0)))
    run()
    land(root, "a.csv", meter_csv(half_hours("07-01", 2, 11.0)))
    run()
    before = rows(root, ALL + " order by all"), rows(root, "select * from meter_interval_history order by all")
    (root / "warehouse.duckdb").unlink()
    run()
    assert (
        rows(root, ALL + " order by all"),
        rows(root, "select * from meter_interval_history order by all"),
    ) == before


def test_named_paths_only(root: Path, run: Ingest) -> None:
    land(root, "a.csv", meter_csv(half_hours("07-01", 4)))
    land(root, "b.csv", meter_csv(half_hours("07-02", 4)))
    assert set(run(only=["b.csv"])) == {"b.csv"}
    assert rows(root, "select count(*) from meter_interval") == [(4,)]


def test_each_record_is_filed_under_its_local_day_and_bill(root: Path, run: Ingest) -> None:
    portfolio_folder(root, timezone="Asia/Tokyo")
    (root / "bill_cycles.csv").write_text("site_id,read_from,read_to\natsugi,2013-07-20,2013-08-20\n", encoding="utf-8")
    land(root, "a.csv", meter_csv([("2013-07-19 14:30", 1), ("2013-07-19 15:00", 2)]))
    run()
    assert rows(root, "select local_day::varchar, bill_month from meter_interval order by interval_start") == [
        ("2013-07-19", "2013-07"),  # before the first listed bill: its calendar month
        ("2013-07-20", "2013-08"),
    ]


# --- whose meter is it?


def test_a_file_of_an_unknown_meter_is_refused_and_read_again_when_the_configuration_knows_it(
    root: Path, run: Ingest
) -> None:
    land(root, "a.csv", meter_csv(half_hours("07-01", 4), meter_id="urn:uuid:1"))
    first = run()["a.csv"]
    assert first.outcome == "rejected"
    assert (first.reasons[0]["field"], first.reasons[0]["value"]) == ("meter_id", "urn:uuid:1")
    assert "main" in first.reasons[0]["allowed"]
    assert not run()["a.csv"].is_new
    path = root / "sites" / "atsugi.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace('meter_id = "main"', 'meter_id = "main"\naliases = ["urn:uuid:1"]'),
        encoding="utf-8",
    )
    again = run()["a.csv"]
    assert (again.outcome, again.is_new, again.result.loaded) == ("loaded", True, 4)
    assert rows(root, "select distinct site_id, meter_id from meter_interval") == [("atsugi", "main")]
    assert rows(root, "select count(*) from rejected_record") == [(0,)]


def test_a_meter_of_two_sites_needs_the_folder_of_one(root: Path, run: Ingest) -> None:
    portfolio_folder(root, ["atsugi", "office"])
    text = meter_csv(half_hours("07-01", 4))
    land(root, "a.csv", text)
    land(root, "office/2013/b.csv", text)
    found = run()
    assert found["a.csv"].outcome == "rejected"
    assert "landing/<site_id>/" in found["a.csv"].reasons[0]["allowed"]
    assert "atsugi, office" in found["a.csv"].reasons[0]["allowed"]
    assert found["office/2013/b.csv"].outcome == "loaded"
    assert rows(root, "select distinct site_id from meter_interval") == [("office",)]


def test_a_folder_of_one_site_does_not_open_the_meters_of_another(root: Path, run: Ingest) -> None:
    portfolio_folder(root, ["office"], meter_id="annex")
    land(root, "office/a.csv", meter_csv(half_hours("07-01", 4), meter_id="main"))
    (reason,) = run()["office/a.csv"].reasons
    assert reason["allowed"] == "a meter_id (or alias) of site office: annex"


def test_known_and_unknown_meters_in_one_file_are_partial(root: Path, run: Ingest) -> None:
    text = meter_csv(half_hours("07-01", 4)) + meter_csv(half_hours("07-01", 4), meter_id="roof").removeprefix(
        METER_HEADER
    )
    land(root, "a.csv", text)
    found = run()["a.csv"]
    assert (found.outcome, found.result.loaded, found.rejected) == ("partial", 4, 1)


def test_two_names_of_one_meter_that_contradict_each_other_are_told(root: Path, run: Ingest) -> None:
    edit_site(root, 'meter_id = "main"', 'meter_id = "main"\naliases = ["other"]')
    rows_of = [meter_csv(half_hours("07-01", 2, kwh), meter_id=name) for name, kwh in (("main", 1.0), ("other", 1.0))]
    land(root, "agree.csv", rows_of[0] + rows_of[1].removeprefix(METER_HEADER))
    more = meter_csv(half_hours("07-02", 2, 7.0), meter_id="other").removeprefix(METER_HEADER)
    land(root, "deny.csv", meter_csv(half_hours("07-02", 2)) + more)
    found = run()
    assert (found["agree.csv"].outcome, found["agree.csv"].result.loaded) == ("loaded", 2)
    assert (found["deny.csv"].outcome, found["deny.csv"].result.loaded, found["deny.csv"].rejected) == ("partial", 2, 1)
    assert found["deny.csv"].reasons[0]["value"] == "main: contradicted values: 2"


def test_a_car_is_filed_under_its_configured_id(root: Path, run: Ingest) -> None:
    path = root / "sites" / "atsugi.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("usable_kwh = 20.0", 'usable_kwh = 20.0\naliases = ["tag-1"]'), encoding="utf-8")
    moment = "CP1,2013-07-01T08:{}:00Z,1000,0,,50,a,{}\n"
    land(root, "c.csv", CHARGER_HEADER + moment.format("00", "tag-1") + moment.format("05", "VISITOR"))
    run()
    assert rows(root, "select vehicle_id from charger_reading order by measured_at") == [("LEAF1",), ("VISITOR",)]


def test_the_fingerprint_of_names_changes_with_any_name(root: Path) -> None:
    before = names_of(load_portfolio(root)).fingerprint
    assert names_of(load_portfolio(root)).fingerprint == before
    path = root / "sites" / "atsugi.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("LEAF1", "LEAF2"), encoding="utf-8")
    assert names_of(load_portfolio(root)).fingerprint != before


# --- files from elsewhere


def test_files_from_elsewhere_are_copied_once(root: Path, tmp_path: Path, run: Ingest) -> None:
    outside = tmp_path / "export.csv"
    outside.write_text(meter_csv(half_hours("07-01", 4)), encoding="utf-8")
    portfolio = load_portfolio(root)
    assert copy_to_landing(portfolio, [outside]) == ["export.csv"]
    assert copy_to_landing(portfolio, [outside]) == ["export.csv"]
    outside.write_text(meter_csv(half_hours("07-02", 4)), encoding="utf-8")
    assert copy_to_landing(portfolio, [outside]) == ["export-2.csv"]
    assert copy_to_landing(portfolio, [root / "landing" / "export.csv"]) == ["export.csv"]
    assert sorted(path.name for path in (root / "landing").iterdir()) == ["export-2.csv", "export.csv"]
    assert {path: outcome.outcome for path, outcome in run().items()} == {
        "export-2.csv": "loaded",
        "export.csv": "loaded",
    }


def test_a_path_that_is_no_file_or_cannot_be_read_is_refused(root: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "unreadable").symlink_to("/proc/self/mem")
    (tmp_path / "folder").mkdir()
    for name in ("nowhere.csv", "pipe", "unreadable", "folder", "x" * 300):
        with pytest.raises(InputError, match=r"an existing file|a file that can be read"):
            copy_to_landing(load_portfolio(root), [tmp_path / name])
    assert not list((root / "landing").iterdir())


@pytest.fixture
def failing(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The second insert into source_file dies, as a full disk would let it."""
    inserted: list[str] = []
    insert = Warehouse.insert_row

    def die_once(warehouse: Warehouse, table: str, row: Mapping[str, Any]) -> None:
        inserted.append(table)
        if len(inserted) == 2:
            raise OSError("no space left")
        insert(warehouse, table, row)

    monkeypatch.setattr(Warehouse, "insert_row", die_once)
    yield
    monkeypatch.undo()


@pytest.mark.usefixtures("failing")
def test_a_file_is_loaded_or_not_never_half(root: Path, run: Ingest) -> None:
    land(root, "a.csv", meter_csv(half_hours("07-01", 4)))
    land(root, "b.csv", meter_csv(half_hours("07-02", 4)))
    with pytest.raises(OSError, match="no space"):
        run()
    assert rows(root, "select local_day::varchar, count(*) from meter_interval group by all") == [("2013-07-01", 4)]
    assert {path: outcome.outcome for path, outcome in run().items()} == {"a.csv": "unchanged", "b.csv": "loaded"}


def edit_site(root: Path, old: str, new: str) -> None:
    path = next((root / "sites").glob("*.toml"))
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def rebuilt(root: Path, run: Ingest, tables: Iterable[str]) -> list[object]:
    """The same tables of a warehouse made anew from landing/, configuration and journal."""
    (root / "warehouse.duckdb").unlink()
    run()
    return [sorted(rows(root, f"select * from {table}"), key=str) for table in tables]


CURRENT = ("meter_interval", "meter_interval_history", "charger_reading", "source_file")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('timezone = "UTC"', 'timezone = "Asia/Tokyo"'),
        ('meter_id = "main"', 'meter_id = "renamed"\naliases = ["main"]'),
    ],
)
def test_a_changed_configuration_and_a_rebuild_never_differ(root: Path, run: Ingest, old: str, new: str) -> None:
    land(root, "meter.csv", meter_csv(half_hours("2013-07-01T00:00:00+09:00", 48)))
    run()
    edit_site(root, old, new)
    run()
    found = [sorted(rows(root, f"select * from {table}"), key=str) for table in CURRENT]
    assert found == rebuilt(root, run, CURRENT)


def test_a_file_understood_later_keeps_its_place_in_the_order(root: Path, run: Ingest) -> None:
    # first 10 kWh, then 20 under a name nobody knows, then 10 again: the last one stands, whenever the second is read
    start = "2013-07-01T00:00:00+09:00"
    land(root, "a.csv", meter_csv(half_hours(start, 1, 10.0)))
    run()
    land(root, "b.csv", meter_csv(half_hours(start, 1, 20.0), meter_id="other"))
    run()
    land(root, "c.csv", meter_csv([*half_hours(start, 1, 10.0)]) + "\n")
    run()
    edit_site(root, 'meter_id = "main"', 'meter_id = "main"\naliases = ["other"]')
    run()
    assert rows(root, "select import_wh from meter_interval") == [(10_000,)]
    found = [sorted(rows(root, f"select * from {table}"), key=str) for table in CURRENT]
    assert found == rebuilt(root, run, CURRENT)


def test_a_vanished_file_is_not_there_and_an_odd_name_is_read(root: Path, run: Ingest) -> None:
    (root / "landing").mkdir(exist_ok=True)
    odd = os.fsencode(root / "landing") + b"/\xff.csv"
    Path(os.fsdecode(odd)).write_text(meter_csv(half_hours("2013-07-01T00:00:00+09:00", 2)))
    assert run(["nothing.csv"]) == {}
    (outcome,) = run().values()
    assert (outcome.outcome, outcome.result.loaded) == ("loaded", 2)
    assert "\ufffd" in outcome.path
    (again,) = run().values()
    assert again.outcome == "unchanged"
