from __future__ import annotations

from typing import Any

import pytest
from dagster import AssetKey, ExecuteInProcessResult, Failure

from meta_orch.config import InstanceConfig
from meta_orch.defs.connection import connect_from
from meta_orch.domain.marks import MIRRORED_TAG, PIPELINE_TAG
from meta_orch.orchestrators.base import Orchestrator, Unreachable
from meta_orch_tests.defs.support import NAME, World


def launch(world: World, parameters: dict[str, Any] | None = None, **overrides: Any) -> Any:
    """Press Launch on the job of `orders`."""
    config = {"ops": {"start_run": {"config": {"parameters": parameters or {}}}}}
    job = world.load(**overrides).resolve_job_def(f"{NAME}__orders")
    return job.execute_in_process(run_config=config, instance=world.dagster)


@pytest.fixture
def orders(world: World) -> World:
    world.fake.add_pipeline("orders")
    world.tick()
    return world


def test_launching_starts_one_run_with_the_parameters_given(orders: World) -> None:
    result = launch(orders, {"day": "2026-01-04"})
    assert isinstance(result, ExecuteInProcessResult)
    (run,) = orders.fake.runs
    assert dict(run.parameters) == {"day": "2026-01-04"}
    assert run.key.run_id == f"requested__{result.run_id}"
    (output,) = result.get_step_success_events()
    assert output


def test_a_launch_is_no_materialization_and_is_marked_as_no_job_of_dagsters_own(
    orders: World,
) -> None:
    result = launch(orders)
    assert orders.dagster.get_latest_materialization_event(AssetKey([NAME, "orders"])) is None
    run = orders.dagster.get_run_by_id(result.run_id)
    assert run
    assert run.tags[PIPELINE_TAG] == f"{NAME}/orders"
    assert MIRRORED_TAG not in run.tags
    assert run.tags["dagster/max_retries"] == "0"


def test_what_was_launched_is_shown_when_it_is_finished(orders: World) -> None:
    launch(orders)
    (run,) = orders.fake.runs
    orders.fake.finish_run(run.key)
    orders.tick()
    assert orders.statuses() == {run.key.run_id: "SUCCESS"}


def refusal(world: World, **overrides: Any) -> str:
    with pytest.raises(Failure) as refused:
        launch(world, **overrides)
    assert refused.value.allow_retries is False
    return refused.value.description or ""


def test_launching_in_a_read_only_instance_fails_with_the_reason(orders: World) -> None:
    orders.fake.read_only = True
    assert "set `read_only: false` to act there" in refusal(orders)
    assert not orders.fake.runs


def test_launching_while_the_server_is_down_fails_with_the_reason(orders: World) -> None:
    orders.fake.fail_with(Unreachable(NAME, "nothing answers"))
    assert refusal(orders) == f"{NAME}: nothing answers"


def test_an_adapter_that_cannot_start_runs_says_so(orders: World) -> None:
    class Reads:
        def __enter__(self) -> Reads:
            return self

        def __exit__(self, *_: object) -> None: ...

    def connect(_config: InstanceConfig, _dagster: object) -> Any:
        return Reads()

    assert "has no way to start a run" in refusal(orders, connect=connect)


def test_the_job_says_what_launching_does(orders: World) -> None:
    job = f"{NAME}__orders"
    assert "starts one" in (orders.load().resolve_job_def(job).description or "")
    orders.fake.read_only = True
    assert "is read-only" in (orders.load().resolve_job_def(job).description or "")


def test_the_dagster_that_the_caller_runs_in_is_read_directly(world: World) -> None:
    own = InstanceConfig(name="here", type="dagster")
    with connect_from(own, world.dagster) as orchestrator:
        assert isinstance(orchestrator, Orchestrator)
        assert orchestrator.read_server().version
