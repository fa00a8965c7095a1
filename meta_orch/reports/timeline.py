"""A day across orchestrators: what ran when, and what decided when it was done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from meta_orch.analytics.critical_paths.graph import TaskGraph
from meta_orch.analytics.critical_paths.run_graphs import graphs_across
from meta_orch.config import MetaOrchConfig
from meta_orch.dependencies.gates import GateMap
from meta_orch.domain.edges import AssetPath
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.time import Window
from meta_orch.reports.model import Bar, Lane, Timeline
from meta_orch.store import StoreReader
from meta_orch.store.reporting import ReportRun

_LANES = 40
_EVENING = timedelta(hours=12)
"""What led to a run may have run the evening before."""
_TARGETS = 50
"""Pipelines whose paths are looked at, at most: what promises something first, then what comes last
and depends on most."""


def build_timeline(
    reader: StoreReader, config: MetaOrchConfig, graph: GateMap, day: Window
) -> Timeline | None:
    """None where nothing ran."""
    runs = reader.reports.runs(day)
    if not runs:
        return None
    deciding = _deciding(reader, config, graph, runs, day)
    path = [step.node.name for step in deciding.critical_path().steps] if deciding else []
    marked = {
        (step.node.name, step.node.started_at.timestamp())
        for step in (deciding.critical_path().steps if deciding else ())
    }
    of_pipeline: defaultdict[tuple[str, str], list[ReportRun]] = defaultdict(list)
    for run in runs:
        of_pipeline[run.instance, run.pipeline].append(run)
    end = day.end.timestamp()

    def length(key: tuple[str, str]) -> float:
        return sum((run.ended or end) - run.started for run in of_pipeline[key])

    ordered = sorted(of_pipeline, key=lambda key: ("/".join(key) not in path, -length(key), key))
    day = _trimmed(day, [run.started for run in runs], max(run.ended or end for run in runs))
    shown = sorted(ordered[:_LANES], key=lambda key: (key[0], of_pipeline[key][0].started, key))
    lanes = tuple(
        Lane(
            name,
            instance,
            tuple(
                Bar(
                    max(run.started, day.start.timestamp()),
                    min(run.ended or end, end),
                    run.state,
                    (f"{instance}/{name}", run.started) in marked,
                )
                for run in of_pipeline[instance, name]
            ),
        )
        for instance, name in shown
    )
    return Timeline(day, lanes, len(ordered) - len(shown), path[-1] if path else None, tuple(path))


def _trimmed(day: Window, starts: Sequence[float], last: float) -> Window:
    """The time in which something ran, where that is less than half of it."""
    begin = max(day.start, datetime.fromtimestamp(min(starts), UTC))
    end = min(day.end, datetime.fromtimestamp(last, UTC))
    return Window(begin, end) if begin < end and end - begin < day.length / 2 else day


def _deciding(
    reader: StoreReader,
    config: MetaOrchConfig,
    graph: GateMap,
    runs: Iterable[ReportRun],
    day: Window,
) -> TaskGraph | None:
    """The longest way to a run that ended that day, through pipelines of more than one kind of
    orchestrator if there is one."""
    ended = {
        (run.instance, *run.pipeline.split("/"))
        for run in runs
        if run.ended and run.state == "succeeded" and run.ended <= day.end.timestamp()
    }
    found: list[TaskGraph] = []
    for key in _targets(config, graph, ended):
        found += graphs_across(reader, graph, key, Window(day.start - _EVENING, day.end), 1)
    found = [each for each in found if each.ended_at in day and len(each.critical_path().steps) > 1]

    def instances(each: TaskGraph) -> int:
        return len({step.node.name.partition("/")[0] for step in each.critical_path().steps})

    return max(
        found, key=lambda each: (instances(each), each.critical_path().makespan), default=None
    )


def _targets(
    config: MetaOrchConfig, graph: GateMap, ended: set[AssetPath]
) -> Sequence[PipelineKey]:
    dependent = [
        pipeline
        for path, pipeline in graph.catalogue.items()
        if path in ended and graph.lineage.into(path)
    ]

    ordered = sorted(
        dependent,
        key=lambda p: (
            not any(sla.is_of(p.key, p.tags) for sla in config.slas),
            bool(graph.lineage.out_of(p.key.path)),
            -len(graph.lineage.upstream(p.key.path)),
            p.key,
        ),
    )
    return [pipeline.key for pipeline in ordered[:_TARGETS]]
