"""What a failure reaches, and where it comes from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meta_orch.dependencies.graph import Lineage
from meta_orch.dependencies.tracing import impact, root_causes
from meta_orch.domain.edges import AssetPath, Edge, EdgeKind
from meta_orch.domain.runs import Run
from meta_orch.domain.states import RunState
from meta_orch.testing.builders import make_run


def edge(upstream: str, downstream: str) -> Edge:
    return Edge((upstream,), (downstream,), EdgeKind.DATA, "a test says so")


def runs(**states: RunState) -> dict[AssetPath, Run]:
    return {(name,): make_run(pipeline=name, state=state) for name, state in states.items()}


CHAIN = Lineage([edge("a", "b"), edge("b", "c"), edge("c", "d"), edge("x", "c")])
FAILED, SUCCEEDED = RunState.FAILED, RunState.SUCCEEDED


def test_a_failure_reaches_all_that_follows_the_nearest_first() -> None:
    assert [(r.asset, r.distance) for r in impact(("a",), CHAIN)] == [
        (("b",), 1),
        (("c",), 2),
        (("d",), 3),
    ]
    assert impact(("d",), CHAIN) == ()


def test_the_cause_is_what_failed_with_nothing_before_it_having_failed() -> None:
    latest = runs(a=FAILED, b=FAILED, c=SUCCEEDED, x=SUCCEEDED, d=FAILED)
    (cause,) = root_causes(("d",), CHAIN, latest)
    assert cause.asset == ("a",)
    assert [e.downstream for e in cause.way] == [("b",), ("c",), ("d",)]


def test_what_fails_by_itself_is_its_own_cause() -> None:
    (cause,) = root_causes(("c",), CHAIN, runs(a=SUCCEEDED, c=FAILED))
    assert (cause.asset, cause.way) == (("c",), ())


def test_there_may_be_several_causes_and_none() -> None:
    assert {c.asset for c in root_causes(("d",), CHAIN, runs(a=FAILED, x=FAILED))} == {
        ("a",),
        ("x",),
    }
    assert root_causes(("d",), CHAIN, runs(a=SUCCEEDED)) == ()


names = st.sampled_from("abcdef")
graphs = st.lists(st.builds(edge, names, names), max_size=15)


@given(graphs, names)
def test_what_a_pipeline_reaches_has_it_upstream(edges: list[Edge], name: str) -> None:
    """Also where there are cycles, which end the walk."""
    lineage = Lineage(edges)
    reached = {r.asset for r in impact((name,), lineage)}
    assert (name,) not in reached
    assert all((name,) in lineage.upstream(asset) for asset in reached)


@given(graphs, names, st.dictionaries(names, st.sampled_from([FAILED, SUCCEEDED])))
def test_every_cause_leads_to_the_trouble_by_edges_that_exist(
    edges: list[Edge], name: str, states: dict[str, RunState]
) -> None:
    lineage = Lineage(edges)
    for cause in root_causes((name,), lineage, runs(**states)):
        at = cause.asset
        for step in cause.way:
            assert step.upstream == at
            assert step in edges
            at = step.downstream
        assert at == (name,)
        assert states[cause.asset[0]] is FAILED
