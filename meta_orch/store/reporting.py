"""What reports tell of a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import duckdb

from meta_orch.domain.time import Window
from meta_orch.store.sql import query


class Totals(NamedTuple):
    """Of all that ended in a time."""

    runs: int
    succeeded: int
    failed: int
    pipelines: int
    executing_seconds: float
    failed_seconds: float
    """Of runs that failed in the end."""
    queued_seconds: float


class PipelineTotals(NamedTuple):
    """Of one pipeline in a time, and in the time before it."""

    instance: str
    pipeline: str
    runs: int
    failed: int
    failed_seconds: float
    queued_seconds: float
    last_message: str | None
    """Of its last failure."""
    median_seconds: float | None
    """Of its successful runs; None where there were none."""
    succeeded: int
    median_seconds_before: float | None
    succeeded_before: int


class ReportRun(NamedTuple):
    instance: str
    pipeline: str
    run_id: str
    state: str
    queued: float
    """Seconds since 1970, as the next two."""
    started: float
    ended: float | None
    """None while it goes on."""


class DemandHour(NamedTuple):
    kind: str
    resource: str
    hour: float
    """When it begins, in seconds since 1970."""
    capacity: float | None
    peak_running: float
    peak_wanted: float


class ReportReader:
    """Get it from `StoreReader.reports`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def totals(self, window: Window) -> Totals:
        (row,) = self._fetch("report_totals", since=window.start, until=window.end)
        return Totals(*row)

    def pipelines(self, window: Window, before: datetime) -> list[PipelineTotals]:
        """Of each pipeline that ran in a time.

        Args:
            before: when the time begins that it is compared with, which ends as the other begins.
        """
        found = self._fetch("report_pipelines", since=window.start, until=window.end, before=before)
        return [PipelineTotals(*row) for row in found]

    def runs(self, window: Window) -> list[ReportRun]:
        """What was under way then, by start."""
        found = self._fetch("report_runs", since=window.start, until=window.end)
        return [ReportRun(*row) for row in found]

    def demand(self, window: Window) -> list[DemandHour]:
        """As it was measured, by resource and hour."""
        found = self._fetch("report_demand", since=window.start, until=window.end)
        return [DemandHour(*row) for row in found]

    def _fetch(self, name: str, **parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query(name), parameters).fetchall()
