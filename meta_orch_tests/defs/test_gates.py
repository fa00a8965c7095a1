"""The check of gated pipelines, and what waits for it in Dagster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from meta_orch.conditions import when_upstreams_are_ready
from meta_orch.config import EdgeConfig
from meta_orch.config.models import GateConfig
from meta_orch.defs import metadata
from meta_orch.defs.evaluations import UPSTREAMS_ARE_READY
from meta_orch.dependencies.gates import Gatekeeper, summary
from meta_orch.domain.states import RunState
from meta_orch.domain.ticks import cron
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.defs.support import NAME, World

ORDERS, REPORT = dg.AssetKey([NAME, "orders"]), dg.AssetKey([NAME, "report"])
CHECK = dg.AssetCheckKey(REPORT, UPSTREAMS_ARE_READY)


@pytest.fixture
def gated(world: World) -> World:
    """A report that waits for orders; both have run."""
    world.edges = (EdgeConfig(upstream=f"{NAME}/orders", downstream=f"{NAME}/report"),)
    world.gates = (GateConfig(downstream=f"{NAME}/report"),)
    world.finish("orders", "orders_1")
    world.finish("report", "report_1")
    world.tick()
    world.tick()
    return world


def latest(world: World) -> dg.AssetCheckEvaluation:
    (record,) = world.dagster.event_log_storage.get_latest_asset_check_execution_by_key(
        [CHECK]
    ).values()
    assert record.event is not None
    evaluation = record.event.asset_check_evaluation
    assert evaluation is not None
    return evaluation


def test_only_what_a_gate_names_has_the_check(gated: World) -> None:
    checks = gated.load().resolve_asset_graph().asset_check_keys
    assert [check for check in checks if check.name == UPSTREAMS_ARE_READY] == [CHECK]


def test_ticks_keep_it_as_its_gate_is(gated: World) -> None:
    assert gated.verdict(UPSTREAMS_ARE_READY, "report") is True
    gated.wait(minutes=5)
    gated.finish("orders", "orders_2", RunState.FAILED)
    gated.tick()
    assert gated.verdict(UPSTREAMS_ARE_READY, "report") is False
    said = latest(gated)
    assert said.description is not None
    assert said.description.startswith("Hold: fake/orders failed at")
    assert said.severity is dg.AssetCheckSeverity.ERROR
    assert said.metadata[metadata.CULPRIT].value == "fake/orders"
    assert "--override" in str(said.metadata[metadata.OVERRIDE].value)

    gated.wait(minutes=5)
    gated.finish("orders", "orders_3")
    gated.tick()
    assert gated.verdict(UPSTREAMS_ARE_READY, "report") is True


def test_what_has_not_changed_is_not_said_again(gated: World) -> None:
    def count() -> int:
        history = gated.dagster.event_log_storage.get_asset_check_execution_history
        return len(history(CHECK, limit=100))

    before = count()
    defs = gated.load()
    gated.tick(defs)
    gated.tick(defs)
    assert count() == before


def test_another_culprit_is_named_though_it_fails_as_before(gated: World) -> None:
    gated.finish("prices", "prices_1")
    gated.edges += (EdgeConfig(upstream=f"{NAME}/prices", downstream=f"{NAME}/report"),)
    gated.wait(minutes=5)
    gated.finish("orders", "orders_2", RunState.FAILED)
    gated.tick()
    gated.wait(minutes=5)
    gated.finish("orders", "orders_3")
    gated.finish("prices", "prices_2", RunState.FAILED)
    gated.tick()
    assert gated.verdict(UPSTREAMS_ARE_READY, "report") is False
    assert latest(gated).metadata[metadata.CULPRIT].value == "fake/prices"


def test_it_can_be_executed_by_hand(gated: World) -> None:
    gated.wait(minutes=5)
    gated.finish("orders", "orders_2", RunState.FAILED)
    gated.tick()
    job = gated.load().resolve_implicit_global_asset_job_def()
    result = job.get_subset(asset_check_selection={CHECK}).execute_in_process(
        instance=gated.dagster, raise_on_error=False
    )
    (evaluation,) = result.get_asset_check_evaluations()
    assert not evaluation.passed


class Summary:
    """An asset of somebody's own, below the report, with the ready-made condition."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cursor: Any = None

        @dg.asset(
            deps=[REPORT],
            automation_condition=when_upstreams_are_ready(),
        )
        def summary() -> None: ...

        self.asset = summary

    def is_requested(self) -> bool:
        """Whether its condition asks for it; then it is materialized, and the daemon sees that."""
        if not self._evaluate():
            return False
        own = dg.AssetSelection.assets(self.asset)
        dg.materialize([self.asset], instance=self.world.dagster, selection=own)
        assert not self._evaluate()
        return True

    def _evaluate(self) -> bool:
        both = dg.Definitions.merge(self.world.load(), dg.Definitions(assets=[self.asset]))
        found = dg.evaluate_automation_conditions(
            both,
            self.world.dagster,
            asset_selection=dg.AssetSelection.assets(self.asset),
            cursor=self.cursor,
        )
        self.cursor = found.cursor
        return found.total_requested == 1


def later(world: World, number: int, orders: RunState = RunState.SUCCEEDED) -> None:
    """Both run again, and ticks show it."""
    world.wait(minutes=5)
    world.finish("orders", f"orders_{number}", orders)
    world.finish("report", f"report_{number}")
    world.tick()
    world.tick()


def test_what_depends_on_a_gated_pipeline_in_dagster_follows_it(gated: World) -> None:
    summary = Summary(gated)
    summary.is_requested()
    for number in range(2, 5):
        later(gated, number)
        assert summary.is_requested()


def test_what_depends_on_one_that_ran_on_old_data_waits_and_goes_on(gated: World) -> None:
    summary = Summary(gated)
    summary.is_requested()
    later(gated, 2, RunState.FAILED)
    assert not summary.is_requested()
    later(gated, 3)
    assert summary.is_requested()


class Lake:
    """An asset of Dagster's own that the report waits for, with a check of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.passes = True
        self.breaks = False
        outer = self

        @dg.asset(key_prefix="lake", name="rates")
        def rates() -> None:
            if outer.breaks:
                raise ValueError("broken on purpose")

        @dg.asset_check(asset=rates)
        def complete() -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=outer.passes)

        self.definitions = [rates, complete]

    def materialize(self) -> None:
        dg.materialize(self.definitions, instance=self.world.dagster, raise_on_error=False)


@pytest.fixture
def lake(world: World) -> Lake:
    world.fake = FakeOrchestrator(NAME, now=datetime.now(UTC))  # Dagster's own times are of today
    world.edges = (EdgeConfig(upstream="lake/rates", downstream=f"{NAME}/report"),)
    world.gates = (
        GateConfig(
            downstream=f"{NAME}/report",
            requires="fresh",
            fresher_than=timedelta(hours=1),
            checks=("complete",),
        ),
    )
    world.fake.add_pipeline("report", schedules=(cron("0 6 * * *"),))
    world.tick()
    return Lake(world)


def said_of_rates(world: World) -> str:
    world.tick()
    with world.store.read() as reader:
        decision = Gatekeeper(reader, world.config, world.now()).decide((NAME, "report"))
    return summary(decision)


def test_an_asset_of_dagsters_own_is_asked_for_by_who_waits_for_it(lake: Lake) -> None:
    world = lake.world
    assert said_of_rates(world) == "lake/rates was never materialized."
    lake.materialize()
    assert said_of_rates(world) == "Every upstream is as required."
    lake.passes = False
    lake.materialize()
    assert said_of_rates(world) == "lake/rates does not pass complete."
    lake.passes, lake.breaks = True, True
    lake.materialize()
    assert said_of_rates(world).startswith("lake/rates failed to materialize at")
    lake.breaks = False
    lake.materialize()
    assert said_of_rates(world) == "Every upstream is as required."
    world.wait(hours=2)
    assert said_of_rates(world).startswith("lake/rates has not been materialized since")


def test_checks_that_do_not_fit_in_a_tick_are_evaluated_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["first", "second", "third"]
    world.edges = tuple(
        EdgeConfig(upstream=f"{NAME}/orders", downstream=f"{NAME}/{name}") for name in names
    )
    world.gates = (GateConfig(downstream="*"),)
    for name in ("orders", *names):
        world.finish(name, f"{name}_1")
    world.tick()
    report = world.dagster.report_runless_asset_event

    def slowly(event: Any) -> None:
        if isinstance(event, dg.AssetCheckEvaluation):
            world.wait(seconds=30)
        report(event)

    monkeypatch.setattr(world.dagster, "report_runless_asset_event", slowly)
    defs = world.load()

    def evaluated() -> int:
        return sum(world.verdict(UPSTREAMS_ARE_READY, name) is not None for name in names)

    world.tick(defs)
    assert evaluated() == 2
    world.tick(defs)
    assert evaluated() == 3
