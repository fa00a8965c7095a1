"""Edges of the one lineage graph, and what people think of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

AssetPath = tuple[str, ...]
"""An asset key as its parts: a pipeline's (`PipelineKey.path`), or that of any Dagster asset."""
Step = tuple[AssetPath, AssetPath]
"""Upstream and downstream."""


class EdgeKind(StrEnum):
    DATA = "data"
    """The downstream reads what the upstream writes."""
    TRIGGER = "trigger"
    """The upstream starts the downstream, or a task of the downstream waits for the upstream."""
    DECLARED = "declared"
    """Somebody wrote it in `meta_orch.yaml`."""
    SUGGESTED = "suggested"
    """The history looks like it. A proposal: it is no edge until somebody accepts it."""


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """`downstream` depends on `upstream`."""

    upstream: AssetPath
    downstream: AssetPath
    kind: EdgeKind
    evidence: str
    """Why it is believed, in words."""
    confidence: float = 1.0
    """From 0 to 1; 1 where somebody or something states it."""

    @property
    def step(self) -> Step:
        return self.upstream, self.downstream

    def __str__(self) -> str:
        return f"{path_text(self.upstream)} -> {path_text(self.downstream)}"


class Opinion(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a person said of the edges between two assets. It is remembered, whatever is inferred
    later."""

    upstream: AssetPath
    downstream: AssetPath
    opinion: Opinion
    by: str
    """Who."""
    at: datetime
    reason: str | None = None

    @property
    def step(self) -> Step:
        return self.upstream, self.downstream


def in_effect(edges: Iterable[Edge], judgements: Mapping[Step, Judgement]) -> tuple[Edge, ...]:
    """The edges that are drawn and that gate, in their order: those that somebody or something
    states and nobody rejected, and suggestions that somebody accepted. What is declared stands
    whatever was said before."""
    return tuple(edge for edge in edges if _is_in_effect(edge, judgements.get(edge.step)))


def proposals(edges: Iterable[Edge], judgements: Mapping[Step, Judgement]) -> tuple[Edge, ...]:
    """Suggestions that nobody has judged, where nothing else says the same; the surest first."""
    edges = tuple(edges)
    stated = {edge.step for edge in edges if edge.kind is not EdgeKind.SUGGESTED}
    open_ones = [
        edge
        for edge in edges
        if edge.kind is EdgeKind.SUGGESTED
        and edge.step not in judgements
        and edge.step not in stated
    ]
    return tuple(sorted(open_ones, key=lambda edge: (-edge.confidence, edge)))


def _is_in_effect(edge: Edge, judgement: Judgement | None) -> bool:
    if edge.kind is EdgeKind.DECLARED:
        return True
    if judgement is None:
        return edge.kind is not EdgeKind.SUGGESTED
    return judgement.opinion is Opinion.ACCEPTED


def path_text(path: AssetPath) -> str:
    """As people write it: parts parted by `/`."""
    return "/".join(path)


def parse_path(text: str) -> AssetPath:
    """What `path_text` writes."""
    return tuple(text.split("/"))
