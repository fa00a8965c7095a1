"""Which pipeline depends on which, as far as it is stated somewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from meta_orch.config.models import EdgeConfig
from meta_orch.dependencies.uris import Place, place_of
from meta_orch.domain.edges import AssetPath, Edge, EdgeKind, parse_path
from meta_orch.domain.pipelines import AssetRef, Pipeline

_SHOWN_ASSETS = 3
_SURE, _SAME_NAME = 1.0, 0.8
"""Confidence of an edge by data: the place is the same, or it is a table of the same name, whose
server one of the two does not tell."""


def known_edges(
    pipelines: Iterable[Pipeline], declared: Iterable[EdgeConfig] = ()
) -> tuple[Edge, ...]:
    """Every edge that the orchestrators or `meta_orch.yaml` state, sorted.

    - Data: one pipeline produces an asset that the other consumes. Assets are the same when their
      places are (`uris.place_of`): across instances where the URI says where the data lies
      (`s3://...`, a table, a path), and within an instance otherwise.
    - Trigger: one pipeline starts the other, or has a task that waits for it.
    - Declared: `INSTANCE/PIPELINE`, or the key of any Dagster asset, its parts parted by `/`.

    One edge at most for two pipelines and a kind, and none from a pipeline to itself. There may be
    cycles: see `graph.find_cycles`.
    """
    pipelines = tuple(pipelines)
    keys = {pipeline.key for pipeline in pipelines}
    edges = [*_data_edges(pipelines)]
    edges += (
        Edge(pipeline.key.path, started.path, EdgeKind.TRIGGER, f"{pipeline.key} starts {started}")
        for pipeline in pipelines
        for started in pipeline.triggers
        if started in keys
    )
    edges += (
        Edge(other.path, pipeline.key.path, EdgeKind.TRIGGER, f"{pipeline.key} waits for {other}")
        for pipeline in pipelines
        for other in pipeline.waits_for
        if other in keys
    )
    edges += (
        Edge(
            parse_path(edge.upstream),
            parse_path(edge.downstream),
            EdgeKind.DECLARED,
            "declared in meta_orch.yaml",
        )
        for edge in declared
    )
    found = {(*edge.step, edge.kind): edge for edge in edges if edge.upstream != edge.downstream}
    return tuple(sorted(found.values()))


def _data_edges(pipelines: Iterable[Pipeline]) -> Iterator[Edge]:
    producers: defaultdict[tuple[str, str], list[tuple[AssetPath, Place]]] = defaultdict(list)
    consumers: defaultdict[tuple[str, str], list[tuple[AssetPath, Place]]] = defaultdict(list)
    told: dict[tuple[AssetPath, str], str] = {}
    for pipeline in pipelines:
        path, instance = pipeline.key.path, pipeline.key.instance
        for ends, assets in ((producers, pipeline.produces), (consumers, pipeline.consumes)):
            for place in places(assets, instance):
                ends[place.key].append((path, place))
            told |= {
                (path, place_of(asset.uri, instance).name): asset.told_by
                for asset in assets
                if asset.told_by
            }

    shared: defaultdict[tuple[AssetPath, AssetPath], dict[str, float]] = defaultdict(dict)
    for key in sorted(producers.keys() & consumers.keys()):
        for upstream, written in producers[key]:
            for downstream, read in consumers[key]:
                if written.is_same(read):
                    confidence = _SURE if written.host == read.host else _SAME_NAME
                    found = shared[upstream, downstream]
                    found[written.name] = max(confidence, found.get(written.name, 0))
    for (upstream, downstream), names in shared.items():
        sources = {told.get((end, name)) for end in (upstream, downstream) for name in names}
        by = f", as {' and '.join(sorted(filter(None, sources)))} tells" if any(sources) else ""
        yield Edge(
            upstream,
            downstream,
            EdgeKind.DATA,
            f"shares {_listed(sorted(names))}{by}",
            max(names.values()),
        )


def places(assets: Iterable[AssetRef], instance: str) -> set[Place]:
    """Where assets lie that a pipeline of the instance names."""
    return {place_of(asset.uri, instance) for asset in assets}


def _listed(names: list[str]) -> str:
    if len(names) <= _SHOWN_ASSETS:
        return ", ".join(names)
    return f"{', '.join(names[:_SHOWN_ASSETS])} and {len(names) - _SHOWN_ASSETS} more"
