"""How far the predictions of a company's pipelines would have been right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from meta_orch.analytics.predictions.durations import Factor, Past, model_of
from meta_orch.analytics.predictions.histories import past_of, past_run, timezone_of
from meta_orch.analytics.predictions.replay import Deadline, Quality, replay
from meta_orch.config import MetaOrchConfig
from meta_orch.config.slas import SlaConfig
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.ticks import cron, next_tick
from meta_orch.store import Store, StoreReader
from meta_orch.store.tracing import PastRun

_AT_ONCE = 200
_RUNS = 200
_HAIR = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Assessment:
    pipeline: PipelineKey
    since: datetime
    """When the first of its runs began that were replayed."""
    factor: Factor
    """What the durations of its runs depend on."""
    quality: Quality


def assess(
    reader: StoreReader,
    pipelines: Iterable[Pipeline],
    slas: Sequence[SlaConfig],
    *,
    runs: int,
    risk_from: float,
) -> Iterator[Assessment]:
    """Replay the last runs of pipelines; those with too few are left out.

    Args:
        runs: how many of each.
        risk_from: from which probability of a miss on a promise is said to be at risk.
    """
    pipelines = tuple(pipelines)
    for start in range(0, len(pipelines), _AT_ONCE):
        part = pipelines[start : start + _AT_ONCE]
        past = past_of(reader, [pipeline.key for pipeline in part], runs)
        for pipeline in part:
            found = past.get(pipeline.key, [])
            zone = timezone_of(pipeline)
            own = [sla for sla in slas if sla.is_of(pipeline.key, pipeline.tags) and not sla.chain]
            as_past = [*map(past_run, found)]
            quality = replay(
                as_past, timezone=zone, deadline=_deadline(own, found), risk_from=risk_from
            )
            model = model_of(as_past, zone)
            if quality is not None and model is not None:
                yield Assessment(pipeline.key, found[0].started_at, model.factor, quality)


def refresh_quality(
    store: Store, config: MetaOrchConfig, now: datetime, *, runs: int = _RUNS
) -> tuple[Assessment, ...]:
    """Replay the pipelines that an SLA or `analytics.watched` names, and keep what came of it."""
    settings = config.analytics
    with store.read() as reader:
        chosen = [p for p in reader.pipelines() if _is_asked_for(p, config)]
        found = tuple(assess(reader, chosen, config.slas, runs=runs, risk_from=settings.risk_from))
    with store.write() as writer:
        writer.results.replace("prediction_quality", map(_document, found), now)
    return found


def _is_asked_for(pipeline: Pipeline, config: MetaOrchConfig) -> bool:
    is_promised = any(sla.is_of(pipeline.key, pipeline.tags) for sla in config.slas)
    return is_promised or config.analytics.watches(pipeline.key)


def _document(found: Assessment) -> dict[str, Any]:
    quality, alarms = found.quality, found.quality.alarms
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
        "median_precision": quality.by_median.precision,
        "median_recall": quality.by_median.recall,
        "p95_precision": quality.by_p95.precision,
        "p95_recall": quality.by_p95.recall,
    }


def _deadline(slas: Sequence[SlaConfig], runs: Iterable[PastRun]) -> Deadline:
    """The earliest that an SLA sets: the tick that the run was due for, or the end of its time."""
    due = {run.started_at: run.due_at or run.started_at for run in runs}

    def deadline(run: Past) -> datetime | None:
        found = [
            at
            for sla in slas
            if (
                at := next_tick([cron(sla.finish_by, sla.timezone)], due[run.started_at] - _HAIR)
                if sla.finish_by
                else run.started_at + sla.duration_below
                if sla.duration_below
                else None
            )
        ]
        return min(found, default=None)

    return deadline
