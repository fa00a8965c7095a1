"""Which pipeline depends on which, as far as is known without guessing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from urllib.parse import urlsplit

from meta_orch.config.models import EdgeConfig
from meta_orch.domain.edges import Edge, EdgeKind
from meta_orch.domain.pipelines import Pipeline

Path = tuple[str, ...]
Step = tuple[Path, Path]
"""Upstream and downstream."""

_MOST_TRUSTED_FIRST = (EdgeKind.DATA, EdgeKind.TRIGGER, EdgeKind.DECLARED)
_SAME_SCHEME = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "postgres": "postgresql"}
_SHOWN_ASSETS = 3


def known_edges(
    pipelines: Iterable[Pipeline], declared: Iterable[EdgeConfig] = ()
) -> tuple[Edge, ...]:
    """Every edge that the orchestrators or `meta_orch.yaml` state, sorted.

    - Data: one pipeline produces an asset that the other consumes. Assets are the same when their
      URIs are, give or take spelling (`normalised_uri`): across instances where the URI says where
      the data lies (`s3://...`), and within an instance otherwise.
    - Trigger: one pipeline starts the other.
    - Declared: `INSTANCE/PIPELINE`, or the key of any Dagster asset, its parts parted by `/`.

    One edge at most for two pipelines and a kind, and none from a pipeline to itself. There may be
    cycles: see `find_cycles`.
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
        Edge(
            tuple(edge.upstream.split("/")),
            tuple(edge.downstream.split("/")),
            EdgeKind.DECLARED,
            "declared in meta_orch.yaml",
        )
        for edge in declared
    )
    found = {
        (edge.upstream, edge.downstream, edge.kind): edge
        for edge in edges
        if edge.upstream != edge.downstream
    }
    return tuple(sorted(found.values()))


def _data_edges(pipelines: Iterable[Pipeline]) -> Iterator[Edge]:
    producers: defaultdict[tuple[str, str], set[Path]] = defaultdict(set)
    consumers: defaultdict[tuple[str, str], set[Path]] = defaultdict(set)
    for pipeline in pipelines:
        for assets, ends in ((pipeline.produces, producers), (pipeline.consumes, consumers)):
            for asset in assets:
                uri = normalised_uri(asset.uri)
                scope = "" if "://" in uri else pipeline.key.instance
                ends[scope, uri].add(pipeline.key.path)

    shared: defaultdict[tuple[Path, Path], list[str]] = defaultdict(list)
    for scope, uri in sorted(producers.keys() & consumers.keys()):
        for upstream in producers[scope, uri]:
            for downstream in consumers[scope, uri]:
                shared[upstream, downstream].append(uri)
    for (upstream, downstream), uris in shared.items():
        yield Edge(upstream, downstream, EdgeKind.DATA, f"shares {_listed(uris)}")


def _listed(uris: list[str]) -> str:
    if len(uris) <= _SHOWN_ASSETS:
        return ", ".join(uris)
    return f"{', '.join(uris[:_SHOWN_ASSETS])} and {len(uris) - _SHOWN_ASSETS} more"


def normalised_uri(uri: str) -> str:
    """One spelling for a URI: scheme and host in lower case, no login, no trailing slash, other
    names of a scheme as the usual one (`s3a://` as `s3://`, `file:/a` as `file:///a`). A text
    without a scheme is a name and stays as it is.

    >>> normalised_uri("S3A://Bucket/orders/")
    's3://bucket/orders'
    """
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", uri):
        return uri
    try:
        parts = urlsplit(uri)
    except ValueError:  # such as a bracket that is not closed
        return uri
    scheme = _SAME_SCHEME.get(parts.scheme, parts.scheme)
    host = parts.netloc.rpartition("@")[2].lower()
    if scheme == "file" and host == "localhost":
        host = ""
    query = f"?{parts.query}" if parts.query else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return f"{scheme}://{host}{parts.path.rstrip('/')}{query}{fragment}"


def find_cycles(edges: Iterable[Edge]) -> tuple[tuple[Path, ...], ...]:
    """Cycles that keep edges from being a graph that can be put in order: assets from upstream to
    downstream, the last before the first. Enough of them that the graph has none once each is cut;
    not every cycle there is."""
    return _cut(edges)[1]


def without_cycles(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """The edges less one of each cycle, the least trusted: what was declared before a trigger, and
    that before shared data. Sorted, and always the same for the same edges."""
    return _cut(edges)[0]


def _cut(edges: Iterable[Edge]) -> tuple[tuple[Edge, ...], tuple[tuple[Path, ...], ...]]:
    kept = set(edges)
    trust: dict[Step, int] = {}
    for edge in kept:
        ends = edge.upstream, edge.downstream
        rank = _MOST_TRUSTED_FIRST.index(edge.kind)
        trust[ends] = min(rank, trust.get(ends, rank))

    cycles: list[tuple[Path, ...]] = []
    for tangle in _tangles(trust):
        while cycle := _a_cycle(tangle):
            steps = zip(cycle, (*cycle[1:], cycle[0]), strict=True)
            weakest = max(steps, key=lambda ends: (trust[ends], ends))
            tangle.remove(weakest)
            del trust[weakest]
            cycles.append(cycle)
    return tuple(sorted(e for e in kept if (e.upstream, e.downstream) in trust)), tuple(cycles)


def _tangles(steps: Collection[Step]) -> list[list[Step]]:
    """The steps that lie on cycles: those within each strongly connected component by themselves
    (Kosaraju's algorithm), sorted."""
    forward: defaultdict[Path, list[Path]] = defaultdict(list)
    backward: defaultdict[Path, list[Path]] = defaultdict(list)
    for upstream, downstream in sorted(steps):
        forward[upstream].append(downstream)
        backward[downstream].append(upstream)
    seen: set[Path] = set()
    order = [node for root in sorted(forward) for node in _walk(root, forward, seen)]
    seen = set()
    component = {node: root for root in reversed(order) for node in _walk(root, backward, seen)}
    tangles: defaultdict[Path, list[Step]] = defaultdict(list)
    for upstream, downstream in sorted(steps):
        if component[upstream] == component[downstream]:
            tangles[component[upstream]].append((upstream, downstream))
    return list(tangles.values())


def _walk(root: Path, following: Mapping[Path, Sequence[Path]], seen: set[Path]) -> Iterator[Path]:
    """What is reached from `root` and was not `seen` before, each after all that it leads to."""
    if root in seen:
        return
    seen.add(root)
    trail = [(root, iter(following.get(root, ())))]
    while trail:
        node, ahead = trail[-1]
        for other in ahead:
            if other not in seen:
                seen.add(other)
                trail.append((other, iter(following.get(other, ()))))
                break
        else:
            trail.pop()
            yield node


def _a_cycle(steps: Iterable[Step]) -> tuple[Path, ...] | None:
    """Some cycle, from its smallest member on, upstream to downstream."""
    sorter: TopologicalSorter[Path] = TopologicalSorter()
    for upstream, downstream in steps:
        sorter.add(downstream, upstream)
    try:
        sorter.prepare()
    except CycleError as error:
        members: list[Path] = error.args[1][:-1]
        first = members.index(min(members))
        return tuple(members[first:] + members[:first])
    return None
