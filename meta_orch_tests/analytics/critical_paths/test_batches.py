"""Many runs at once: each number is what looking at one run after the other gives."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from statistics import fmean, median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.analytics.critical_paths.batches import Shape, batches, micros
from meta_orch.analytics.critical_paths.graph import Node, TaskGraph
from meta_orch.analytics.critical_paths.report import FASTER, path_report
from meta_orch_tests.analytics.critical_paths.drawn import MIDNIGHT, graphs, minutes


@st.composite
def history(draw: st.DrawFn) -> list[TaskGraph]:
    """Runs of which several have one shape; some nodes are of one mapped task, and some have a
    schedule."""
    found: list[TaskGraph] = []
    for graph in draw(st.lists(graphs(), min_size=1, max_size=3)):
        chance = random.Random(draw(st.integers(0, 1_000_000)))
        found += (_like(graph, chance) for _ in range(draw(st.integers(1, 3))))
    return found


def _like(graph: TaskGraph, chance: random.Random) -> TaskGraph:
    def again(node: Node) -> Node:
        later = minutes(chance.randrange(10))
        started, place = node.started_at + later, int(node.id)
        return replace(
            node,
            name=f"task {place % 5}[{place}]",
            started_at=started,
            ended_at=node.ended_at + later + minutes(chance.randrange(10)),
            not_before=started - minutes(chance.randrange(5)) if place % 4 == 3 else None,
        )

    return TaskGraph([again(node) for node in graph.nodes.values()], graph.began_at)


@given(history())
def test_paths_and_slack_are_those_of_each_run(found: Sequence[TaskGraph]) -> None:
    by_begin = {id(graph): graph for graph in found}
    seen = 0
    for batch in batches(found):
        on_path, since = batch.decided()
        slack = batch.slack()
        for column in range(len(batch)):
            graph = next(
                graph
                for graph in by_begin.values()
                if [micros(node.started_at) for node in graph.nodes.values()]
                == batch.started_at[:, column].tolist()
                and [micros(node.ended_at) for node in graph.nodes.values()]
                == batch.ended_at[:, column].tolist()
                and micros(graph.began_at) == batch.began_at[column]
            )
            path = graph.critical_path()
            places = {id_: place for place, id_ in enumerate(graph.nodes)}
            assert np.flatnonzero(on_path[:, column]).tolist() == sorted(
                places[step.node.id] for step in path.steps
            )
            ends = [graph.began_at, *(step.node.ended_at for step in path.steps)]
            for step, before in zip(path.steps, ends, strict=False):
                assert since[places[step.node.id], column] == micros(before)
            assert slack[:, column].tolist() == [
                graph.slack()[id_] // timedelta(microseconds=1) for id_ in graph.nodes
            ]
            seen += 1
    assert seen == len(found)


@given(history())
def test_the_report_is_what_one_after_the_other_gives(found: Sequence[TaskGraph]) -> None:
    report = path_report(batches(found))
    paths = [graph.critical_path() for graph in found]
    assert report.runs == len(found)
    for whole, parts in (
        (report.makespan, [path.makespan for path in paths]),
        (report.executed, [path.executed for path in paths]),
        (report.queued, [path.queued for path in paths]),
        (report.waited, [path.waited for path in paths]),
    ):
        assert whole.total_seconds() == pytest.approx(_mean(parts), abs=1e-5)

    on_path, executed, held_up, slacks, saves = (
        defaultdict[str, list[float]](list) for _ in range(5)
    )
    for graph, path in zip(found, paths, strict=True):
        slack = graph.slack()
        tasks: defaultdict[str, list[str]] = defaultdict(list)
        for id_, node in graph.nodes.items():
            tasks[node.name.partition("[")[0]].append(id_)
        for task, ids in tasks.items():
            steps = [step for step in path.steps if step.node.id in ids]
            faster = {id_: graph.nodes[id_].duration * (1 - FASTER) for id_ in ids}
            sooner = path.makespan - graph.makespan_if(faster)
            on_path[task].append(bool(steps))
            executed[task].append(_sum([step.executed for step in steps]))
            held_up[task].append(_sum([step.queued + step.waited for step in steps]))
            slacks[task].append(min(slack[id_] for id_ in ids).total_seconds())
            saves[task].append(max(0.0, sooner.total_seconds()))
    assert {share.task for share in report.tasks} == set(on_path)
    for share in report.tasks:
        task = share.task
        assert share.runs == len(on_path[task])
        assert [
            share.on_path,
            share.executed.total_seconds(),
            share.held_up.total_seconds(),
            share.slack.total_seconds(),
            share.saves.total_seconds(),
        ] == pytest.approx(
            [
                fmean(on_path[task]),
                sum(executed[task]) / len(found),
                sum(held_up[task]) / len(found),
                median(slacks[task]),
                sum(saves[task]) / len(found),
            ],
            abs=1e-5,
        )


@given(graphs(), st.integers(1, 4))
def test_a_batch_in_parts_says_the_same(graph: TaskGraph, most: int) -> None:
    chance = random.Random(most)
    (batch,) = batches(_like(graph, chance) for _ in range(5))
    parts = [*batch.parts(most)]
    assert [len(part) for part in parts[:-1]] == [most] * (len(parts) - 1)
    whole = np.concatenate([part.slack() for part in parts], axis=1)
    assert (whole == batch.slack()).all()


def test_what_waits_for_itself_waits_for_nothing_that_is_known() -> None:
    shape, order = Shape(("a", "b"), ((1,), (0,))).ordered()
    assert (shape.upstream, order) == (((), ()), (0, 1))


def test_runs_of_one_shape_are_taken_together() -> None:
    def run(minute: int, *upstream: str) -> TaskGraph:
        begun = MIDNIGHT + minutes(minute)
        return TaskGraph(
            [
                Node("a", "a", begun, begun + minutes(1)),
                Node("b", "b", begun + minutes(1), begun + minutes(2), None, frozenset(upstream)),
            ]
        )

    found = batches([run(0, "a"), run(9), run(5, "a")])
    assert [(batch.shape.upstream, len(batch)) for batch in found] == [
        (((), (0,)), 2),
        (((), ()), 1),
    ]


def _sum(durations: Sequence[timedelta]) -> float:
    return sum(durations, timedelta()).total_seconds()


def _mean(durations: Sequence[timedelta]) -> float:
    return _sum(durations) / len(durations)
