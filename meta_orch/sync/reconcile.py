"""Comparing the store with the server, and repairing what differs.

Reading changes misses what leaves no trace: a finished run that was deleted, a row that came late
by more than the overlap. So from time to time the runs that ended within a window are counted on
both sides, for many pipelines at once, and for fewer where the counts differ, until the pipelines
are known that differ. Those are listed run by run; and so is a part of the others each time, since
equal counts may hide a loss and a deletion. A run that is missing, gone or another is then asked
for by its id, and only that is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.readings import ListedRun, RunDetails
from meta_orch.domain.runs import RunKey
from meta_orch.domain.time import Window
from meta_orch.orchestrators.base import CountsRuns, ListsRuns, Orchestrator, OrchestratorError
from meta_orch.store import Store

SETTLED = timedelta(minutes=15)
"""Longer than a collector takes to see an end, with whatever was committed late."""
_TOGETHER = 500
"""Pipelines that are counted at once, at most."""
_LISTED_TOGETHER = 2_000
"""Runs that are listed at once, of several pipelines."""
_READ_TOGETHER = 50


class NotComparable(OrchestratorError):
    """The store and the server cannot be compared: not yet, or never."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Between what the server lists and what the store holds."""

    missing: frozenset[RunKey]
    """Only the server has them."""
    gone: frozenset[RunKey]
    """Only the store has them."""
    changed: frozenset[RunKey]
    """They ended in another state, or at another time."""

    @property
    def runs(self) -> frozenset[RunKey]:
        return self.missing | self.gone | self.changed


def compare(server: Iterable[ListedRun], stored: Iterable[ListedRun]) -> Difference:
    """Which runs differ. A list that gives a run twice means the later."""
    there = {run.key: run for run in server}
    here = {run.key: run for run in stored}
    return Difference(
        missing=frozenset(there.keys() - here.keys()),
        gone=frozenset(here.keys() - there.keys()),
        changed=frozenset(key for key in there.keys() & here.keys() if there[key] != here[key]),
    )


@dataclass
class Reconciliation:
    """What one comparison of one instance found and did."""

    instance: str
    window: Window
    """Of the ends of the runs that were compared."""
    pipelines: int
    runs: int = 0
    """That the store held in the window."""
    listed: int = 0
    """Pipelines that were compared run by run."""
    missing: list[RunKey] = field(default_factory=list)
    gone: list[RunKey] = field(default_factory=list)
    changed: list[RunKey] = field(default_factory=list)
    repaired: int = 0
    is_complete: bool = False
    """False where the deadline came before all were counted and the differing ones repaired."""

    @property
    def differing(self) -> int:
        return len(self.missing) + len(self.gone) + len(self.changed)

    @property
    def is_right(self) -> bool:
        """Whether the store held what the server has, as far as was compared."""
        return self.is_complete and not self.differing


def reconcile(
    orchestrator: Orchestrator,
    store: Store,
    *,
    clock: Callable[[], datetime],
    deadline: datetime,
    lookback: timedelta,
    keeps: timedelta | None = None,
    reach: timedelta | None = None,
    part: float = 1 / 7,
    settled: timedelta = SETTLED,
    repairs: bool = True,
) -> Reconciliation:
    """Compare the runs of one instance, and repair the store.

    Args:
        clock: gives the time as aware UTC.
        deadline: when to stop, by `clock`; what is found by then is repaired.
        lookback: how far back the first reading of runs went.
        keeps: for how long the store keeps runs; None for ever.
        reach: how long ago the runs that are compared may have ended; None for as long ago as the
            store is meant to hold them. A server that drops old runs would take them out of the
            store as well.
        part: of the pipelines, that are compared run by run although their counts are equal; the
            next time the next ones.
        settled: what ended less long ago is left to the collector.
        repairs: False only compares.

    Raises:
        NotComparable: the orchestrator does not list its runs, or the store has not been filled.
        OrchestratorError: the server did not give what was asked.
        StoreError: the store could not be used.
    """
    if not isinstance(orchestrator, ListsRuns):
        raise NotComparable(orchestrator.instance, f"{orchestrator.type} does not list its runs")
    window = _window(orchestrator, store, clock(), (lookback, (keeps, reach), settled))
    return _Comparison(orchestrator, store, clock, deadline, window, repairs=repairs).run(part)


def _window(
    orchestrator: Orchestrator,
    store: Store,
    now: datetime,
    spans: tuple[timedelta, Iterable[timedelta | None], timedelta],
) -> Window:
    """Ends of runs that the store is meant to hold, by the server's clock.

    Args:
        spans: `lookback`, the limits `keeps` and `reach`, and `settled`.
    """
    lookback, limits, settled = spans
    instance = orchestrator.instance
    with store.read() as reader:
        status = reader.collectors().get(instance)
        first_read_at = reader.stored_runs(instance).first_read_at()
        cursor = reader.cursor(instance)
    if status is None or first_read_at is None or cursor is None or not status.caught_up:
        raise NotComparable(
            instance, "it has not been read to the end yet: compare once it has caught up"
        )
    ahead = orchestrator.read_server().now - now
    since = first_read_at - lookback + settled
    since = max([since, *(now - limit for limit in limits if limit is not None)])
    return Window(since + ahead, max(since, now - settled) + ahead)


class _Comparison:
    def __init__(
        self,
        orchestrator: Orchestrator,
        store: Store,
        clock: Callable[[], datetime],
        deadline: datetime,
        window: Window,
        *,
        repairs: bool,
    ) -> None:
        assert isinstance(orchestrator, ListsRuns)  # noqa: S101  # the caller has looked
        self._lists: ListsRuns = orchestrator
        self._counts = orchestrator if isinstance(orchestrator, CountsRuns) else None
        self._instance = orchestrator.instance
        self._store = store
        self._clock = clock
        self._deadline = deadline
        self._window = window
        self._repairs = repairs
        with store.read() as reader:
            self._pipelines = reader.pipelines(self._instance)
            stored = reader.stored_runs(self._instance)
            self._stored = stored.count(window)
            self._next = stored.rotation()
        self.found = Reconciliation(
            self._instance,
            window,
            len(self._pipelines),
            sum(self._stored.get(pipeline.key, 0) for pipeline in self._pipelines),
        )

    def run(self, part: float) -> Reconciliation:
        seen: set[PipelineKey] = set()
        in_time = True
        for group in self._suspects():
            in_time = in_time and self._compare(group)
            seen |= {pipeline.key for pipeline in group}
        rest = [pipeline for pipeline in self._in_turn() if pipeline.key not in seen]
        turn = list(islice(rest, round(len(self._pipelines) * part + 0.5)))
        for group in self._grouped(turn):
            in_time = in_time and self._compare(group)
            if in_time:
                self._next = self._after(group[-1])
        self.found.is_complete = in_time
        if self._repairs:
            with self._store.write() as writer:
                writer.save_rotation(self._instance, self._next, self._clock())
        return self.found

    def _suspects(self) -> Iterator[Sequence[Pipeline]]:
        """Groups of pipelines whose counts differ; where nothing is counted, all of them."""
        for start in range(0, len(self._pipelines), _TOGETHER):
            group = self._pipelines[start : start + _TOGETHER]
            yield from self._differing(group) if self._counts else self._grouped(group)

    def _differing(self, group: Sequence[Pipeline]) -> Iterator[Sequence[Pipeline]]:
        assert self._counts is not None  # noqa: S101  # the caller has looked
        if self._clock() >= self._deadline:
            yield group  # not known; `_compare` says so
            return
        here = self._count(group)
        there = self._counts.count_ended_runs(group, self._window)
        if here == there:
            return
        if len(group) == 1 or max(here, there) <= _LISTED_TOGETHER:
            yield group
            return
        half = len(group) // 2
        yield from self._differing(group[:half])
        yield from self._differing(group[half:])

    def _grouped(self, pipelines: Sequence[Pipeline]) -> Iterator[Sequence[Pipeline]]:
        """So many together as have about a page of runs."""
        group: list[Pipeline] = []
        for pipeline in pipelines:
            if group and self._count([*group, pipeline]) > _LISTED_TOGETHER:
                yield group
                group = []
            group.append(pipeline)
        if group:
            yield group

    def _count(self, group: Iterable[Pipeline]) -> int:
        return sum(self._stored.get(pipeline.key, 0) for pipeline in group)

    def _in_turn(self) -> Iterator[Pipeline]:
        """All, beginning with the one whose turn it is."""
        start = next(
            (n for n, p in enumerate(self._pipelines) if p.key.name >= (self._next or "")), 0
        )
        yield from self._pipelines[start:]
        yield from self._pipelines[:start]

    def _after(self, pipeline: Pipeline) -> str | None:
        later = (p.key.name for p in self._pipelines if p.key.name > pipeline.key.name)
        return next(later, None)

    def _compare(self, group: Sequence[Pipeline]) -> bool:
        """List a group on both sides, and repair what differs. Whether there was time."""
        if self._clock() >= self._deadline:
            return False
        began_at = self._clock()
        there = list(self._lists.list_ended_runs(group, self._window))
        with self._store.read() as reader:
            stored = reader.stored_runs(self._instance)
            here = stored.list([pipeline.key for pipeline in group], self._window)
        self.found.listed += len(group)
        difference = compare(there, here)
        runs = sorted(difference.runs)
        for start in range(0, len(runs), _READ_TOGETHER):
            part = runs[start : start + _READ_TOGETHER]
            self._settle(part, difference, {run.key: run for run in here}, began_at)
        return True

    def _settle(
        self,
        runs: Collection[RunKey],
        difference: Difference,
        here: Mapping[RunKey, ListedRun],
        listed_at: datetime,
    ) -> None:
        """Ask for runs by their ids, note those that truly differ, and save what the server has."""
        details = self._lists.read_runs(runs)
        there = {run.key: run for run in details.runs}
        with self._store.read() as reader:
            newer = reader.stored_runs(self._instance).changed_since(runs, listed_at)
        missing = [run for run in runs if run in difference.missing and run in there]
        gone = [run for run in runs if run not in there and run in here]
        changed = [
            run
            for run in runs
            if run in here
            and run in there
            and (there[run].native_state, there[run].ended_at)
            != (here[run].native_state, here[run].ended_at)
        ]
        # What the collector has been told of meanwhile is right already.
        missing, gone, changed = (
            [run for run in found if run not in newer] for found in (missing, gone, changed)
        )
        self.found.missing += missing
        self.found.gone += gone
        self.found.changed += changed
        if not self._repairs:
            return
        wanted = {*missing, *changed}
        repair = RunDetails(
            tuple(run for run in details.runs if run.key in wanted),
            tuple(task_run for task_run in details.task_runs if task_run.run in wanted),
        )
        with self._store.write() as writer:
            writer.save_details(self._instance, repair, gone, self._clock())
        self.found.repaired += len(wanted) + len(gone)
