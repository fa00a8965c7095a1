"""How the pipelines of a company keep their SLAs, by what the store has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from meta_orch.analytics.slas import Attainment, Verdict, attainment
from meta_orch.config.slas import SlaConfig
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.runs import Run
from meta_orch.store import StoreReader

_READ_ALL_EVERY = timedelta(hours=1)
"""What leaves a window makes no news."""
_OVERLAP = timedelta(minutes=1)
"""For what was being written when the store was last looked at."""
_LONGEST_RUN = timedelta(days=2)
"""A run that was due for the first deadline of a window may have ended before it: so much more is
read."""


@dataclass(frozen=True, slots=True)
class Promise:
    sla: SlaConfig
    pipeline: PipelineKey
    attainment: Attainment


def kept_promises(
    reader: StoreReader,
    slas: Iterable[SlaConfig],
    now: datetime,
    only: Collection[PipelineKey] | None = None,
) -> tuple[Promise, ...]:
    """Of each SLA and each pipeline that it names; by SLA, as they stand in the configuration. What
    was before a pipeline was known does not count, and what comes after its orchestrator was last
    read is open.

    Args:
        only: of these pipelines; None for all.
    """
    if only is not None and not only:
        return ()
    slas = tuple(slas)
    known_since = reader.traces.known_since()
    known = sorted(known_since if only is None else known_since.keys() & set(only))
    named = {
        sla.name: [key for key in known if fnmatchcase(str(key), sla.pipelines)] for sla in slas
    }
    wanted = sorted({key for keys in named.values() for key in keys})
    since = now - max((sla.window for sla in slas), default=timedelta(0)) - _LONGEST_RUN
    runs: defaultdict[PipelineKey, list[Run]] = defaultdict(list)
    for run in reader.traces.runs_since(wanted, since):
        runs[run.key.pipeline].append(run)
    read_at = {name: status.succeeded_at for name, status in reader.collectors().items()}

    def as_of(key: PipelineKey) -> datetime:
        return min(now, read_at.get(key.instance) or now)

    return tuple(
        Promise(sla, key, attainment(sla, runs[key], as_of(key), known_since=known_since[key]))
        for sla in slas
        for key in named[sla.name]
    )


@dataclass
class PromiseKeeper:
    """Remembers from look to look how pipelines keep their SLAs, so that each reads little: of what
    there is news of, or a deadline has passed for. Once an hour it reads all."""

    slas: tuple[SlaConfig, ...]
    _found: dict[PipelineKey, tuple[Promise, ...]] = field(default_factory=dict)
    _looked_at: datetime | None = None
    _read_all_at: datetime | None = None

    def look(self, reader: StoreReader, now: datetime) -> Mapping[PipelineKey, tuple[Promise, ...]]:
        """By pipeline."""
        only: set[PipelineKey] | None = None
        if self._looked_at and self._read_all_at and now - self._read_all_at < _READ_ALL_EVERY:
            only = {*reader.traces.told_since(self._looked_at - _OVERLAP), *self._passed(now)}
        anew: dict[PipelineKey, tuple[Promise, ...]] = {}
        for promise in kept_promises(reader, self.slas, now, only):
            key = promise.pipeline
            anew[key] = (*anew.get(key, ()), promise)
        if only is None:
            self._read_all_at, self._found = now, {}
        self._found |= anew
        self._looked_at = now
        return dict(self._found)

    def _passed(self, now: datetime) -> Iterator[PipelineKey]:
        """Those with something that was open, and may have been decided by the time alone."""
        for key, promises in self._found.items():
            outcomes = (o for promise in promises for o in promise.attainment.outcomes)
            if any(o.verdict is Verdict.OPEN and (o.run or o.at <= now) for o in outcomes):
                yield key
