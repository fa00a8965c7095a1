"""The asset that stands for the edges, and edges that people judged in the graph."""

from __future__ import annotations

from dagster import AssetCheckEvaluation, AssetKey, ExecuteInProcessResult

from meta_orch.config import EdgeConfig, MetaOrchConfig
from meta_orch.defs import build_definitions, metadata
from meta_orch.defs.edges import JOB_NAME
from meta_orch.domain.edges import Judgement, Opinion
from meta_orch_tests.defs.support import NAME, World

ORDERS, REPORT = (NAME, "orders"), (NAME, "report")


def executed(world: World, *declared: EdgeConfig) -> ExecuteInProcessResult:
    config: MetaOrchConfig = world.config.model_copy(update={"edges": declared})
    defs = build_definitions(config, connect=world.connect, clock=world.now)
    return defs.resolve_job_def(JOB_NAME).execute_in_process(instance=world.dagster)


def verdicts(result: ExecuteInProcessResult) -> dict[str, AssetCheckEvaluation]:
    return {found.check_name: found for found in result.get_asset_check_evaluations()}


def give_a_history(world: World) -> None:
    """Ten days on which a report starts two minutes after orders are there."""
    for day in range(10):
        world.wait(days=1)
        world.finish("orders", f"orders_{day}")
        world.wait(minutes=3)
        world.finish("report", f"report_{day}")
    world.tick()


def test_it_lists_what_the_history_suggests(world: World) -> None:
    give_a_history(world)
    result = executed(world)
    (shown,) = result.asset_materializations_for_node("meta_orch__edges")
    assert shown.metadata[metadata.EDGES_PROPOSED].value == 1
    table = str(shown.metadata[metadata.PROPOSALS].value)
    assert "| fake/orders | fake/report |" in table
    assert all(verdict.passed for verdict in verdicts(result).values())


def test_what_is_wrong_with_edges_fails_the_check_of_its_rule(world: World) -> None:
    world.finish("orders")
    world.finish("report")
    world.tick()
    found = verdicts(
        executed(
            world,
            EdgeConfig(upstream="fake/orders", downstream="fake/report"),
            EdgeConfig(upstream="fake/report", downstream="fake/orders"),
        )
    )
    assert [name for name, verdict in found.items() if not verdict.passed] == [
        "edges_form_no_cycle"
    ]
    table = str(found["edges_form_no_cycle"].metadata[metadata.VIOLATIONS].value)
    assert "fake/orders -> fake/report -> fake/orders" in table


def parents(world: World) -> set[AssetKey]:
    spec = world.load().resolve_asset_graph().get(AssetKey([*REPORT]))
    return set(spec.parent_keys)


def test_a_suggestion_is_drawn_once_somebody_accepts_it(world: World) -> None:
    give_a_history(world)
    executed(world)
    assert parents(world) == set()
    with world.store.write() as writer:
        (edge,) = writer.edges()
        writer.save_judgement(Judgement(*edge.step, Opinion.ACCEPTED, "anna", world.now()))
    assert parents(world) == {AssetKey([*ORDERS])}
