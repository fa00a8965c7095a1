"""Edges that the history suggests: one pipeline starts soon after another has succeeded, again and
again, and more often than by chance. Heuristics, all of them: their limits are settings, and what
comes of them is a proposal to a person.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import timedelta

from meta_orch.config.models import SuggestionsConfig
from meta_orch.dependencies.graph import Lineage
from meta_orch.domain.edges import Edge, EdgeKind
from meta_orch.domain.words import describe_duration
from meta_orch.store import Coincidence

_BY_THE_CLOCK = 0.7
"""What remains of the confidence where the downstream keeps to the clock and not to the end of the
upstream: it may be staggered on purpose, or by accident."""


def suggest(
    coincidences: Iterable[Coincidence],
    known: Collection[Edge],
    settings: SuggestionsConfig,
) -> tuple[Edge, ...]:
    """The likely ones that nothing states and that do not follow from what is stated, sorted.

    Args:
        coincidences: over `settings.history`.
        known: what is in effect.
    """
    lineage = Lineage(known)
    by_downstream: defaultdict[tuple[str, ...], list[Edge]] = defaultdict(list)
    for coincidence in coincidences:
        upstream, downstream = coincidence.upstream.path, coincidence.downstream.path
        sure = confidence(coincidence, settings)
        if sure < settings.least_confidence:
            continue
        if downstream in lineage.downstream(upstream) or upstream in lineage.downstream(downstream):
            continue
        by_downstream[downstream].append(
            Edge(upstream, downstream, EdgeKind.SUGGESTED, _evidence(coincidence, settings), sure)
        )
    return tuple(
        sorted(
            edge
            for edges in by_downstream.values()
            for edge in sorted(edges, key=lambda edge: -edge.confidence)[: settings.per_pipeline]
        )
    )


def confidence(coincidence: Coincidence, settings: SuggestionsConfig) -> float:
    """The share of the downstream's starts that came soon after an end of the upstream, less what
    would have done so by chance."""
    share = coincidence.hits / coincidence.starts
    by_chance = chance(coincidence, settings)
    if by_chance >= share:
        return 0.0
    beyond_chance = (share - by_chance) / (1 - by_chance)
    return round(beyond_chance * (1.0 if follows(coincidence) else _BY_THE_CLOCK), 3)


def chance(coincidence: Coincidence, settings: SuggestionsConfig) -> float:
    """The share of all instants that lie within `settings.within` after one of the upstream's ends,
    were those strewn at random (a Poisson process): 1 - exp(-ends * within / history)."""
    return 1 - math.exp(-coincidence.ends * (settings.within / settings.history))


def follows(coincidence: Coincidence) -> bool:
    """Whether the downstream starts later when the upstream ends later: what varies less is what it
    keeps to, the upstream's end or the clock."""
    return coincidence.gap_spread < coincidence.lag_spread


def _evidence(coincidence: Coincidence, settings: SuggestionsConfig) -> str:
    expected = chance(coincidence, settings) * coincidence.starts
    low, high = (
        describe_duration(timedelta(seconds=round(gap.total_seconds())))
        for gap in (coincidence.gap_low, coincidence.gap_high)
    )
    gap = low if low == high else f"{low} to {high}"
    keeps_to = (
        "it starts later when that ends later" if follows(coincidence) else "it keeps to the clock"
    )
    return (
        f"started {gap} after it succeeded, {coincidence.hits} of {coincidence.starts} times "
        f"(by chance {expected:.0f}); {keeps_to}"
    )
