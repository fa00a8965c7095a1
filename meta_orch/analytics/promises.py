"""How the pipelines of a company keep their SLAs, by what the store has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from meta_orch.analytics.slas import Attainment, attainment
from meta_orch.config.slas import SlaConfig
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.runs import Run
from meta_orch.store import StoreReader

_LONGEST_RUN = timedelta(days=2)
"""A run that was due for the first deadline of a window may have ended before it: so much more is
read."""


@dataclass(frozen=True, slots=True)
class Promise:
    sla: SlaConfig
    pipeline: PipelineKey
    attainment: Attainment


def kept_promises(
    reader: StoreReader, slas: Iterable[SlaConfig], now: datetime
) -> tuple[Promise, ...]:
    """Of each SLA and each pipeline that it names; by SLA, as they stand in the configuration. What
    was before a pipeline was known does not count."""
    slas = tuple(slas)
    known_since = reader.traces.known_since()
    named = {
        sla.name: [key for key in sorted(known_since) if fnmatchcase(str(key), sla.pipelines)]
        for sla in slas
    }
    wanted = sorted({key for keys in named.values() for key in keys})
    since = now - max((sla.window for sla in slas), default=timedelta(0)) - _LONGEST_RUN
    runs: defaultdict[PipelineKey, list[Run]] = defaultdict(list)
    for run in reader.traces.runs_since(wanted, since):
        runs[run.key.pipeline].append(run)
    return tuple(
        Promise(sla, key, attainment(sla, runs[key], now, known_since=known_since[key]))
        for sla in slas
        for key in named[sla.name]
    )
