"""A portfolio that is loaded again and again, and what its warehouse holds after it."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.journal import Journal
from pipeline.portfolio import load_portfolio
from pipeline.steps.loading import FileOutcome, ingest
from pipeline.warehouse import Warehouse
from tests.factories import IN_MEMORY, lay_out_warehouse
from tests.steps.renditions import depot

NOW = datetime(2013, 8, 3, tzinfo=UTC)
TABLES = (
    "source_file",
    "rejected_record",
    "meter_interval",
    "meter_interval_history",
    "charger_reading",
    "charger_reading_history",
    "session_record",
    "weather_hour",
)
File = tuple[str, bytes]
Rows = list[tuple[object, ...]]

# What must not depend on the files: everything but which of them brought it. A log cut inside a session names the car
# only in the part that has the start; the session's car is the session's, in whichever of its readings it stands.
MEANING = {
    "meter_interval": "select * exclude (load_id) from meter_interval order by all",
    "meter_interval_history": "select * from meter_interval_history order by all",
    "charger_reading": """
        select * exclude (load_id) replace (
            coalesce(vehicle_id, max(vehicle_id) over (partition by charger_id, session_id)) as vehicle_id
        ) from charger_reading order by all
    """,
    "session_record": "select * exclude (load_id) from session_record order by all",
    "weather_hour": "select * exclude (load_id) from weather_hour order by all",
    "rejected_record": "select * from rejected_record order by all",
}


class Portfolio:
    """A portfolio whose warehouse stays open between the runs of one example."""

    def __init__(self, root: Path, warehouse: Warehouse) -> None:
        self.root, self.warehouse = root, warehouse

    def run(self, landed: Sequence[File] = ()) -> list[FileOutcome]:
        for name, content in landed:
            (self.root / "landing" / name).write_bytes(content)
        return ingest(load_portfolio(self.root), self.warehouse, Journal(self.root), now=NOW)

    def rows(self, sql: str) -> Rows:
        return self.warehouse.query(sql).rows()

    def meaning(self) -> dict[str, Rows]:
        return {table: self.rows(sql) for table, sql in MEANING.items()}

    def everything(self) -> dict[str, Rows]:
        return {table: self.rows(f"select * from {table} order by all") for table in TABLES}

    def rebuild(self) -> None:
        """Make the warehouse anew from landing/, configuration and journal."""
        with self.warehouse.transaction() as connection:
            for table in TABLES:
                connection.execute(f"delete from {table}")
        self.run()


@contextmanager
def portfolio() -> Iterator[Portfolio]:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        root = depot(Path(folder) / "depot")
        lay_out_warehouse(root)
        with Warehouse(root) as warehouse:
            warehouse.connection.execute("set threads = 1")  # tiny tables: threads cost more than they save
            yield Portfolio(root, warehouse)
