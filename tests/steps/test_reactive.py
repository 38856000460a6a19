"""Reactive energy from a file into its own table: once, corrected where a later file says otherwise."""

from datetime import UTC, datetime
from pathlib import Path

from pipeline.journal import Journal
from pipeline.portfolio import load_portfolio
from pipeline.steps.loading import ingest
from pipeline.warehouse import Warehouse
from tests.factories import lay_out_warehouse, portfolio_folder

HEADER = "meter_id,interval_start,duration_s,import_kwh,export_kwh,reactive_kvarh\n"
LINES = "main,2013-07-01T00:00:00Z,1800,5,0,1.5\nmain,2013-07-01T00:30:00Z,1800,5,0,\n"


def test_a_corrected_file_supersedes_what_it_contains(tmp_path: Path) -> None:
    root = portfolio_folder(tmp_path / "portfolio")
    lay_out_warehouse(root)

    def outcomes() -> list[tuple[str, str, int, int, int]]:
        with Warehouse(root) as warehouse:
            found = ingest(load_portfolio(root), warehouse, Journal(root), now=datetime(2013, 8, 3, tzinfo=UTC))
        counts = [(file.result.loaded, file.result.unchanged, file.result.superseded) for file in found]
        return [(file.path, file.outcome, *count) for file, count in zip(found, counts, strict=True) if file.is_new]

    def rows(table: str) -> list[int]:
        with Warehouse(root) as warehouse:
            return warehouse.query(f"select reactive_varh from {table} order by all").to_series().to_list()

    (root / "landing").mkdir(exist_ok=True)
    (root / "landing" / "a.csv").write_text(HEADER + LINES)
    assert outcomes() == [("a.csv", "loaded", 3, 0, 0)]  # two intervals and one of reactive energy
    (root / "landing" / "b.csv").write_text(HEADER + LINES.replace("1.5", "1.25"))
    assert outcomes() == [("b.csv", "loaded", 1, 2, 1)]
    assert (rows("meter_reactive"), rows("meter_reactive_history")) == ([1250], [1500])
    (root / "landing" / "copy.csv").write_text(HEADER + LINES.replace("1.5", "1.25") + "\n")
    assert outcomes() == [("copy.csv", "unchanged", 0, 3, 0)]
