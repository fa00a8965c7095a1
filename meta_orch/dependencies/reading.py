"""The edges as they stand in the store: which are in effect, which are proposed, what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from meta_orch.config.models import MetaOrchConfig
from meta_orch.dependencies.edges import known_edges
from meta_orch.dependencies.lineage import with_lineage
from meta_orch.dependencies.lint import Violation, lint
from meta_orch.dependencies.suggestions import suggest
from meta_orch.domain.edges import Edge, EdgeKind, in_effect, proposals
from meta_orch.domain.pipelines import Pipeline
from meta_orch.domain.time import Window
from meta_orch.store import Store, StoreReader


@dataclass(frozen=True, slots=True)
class EdgeReport:
    edges: tuple[Edge, ...]
    """Those in effect."""
    proposals: tuple[Edge, ...]
    """Suggestions that nobody has judged, the surest first."""
    violations: tuple[Violation, ...]


def known_pipelines(
    reader: StoreReader, config: MetaOrchConfig, instance: str | None = None
) -> tuple[Pipeline, ...]:
    """Every pipeline that exists now, of an instance or of all, with all that is known of the data
    it uses."""
    pipelines = reader.pipelines(instance)
    if not config.openlineage:
        return pipelines
    uses = reader.lineage.uses([source.name for source in config.openlineage])
    return with_lineage(pipelines, uses, config.openlineage)


def edges_in_effect(
    reader: StoreReader, config: MetaOrchConfig, pipelines: Sequence[Pipeline]
) -> tuple[Edge, ...]:
    """The edges that are drawn and that gate, sorted: what is declared as the configuration has it
    now, and the rest as the store does.

    Args:
        pipelines: those whose edges are wanted, with all that they may depend on, as
            `known_pipelines` gives them.
    """
    suggested = (edge for edge in reader.edges() if edge.kind is EdgeKind.SUGGESTED)
    everything = (*known_edges(pipelines, config.edges), *suggested)
    return tuple(sorted(in_effect(everything, reader.judgements())))


def read_report(reader: StoreReader, config: MetaOrchConfig, now: datetime) -> EdgeReport:
    """Everything there is to say of the edges."""
    pipelines = known_pipelines(reader, config)
    edges = edges_in_effect(reader, config, pipelines)
    return EdgeReport(
        edges,
        proposals(reader.edges(), reader.judgements()),
        _lint(reader, config, pipelines, edges, now),
    )


def renew_suggestions(store: Store, config: MetaOrchConfig, now: datetime) -> tuple[Edge, ...]:
    """Look through the history for edges, and keep what it suggests in place of what it did before.
    Suggestions that somebody accepted stay, also when the history no longer shows them."""
    settings = config.suggestions
    period = Window(now - settings.history, now)
    with store.read() as reader:
        found = reader.coincidences(period, settings.within, settings.least_runs)
        before = reader.edges()
        judgements = reader.judgements()
        known = edges_in_effect(reader, config, known_pipelines(reader, config))
    suggested = suggest(
        found, [edge for edge in known if edge.kind is not EdgeKind.SUGGESTED], settings
    )
    steps = {edge.step for edge in suggested}
    accepted = in_effect((e for e in before if e.kind is EdgeKind.SUGGESTED), judgements)
    kept = (*suggested, *(edge for edge in accepted if edge.step not in steps))
    with store.write() as writer:
        writer.save_edges(kept, now, {EdgeKind.SUGGESTED})
    return suggested


def _lint(
    reader: StoreReader,
    config: MetaOrchConfig,
    pipelines: Sequence[Pipeline],
    edges: Sequence[Edge],
    now: datetime,
) -> tuple[Violation, ...]:
    by_path = {pipeline.key.path: pipeline.key for pipeline in pipelines}
    steps = [
        (by_path[edge.upstream], by_path[edge.downstream])
        for edge in edges
        if edge.upstream in by_path and edge.downstream in by_path
    ]
    races = reader.races(steps, now - config.suggestions.history)
    read = [
        name
        for name, status in reader.collectors().items()
        if status.catalogue_read_at is not None and _is_known_whole(config, name)
    ]
    return lint(pipelines, edges, config.edges, races, read)


def _is_known_whole(config: MetaOrchConfig, name: str) -> bool:
    """Dagster's own instance knows only jobs that ran, and its assets begin with what they like."""
    return any(
        instance.name == name and not (instance.type == "dagster" and instance.url is None)
        for instance in config.instances
    )
