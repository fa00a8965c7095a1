"""How the pipelines of a company keep their SLAs, by what the store has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from meta_orch.analytics.slas.attainment import Attainment, Verdict, attainment
from meta_orch.analytics.slas.causes import RunTimes, usual_times
from meta_orch.analytics.slas.chains import chain_runs
from meta_orch.config.slas import SlaConfig
from meta_orch.domain.pipelines import Pipeline, PipelineKey
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
    """That of a chain is its last one's."""
    attainment: Attainment
    usual: RunTimes | None
    """Where the time of a successful run usually goes."""


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
    slas = tuple(slas)
    if only is not None:
        only = {*only, *(s.links[-1] for s in slas if any(link in only for link in s.links))}
        if not only:
            return ()
    known = reader.traces.known()
    wanted = sorted(known if only is None else known.keys() & set(only))
    named = {sla.name: [key for key in wanted if sla.is_of(key, known[key].tags)] for sla in slas}
    read = {key for keys in named.values() for key in keys}
    read |= {link for sla in slas if named[sla.name] for link in sla.links}
    since = now - max((sla.window for sla in slas), default=timedelta(0)) - _LONGEST_RUN
    runs: defaultdict[PipelineKey, list[Run]] = defaultdict(list)
    for run in reader.traces.runs_since(sorted(read), since):
        runs[run.key.pipeline].append(run)
    read_at = {name: status.succeeded_at for name, status in reader.collectors().items()}

    def promise(sla: SlaConfig, key: PipelineKey) -> Promise:
        links = sla.links or (key,)
        as_of = min(now, *(read_at.get(link.instance) or now for link in links))
        found = [*chain_runs([runs[link] for link in links])] if sla.chain else runs[key]
        since = max(known[link].since for link in links if link in known)
        kept = attainment(sla, found, as_of, known_since=since)
        return Promise(sla, key, kept, usual_times(found))

    return tuple(promise(sla, key) for sla in slas for key in named[sla.name])


def unpromised(
    reader: StoreReader, slas: Iterable[SlaConfig], since: datetime
) -> Iterator[tuple[Pipeline, Sequence[Run]]]:
    """Pipelines that no SLA names, each with its runs that ended since then or have not."""
    slas, known = tuple(slas), reader.traces.known()
    free = {key for key in known if not any(sla.is_of(key, known[key].tags) for sla in slas)}
    runs: defaultdict[PipelineKey, list[Run]] = defaultdict(list)
    for run in reader.traces.runs_since(sorted(free), since):
        runs[run.key.pipeline].append(run)
    for pipeline in reader.pipelines():
        if pipeline.key in free:
            yield pipeline, runs[pipeline.key]


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
