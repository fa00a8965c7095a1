"""An orchestrator under test, and what the tests may do to it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

import pytest

from meta_orch.domain.pipelines import Pipeline
from meta_orch.domain.readings import Changes
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.orchestrators.base import Orchestrator


class Role(StrEnum):
    """Pipelines that stand on every server when a test begins."""

    CHAIN = "chain"
    """Tasks one after the other, on a cron schedule; it has a description, tags and an owner."""
    PARAMETERS = "parameters"
    """No schedule; takes parameters, among them `api_key`; several of its runs go at once."""
    FAILING = "failing"
    """Its run fails after a retry, and leaves a task that never ran."""
    MAPPED = "mapped"
    """One of its tasks runs three times in each run."""
    INTERVAL = "interval"
    CRON_IN_A_ZONE = "cron in a zone"
    """At 05:30 from Monday to Friday, in Berlin."""
    RRULE = "rrule"
    PRODUCER = "producer"
    """Writes an asset."""
    CONSUMER = "consumer"
    """Is scheduled on that asset, and writes another."""
    PAUSED = "paused"
    TRIGGERING = "triggering"
    """Starts PARAMETERS."""


class Feature(StrEnum):
    """What some orchestrators have no notion of."""

    STATIC_TASKS = "tasks known before they run"
    TASK_SETTINGS = "retries, time-out, pool and trigger rule of a task"
    MAPPED_TASKS = "one task, many runs of it"
    MAP_INDEX = "numbers of the runs of a mapped task"
    UPSTREAM_FAILED = "task runs that never ran because of others"
    ATTEMPTS = "numbered attempts of a task"
    EARLIER_ATTEMPTS = "attempts of a task before the last"
    ASSETS = "assets that pipelines write and read"
    TRIGGERS = "pipelines that start pipelines, known beforehand"
    CRON_TIME_ZONE = "the time zone of a cron expression"
    RRULE = "RRule schedules"
    OWNERS = "owners of pipelines"
    LOGIN = "logins"
    PORT = "a port that may be closed"
    RERUN = "running a finished run again under its id"
    STATE_EDIT = "setting a finished run to another state"
    SOURCES = "the source of a pipeline"
    PAUSE = "pausing a pipeline"
    PAUSING = "pausing a pipeline from here"
    INTERVALS = "interval schedules"
    SOURCE_PATH = "where a pipeline's source lies"
    POOLS = "pools"
    VERSIONS = "changes of a definition that show before it is read"
    LOGS = "what runs logged"
    STAYS_OPEN = "a run that stays open until somebody acts"


class Subject(ABC):
    """One orchestrator, for the length of one test.

    Args:
        label: unique to the test, and the same each time it runs: names what the test makes.
    """

    type: str
    pipelines: ClassVar[Mapping[Role, str]]
    """The names of the standing pipelines; those of features that are lacking may be missing."""
    lacks: ClassVar[Mapping[Feature, str]]
    """Why, by feature."""
    parameter: str
    """A parameter of PARAMETERS that takes a number."""
    failure: str
    """A text that the log of FAILING holds, as it tells why it failed."""
    asset: str = "raw"
    """What PRODUCER writes, as it is called."""
    wrong_secret: str = "wrong-secret"
    """What `connect_with_wrong_login` logs in with."""
    poll_seconds: float = 0.5
    patience: timedelta = timedelta(minutes=3)

    def __init__(self, label: str) -> None:
        self.label = label

    @abstractmethod
    def connect(
        self,
        *,
        include: tuple[str, ...] = ("*",),
        exclude: tuple[str, ...] = (),
        read_only: bool = True,
        page_size: int | None = None,
    ) -> Orchestrator:
        """The adapter under test. It looks for deleted runs in every pass."""

    def connect_with_wrong_login(self) -> Orchestrator:
        raise NotImplementedError

    def connect_to_closed_port(self) -> Orchestrator:
        raise NotImplementedError

    @abstractmethod
    def missing_pipeline(self) -> Pipeline:
        """One that looks like the server's own and is not there."""

    @abstractmethod
    def now(self) -> datetime:
        """By the server's clock."""

    @abstractmethod
    def start(self, pipeline: str, parameters: Mapping[str, Any] | None = None) -> RunKey:
        """Start a run, not by way of the adapter."""

    @abstractmethod
    def start_open(self) -> RunKey:
        """Start a run that stays open until somebody acts."""

    def start_to_cancel(self) -> RunKey:
        """Start a run that goes on until somebody cancels it."""
        return self.start_open()

    @abstractmethod
    def delete(self, run: RunKey) -> None: ...

    def wait_for_task_runs(self, run: RunKey) -> None:  # noqa: B027  most have them at its end
        """Return once the server holds all task runs of a finished run, where those come later
        than its end; else at once."""

    def rerun(self, run: RunKey) -> None:
        """Let a finished run run again, under its id."""
        raise NotImplementedError

    def edit_to_failed(self, run: RunKey) -> None:
        """Set a finished run to failed by hand."""
        raise NotImplementedError

    @abstractmethod
    def set_paused(self, pipeline: str, is_paused: bool) -> None: ...

    @abstractmethod
    def add_pipeline(self) -> str:
        """Add a pipeline of one task; its name. The server knows it when this returns."""

    @abstractmethod
    def change_pipeline(self, pipeline: str) -> None:
        """Change the definition of a pipeline that the test added, and its description."""

    @abstractmethod
    def remove_pipeline(self, pipeline: str) -> None:
        """Remove a pipeline that the test added; the server has forgotten it when this returns."""

    @abstractmethod
    def close(self) -> None:
        """Undo what the test did to pipelines, as far as it is left."""

    def pause_between_polls(self) -> None:
        """Let the server work for a moment."""
        time.sleep(self.poll_seconds)

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + self.patience.total_seconds()
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"{what} did not come within {self.patience}")
            self.pause_between_polls()


class Watcher:
    """Reads changes pass by pass and keeps them, as a collector does."""

    def __init__(
        self, subject: Subject, orchestrator: Orchestrator, *, since: datetime | None = None
    ) -> None:
        self.subject = subject
        self.orchestrator = orchestrator
        self.since = since or subject.now() - timedelta(minutes=1)
        self.cursor: str | None = None
        self.runs: dict[RunKey, Run] = {}
        self.task_runs: dict[tuple[RunKey, str, int], TaskRun] = {}
        self.gone: set[RunKey] = set()
        self.history: dict[RunKey, list[Run]] = {}
        """Every reading of each run, in order."""

    @property
    def open_runs(self) -> list[RunKey]:
        return [key for key, run in self.runs.items() if not run.state.is_terminal]

    def read_pages(self, limit: int | None = None) -> list[Changes]:
        """One pass, or its first pages."""
        pages: list[Changes] = []
        reading = self.orchestrator.read_changes(self.cursor, self.open_runs, since=self.since)
        for page in reading:
            self._keep(page)
            pages.append(page)
            if len(pages) == limit:
                break
        return pages

    def read_until(self, condition: Callable[[], bool], what: str) -> None:
        def holds_after_a_pass() -> bool:
            self.read_pages()
            return condition()

        self.subject.wait_until(holds_after_a_pass, what)

    def read_until_end(self, *runs: RunKey) -> Run:
        """Read until all have ended; the first of them."""

        def all_ended() -> bool:
            return all(run in self.runs and self.runs[run].state.is_terminal for run in runs)

        self.read_until(all_ended, f"the end of {', '.join(run.run_id for run in runs)}")
        for run in runs:
            self.subject.wait_for_task_runs(run)
        self.read_pages()
        return self.runs[runs[0]]

    def tasks_of(self, run: RunKey) -> dict[str, TaskRun]:
        """The last attempt of each task run, by task run id."""
        last: dict[str, TaskRun] = {}
        for task_run in sorted(self.task_runs.values(), key=lambda t: t.attempt):
            if task_run.run == run:
                last[task_run.task_run_id] = task_run
        return last

    def _keep(self, page: Changes) -> None:
        for run in page.runs:
            self.runs[run.key] = run
            self.history.setdefault(run.key, []).append(run)
        for task_run in page.task_runs:
            self.task_runs[task_run.run, task_run.task_run_id, task_run.attempt] = task_run
        for key in page.gone:
            self.gone.add(key)
            self.runs.pop(key, None)
        self.cursor = page.cursor
