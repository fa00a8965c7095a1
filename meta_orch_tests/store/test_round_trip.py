"""What is saved reads back equal: nothing is rounded, dropped, guessed or confused with None."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta_orch.domain.actions import Action
from meta_orch.domain.assets import AssetFact
from meta_orch.domain.edges import Edge, Judgement
from meta_orch.domain.holds import Hold
from meta_orch.domain.pipelines import Pipeline, Pool
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.states import RunState
from meta_orch.domain.triggers import Firing
from meta_orch.store import CollectorStatus
from meta_orch.testing.builders import make_run
from meta_orch_tests.store import strategies as any_of
from meta_orch_tests.store.memory import fresh_store

_T = TypeVar("_T")
NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


# Each example is a handful of values, so that few transactions try many.
few = settings(max_examples=12)


def handful(
    of: st.SearchStrategy[_T], key: Callable[[_T], Hashable]
) -> st.SearchStrategy[list[_T]]:
    return st.lists(of, max_size=6, unique_by=key)


@few
@given(handful(any_of.pipelines, lambda pipeline: pipeline.key))
def test_a_catalogue_reads_back_equal(pipelines: list[Pipeline]) -> None:
    with fresh_store() as store:
        store.save_catalogue(any_of.INSTANCE, Catalogue(tuple(pipelines), "f"), NOW)
        assert set(store.pipelines()) == set(pipelines)
        assert store.fingerprint(any_of.INSTANCE) == "f"


@few
@given(handful(any_of.runs, lambda run: run.key.pipeline))
def test_runs_read_back_equal(runs: list[Run]) -> None:
    begun = [run for run in runs if run.state is not RunState.SCHEDULED]
    with fresh_store() as store:
        store.save_changes(any_of.INSTANCE, Changes("c", runs=tuple(runs)), NOW)
        assert store.latest_runs() == {run.key.pipeline: run for run in begun}


@few
@given(handful(any_of.runs, lambda run: run.key.pipeline))
def test_a_run_that_reads_back_is_the_same_outcome(runs: list[Run]) -> None:
    with fresh_store() as store:
        store.save_changes(any_of.INSTANCE, Changes("c", runs=tuple(runs)), NOW)
        stored = dict(store.answer("SELECT pipeline, revision_id FROM run_record").rows)
        assert stored == {run.key.pipeline.name: run.revision_id for run in runs}
        for read in store.latest_runs().values():
            assert read.revision_id == stored[read.key.pipeline.name]


@few
@given(any_of.run_keys, handful(any_of.task_runs, lambda t: (t.task_run_id, t.attempt)))
def test_task_runs_read_back_equal(run: RunKey, task_runs: list[TaskRun]) -> None:
    task_runs = [replace(task_run, run=run) for task_run in task_runs]
    with fresh_store() as store:
        store.save_changes(any_of.INSTANCE, Changes("c", task_runs=tuple(task_runs)), NOW)
        read = store.task_runs(run)
        assert len(read) == len(task_runs)
        assert set(read) == set(task_runs)


@few
@given(handful(any_of.pools, lambda pool: pool.name))
def test_pools_read_back_equal(pools: list[Pool]) -> None:
    with fresh_store() as store:
        store.save_pools(any_of.INSTANCE, pools, NOW)
        assert set(store.pools()) == set(pools)


@few
@given(handful(any_of.edges, lambda edge: (edge.upstream, edge.downstream, edge.kind)))
def test_edges_read_back_equal(edges: list[Edge]) -> None:
    with fresh_store() as store:
        store.save_edges(edges, NOW)
        assert set(store.edges()) == set(edges)


@few
@given(any_of.judgements)
def test_what_is_said_of_an_edge_reads_back_equal(judgement: Judgement) -> None:
    with fresh_store() as store:
        store.save_judgement(judgement)
        assert store.judgements() == {judgement.step: judgement}


@few
@given(any_of.actions)
def test_an_action_reads_back_equal(action: Action) -> None:
    with fresh_store() as store:
        store.save_action(action)
        assert store.action(action.id) == action
        assert store.actions(action.pipeline) == (action,)


@few
@given(st.dictionaries(any_of.paths, any_of.asset_facts, max_size=3))
def test_what_is_known_of_assets_reads_back_equal(
    facts: dict[tuple[str, ...], AssetFact],
) -> None:
    with fresh_store() as store:
        store.save_asset_facts(facts, NOW)
        assert store.asset_facts() == facts


@few
@given(any_of.firings)
def test_a_firing_reads_back_equal(firing: Firing) -> None:
    with fresh_store() as store:
        store.triggers.save(firing)
        assert store.triggers.firing(firing.id) == firing
        assert store.triggers.firings(is_open=True) == ((firing,) if firing.state.is_open else ())


@few
@given(any_of.holds)
def test_a_hold_reads_back_equal(hold: Hold) -> None:
    with fresh_store() as store:
        store.save_hold(hold)
        assert store.last_holds() == {hold.pipeline: hold}


@few
@given(any_of.statuses)
def test_how_a_reading_went_reads_back_equal(status: CollectorStatus) -> None:
    with fresh_store() as store:
        store.save_collector(status)
        assert store.collectors() == {status.instance: status}


def test_every_instant_is_given_in_utc() -> None:
    with fresh_store() as store:
        store.save_changes(any_of.INSTANCE, Changes("c", runs=(make_run(),)), NOW)
        (run,) = store.latest_runs().values()
        assert run.started_at is not None
        assert run.started_at.tzinfo is UTC
        (column,) = store.query("SELECT started_at FROM runs").dtypes
        assert str(column) == "datetime64[us, UTC]"


def test_an_instant_without_a_zone_is_refused() -> None:
    run = make_run(started_at=datetime(2026, 1, 5, 12, 0))  # noqa: DTZ001  # that is the point
    with fresh_store() as store, pytest.raises(ValueError, match="has no time zone"):
        store.save_changes(any_of.INSTANCE, Changes("c", runs=(run,)), NOW)


def test_half_a_surrogate_pair_in_a_message_becomes_a_question_mark() -> None:
    run = make_run(message="broken \ud83d emoji", parameters={"note": "\udc00"})
    with fresh_store() as store:
        store.save_changes(any_of.INSTANCE, Changes("c", runs=(run,)), NOW)
        (read,) = store.latest_runs().values()
    assert read == replace(run, message="broken ? emoji", parameters={"note": "?"})


def test_a_number_that_json_does_not_have_becomes_null() -> None:
    run = make_run(parameters={"limits": [1.5, math.nan, -math.inf], "deep": {"to": math.inf}})
    with fresh_store() as store:
        store.save_changes(any_of.INSTANCE, Changes("c", runs=(run,)), NOW)
        (read,) = store.latest_runs().values()
    assert read.parameters == {"limits": [1.5, None, None], "deep": {"to": None}}
