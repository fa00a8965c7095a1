"""Attempts of tasks that came before the last one.

Airflow's lists give the last attempt of each task alone. What came before is asked for task by
task: so only of tasks that were tried again, once for each new attempt, and of no more of them with
a page of runs than a tick has time for.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from meta_orch.domain.runs import RunKey, TaskRun
from meta_orch.orchestrators.airflow.api import AirflowApi
from meta_orch.orchestrators.airflow.parse import Place, read_task_run

MOST_AT_ONCE = 50
"""Requests, beside those for a page of runs: a second or two."""
_REMEMBERED = 20_000

_Attempt = tuple[RunKey, str, int]


class EarlierAttempts:
    """Reads them, and remembers which, for as long as it lives. Threads may share it."""

    def __init__(self) -> None:
        self._read: dict[_Attempt, None] = {}
        """The last attempts that those before have been read of, the oldest first."""
        self._lock = threading.Lock()

    def read(self, api: AirflowApi, place: Place, task_runs: Iterable[TaskRun]) -> list[TaskRun]:
        """The attempts before those that are given, as far as they were not read before. Of a great
        many some are left out, and come where the same runs are read again."""
        with self._lock:
            wanted = [t for t in task_runs if t.attempt > 1 and _name(t) not in self._read]
        found: list[TaskRun] = []
        for last in wanted[:MOST_AT_ONCE]:
            tries = api.tries(last.run.pipeline.name, last.run.run_id, last.task, last.map_index)
            attempts = (read_task_run(place, row) for row in tries)
            found += [attempt for attempt in attempts if attempt.attempt < last.attempt]
            self._remember(_name(last))
        return found

    def _remember(self, attempt: _Attempt) -> None:
        with self._lock:
            self._read[attempt] = None
            while len(self._read) > _REMEMBERED:
                del self._read[next(iter(self._read))]


def _name(task_run: TaskRun) -> _Attempt:
    return task_run.run, task_run.task_run_id, task_run.attempt
