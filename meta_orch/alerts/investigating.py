"""Gathers the evidence of new incidents, once: from the store, and from the logs that their
orchestrators have."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime

from meta_orch.alerts.evidence import stored_evidence
from meta_orch.domain.incidents import Evidence, EvidenceKind, Incident
from meta_orch.domain.logs import LogLine
from meta_orch.domain.runs import RunKey, TaskRun
from meta_orch.domain.secrets import mask_text
from meta_orch.domain.states import RunState
from meta_orch.orchestrators.base import ListsRuns, Orchestrator, OrchestratorError, ReadsLogs
from meta_orch.store import Store

Adapter = Callable[[str], AbstractContextManager[Orchestrator]]
"""Gives the adapter of an instance.

Raises:
    KeyError: there is none of that name any more.
    OrchestratorError: the configuration lacks what the adapter needs.
"""

_PAGES = 10
"""Of a log. What says more than that is not read to its end."""
_LINES = 3
_LONGEST = 300
_MOST_TASKS = 2
_SAYS_NOTHING = ("Finished in state", "Task failed with exception", "Execution of run for")
"""What Prefect, Airflow and Dagster write of every failure."""


@dataclass(frozen=True, slots=True)
class Investigator:
    """Args:
    clock: gives the time as aware UTC.
    """

    store: Store
    adapter: Adapter
    clock: Callable[[], datetime]

    def investigate(self, incidents: Iterable[Incident], deadline: datetime) -> int:
        """Those that were not yet, the gravest first. A log that cannot be read is left out.

        Args:
            deadline: nothing is begun later; the next look goes on.

        Returns:
            How many were.
        """
        waiting = sorted(
            (i for i in incidents if i.state.is_open and i.investigated_at is None),
            key=lambda incident: (-incident.severity.rank, incident.id),
        )
        done = 0
        for incident in waiting:
            if self.clock() >= deadline:
                break
            with self.store.read() as reader:
                stored = tuple(stored_evidence(reader, incident))
            said = () if incident.is_old else tuple(self._from_log(incident, deadline))
            self._keep(incident, (*said, *stored))
            done += 1
        return done

    def _keep(self, incident: Incident, evidence: tuple[Evidence, ...]) -> None:
        with self.store.write() as writer:
            kept = writer.alerting.incident(incident.id)
            if kept is None or kept.cause.fingerprint != incident.cause.fingerprint:
                return  # it has another cause now
            found = replace(kept, evidence=evidence, investigated_at=self.clock())
            writer.alerting.save_incidents([found])

    def _from_log(self, incident: Incident, deadline: datetime) -> Iterator[Evidence]:
        cause = incident.cause
        if cause.pipeline is None or cause.run_id is None:
            return
        run = RunKey(cause.pipeline, cause.run_id)
        try:
            with self.adapter(cause.pipeline.instance) as orchestrator:
                yield from self._read(orchestrator, run, deadline)
        except (KeyError, OrchestratorError):
            return

    def _read(
        self, orchestrator: Orchestrator, run: RunKey, deadline: datetime
    ) -> Iterator[Evidence]:
        if not isinstance(orchestrator, ReadsLogs) or not isinstance(orchestrator, ListsRuns):
            return
        details = orchestrator.read_runs([run])
        failing = _failing(details.task_runs)
        cursor, lines = None, list[LogLine]()
        for _ in range(_PAGES):
            page = orchestrator.read_log(run, failing, cursor)
            lines += page.lines
            is_stuck = page.cursor == cursor
            cursor = page.cursor
            if page.is_whole or is_stuck or self.clock() >= deadline:
                break
        urls = {task_run.task: task_run.url for task_run in failing}
        yield from _told(lines, urls)


def _failing(task_runs: Iterable[TaskRun]) -> list[TaskRun]:
    """Those that failed by themselves, at their last attempt."""
    last = {t.task_run_id: t for t in sorted(task_runs, key=lambda t: t.attempt)}
    return [t for t in last.values() if t.state is RunState.FAILED][:_MOST_TASKS]


def _told(lines: Iterable[LogLine], urls: Mapping[str, str | None]) -> Iterator[Evidence]:
    """The last errors, or else the last lines, of each task; of the run itself what no task has
    said."""
    by_task: dict[str | None, list[LogLine]] = {}
    for line in lines:
        by_task.setdefault(line.task, []).append(line)
    known: set[str] = set()
    for task in sorted(by_task, key=lambda name: name is None)[:_MOST_TASKS]:
        found = by_task[task]
        grave = [line for line in found if line.level >= logging.ERROR]
        texts = [_last_line(line.text) for line in (grave or found)[-_LINES:]]
        fresh = [text for text in dict.fromkeys(filter(_says_why, texts)) if text not in known]
        known.update(fresh)
        if fresh:
            name = f"{task}: " if task else ""
            yield Evidence(
                EvidenceKind.LOG, f"{name}{' / '.join(fresh)}"[:_LONGEST], urls.get(task or "")
            )


def _says_why(text: str) -> bool:
    return bool(text) and not text.startswith(_SAYS_NOTHING)


def _last_line(text: str) -> str:
    """Of a trace the error that it ends with."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return mask_text(lines[-1]) if lines else ""
