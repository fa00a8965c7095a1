"""Up and down the lineage from one pipeline: what it reaches, and what it suffers from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meta_orch.dependencies.graph import Lineage
from meta_orch.domain.edges import AssetPath, Edge
from meta_orch.domain.runs import Run


@dataclass(frozen=True, slots=True)
class Reached:
    """Something that depends on the pipeline, directly or not."""

    asset: AssetPath
    distance: int
    """Edges of a shortest way."""
    edge: Edge
    """The last of them."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A pipeline whose last run failed while nothing that it depends on had."""

    asset: AssetPath
    run: Run
    way: tuple[Edge, ...]
    """From it to what was asked about; empty where that is itself."""


def impact(asset: AssetPath, lineage: Lineage) -> tuple[Reached, ...]:
    """Everything that does without, or with old data, when `asset` fails; the nearest first."""
    distances: dict[AssetPath, int] = {asset: 0}
    found = []
    for other, edge in lineage.downstream(asset).items():
        distances[other] = distances[edge.upstream] + 1
        found.append(Reached(other, distances[other], edge))
    return tuple(found)


def root_causes(
    asset: AssetPath, lineage: Lineage, latest: Mapping[AssetPath, Run]
) -> tuple[Cause, ...]:
    """Where the trouble of `asset` begins, the nearest first: the pipelines upstream of it, itself
    included, that failed last and of which nothing further upstream failed.

    Args:
        latest: the last finished run of each pipeline that has one.
    """
    upstream = lineage.upstream(asset)
    failed = [
        other for other in (asset, *upstream) if other in latest and latest[other].state.is_failure
    ]
    return tuple(
        Cause(other, latest[other], _way(other, asset, upstream))
        for other in failed
        if not set(lineage.upstream(other)).intersection(failed)
    )


def _way(start: AssetPath, end: AssetPath, upstream: Mapping[AssetPath, Edge]) -> tuple[Edge, ...]:
    way = []
    while start != end:
        way.append(upstream[start])
        start = upstream[start].downstream
    return tuple(way)
