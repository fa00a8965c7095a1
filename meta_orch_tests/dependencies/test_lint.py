"""What is said to be wrong with edges."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from meta_orch.config import EdgeConfig
from meta_orch.dependencies import known_edges
from meta_orch.dependencies.lint import RULES, Rule, Violation, lint
from meta_orch.domain.pipelines import AssetRef, Pipeline, PipelineKey
from meta_orch.domain.readings import Changes
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.store import Race, Store
from meta_orch.testing.builders import NOON, make_pipeline, make_run

A, B = PipelineKey("airflow", "ingest"), PipelineKey("prefect", "serve/nightly")
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def found(
    *pipelines: Pipeline, declared: tuple[EdgeConfig, ...] = (), races: tuple[Race, ...] = ()
) -> list[Violation]:
    edges = known_edges(pipelines, declared)
    return list(lint(pipelines, edges, declared, races, ["airflow", "prefect"]))


def produces(name: str, uri: str, **more: object) -> Pipeline:
    return make_pipeline(name, "airflow", produces=(AssetRef(uri),), **more)


def test_every_rule_says_what_should_hold() -> None:
    assert RULES.keys() == set(Rule)


def test_nothing_is_wrong_with_nothing() -> None:
    assert found() == []


def test_a_cycle_across_orchestrators_is_told_from_end_to_end() -> None:
    there = EdgeConfig(upstream=str(A), downstream=str(B))
    back = EdgeConfig(upstream=str(B), downstream=str(A))
    pipelines = [make_pipeline(key.name, key.instance) for key in (A, B)]
    (violation,) = found(*pipelines, declared=(there, back))
    assert violation.rule is Rule.NO_CYCLES
    assert violation.message == (
        "airflow/ingest -> prefect/serve/nightly -> airflow/ingest: "
        "each waits for the one before it"
    )


def test_the_worst_of_lost_races_comes_first_with_its_share_of_days() -> None:
    some = Race(A, B, 30, 3, 12 * MINUTE)
    most = Race(PipelineKey("airflow", "x"), B, 30, 27, None)
    none = Race(PipelineKey("airflow", "y"), B, 30, 0, None)
    first, second = found(races=(some, most, none))
    assert (first.weight, second.weight) == (0.9, 0.1)
    assert second.message == (
        "prefect/serve/nightly started before airflow/ingest had succeeded on 3 of 30 days (10%), "
        "up to 12 min too early"
    )


def test_a_declared_edge_to_what_is_no_longer_there_names_its_line_of_the_file() -> None:
    (violation,) = found(
        make_pipeline(B.name, B.instance),
        declared=(EdgeConfig(upstream="airflow/gone", downstream=str(B)),),
    )
    assert violation.message == (
        "edges[0].upstream in meta_orch.yaml: airflow has no pipeline gone"
    )


def test_an_asset_of_dagster_may_be_there_for_all_we_know() -> None:
    edge = EdgeConfig(upstream="sales/report", downstream=str(B))
    assert found(make_pipeline(B.name, B.instance), declared=(edge,)) == []


def test_what_is_started_and_does_not_exist_is_told() -> None:
    (violation,) = found(make_pipeline("starts", "airflow", triggers=(A,)))
    assert violation.message == "airflow/starts starts airflow/ingest, which is not there"


def test_two_writers_of_one_table_are_told_unless_one_comes_after_the_other() -> None:
    one = produces("one", "postgres://db/shop/public/orders")
    two = produces("two", "shop.public.orders")
    (violation,) = found(one, two)
    assert (violation.rule, violation.subject) == (Rule.ONE_WRITER, "shop.public.orders")
    assert violation.message == "shop.public.orders is written by airflow/one, airflow/two"
    in_order = EdgeConfig(upstream="airflow/one", downstream="airflow/two")
    assert found(one, two, declared=(in_order,)) == []
    assert found(one, produces("two", "postgres://elsewhere/shop/public/orders")) == []


def scheduled(
    key: PipelineKey, due: datetime, minutes: float, state: RunState = RunState.SUCCEEDED
) -> Run:
    return make_run(
        f"{key.name}_{due:%d}",
        key,
        state,
        trigger=RunTrigger.SCHEDULE,
        scheduled_at=due,
        started_at=due,
        ended_at=due + minutes * MINUTE,
    )


def test_races_are_counted_by_days_from_the_runs_that_were_due(tmp_path: Path) -> None:
    """Ten days: on the last two the upstream takes an hour, on the one before it fails."""
    upstream = [scheduled(A, NOON - day * DAY, 60 if day < 2 else 10) for day in range(10)]
    upstream[2] = scheduled(A, NOON - 2 * DAY, 5, RunState.FAILED)
    downstream = [scheduled(B, NOON - day * DAY + 30 * MINUTE, 1) for day in range(10)]
    store = Store(tmp_path / "store.duckdb")
    with store.write() as writer:
        writer.save_changes("airflow", Changes("c", tuple(upstream)), NOON)
        writer.save_changes("prefect", Changes("c", tuple(downstream)), NOON)
        (race,) = writer.races([(A, B), (B, A)][:1], NOON - 30 * DAY)
    assert race == Race(A, B, 10, 3, 30 * MINUTE)
