"""The jobs: load what came in, compute months, mail what is due."""

from __future__ import annotations

from typing import Final

from dagster import AssetSelection, define_asset_job, in_process_executor

_RANGE: Final = "dagster/asset_partition_range"

ingest_job = define_asset_job(
    "ingest",
    selection=AssetSelection.groups("ingest"),
    description="Load everything new under landing/.",
    executor_def=in_process_executor,
)
months_job = define_asset_job(
    "months",
    selection=AssetSelection.groups("months", "report"),
    description="Compute, report and publish the stale site-months of a range of months.",
    executor_def=in_process_executor,
)
send_job = define_asset_job(
    "send",
    selection=AssetSelection.groups("delivery"),
    description="Mail the reports, reminders and digests that are due.",
    executor_def=in_process_executor,
)


def range_tags(first: str, last: str) -> dict[str, str]:
    """Return the run tags that stand for the months first..last (YYYY-MM), both included."""
    return {f"{_RANGE}_start": first, f"{_RANGE}_end": last}


def range_end(tags: dict[str, str]) -> str | None:
    """Return the last month a run was about; None for a run without a range."""
    return tags.get(f"{_RANGE}_end") or tags.get("dagster/partition")
