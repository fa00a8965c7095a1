"""Which tasks decided when a run ended."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_orch.analytics.critical_paths.graph import Node, TaskGraph
from meta_orch_tests.analytics.critical_paths.drawn import MIDNIGHT, graphs, minutes

NOTHING = timedelta()


def node(name: str, start: float, end: float, *upstream: str, queued: float | None = None) -> Node:
    """Minutes after midnight."""
    return Node(
        name,
        name,
        MIDNIGHT + minutes(start),
        MIDNIGHT + minutes(end),
        None if queued is None else MIDNIGHT + minutes(queued),
        frozenset(upstream),
    )


def names(graph: TaskGraph) -> list[str]:
    return [step.node.name for step in graph.critical_path().steps]


def test_it_goes_back_from_the_last_to_end_to_what_that_waited_for() -> None:
    graph = TaskGraph(
        [
            node("extract", 0, 10),
            node("lookup", 0, 4),
            node("load", 11, 20, "extract", "lookup"),
            node("mail", 20, 21, "load"),
            node("archive", 10, 19, "extract"),
        ]
    )
    assert names(graph) == ["extract", "load", "mail"]


def test_its_time_is_what_it_executed_what_it_was_queued_and_what_it_waited() -> None:
    graph = TaskGraph(
        [node("extract", 2, 10, queued=1), node("load", 15, 20, "extract", queued=12)],
        began_at=MIDNIGHT,
    )
    path = graph.critical_path()
    assert [(step.waited, step.queued, step.executed) for step in path.steps] == [
        (minutes(1), minutes(1), minutes(8)),
        (minutes(2), minutes(3), minutes(5)),
    ]
    assert (path.waited, path.queued, path.executed) == (minutes(3), minutes(4), minutes(13))
    assert path.makespan == minutes(20)


def test_what_began_before_the_one_before_it_ended_counts_from_there_on() -> None:
    path = TaskGraph([node("stream", 0, 10), node("read", 5, 12, "stream")]).critical_path()
    assert [(step.node.name, step.executed) for step in path.steps] == [
        ("stream", minutes(10)),
        ("read", minutes(2)),
    ]


def test_what_ended_after_it_was_not_waited_for() -> None:
    graph = TaskGraph(
        [node("side", 0, 10), node("main", 1, 8, "side"), node("last", 8, 20, "main")]
    )
    assert names(graph) == ["main", "last"]


def test_slack_is_how_much_longer_a_task_could_have_taken() -> None:
    graph = TaskGraph(
        [
            node("extract", 0, 10),
            node("lookup", 0, 4),
            node("load", 11, 20, "extract", "lookup"),
            node("mail", 10, 15, "extract"),
        ]
    )
    assert graph.slack() == {
        "extract": NOTHING,
        "lookup": minutes(6),
        "load": NOTHING,
        "mail": minutes(5),
    }


def test_a_task_that_is_faster_saves_until_another_decides() -> None:
    graph = TaskGraph(
        [node("long", 0, 10), node("other", 0, 8), node("load", 10, 15, "long", "other")]
    )
    assert graph.makespan_if({"long": minutes(9)}) == minutes(14)
    assert graph.makespan_if({"long": minutes(1)}) == minutes(13)
    assert graph.makespan_if({"load": NOTHING}) == minutes(10)


def test_upstream_tasks_that_never_ran_do_not_count() -> None:
    assert names(TaskGraph([node("only", 0, 1, "skipped")])) == ["only"]


def test_a_cycle_which_no_run_has_is_no_end_of_it() -> None:
    assert TaskGraph([node("a", 0, 1, "b"), node("b", 1, 2, "a")]).critical_path().steps


@pytest.mark.parametrize("nodes", [[], [node("a", 0, 1), node("a", 1, 2)]])
def test_a_run_needs_nodes_with_ids_of_their_own(nodes: list[Node]) -> None:
    with pytest.raises(ValueError, match="each with an id of its own"):
        TaskGraph(nodes)


@given(graphs())
def test_the_times_on_the_path_are_the_makespan(graph: TaskGraph) -> None:
    path = graph.critical_path()
    assert path.executed + path.queued + path.waited == path.makespan
    assert path.executed <= path.makespan == graph.ended_at - graph.began_at
    assert all(min(step.waited, step.queued, step.executed) >= NOTHING for step in path.steps)


@given(graphs())
def test_each_step_waited_for_the_one_before(graph: TaskGraph) -> None:
    steps = graph.critical_path().steps
    for earlier, later in pairwise(steps):
        assert earlier.node.id in later.node.upstream
        assert earlier.node.ended_at <= later.node.ended_at


@given(graphs())
def test_with_nothing_changed_the_run_takes_what_it_took(graph: TaskGraph) -> None:
    assert graph.makespan_if({}) == graph.ended_at - graph.began_at


@given(graphs(), st.data())
def test_within_its_slack_a_task_may_take_longer_and_beyond_it_delays_the_run(
    graph: TaskGraph, data: st.DataObject
) -> None:
    makespan, slack = graph.makespan_if({}), graph.slack()
    assert min(slack.values()) == NOTHING
    id_ = data.draw(st.sampled_from(sorted(graph.nodes)))
    assert slack[id_] >= NOTHING
    longer = graph.nodes[id_].duration + slack[id_]
    assert graph.makespan_if({id_: longer}) == makespan
    assert graph.makespan_if({id_: longer + minutes(1)}) == makespan + minutes(1)


@given(graphs(), st.data())
def test_a_faster_task_never_delays_the_run(graph: TaskGraph, data: st.DataObject) -> None:
    id_ = data.draw(st.sampled_from(sorted(graph.nodes)))
    faster = graph.nodes[id_].duration * data.draw(st.floats(0, 1))
    saved = graph.makespan_if({}) - graph.makespan_if({id_: faster})
    assert NOTHING <= saved <= graph.nodes[id_].duration - faster
