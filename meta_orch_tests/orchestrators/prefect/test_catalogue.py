"""What is read of deployments and flows, from where, and in how many requests."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from meta_orch.domain.health import ProblemKind
from meta_orch.domain.pipelines import AssetRef, Pipeline, PipelineKey, Pool
from meta_orch.domain.readings import Catalogue
from meta_orch.domain.runs import RunKey
from meta_orch.domain.schedules import ScheduleKind
from meta_orch.domain.states import RunTrigger
from meta_orch.domain.time import parse_instant
from meta_orch.orchestrators.base import ActingRefused, NotFound
from meta_orch.orchestrators.prefect import PrefectOrchestrator
from meta_orch_tests.orchestrators.prefect.server import PrefectInMemory
from meta_orch_tests.support.loopback import LoopbackServer


def by_name(catalogue: Catalogue) -> dict[str, Pipeline]:
    return {pipeline.key.name: pipeline for pipeline in catalogue.pipelines}


def known(catalogue: Catalogue) -> Mapping[PipelineKey, Pipeline]:
    return {pipeline.key: pipeline for pipeline in catalogue.pipelines}


@pytest.fixture
def pipelines(prefect: PrefectOrchestrator, rows: PrefectInMemory) -> dict[str, Pipeline]:
    rows.advance(timedelta(minutes=1))  # the task runs of the last runs have arrived
    return by_name(prefect.read_catalogue({}))


def test_there_is_a_pipeline_for_each_deployment_and_for_each_flow_with_runs_of_its_own(
    pipelines: dict[str, Pipeline],
) -> None:
    assert sorted(pipelines) == [
        *("child", "downstream-fail", "fails/manual", "lake", "mapped/manual", "parent/manual"),
        *("scheduled/by-cron", "scheduled/by-interval", "scheduled/by-rrule", "scheduled/paused"),
        "sums/manual",
    ]


def test_a_flow_that_runs_without_a_deployment_changes_the_fingerprint_once_its_run_was_read(
    prefect: PrefectOrchestrator, rows: PrefectInMemory
) -> None:
    before = prefect.read_fingerprint()
    assert prefect.read_fingerprint() == before
    assert list(prefect.read_changes(None, (), since=rows.now - timedelta(days=365)))
    assert prefect.read_fingerprint() != before
    assert prefect.read_catalogue({}).fingerprint == prefect.read_fingerprint()


def test_a_deployment_is_read_whole(
    pipelines: dict[str, Pipeline], rows: PrefectInMemory, server: LoopbackServer
) -> None:
    sums, row = pipelines["sums/manual"], rows.deployment("sums/manual")
    assert sums.native_id == row["id"]
    assert sums.description == "Started by people only"
    assert sums.tags == ("sales",)
    assert sums.source_path == "basics.py:sums"
    assert sums.url == f"{server.url}/deployments/deployment/{row['id']}"
    assert not sums.is_paused
    assert pipelines["scheduled/paused"].is_paused


def test_the_text_that_prefect_writes_for_no_description_is_none(
    prefect: PrefectOrchestrator, rows: PrefectInMemory
) -> None:
    rows.deployment("scheduled/by-rrule")["description"] = "None"
    assert by_name(prefect.read_catalogue({}))["scheduled/by-rrule"].description is None


def test_schedules_are_read_with_the_next_run_that_prefect_planned(
    pipelines: dict[str, Pipeline], rows: PrefectInMemory
) -> None:
    (schedule,) = pipelines["scheduled/by-interval"].schedules
    deployment = rows.deployment("scheduled/by-interval")["id"]
    planned = [
        run["next_scheduled_start_time"]
        for run in rows.rows["flow_runs"].values()
        if run["deployment_id"] == deployment
    ]
    assert schedule.kind is ScheduleKind.INTERVAL
    assert schedule.interval == timedelta(days=1)
    assert schedule.anchor is not None
    assert planned
    assert schedule.next_at == parse_instant(min(planned))
    assert pipelines["scheduled/paused"].schedules[0].next_at is None


def test_the_tasks_of_a_flow_are_those_of_its_latest_run(pipelines: dict[str, Pipeline]) -> None:
    (double,) = pipelines["mapped/manual"].tasks
    assert (double.name, double.is_mapped, double.kind) == ("double", True, "task")
    (child,) = pipelines["parent/manual"].tasks
    assert (child.name, child.kind) == ("child", "subflow")
    tasks = {task.name: task for task in pipelines["downstream-fail"].tasks}
    assert tasks["after"].upstream == ("bad",)
    assert tasks["bad"].retries == 1
    assert pipelines["scheduled/by-cron"].tasks == ()


def test_a_task_that_ran_again_because_its_flow_did_is_not_mapped(
    prefect: PrefectOrchestrator, rows: PrefectInMemory
) -> None:
    (task_run,) = [
        task for task in rows.rows["task_runs"].values() if task["task_key"].startswith("break")
    ]
    task_run["flow_run_run_count"] = 1
    rows.rows["task_runs"]["again"] = {**task_run, "id": "again", "flow_run_run_count": 2}
    rows.advance(timedelta(minutes=1))
    tasks = by_name(prefect.read_catalogue({}))["fails/manual"].tasks
    assert {task.name: task.is_mapped for task in tasks} == {
        "add": False,
        "break_down": False,
        "double": False,
    }


def test_a_pipeline_triggers_those_whose_runs_it_started(pipelines: dict[str, Pipeline]) -> None:
    assert pipelines["parent/manual"].triggers == (PipelineKey("prefect_test", "child"),)
    assert pipelines["child"].triggers == ()


def test_assets_come_from_what_the_latest_materializations_told(
    pipelines: dict[str, Pipeline],
) -> None:
    lake = pipelines["lake"]
    orders, report = AssetRef("s3://lake/orders.parquet"), AssetRef("s3://lake/report.csv")
    assert lake.produces == (orders, report)
    assert lake.consumes == (orders,)


# What is known already.


def test_what_runs_showed_stays_known_when_the_runs_are_gone(
    prefect: PrefectOrchestrator, rows: PrefectInMemory
) -> None:
    rows.advance(timedelta(minutes=1))
    before = prefect.read_catalogue({})
    ad_hoc = {"child", "downstream-fail", "lake"}
    for kind in ("flow_runs", "task_runs", "events"):
        rows.rows[kind].clear()
    after = by_name(prefect.read_catalogue(known(before)))
    for name, pipeline in by_name(before).items():
        if name not in ad_hoc:  # nothing else tells of these
            assert after[name].tasks == pipeline.tasks
            assert after[name].triggers == pipeline.triggers
            assert after[name].version == pipeline.version


def test_a_catalogue_that_is_known_is_read_without_its_task_runs(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, server: LoopbackServer
) -> None:
    rows.advance(timedelta(minutes=1))
    before = prefect.read_catalogue({})
    server.requests.clear()
    after = prefect.read_catalogue(known(before))
    assert after == before
    by_path = [request.body or {} for request in server.asked_for("/api/task_runs/filter")]
    assert all("flow_run_id" not in body["task_runs"] for body in by_path)


def test_the_number_of_requests_does_not_grow_with_the_deployments(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, server: LoopbackServer
) -> None:
    def requests() -> int:
        server.requests.clear()
        prefect.read_catalogue({})
        return len(server.requests)

    few = requests()
    like = rows.deployment("sums/manual")
    for number in range(150):
        row = {**deepcopy(like), "id": f"many-{number}", "name": f"many-{number}"}
        rows.rows["deployments"][row["id"]] = row
        rows.add_run(f"sums/many-{number}", number, end_time=rows.now.isoformat())
    rows.advance(timedelta(minutes=1))
    assert requests() <= few + 150 / 20 + 1  # the tasks of twenty runs at a time


def test_code_that_changed_without_a_deployment_is_another_version_with_its_own_tasks(
    prefect: PrefectOrchestrator, rows: PrefectInMemory
) -> None:
    rows.advance(timedelta(minutes=1))
    before = prefect.read_catalogue({})
    run = rows.add_run("sums/manual", flow_version="of new code", end_time=rows.now.isoformat())
    like = next(iter(rows.rows["task_runs"].values()))
    rows.rows["task_runs"]["new"] = {
        **like,
        "id": "new",
        "flow_run_id": run["id"],
        "task_key": "brand_new-0123abcd",
        "task_inputs": {},
    }
    rows.advance(timedelta(minutes=1))
    after = by_name(prefect.read_catalogue(known(before)))["sums/manual"]
    assert after.version != by_name(before)["sums/manual"].version
    assert [task.name for task in after.tasks] == ["brand_new"]


@pytest.mark.parametrize(
    "change",
    [{"entrypoint": "other.py:sums"}, {"version": "2"}, {"parameters": {"left": 2}}],
    ids=["entry point", "version", "parameters"],
)
def test_a_definition_that_changed_has_another_version(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, change: dict[str, Any]
) -> None:
    before = by_name(prefect.read_catalogue({}))["sums/manual"]
    rows.deployment("sums/manual").update(change)
    assert by_name(prefect.read_catalogue({}))["sums/manual"].version != before.version


def test_a_description_is_no_part_of_the_version(
    prefect: PrefectOrchestrator, rows: PrefectInMemory
) -> None:
    before = by_name(prefect.read_catalogue({}))["sums/manual"]
    rows.deployment("sums/manual").update(description="Better words", tags=["finance"])
    after = by_name(prefect.read_catalogue({}))["sums/manual"]
    assert after.version == before.version
    assert (after.description, after.tags) == ("Better words", ("finance",))


# Pools, and starting runs.


def test_pools_are_work_pools_and_concurrency_limits(prefect: PrefectOrchestrator) -> None:
    assert prefect.read_pools() == (
        Pool("prefect_test", "etl", slots=3, running=0),
        Pool("prefect_test", "limit:warehouse", slots=4, running=0),
    )


def test_a_work_pool_that_has_deployments_and_no_worker_is_a_problem(
    prefect: PrefectOrchestrator, rows: PrefectInMemory
) -> None:
    (pool,) = rows.rows["work_pools"].values()
    pool["status"] = "READY"
    assert prefect.read_health() == ()
    pool["status"] = "NOT_READY"
    assert prefect.read_health() == (), "nothing is to run there"
    rows.deployment("sums/manual")["work_pool_name"] = "etl"
    (problem,) = prefect.read_health()
    assert (problem.kind, problem.part) == (ProblemKind.WORKER_GONE, "etl")


def test_a_started_run_is_that_of_its_deployment(
    prefect: PrefectOrchestrator, pipelines: dict[str, Pipeline]
) -> None:
    pipeline = pipelines["sums/manual"]
    run = prefect.start_run(pipeline, request_id="once", parameters={"left": 2})
    assert run.key == RunKey(pipeline.key, run.key.run_id)
    assert run.parameters == {"left": 2}
    assert run.trigger is RunTrigger.MANUAL
    assert prefect.start_run(pipeline, request_id="once", parameters={"left": 2}).key == run.key


def test_a_flow_without_a_deployment_cannot_be_started(
    prefect: PrefectOrchestrator, pipelines: dict[str, Pipeline]
) -> None:
    with pytest.raises(ActingRefused, match="the flow 'child' has no deployment to act on"):
        prefect.start_run(pipelines["child"], request_id="once", parameters={})


def test_a_deployment_that_was_deleted_cannot_be_started(
    prefect: PrefectOrchestrator, rows: PrefectInMemory, pipelines: dict[str, Pipeline]
) -> None:
    del rows.rows["deployments"][pipelines["sums/manual"].native_id]
    with pytest.raises(NotFound, match="no deployment 'sums/manual' any more"):
        prefect.start_run(pipelines["sums/manual"], request_id="once", parameters={})
