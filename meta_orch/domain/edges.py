"""Edges of the one lineage graph."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EdgeKind(StrEnum):
    DATA = "data"
    """The downstream reads what the upstream writes."""
    TRIGGER = "trigger"
    """The upstream starts the downstream."""
    DECLARED = "declared"
    """Somebody wrote it in `meta_orch.yaml`."""


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """`downstream` depends on `upstream`. Both are asset keys as paths: a pipeline's
    (`PipelineKey.path`) or that of any asset in the Dagster instance."""

    upstream: tuple[str, ...]
    downstream: tuple[str, ...]
    kind: EdgeKind
    evidence: str
    """Why it is believed, in words."""
