"""How far the predictions of a company's pipelines would have been right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from meta_orch.analytics.predictions.durations import Factor, Past, model_of
from meta_orch.analytics.predictions.hindsight import replay_deadlines
from meta_orch.analytics.predictions.histories import past_of, past_run, timezone_of
from meta_orch.analytics.predictions.replay import Deadline, Quality, Warnings, replay
from meta_orch.analytics.slas.promises import kept_promises
from meta_orch.config import MetaOrchConfig
from meta_orch.config.slas import SlaConfig
from meta_orch.dependencies.gates import GateMap
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.store import Store

_AT_ONCE = 200
_RUNS = 200


@dataclass(frozen=True, slots=True)
class Assessment:
    pipeline: PipelineKey
    since: datetime
    """When the first of its runs began that were replayed."""
    factor: Factor
    """What the durations of its runs depend on."""
    quality: Quality


def assess(
    store: Store,
    pipelines: Sequence[Pipeline],
    slas: Sequence[SlaConfig],
    *,
    runs: int,
    risk_from: float,
) -> Iterator[Assessment]:
    """Replay the last runs of pipelines; those with too few are left out. Of warnings those are
    counted that were about how long a run takes.

    Args:
        runs: how many of each.
        risk_from: from which probability of a miss on a promise is said to be at risk.
    """
    for start in range(0, len(pipelines), _AT_ONCE):
        part = pipelines[start : start + _AT_ONCE]
        with store.read() as reader:
            past = past_of(reader, [pipeline.key for pipeline in part], runs)
        for pipeline in part:
            found = past.get(pipeline.key, [])
            zone = timezone_of(pipeline)
            own = [sla for sla in slas if sla.is_of(pipeline.key, pipeline.tags) and not sla.chain]
            as_past = [*map(past_run, found)]
            quality = replay(as_past, timezone=zone, deadline=_deadline(own), risk_from=risk_from)
            model = model_of(as_past, zone)
            if quality is not None and model is not None:
                yield Assessment(pipeline.key, found[0].started_at, model.factor, quality)


def refresh_quality(
    store: Store, config: MetaOrchConfig, now: datetime, *, runs: int = _RUNS
) -> tuple[Assessment, ...]:
    """Replay the pipelines that an SLA or `analytics.watched` names, and keep what came of it."""
    risk_from = config.analytics.risk_from
    with store.read() as reader:
        chosen = [p for p in reader.pipelines() if _is_asked_for(p, config)]
        promises = kept_promises(reader, config.slas, now)
        graph = GateMap(reader, config)
    warnings = replay_deadlines(store, graph, promises, risk_from=risk_from)
    assessed = assess(store, chosen, config.slas, runs=runs, risk_from=risk_from)
    found = tuple(_warned(each, warnings) for each in assessed)
    with store.write() as writer:
        writer.results.replace("prediction_quality", map(_document, found), now)
    return found


def _warned(found: Assessment, warnings: Mapping[PipelineKey, Warnings]) -> Assessment:
    """With what was said before the deadlines of its promises."""
    of_deadlines = warnings.get(found.pipeline)
    if of_deadlines is None:
        return found
    all_of_them = found.quality.warnings + of_deadlines
    return replace(found, quality=replace(found.quality, warnings=all_of_them))


def _is_asked_for(pipeline: Pipeline, config: MetaOrchConfig) -> bool:
    is_promised = any(sla.is_of(pipeline.key, pipeline.tags) for sla in config.slas)
    return is_promised or config.analytics.watches(pipeline.key)


def _document(found: Assessment) -> dict[str, Any]:
    quality, warnings = found.quality, found.quality.warnings
    alarms = warnings.alarms
    return {
        "instance": found.pipeline.instance,
        "pipeline": found.pipeline.name,
        "depends_on": found.factor.value,
        "runs": quality.runs,
        "coverage": quality.coverage,
        "error": quality.error,
        "naive_error": quality.naive_error,
        "risk_precision": alarms.precision,
        "risk_recall": alarms.recall,
        "risk_lead_seconds": alarms.lead.total_seconds() if alarms.lead is not None else None,
        "median_precision": warnings.by_median.precision,
        "median_recall": warnings.by_median.recall,
        "p95_precision": warnings.by_p95.precision,
        "p95_recall": warnings.by_p95.recall,
    }


def _deadline(slas: Sequence[SlaConfig]) -> Deadline:
    """The end of the time that a run may take."""
    spans = [sla.duration_below for sla in slas if sla.duration_below]

    def deadline(run: Past) -> datetime | None:
        return run.started_at + min(spans) if spans else None

    return deadline
