"""Airflow's JSON, field by field. The shapes are those of Airflow 3.3.2."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meta_orch.domain.pipelines import AssetRef, Pool, Task
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.domain.time import Window
from meta_orch.orchestrators.airflow.parse import (
    Place,
    read_links,
    read_pool,
    read_run,
    read_task_run,
    read_tasks,
)
from meta_orch.orchestrators.answers import Fields, UnreadableJson

PLACE = Place("airflow", "https://airflow.example.com")
RUN = {"dag_id": "orders", "dag_run_id": "scheduled__2026-01-05T04:00:00+00:00", "state": "success"}
INSTANCE = {**RUN, "id": "1", "task_id": "load", "map_index": -1, "try_number": 1}


def run(**fields: Any) -> Fields:
    return Fields({**RUN, **fields}, "a DAG run")


def instance(**fields: Any) -> Fields:
    return Fields({**INSTANCE, **fields}, "a task instance")


# Runs.


def test_a_run_of_the_fewest_fields_is_read() -> None:
    read = read_run(PLACE, run())
    assert (read.state, read.native_state, read.attempt) == (RunState.SUCCEEDED, "success", 1)
    assert (read.scheduled_at, read.started_at, read.logical_window) == (None, None, None)
    assert read.parameters == {}


def test_the_page_of_a_run_is_quoted_as_airflows_own_links_are() -> None:
    assert read_run(PLACE, run()).url == (
        "https://airflow.example.com/dags/orders/runs/scheduled__2026-01-05T04%3A00%3A00%2B00%3A00"
    )


@pytest.mark.parametrize(
    ("fields", "trigger"),
    [
        ({"run_type": "scheduled", "triggered_by": "timetable"}, RunTrigger.SCHEDULE),
        ({"run_type": "manual", "triggered_by": "ui"}, RunTrigger.MANUAL),
        ({"run_type": "manual", "triggered_by": "operator"}, RunTrigger.PARENT),
        ({"run_type": "operator_triggered", "triggered_by": "operator"}, RunTrigger.PARENT),
        ({"run_type": "asset_triggered", "triggered_by": "asset"}, RunTrigger.ASSET),
        ({"run_type": "backfill", "triggered_by": "backfill"}, RunTrigger.BACKFILL),
        ({"run_type": "by_carrier_pigeon"}, RunTrigger.UNKNOWN),
        ({}, RunTrigger.UNKNOWN),
    ],
)
def test_what_started_a_run_is_told_by_its_type_and_its_starter(
    fields: dict[str, Any], trigger: RunTrigger
) -> None:
    assert read_run(PLACE, run(**fields)).trigger is trigger


def test_the_logical_window_is_the_data_interval() -> None:
    read = read_run(
        PLACE,
        run(
            logical_date="2026-01-04T04:00:00Z",
            data_interval_start="2026-01-04T04:00:00Z",
            data_interval_end="2026-01-05T04:00:00Z",
        ),
    )
    assert read.logical_window == Window(
        datetime(2026, 1, 4, 4, tzinfo=UTC), datetime(2026, 1, 5, 4, tzinfo=UTC)
    )


def test_a_logical_date_without_an_interval_is_an_empty_window() -> None:
    window = read_run(PLACE, run(logical_date="2026-01-04T04:00:00Z")).logical_window
    assert window is not None
    assert window.is_empty


def test_an_interval_that_ends_before_it_begins_is_no_window() -> None:
    odd = {
        "data_interval_start": "2026-01-05T04:00:00Z",
        "data_interval_end": "2026-01-04T04:00:00Z",
    }
    assert read_run(PLACE, run(**odd)).logical_window is None


def test_an_instant_without_an_offset_is_utc_and_another_offset_is_converted() -> None:
    read = read_run(PLACE, run(start_date="2026-01-05T04:00:00", end_date="2026-01-05T06:00+01:00"))
    assert read.started_at == datetime(2026, 1, 5, 4, tzinfo=UTC)
    assert read.ended_at == datetime(2026, 1, 5, 5, tzinfo=UTC)


def test_the_version_of_a_run_is_the_last_one_that_its_tasks_ran() -> None:
    versions = [{"id": "b", "version_number": 10}, {"id": "a", "version_number": 9}]
    assert read_run(PLACE, run(dag_versions=versions)).pipeline_version == "v10-b"


def test_secrets_in_a_configuration_are_masked_at_any_depth() -> None:
    conf = {"region": "north", "database": {"password": "geheim", "host": "db"}}
    assert read_run(PLACE, run(conf=conf)).parameters == {
        "region": "north",
        "database": {"password": "***", "host": "db"},
    }


@pytest.mark.parametrize("conf", [None, {}])
def test_no_configuration_is_no_parameters(conf: Any) -> None:
    assert read_run(PLACE, run(conf=conf)).parameters == {}


# Task runs.


@pytest.mark.parametrize(
    ("native", "state"),
    [
        (None, RunState.SCHEDULED),
        ("scheduled", RunState.QUEUED),
        ("queued", RunState.QUEUED),
        ("running", RunState.RUNNING),
        ("restarting", RunState.RETRYING),
        ("up_for_retry", RunState.RETRYING),
        ("up_for_reschedule", RunState.WAITING),
        ("deferred", RunState.WAITING),
        ("awaiting_input", RunState.WAITING),
        ("success", RunState.SUCCEEDED),
        ("failed", RunState.FAILED),
        ("skipped", RunState.SKIPPED),
        ("upstream_failed", RunState.UPSTREAM_FAILED),
        ("removed", RunState.REMOVED),
        ("hibernating", RunState.UNKNOWN),
    ],
)
def test_each_state_of_a_task_instance_has_its_own(native: str | None, state: RunState) -> None:
    read = read_task_run(PLACE, instance(state=native))
    assert (read.state, read.native_state) == (state, native or "none")


def test_a_task_instance_takes_slots_of_its_pool_and_waits_in_a_queue() -> None:
    read = read_task_run(PLACE, instance(pool="db", pool_slots=3.0, queue="spark"))
    assert (read.pool, read.slots, read.queue) == ("db", 3, "spark")
    read = read_task_run(PLACE, instance(pool_slots=None, queue=""))
    assert (read.slots, read.queue) == (1, None)


def test_a_mapped_task_instance_is_told_from_its_sisters() -> None:
    read = read_task_run(PLACE, instance(map_index=2))
    assert (read.task, read.task_run_id, read.map_index) == ("load", "load[2]", 2)
    assert read.url is not None
    assert read.url.endswith("/tasks/load/mapped/2")


def test_a_task_instance_that_was_never_tried_is_in_its_first_attempt() -> None:
    read = read_task_run(PLACE, instance(try_number=0, hostname=""))
    assert (read.attempt, read.worker, read.map_index) == (1, None, None)


def test_a_task_instance_without_its_run_is_an_error() -> None:
    with pytest.raises(UnreadableJson, match="a task instance has no dag_run_id"):
        read_task_run(PLACE, instance(dag_run_id=None))


# Tasks, pools and links.


def task(name: str, *downstream: str, **fields: Any) -> Fields:
    return Fields({"task_id": name, "downstream_task_ids": list(downstream), **fields}, "a task")


def test_edges_are_turned_round_and_tasks_sorted() -> None:
    tasks = read_tasks([task("b", "c"), task("c"), task("a", "b", "c")])
    assert [(t.name, t.upstream) for t in tasks] == [("a", ()), ("b", ("a",)), ("c", ("a", "b"))]


def test_the_settings_of_a_task_are_read() -> None:
    (read,) = read_tasks(
        [
            task(
                "a",
                operator_name="BashOperator",
                retries=2.0,
                execution_timeout={"__type": "TimeDelta", "days": 1, "seconds": 60},
                pool="default_pool",
                trigger_rule="all_done",
                is_mapped=True,
            )
        ]
    )
    assert read == Task(
        "a", "BashOperator", (), 2, timedelta(days=1, minutes=1), "default_pool", "all_done", True
    )


def test_a_task_without_an_operator_name_has_that_of_its_class() -> None:
    (read,) = read_tasks([task("a", class_ref={"class_name": "EmptyOperator"})])
    assert read.kind == "EmptyOperator"


def test_a_pool_without_a_limit_has_no_number_of_slots() -> None:
    pool = {"name": "endless", "slots": -1, "running_slots": 3, "queued_slots": 0}
    assert read_pool(PLACE, Fields(pool, "a pool")) == Pool("airflow", "endless", None, 3, 0)


def test_assets_link_what_writes_to_what_reads_and_to_what_they_schedule() -> None:
    asset = Fields(
        {
            "uri": "s3://lake/orders",
            "name": "orders",
            "producing_tasks": [{"dag_id": "load", "task_id": "a"}, {"dag_id": "load"}],
            "consuming_tasks": [{"dag_id": "report"}],
            "scheduled_dags": [{"dag_id": "model"}, {"dag_id": "report"}],
        },
        "an asset",
    )
    links = read_links([asset], None)
    orders = frozenset({AssetRef("s3://lake/orders", "orders")})
    assert links.produces == {"load": orders}
    assert links.consumes == {"model": orders, "report": orders}
    assert links.triggers is None


def test_the_name_that_airflow_3_0_has_for_scheduled_dags_is_understood() -> None:
    asset = {"uri": "x", "consuming_dags": [{"dag_id": "model"}]}
    links = read_links([Fields(asset, "an asset")], None)
    assert links.consumes == {"model": frozenset({AssetRef("x")})}


def test_an_asset_whose_name_is_its_uri_has_no_other_name() -> None:
    asset = {"uri": "x", "name": "x", "producing_tasks": [{"dag_id": "load"}]}
    links = read_links([Fields(asset, "an asset")], None)
    assert links.produces == {"load": frozenset({AssetRef("x")})}
