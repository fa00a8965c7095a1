"""What predictions are made from: the last successful runs of pipelines, kept from look to look."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from meta_orch.analytics.predictions.durations import MOST, DurationModel, Past, model_of
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.store import StoreReader
from meta_orch.store.tracing import PastRun

_OVERLAP = timedelta(minutes=1)
"""For what was being written when the store was last looked at."""


@dataclass(frozen=True, slots=True)
class History:
    """Of one pipeline."""

    runs: Sequence[PastRun] = ()
    """Its last successful runs, by start."""
    model: DurationModel | None = None
    """None where they are too few."""


@dataclass
class Histories:
    _known: dict[PipelineKey, History] = field(default_factory=dict)
    _read_at: datetime | None = None

    def of(
        self, reader: StoreReader, pipelines: Iterable[Pipeline], now: datetime
    ) -> Mapping[PipelineKey, History]:
        """Those of these pipelines, and others that were asked for before; read again where there
        is news."""
        told = reader.traces.told_since(self._read_at) if self._read_at else frozenset()
        for key in told:
            self._known.pop(key, None)
        zones = {p.key: timezone_of(p) for p in pipelines if p.key not in self._known}
        past = past_of(reader, [*zones])
        for key, zone in zones.items():
            runs = past.get(key, [])
            self._known[key] = History(runs, model_of([*map(past_run, runs)], zone))
        self._read_at = now - _OVERLAP
        return self._known


def past_of(
    reader: StoreReader, pipelines: Sequence[PipelineKey], most: int = MOST
) -> Mapping[PipelineKey, list[PastRun]]:
    """Their last successful runs, by start."""
    found: defaultdict[PipelineKey, list[PastRun]] = defaultdict(list)
    for run in reader.traces.past_runs(pipelines, most=most) if pipelines else ():
        found[run.pipeline].append(run)
    return found


def past_run(run: PastRun) -> Past:
    known = run.width_since - run.started_at if run.width_since else None
    return Past(run.started_at, run.ended_at - run.started_at, run.width, known)


def timezone_of(pipeline: Pipeline) -> str:
    """That of its schedule; UTC where it has none."""
    return next((schedule.timezone for schedule in pipeline.schedules), "UTC")
