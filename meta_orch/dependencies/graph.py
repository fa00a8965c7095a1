"""The lineage graph as a graph: its cycles, and what lies up and down from somewhere."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from meta_orch.domain.edges import AssetPath, Edge, EdgeKind, Step

_MOST_TRUSTED_FIRST = (EdgeKind.DATA, EdgeKind.TRIGGER, EdgeKind.DECLARED, EdgeKind.SUGGESTED)


class Lineage:
    """Edges by their ends."""

    def __init__(self, edges: Iterable[Edge]) -> None:
        self._into: defaultdict[AssetPath, list[Edge]] = defaultdict(list)
        self._out_of: defaultdict[AssetPath, list[Edge]] = defaultdict(list)
        for edge in sorted(edges):
            self._into[edge.downstream].append(edge)
            self._out_of[edge.upstream].append(edge)

    def into(self, asset: AssetPath) -> Sequence[Edge]:
        """Edges from what it depends on."""
        return self._into.get(asset, ())

    def out_of(self, asset: AssetPath) -> Sequence[Edge]:
        """Edges to what depends on it."""
        return self._out_of.get(asset, ())

    def __contains__(self, asset: AssetPath) -> bool:
        return asset in self._into or asset in self._out_of

    def downstream(self, asset: AssetPath) -> Mapping[AssetPath, Edge]:
        """Everything that depends on it, directly or not, the nearest first; each with the edge by
        which a shortest way comes to it."""
        return _reached(asset, lambda at: [(edge.downstream, edge) for edge in self.out_of(at)])

    def upstream(self, asset: AssetPath) -> Mapping[AssetPath, Edge]:
        """Everything that it depends on, likewise."""
        return _reached(asset, lambda at: [(edge.upstream, edge) for edge in self.into(at)])


def _reached(
    start: AssetPath, following: Callable[[AssetPath], Iterable[tuple[AssetPath, Edge]]]
) -> Mapping[AssetPath, Edge]:
    found: dict[AssetPath, Edge] = {}
    ahead = deque([start])
    while ahead:
        for other, edge in following(ahead.popleft()):
            if other != start and other not in found:
                found[other] = edge
                ahead.append(other)
    return found


def find_cycles(edges: Iterable[Edge]) -> tuple[tuple[AssetPath, ...], ...]:
    """Cycles that keep edges from being a graph that can be put in order: assets from upstream to
    downstream, the last before the first. Enough of them that the graph has none once each is cut;
    not every cycle there is."""
    return _cut(edges)[1]


def without_cycles(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """The edges less one of each cycle, the least trusted: what was suggested before what was
    declared, that before a trigger, and that before shared data. Sorted, and always the same for
    the same edges."""
    return _cut(edges)[0]


def _cut(edges: Iterable[Edge]) -> tuple[tuple[Edge, ...], tuple[tuple[AssetPath, ...], ...]]:
    kept = set(edges)
    trust: dict[Step, int] = {}
    for edge in kept:
        rank = _MOST_TRUSTED_FIRST.index(edge.kind)
        trust[edge.step] = min(rank, trust.get(edge.step, rank))

    cycles: list[tuple[AssetPath, ...]] = []
    for tangle in _tangles(trust):
        while cycle := _a_cycle(tangle):
            steps = zip(cycle, (*cycle[1:], cycle[0]), strict=True)
            weakest = max(steps, key=lambda ends: (trust[ends], ends))
            tangle.remove(weakest)
            del trust[weakest]
            cycles.append(cycle)
    return tuple(sorted(e for e in kept if e.step in trust)), tuple(cycles)


def _tangles(steps: Collection[Step]) -> list[list[Step]]:
    """The steps that lie on cycles: those within each strongly connected component by themselves
    (Kosaraju's algorithm), sorted."""
    forward: defaultdict[AssetPath, list[AssetPath]] = defaultdict(list)
    backward: defaultdict[AssetPath, list[AssetPath]] = defaultdict(list)
    for upstream, downstream in sorted(steps):
        forward[upstream].append(downstream)
        backward[downstream].append(upstream)
    seen: set[AssetPath] = set()
    order = [node for root in sorted(forward) for node in _walk(root, forward, seen)]
    seen = set()
    component = {node: root for root in reversed(order) for node in _walk(root, backward, seen)}
    tangles: defaultdict[AssetPath, list[Step]] = defaultdict(list)
    for upstream, downstream in sorted(steps):
        if component[upstream] == component[downstream]:
            tangles[component[upstream]].append((upstream, downstream))
    return list(tangles.values())


def _walk(
    root: AssetPath, following: Mapping[AssetPath, Sequence[AssetPath]], seen: set[AssetPath]
) -> Iterator[AssetPath]:
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


def _a_cycle(steps: Iterable[Step]) -> tuple[AssetPath, ...] | None:
    """Some cycle, from its smallest member on, upstream to downstream."""
    sorter: TopologicalSorter[AssetPath] = TopologicalSorter()
    for upstream, downstream in steps:
        sorter.add(downstream, upstream)
    try:
        sorter.prepare()
    except CycleError as error:
        members: list[AssetPath] = error.args[1][:-1]
        first = members.index(min(members))
        return tuple(members[first:] + members[:first])
    return None
