"""The Dagster shell without its UI: what is defined, and what runs leave in the history and the warehouse."""

import json
import shutil
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from dagster import (
    AssetCheckKey,
    AssetCheckSeverity,
    AssetKey,
    DagsterEvent,
    DagsterRun,
    DagsterRunStatus,
    SkipReason,
    build_run_status_sensor_context,
)

from pipeline.assets.automation import failed_runs, stale_months
from pipeline.assets.failures import failure_sentences
from pipeline.assets.resources import PortfolioResource
from pipeline.calendars import months_between
from pipeline.cli.runs import LOCATION
from pipeline.cli.serving import workspace_file
from pipeline.definitions import build_definitions
from pipeline.portfolio import load_portfolio
from pipeline.warehouse import Warehouse, all_checks, documented_schema, read_copy, sql_folder
from tests.dagster.conftest import history, ingested, look, materialized, restored_environment, run, runs_of, simulated
from tests.delivery.servers import Mailbox, serving

ROOT = Path(__file__).resolve().parent.parent.parent
DEFINITIONS = build_definitions(ROOT)
GRAPH = DEFINITIONS.resolve_asset_graph()
NOT_FILLED_BY_RUNS = {"schema_version"}
BEYOND_TABLES = {"analytics", "run_outcome", "email"}


def documented_tables() -> dict[str, dict[str, str]]:
    """Every table of the warehouse with its columns and their comments."""
    schema = documented_schema()
    tables = set(schema.filter(data_type="table").get_column("table_name")) - NOT_FILLED_BY_RUNS
    rows = schema.select("table_name", "column_name", "comment").iter_rows()
    comments: dict[str, dict[str, str]] = {table: {} for table in tables}
    for table, column, comment in rows:
        if table in tables and column:
            comments[table][column] = comment
    return comments


TABLES = documented_tables()


# What is defined.


def test_the_assets_are_the_tables_that_runs_fill_and_what_follows_them() -> None:
    assert {key.to_user_string() for key in GRAPH.get_all_asset_keys()} == set(TABLES) | BEYOND_TABLES


@pytest.mark.parametrize("asset", sorted(set(TABLES) | BEYOND_TABLES))
def test_every_asset_says_what_it_is_and_whose(asset: str) -> None:
    node = GRAPH.get(AssetKey(asset))
    assert len(node.description or "") > 20
    assert node.owners == ["team:data-engineering"]
    assert node.kinds
    assert node.group_name in {"ingest", "months", "report", "delivery"}


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_column_of_a_table_is_described(table: str) -> None:
    columns = GRAPH.get(AssetKey(table)).metadata["dagster/column_schema"].columns
    assert {column.name: column.description for column in columns} == TABLES[table]
    assert all(column.description for column in columns)


def test_numbers_flow_from_files_to_the_outcome() -> None:
    upstream = {AssetKey("run_outcome"), AssetKey("email")}
    for _ in GRAPH.get_all_asset_keys():
        upstream |= {parent for key in upstream for parent in GRAPH.get(key).parent_keys}
    missing = {key.to_user_string() for key in GRAPH.get_all_asset_keys() - upstream}
    # records of what was refused or replaced, and findings: nothing is computed from them
    assert missing == {
        "rejected_record",
        "meter_interval_history",
        "meter_reactive_history",
        "charger_reading_history",
        "quality_finding",
        "bill_source",
    }


def test_every_file_of_checks_is_an_asset_check() -> None:
    files = {path.stem for path in (sql_folder() / "checks").glob("*.sql")}
    assert {key.name for key in GRAPH.asset_check_keys} == files
    for check in all_checks():
        node = GRAPH.get(AssetCheckKey(AssetKey(check.asset), check.name))
        assert node.description == f"{check.severity}: {check.sentence}"
        assert not node.blocking


def test_every_asset_says_who_reads_it() -> None:
    readers = {key.to_user_string(): GRAPH.get(key).tags["v2b/audience"] for key in GRAPH.get_all_asset_keys()}
    assert set(readers.values()) == {"analyst", "manager", "operator"}
    assert readers["report"] == "manager"


def test_what_must_come_in_regularly_has_a_freshness_policy() -> None:
    policies = {key.to_user_string() for key in GRAPH.get_all_asset_keys() if GRAPH.get(key).freshness_policy}
    assert policies == {"source_file", "savings_month", "report"}


def test_jobs_sensors_and_schedules() -> None:
    """What mails is off until it is switched on; all else works without further action."""
    repository = DEFINITIONS.get_repository_def()
    assert {job.name for job in repository.get_all_jobs()} == {"ingest", "months", "send", "__ASSET_JOB"}
    schedules = {found.name: (found.job_name, found.default_status.value) for found in repository.schedule_defs}
    assert schedules == {"daily_ingest": ("ingest", "RUNNING"), "daily_due": ("send", "STOPPED")}
    sensors = {found.name: found.default_status.value for found in repository.sensor_defs}
    assert sensors == dict.fromkeys(("landing", "stale_months", "dead_runs", "failed_runs"), "RUNNING")
    assert all(found.description for found in (*repository.schedule_defs, *repository.sensor_defs))


def test_what_works_by_itself_and_what_can_be_asked_for_is_in_the_guide() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    repository = DEFINITIONS.get_repository_def()
    named = {found.name for found in (*repository.schedule_defs, *repository.sensor_defs)}
    jobs = {job.name for job in repository.get_all_jobs()} - {"__ASSET_JOB"}
    missing = [name for name in sorted(named | jobs | BEYOND_TABLES) if f"`{name}`" not in guide]
    assert not missing


def test_the_code_location_has_one_name(tmp_path: Path) -> None:
    """Two names would be two run histories."""
    with restored_environment():
        served = yaml.safe_load(workspace_file(tmp_path).read_text(encoding="utf-8"))
    checkout = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["dg"]["project"]
    assert served == checkout
    [found] = [entry["python_module"] for entry in checkout["load_from"]]
    assert found == {"module_name": project["code_location_target_module"], "location_name": LOCATION}
    assert project["code_location_name"] == LOCATION


# A run of everything.


@pytest.fixture(scope="module")
def done(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The portfolio after one `v2b run`."""
    folder = tmp_path_factory.mktemp("done") / "portfolio"
    shutil.copytree(blank, folder)
    report = run(folder)
    assert report.errors == []
    assert [site for site, _ in report.computed] == ["site-00001"] * 2
    return folder


def stored_months(folder: Path) -> list[str]:
    rows = read_copy(folder / "analytics.duckdb", "select distinct month from savings_month order by month")
    return list(rows.get_column("month"))


def test_a_range_of_months_is_one_run(done: Path) -> None:
    months = stored_months(done)
    [only] = runs_of(done, "months")
    assert only.status == DagsterRunStatus.SUCCESS
    assert only.tags["dagster/asset_partition_range_start"] == months[0]
    assert only.tags["dagster/asset_partition_range_end"] == months[-1]
    for asset in ("load_interval", "savings_month", "report", "analytics", "run_outcome"):
        events = materialized(done, asset)
        assert sorted(str(month) for month in events) == months
    with history(done) as instance:
        newest = instance.get_latest_materialization_event(AssetKey("run_outcome"))
    assert newest is not None
    assert newest.run_id == only.run_id


@pytest.mark.parametrize("table", ["load_interval", "bill_line", "report"])
def test_each_month_states_its_own_rows(done: Path, table: str) -> None:
    sql = f"select month, count(*) as n from {table} group by month"
    counted = dict(read_copy(done / "analytics.duckdb", sql).iter_rows())
    events = materialized(done, table)
    assert {month: event.metadata["dagster/row_count"].value for month, event in events.items()} == counted


def test_each_month_shows_its_own_result(done: Path) -> None:
    rows = read_copy(
        done / "analytics.duckdb", "select month, saved, peak_reduction_kw from savings_month order by month"
    )
    events = materialized(done, "savings_month")
    for month, saved, reduction in rows.iter_rows():
        metadata = events[month].metadata
        assert f"| {format(saved.normalize(), 'f')} |" in str(metadata["results"].value)
        assert metadata["peak_reduction_kw"].value == pytest.approx(reduction)
        assert metadata["saved_EUR"].value == pytest.approx(float(saved))


def test_each_month_shows_its_own_chart(done: Path) -> None:
    events = materialized(done, "report")
    charts = {month: str(event.metadata["peak_day"].value) for month, event in events.items()}
    assert all("![Peak day](data:image/svg+xml;base64," in chart for chart in charts.values())
    assert len(set(charts.values())) == len(charts) == 2
    for event in events.values():
        path = Path(str(event.metadata["report_path"].value))
        assert path.is_file()
        assert event.metadata["report_link"].value == path.as_uri()


def test_files_are_counted_where_they_came_in(done: Path) -> None:
    [event] = materialized(done, "source_file").values()
    names = {file["path"] for file in event.metadata["files"].value}  # type: ignore[union-attr,index,call-overload]
    assert len(names) == event.metadata["files_new"].value == event.metadata["dagster/row_count"].value > 0


def test_a_second_run_materializes_no_month(done: Path) -> None:
    before = runs_of(done, "months")
    report = run(done)
    assert (report.files, report.computed, report.errors) == ([], [], [])
    assert runs_of(done, "months") == before


def test_a_month_that_stands_still_shows_its_chart(done: Path) -> None:
    """Materializing it again by hand renders nothing; the chart in the metadata is that of the report on disk."""
    month = stored_months(done)[0]
    before = materialized(done, "report")[month]
    assert run(done, months=(month,)).errors == []
    after = materialized(done, "report")[month]
    assert after.metadata["peak_day"] == before.metadata["peak_day"]


def test_no_run_is_asked_for_where_everything_stands(done: Path) -> None:
    with history(done) as instance:
        requests, cursor, reason = look(stale_months, done, None, instance)
    assert (requests, reason) == ([], "every bill and report stands")
    assert json.loads(cursor or "")["after"] is None


# Two sites, and what goes wrong with one of them must not touch the other.


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sites, files loaded, no bill computed yet."""
    return ingested(simulated(tmp_path_factory.mktemp("pair") / "portfolio", sites=2))


@pytest.fixture
def fresh_pair(pair: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "portfolio"
    shutil.copytree(pair, folder)
    return folder


def test_one_site_alone_then_a_broken_one_beside_it_then_a_broken_rule(fresh_pair: Path) -> None:
    """Three acts on one portfolio, since each needs the run of the one before."""
    folder, (good, bad) = fresh_pair, sorted(load_portfolio(fresh_pair).sites)
    alone = run(folder, sites=(good,))
    assert alone.errors == []
    assert {site for site, _ in alone.computed} == {good}

    tariff = load_portfolio(folder).sites[bad].tariff_name_on(datetime.now(UTC).date())
    (folder / "tariffs" / f"{tariff}.toml").write_text("currency = 'nonsense'\n", encoding="utf-8")
    for rendered in (folder / "out" / good).iterdir():
        shutil.rmtree(rendered)
    (folder / "analytics.duckdb").unlink()
    beside = run(folder)
    [sentence] = beside.errors
    assert f"site {bad}, month " in sentence
    assert good not in sentence
    assert runs_of(folder, "months")[0].status == DagsterRunStatus.FAILURE
    states = dict(read_copy(folder / "analytics.duckdb", "select site_id, state from site_month").iter_rows())
    assert states == {good: "ok", bad: "failed"}
    assert list((folder / "out" / good).glob("*/report.html"))
    # the sites' bills are years apart: one run over all months between, the empty ones with no rows
    events = materialized(folder, "savings_month")
    months = sorted(str(month) for month in events)
    assert months == list(months_between(months[0], months[-1]))
    rows = {month: event.metadata["dagster/row_count"].value for month, event in events.items()}
    assert sorted(str(month) for month, count in rows.items() if count) == stored_months(folder)

    (month,) = {month for site, month in alone.computed if site == good}
    with Warehouse(folder) as warehouse:
        warehouse.connection.execute("update bill_line set amount = amount + 1 where site_id = ?", [good])
    broken = run(folder, months=(month,), sites=(good,))
    [rule] = [error for error in broken.errors if "lines_sum_to_bill" in error]
    assert "rows offend" in rule
    with history(folder) as instance:
        key = AssetCheckKey(AssetKey("savings_month"), "lines_sum_to_bill")
        record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert record.event is not None
    assert record.event.dagster_event is not None
    evaluation = record.event.dagster_event.asset_check_evaluation_data
    assert not evaluation.passed
    assert evaluation.severity == AssetCheckSeverity.ERROR
    assert evaluation.metadata["offending_rows"].value > 0  # type: ignore[operator]
    assert f"| {good} | {month} |" in str(evaluation.metadata["rows"].value)
    assert evaluation.metadata["which"].value == [f"{good} {month}"]
    assert evaluation.metadata["site_months"].value == 1


# What goes out.


def executed(folder: Path, job: str) -> tuple[DagsterRun, DagsterEvent | None, list[str]]:
    """A run of a job, with the event in which it failed and what its steps said of that, if it did."""
    with history(folder) as instance:
        result = (
            build_definitions(folder)
            .resolve_job_def(job)
            .execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
        )
        failed = [event for event in result.all_events if event.event_type_value == "PIPELINE_FAILURE"]
        return result.dagster_run, failed[0] if failed else None, failure_sentences(result.all_events)


def test_a_failed_run_is_told_and_what_is_due_is_sent_once(done: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(done, tmp_path / "portfolio")
    run_of, event, _ = executed(folder, "send")  # no mail server is named yet
    assert event is not None
    (site,) = (folder / "sites").glob("*.toml")
    site.write_text(
        site.read_text(encoding="utf-8") + '\n[report]\nrecipients = ["manager@example.com"]\n', encoding="utf-8"
    )
    box = Mailbox()
    with serving(box, "none") as port, history(folder) as instance:
        smtp = f'[smtp]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\nfrom = "v2b-savings@localhost.invalid"\n'
        with (folder / "v2b.toml").open("a", encoding="utf-8") as stream:
            stream.write(f'{smtp}[alerts]\nrecipients = ["operator@example.com"]\n')
        resources = {"portfolio": PortfolioResource(folder=str(folder))}
        context = build_run_status_sensor_context("failed_runs", event, instance, run_of, resources=resources)
        told = failed_runs(context.for_run_failure())
        assert isinstance(told, SkipReason)
        assert told.skip_message == "told the recipients of [alerts]"
        [alert] = box.messages
        assert alert["To"] == "operator@example.com"
        assert run_of.run_id[:8] in str(alert["Subject"])
        assert "a table [smtp]" in str(alert.get_body(("plain",)))

        assert executed(folder, "send")[2] == []
        sent = [message["To"] for message in box.messages[1:]]
        assert sent == ["manager@example.com"] * 2
        assert executed(folder, "send")[2] == []
        assert len(box.messages) == 3  # nothing is mailed twice
        newest = instance.get_latest_materialization_event(AssetKey("email"))
    assert newest is not None
    assert newest.asset_materialization is not None
    assert newest.asset_materialization.metadata["sent"].value == 0
