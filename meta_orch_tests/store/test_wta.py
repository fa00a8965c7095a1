"""Traces of the Workflow Trace Archive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from meta_orch.analytics.critical_paths.refreshing import refresh_critical_paths
from meta_orch.analytics.resources.measuring import measure_days
from meta_orch.config import MetaOrchConfig
from meta_orch.store import Store
from meta_orch.store.wta import UnreadableTrace, import_wta

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
WORKFLOWS = """
SELECT * FROM (VALUES
  (7::BIGINT, 0::BIGINT, 'montage', 3::BIGINT),
  (8::BIGINT, 60000::BIGINT, '', 1::BIGINT)
) AS workflow(id, ts_submit, application_name, task_count)
"""
TASKS = """
SELECT * FROM (VALUES
  (1::BIGINT, 7::BIGINT, 'project', 0::BIGINT, 1000::BIGINT, 10000::BIGINT, []::BIGINT[]),
  (2::BIGINT, 7::BIGINT, 'project', 0::BIGINT, 500::BIGINT, 5000::BIGINT, []::BIGINT[]),
  (3::BIGINT, 7::BIGINT, 'merge', 11000::BIGINT, 2000::BIGINT, 4000::BIGINT, [1, 2]::BIGINT[]),
  (4::BIGINT, 8::BIGINT, 'alone', 60000::BIGINT, -1::BIGINT, 3000::BIGINT, NULL)
) AS task(id, workflow_id, type, ts_submit, wait_time, runtime, parents)
"""


def write(folder: Path, part: str, sql: str) -> None:
    place = folder / part / "schema-1.0"
    place.mkdir(parents=True)
    duckdb.execute(f"COPY ({sql}) TO '{place / 'part.0.parquet'}' (FORMAT parquet)")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """In the columns and units of the format's version 1.0, written here: the archive itself cannot
    be had where these tests run."""
    write(tmp_path / "trace", "workflows", WORKFLOWS)
    write(tmp_path / "trace", "tasks", TASKS)
    return tmp_path / "trace"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store.duckdb")


def test_a_workflow_is_a_run_of_its_application_and_a_task_a_task_run(
    trace: Path, store: Store
) -> None:
    for _ in range(2):  # what is there is not doubled
        assert import_wta(store, trace, "wta", BEGIN) == 2
    with store.read() as reader:
        runs = reader.answer("SELECT pipeline, run_id, started_at, ended_at FROM runs ORDER BY 2")
        tasks = reader.answer(
            "SELECT task, queue_seconds, duration_seconds FROM task_runs ORDER BY task_run_id"
        )
    second = timedelta(seconds=1)
    assert runs.rows == (
        ("montage", "7", BEGIN + second / 2, BEGIN + 17 * second),
        ("workflow", "8", BEGIN + 60 * second, BEGIN + 63 * second),
    )
    assert tasks.rows == (
        ("project", 1, 10),
        ("project", 0.5, 5),
        ("merge", 2, 4),
        ("alone", 0, 3),
    )


def test_the_analytics_run_on_it(trace: Path, store: Store) -> None:
    import_wta(store, trace, "wta", BEGIN)
    refresh_critical_paths(store, BEGIN, runs=10)
    measure_days(store, MetaOrchConfig(), [BEGIN.date()], BEGIN + timedelta(days=2))
    with store.read() as reader:
        paths = reader.answer(
            "SELECT makespan_seconds, executed_seconds, queued_seconds FROM critical_paths "
            "WHERE pipeline = 'montage'"
        )
        peaks = reader.answer("SELECT peak_running FROM resource_hours")
    # From its start: the slower project began half a second later, and the merge queued for two.
    assert paths.rows == ((16.5, 14, 2.5),)
    assert peaks.rows == ((1,),)


def test_what_is_no_trace_is_told_with_what_is_missing(tmp_path: Path, store: Store) -> None:
    with pytest.raises(UnreadableTrace, match="no Parquet is below workflows/:"):
        import_wta(store, tmp_path, "wta", BEGIN)
    write(tmp_path / "bad", "workflows", WORKFLOWS)
    write(tmp_path / "bad", "tasks", "SELECT 1 AS id, 7 AS workflow_id, 0 AS ts_submit")
    with pytest.raises(UnreadableTrace, match="lacks the columns parents, runtime"):
        import_wta(store, tmp_path / "bad", "wta", BEGIN)
    write(tmp_path / "broken", "tasks", TASKS)
    place = tmp_path / "broken" / "workflows"
    place.mkdir()
    (place / "part.parquet").write_text("no Parquet")
    with pytest.raises(UnreadableTrace, match="cannot be read"):
        import_wta(store, tmp_path / "broken", "wta", BEGIN)
