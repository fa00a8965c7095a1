"""Which pipeline depends on which, and how cycles are kept out of Dagster's graph."""

from __future__ import annotations

import random
from graphlib import TopologicalSorter

from hypothesis import given
from hypothesis import strategies as st

from meta_orch.config import EdgeConfig
from meta_orch.dependencies import find_cycles, known_edges, without_cycles
from meta_orch.domain.edges import Edge, EdgeKind
from meta_orch.domain.pipelines import AssetRef, Pipeline, PipelineKey
from meta_orch.testing.builders import make_pipeline


def assets(*uris: str) -> tuple[AssetRef, ...]:
    return tuple(AssetRef(uri) for uri in uris)


def ends(edges: tuple[Edge, ...]) -> list[tuple[str, str]]:
    return [("/".join(edge.upstream), "/".join(edge.downstream)) for edge in edges]


def edge(upstream: str, downstream: str, kind: EdgeKind = EdgeKind.DATA) -> Edge:
    return Edge(tuple(upstream.split("/")), tuple(downstream.split("/")), kind, "a test says so")


def test_who_produces_an_asset_is_upstream_of_who_consumes_it() -> None:
    producer = make_pipeline("producer", "a", produces=assets("s3://lake/orders"))
    consumer = make_pipeline("consumer", "a", consumes=assets("s3://lake/orders"))
    assert known_edges([consumer, producer]) == (
        Edge(("a", "producer"), ("a", "consumer"), EdgeKind.DATA, "shares s3://lake/orders"),
    )


def test_a_uri_that_says_where_the_data_lies_joins_instances_and_a_name_does_not() -> None:
    def pair(uri: str) -> list[Pipeline]:
        return [
            make_pipeline("producer", "a", produces=assets(uri)),
            make_pipeline("consumer", "b", consumes=assets(uri)),
        ]

    assert ends(known_edges(pair("file:///data/orders.csv"))) == [("a/producer", "b/consumer")]
    assert known_edges(pair("orders")) == ()
    assert ends(known_edges(pair("/data/orders.csv"))) == [("a/producer", "b/consumer")]


def test_a_name_joins_pipelines_of_one_instance() -> None:
    producer = make_pipeline("producer", "a", produces=assets("orders"))
    consumer = make_pipeline("consumer", "a", consumes=assets("orders"))
    assert ends(known_edges([producer, consumer])) == [("a/producer", "a/consumer")]


def test_a_table_joins_instances_and_counts_for_less_where_a_server_is_not_told() -> None:
    producer = make_pipeline("producer", "a", produces=assets("postgres://db/shop/public/orders"))
    same = make_pipeline("same", "b", consumes=assets("postgresql://db/shop/public/orders"))
    named = make_pipeline("named", "b", consumes=assets("shop.public.orders"))
    other = make_pipeline("other", "b", consumes=assets("postgres://elsewhere/shop/public/orders"))
    found = {edge.downstream: edge for edge in known_edges([producer, same, named, other])}
    assert found.keys() == {same.key.path, named.key.path}
    assert found[same.key.path].confidence == 1
    assert found[named.key.path].confidence < 1
    assert found[named.key.path].evidence == "shares shop.public.orders"


def test_several_shared_assets_make_one_edge_that_names_some() -> None:
    uris = [f"s3://lake/{number}" for number in range(5)]
    producer = make_pipeline("producer", "a", produces=assets(*uris))
    consumer = make_pipeline("consumer", "a", consumes=assets(*uris))
    (found,) = known_edges([producer, consumer])
    assert found.evidence == "shares s3://lake/0, s3://lake/1, s3://lake/2 and 2 more"


def test_who_starts_a_pipeline_is_upstream_of_it_where_that_is_known() -> None:
    started, unknown = PipelineKey("a", "started"), PipelineKey("a", "unknown")
    pipelines = [
        make_pipeline("starts", "a", triggers=(started, unknown)),
        make_pipeline("started", "a"),
    ]
    assert known_edges(pipelines) == (
        Edge(("a", "starts"), ("a", "started"), EdgeKind.TRIGGER, "a/starts starts a/started"),
    )


def test_who_is_waited_for_is_upstream_of_who_waits() -> None:
    first = make_pipeline("first", "a")
    waits = make_pipeline("waits", "a", waits_for=(first.key, PipelineKey("a", "unknown")))
    assert known_edges([first, waits]) == (
        Edge(first.key.path, waits.key.path, EdgeKind.TRIGGER, "a/waits waits for a/first"),
    )


def test_what_is_declared_may_name_pipelines_and_assets_of_dagster() -> None:
    declared = [
        EdgeConfig(upstream="b/serve/nightly", downstream="sales/report"),
        EdgeConfig(upstream="raw_orders", downstream="a/orders"),
    ]
    assert known_edges([make_pipeline("orders", "a")], declared) == (
        Edge(
            ("b", "serve", "nightly"),
            ("sales", "report"),
            EdgeKind.DECLARED,
            "declared in meta_orch.yaml",
        ),
        Edge(("raw_orders",), ("a", "orders"), EdgeKind.DECLARED, "declared in meta_orch.yaml"),
    )


def test_a_pipeline_is_not_its_own_upstream() -> None:
    key = PipelineKey("a", "appends")
    own = make_pipeline(
        key.name,
        key.instance,
        produces=assets("s3://lake/orders"),
        consumes=assets("s3://lake/orders"),
        triggers=(key,),
    )
    assert known_edges([own]) == ()


names = st.sampled_from("abcdef")
graphs = st.lists(
    st.builds(edge, names, names, st.sampled_from(EdgeKind)), unique=True, max_size=20
)
uris = st.sampled_from(["s3://x", "s3a://x/", "orders", "file:/data"])
pipelines = st.lists(
    st.builds(
        lambda instance, name, produces, consumes, triggers: make_pipeline(
            name,
            instance,
            produces=assets(*produces),
            consumes=assets(*consumes),
            triggers=tuple(PipelineKey(instance, other) for other in triggers),
        ),
        st.sampled_from(["one", "two"]),
        names,
        st.lists(uris, max_size=2),
        st.lists(uris, max_size=2),
        st.lists(names, max_size=2),
    ),
    max_size=8,
    unique_by=lambda pipeline: pipeline.key,
)


@given(pipelines, st.randoms())
def test_edges_are_the_same_in_whatever_order_pipelines_come(
    pipelines: list[Pipeline], chance: random.Random
) -> None:
    edges = known_edges(pipelines)
    chance.shuffle(pipelines)
    assert known_edges(pipelines) == edges
    assert len({(e.upstream, e.downstream, e.kind) for e in edges}) == len(edges)
    assert all(e.upstream != e.downstream for e in edges)
    assert list(edges) == sorted(edges)


@given(graphs)
def test_without_its_cycles_a_graph_can_be_put_in_order(edges: list[Edge]) -> None:
    sorter: TopologicalSorter[tuple[str, ...]] = TopologicalSorter()
    for kept in without_cycles(edges):
        sorter.add(kept.downstream, kept.upstream)
    sorter.prepare()  # raises where there is a cycle


@given(graphs)
def test_nothing_is_cut_from_a_graph_without_cycles(edges: list[Edge]) -> None:
    forward = [e for e in edges if e.upstream < e.downstream]
    assert find_cycles(forward) == ()
    assert without_cycles(forward) == tuple(sorted(forward))


@given(graphs)
def test_every_cycle_that_is_found_is_one(edges: list[Edge]) -> None:
    steps = {(e.upstream, e.downstream) for e in edges}
    for cycle in find_cycles(edges):
        assert set(zip(cycle, (*cycle[1:], cycle[0]), strict=True)) <= steps
    assert bool(find_cycles(edges)) == (set(without_cycles(edges)) != set(edges))


@given(graphs, st.randoms())
def test_the_same_edges_are_cut_in_whatever_order_they_come(
    edges: list[Edge], chance: random.Random
) -> None:
    before = without_cycles(edges), find_cycles(edges)
    chance.shuffle(edges)
    assert (without_cycles(edges), find_cycles(edges)) == before


def test_what_was_declared_is_cut_before_what_is_shared() -> None:
    shared, declared = edge("a", "b"), edge("b", "a", EdgeKind.DECLARED)
    assert find_cycles([shared, declared]) == ((("a",), ("b",)),)
    assert without_cycles([shared, declared]) == (shared,)
    assert without_cycles([edge("b", "a"), edge("a", "b", EdgeKind.DECLARED)]) == (edge("b", "a"),)


def test_a_step_is_cut_whole_whatever_its_kinds() -> None:
    both = [edge("a", "b", EdgeKind.TRIGGER), edge("a", "b", EdgeKind.DECLARED)]
    assert without_cycles([*both, edge("b", "a")]) == (edge("b", "a"),)


def test_ten_thousand_pipelines_with_a_thousand_cycles_are_cut_in_a_moment() -> None:
    """A tenth of a second or so; were each cycle sought in the whole graph, it were minutes."""
    chain = [edge(f"p{n:05}", f"p{n + 1:05}") for n in range(10_000)]
    back = [edge(f"p{n + 1:05}", f"p{n:05}", EdgeKind.DECLARED) for n in range(0, 10_000, 10)]
    assert without_cycles([*chain, *back]) == tuple(chain)
