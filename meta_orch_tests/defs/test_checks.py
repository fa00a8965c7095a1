from __future__ import annotations

from datetime import timedelta

import pytest
from dagster import AssetCheckKey, AssetKey, Definitions

from meta_orch.config import InstanceConfig
from meta_orch.defs import names
from meta_orch.defs.analytics.conflicts import CONFLICTS_KEY
from meta_orch.defs.analytics.critical_paths import PATHS_KEY
from meta_orch.defs.analytics.incidents import INCIDENT_REPORT_KEY
from meta_orch.defs.analytics.predictions import PREDICTIONS_KEY
from meta_orch.defs.analytics.reports import REPORT_KEYS
from meta_orch.defs.analytics.resources import RESOURCES_KEY
from meta_orch.defs.analytics.slas import SLAS_KEY
from meta_orch.defs.checks import evaluate_freshness, evaluate_last_run
from meta_orch.defs.edges import EDGES_KEY
from meta_orch.defs.evaluations import COLLECTOR_IS_FRESH, LAST_RUN_SUCCEEDED
from meta_orch.defs.reconciliation import STORE_MATCHES_SERVER
from meta_orch.dependencies.lint import Rule
from meta_orch.domain.states import RunState
from meta_orch.orchestrators.base import Unreachable
from meta_orch.store import CollectorStatus
from meta_orch.testing.builders import INSTANCE, NOON, make_pipeline, make_run, make_task_run
from meta_orch_tests.defs.support import NAME, World

AIRFLOW = InstanceConfig(name=INSTANCE, type="airflow", url="http://airflow.example")
PIPELINE = make_pipeline().key
ASSET = names.asset_key(PIPELINE)


@pytest.mark.parametrize(
    ("state", "passed", "severity"),
    [
        (RunState.SUCCEEDED, True, "WARN"),
        (RunState.FAILED, False, "ERROR"),
        (RunState.UPSTREAM_FAILED, False, "ERROR"),
        (RunState.CANCELED, False, "WARN"),
    ],
)
def test_only_a_failure_is_an_error(state: RunState, passed: bool, severity: str) -> None:
    result = evaluate_last_run(PIPELINE, make_run(state=state))
    assert (result.passed, result.severity.value) == (passed, severity)
    assert result.description == f"run_1: {state.value} after 10 min."


def test_a_pipeline_without_a_finished_run_is_no_success() -> None:
    result = evaluate_last_run(PIPELINE, None)
    assert (result.passed, result.description) == (False, "No finished run is known.")


def test_a_failure_lists_the_tasks_whose_last_attempt_failed() -> None:
    task_runs = [
        make_task_run("load", state=RunState.FAILED, attempt=2, message="no | space"),
        make_task_run("load", state=RunState.RETRYING, attempt=1, message="first"),
        make_task_run("check", state=RunState.FAILED, attempt=1),
        make_task_run("check", state=RunState.SUCCEEDED, attempt=2),
    ]
    result = evaluate_last_run(PIPELINE, make_run(state=RunState.FAILED), task_runs)
    table = result.metadata["meta_orch/failed_tasks"].value
    assert isinstance(table, str)
    assert table.splitlines()[2:] == ["| load | failed | 2 | no \\| space |"]
    assert result.description == "run_1: failed after 10 min at load."


def test_a_description_names_what_failed_and_not_what_was_never_tried() -> None:
    failed = [
        make_task_run("load", state=RunState.FAILED, task_run_id=f"load_{n}", map_index=n)
        for n in range(5)
    ]
    never_ran = make_task_run("check", state=RunState.UPSTREAM_FAILED)
    result = evaluate_last_run(PIPELINE, make_run(state=RunState.FAILED), [never_ran, *failed])
    assert (
        result.description == "run_1: failed after 10 min at load[0], load[1], load[2] and 2 more."
    )


def status(*, read: timedelta, caught_up: bool = True, error: str | None = None) -> CollectorStatus:
    return CollectorStatus(INSTANCE, NOON, NOON - read, caught_up, error, "3.3.2", NOON)


@pytest.mark.parametrize(
    ("last", "fresh"),
    [
        (None, False),
        (status(read=timedelta(minutes=1)), True),
        (status(read=timedelta(minutes=6)), False),
        (status(read=timedelta(minutes=1), caught_up=False), False),
        (status(read=timedelta(minutes=1), caught_up=False, error="502"), True),
        (status(read=timedelta(minutes=6), caught_up=False, error="502"), False),
    ],
)
def test_fresh_is_what_was_read_lately_and_to_the_end(
    last: CollectorStatus | None, fresh: bool
) -> None:
    assert evaluate_freshness(ASSET, AIRFLOW, last, NOON).passed is fresh


def test_a_slow_poll_is_allowed_a_longer_silence() -> None:
    slow = AIRFLOW.model_copy(update={"poll_interval": timedelta(minutes=30)})
    assert AIRFLOW.tolerance == timedelta(minutes=5)
    assert slow.tolerance == timedelta(hours=2)


def execute(world: World, *checks: AssetCheckKey) -> dict[AssetCheckKey, bool]:
    """Execute checks by hand, as from an asset's page. Where a blocking one fails, so does the run,
    after all are evaluated."""
    defs = world.load()
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.get_subset(
        asset_selection=set(), asset_check_selection=set(checks)
    ).execute_in_process(instance=world.dagster, raise_on_error=False)
    return {
        evaluation.asset_check_key: evaluation.passed
        for evaluation in result.get_asset_check_evaluations()
    }


def test_executing_checks_by_hand_evaluates_those_and_no_others(world: World) -> None:
    world.finish("orders", state=RunState.FAILED)
    world.finish("refunds")
    world.tick()
    failed = AssetCheckKey(AssetKey([NAME, "orders"]), LAST_RUN_SUCCEEDED)
    fresh = AssetCheckKey(AssetKey([NAME]), COLLECTOR_IS_FRESH)
    assert execute(world, failed, fresh) == {failed: False, fresh: True}


def test_executing_checks_by_hand_tells_how_things_are_now(world: World) -> None:
    world.finish("orders")
    world.tick()
    world.fake.fail_with(Unreachable(NAME, "down"))
    world.wait(hours=1)
    fresh = AssetCheckKey(AssetKey([NAME, "orders"]), COLLECTOR_IS_FRESH)
    assert execute(world, fresh) == {fresh: False}


def test_a_run_that_goes_on_does_not_hide_how_the_last_one_ended(world: World) -> None:
    run = world.finish("orders")
    world.fake.add_run(
        make_run("going", run.key.pipeline, RunState.RUNNING, started_at=world.now())
    )
    world.tick()
    check = AssetCheckKey(AssetKey([NAME, "orders"]), LAST_RUN_SUCCEEDED)
    assert execute(world, check) == {check: True}


def test_every_pipeline_has_both_checks_whatever_it_is_called(world: World) -> None:
    called = ["a-b", "a.b", "a_b", "two words", "größe/日本", 'quo"te', "x" * 200]
    for name in called:
        world.finish(name)
    world.tick()
    defs = world.load()
    Definitions.validate_loadable(defs)
    checks = defs.resolve_asset_graph().asset_check_keys
    assert {check for check in checks if check.asset_key != EDGES_KEY} == {
        AssetCheckKey(AssetKey([NAME]), COLLECTOR_IS_FRESH),
        AssetCheckKey(AssetKey([NAME]), STORE_MATCHES_SERVER),
        *(
            AssetCheckKey(AssetKey([NAME, *name.split("/")]), check)
            for name in called
            for check in (LAST_RUN_SUCCEEDED, COLLECTOR_IS_FRESH)
        ),
    }
    some = AssetCheckKey(AssetKey([NAME, "two words"]), LAST_RUN_SUCCEEDED)
    assert execute(world, some) == {some: True}


def test_many_pipelines_share_a_few_operations(world: World) -> None:
    world.add_pipelines(501)
    world.tick()
    job = world.load().resolve_implicit_global_asset_job_def()
    assert {node.name for node in job.nodes} == {
        *(f"{NAME}__checks_1", f"{NAME}__checks_2", f"{NAME}_{STORE_MATCHES_SERVER}"),
        EDGES_KEY.to_python_identifier(),
        PATHS_KEY.to_python_identifier(),
        PREDICTIONS_KEY.to_python_identifier(),
        RESOURCES_KEY.to_python_identifier(),
        CONFLICTS_KEY.to_python_identifier(),
        SLAS_KEY.to_python_identifier(),
        *(key.to_python_identifier() for key in REPORT_KEYS.values()),
        INCIDENT_REPORT_KEY.to_python_identifier(),
    }
    assert len(job.asset_layer.asset_graph.asset_check_keys) == 1_004 + len(Rule)
