"""The port: what meta_orch asks of an orchestrator, and what an adapter may answer.

Every adapter reads pipelines and runs (`Orchestrator`). What only some can do is a capability of
its own (`ReadsSources`, `ReadsPools`, `ListsRuns`, `CountsRuns`, `StartsRuns`, `CancelsRuns`,
`PausesPipelines`, `SkipsTicks`), found with `isinstance`. Adapters are found by the entry point
group `meta_orch.orchestrators`, so one can live in another package; see `registry.py`.

An adapter turns its server's JSON into domain types and keeps nothing: what was read is the
store's, and where reading stopped is in the cursor.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

from meta_orch.domain.errors import MetaOrchError
from meta_orch.domain.health import Problem
from meta_orch.domain.logs import LogPage
from meta_orch.domain.pipelines import Pipeline, PipelineKey, Pool
from meta_orch.domain.readings import Catalogue, Changes, ListedRun, RunDetails
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.time import Window

__all__ = [
    "ActingRefused",
    "CancelsRuns",
    "Catalogue",
    "Changes",
    "CountsRuns",
    "ListedRun",
    "ListsRuns",
    "LoginRefused",
    "NotFound",
    "Orchestrator",
    "OrchestratorError",
    "PausesPipelines",
    "ReadsPools",
    "ReadsSources",
    "RunDetails",
    "Server",
    "ServerFailed",
    "SkipsTicks",
    "StartsRuns",
    "UnexpectedAnswer",
    "Unreachable",
]


class OrchestratorError(MetaOrchError):
    """An orchestrator did not give what was asked. The text says what to change, and holds no
    secret. `instance` is its name in `meta_orch.yaml`."""

    def __init__(
        self, instance: str, message: str, *, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(f"{instance}: {message}")
        self.instance = instance
        self.retry_after = retry_after
        """How long the server asked to be left alone, where it did."""


class Unreachable(OrchestratorError):
    """No answer: refused, timed out, name not found, TLS not agreed."""


class LoginRefused(OrchestratorError):
    """The server answered that the login is wrong, expired or lacks a permission."""


class ServerFailed(OrchestratorError):
    """The server answered with an error of its own (5xx, 429)."""


class UnexpectedAnswer(OrchestratorError):
    """The answer is not what this API gives: not JSON, or without an identity or a time."""


class NotFound(OrchestratorError):
    """What was asked for by name does not exist there, or no longer."""


class ActingRefused(OrchestratorError):
    """The instance is read-only, or the orchestrator would not do it."""


@dataclass(frozen=True, slots=True)
class Server:
    """What answered."""

    version: str
    now: datetime
    """The server's own clock, UTC."""


class Orchestrator(ABC):
    """One orchestrator instance, read over its API.

    Every method raises a subclass of `OrchestratorError`, and nothing else, when the server does
    not give what was asked. Use it as a context manager: leaving it closes its connections.
    """

    instance: str
    type: str

    @abstractmethod
    def read_server(self) -> Server:
        """Version and clock; one or two requests, and the login is tried."""

    @abstractmethod
    def read_fingerprint(self) -> str:
        """A text that changes when the catalogue does, in a constant number of requests.

        It may miss a change; the caller reads the whole catalogue from time to time all the same.
        """

    @abstractmethod
    def read_catalogue(self, known: Mapping[PipelineKey, Pipeline]) -> Catalogue:
        """Every pipeline. `known` is what is stored: a pipeline whose version is unchanged may take
        its tasks from there instead of the server. Where there are very many, the tasks of some may
        come with a later reading; until all are there, `Catalogue.fingerprint` is none that
        `read_fingerprint` gives."""

    @abstractmethod
    def read_changes(
        self, cursor: str | None, open_runs: Collection[RunKey], *, since: datetime
    ) -> Iterator[Changes]:
        """Runs that changed, and their task runs, page by page; the end of the iterator is the end
        of the pass.

        Args:
            cursor: that of the last durable page; None starts afresh.
            open_runs: stored runs in no terminal state.
            since: with no cursor, runs that ended before it are left out.

        Stopping between pages and starting again from the last durable cursor misses nothing and
        may repeat some. A pass over nothing new still yields one page, so that the watermark moves.
        """

    @abstractmethod
    def close(self) -> None:
        """Let connections go. Safe to repeat."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@runtime_checkable
class ReadsSources(Protocol):
    def read_source(self, pipeline: Pipeline) -> str | None:
        """The text that defines it; None where the server keeps none."""
        ...


@runtime_checkable
class ReadsPools(Protocol):
    def read_pools(self) -> tuple[Pool, ...]: ...


@runtime_checkable
class ReadsHealth(Protocol):
    def read_health(self) -> tuple[Problem, ...]:
        """What the server says does not work of it; what the login may not read is left out."""
        ...


@runtime_checkable
class ListsRuns(Protocol):
    """Tells which runs there are, whether or not anything happened to them: what `read_changes`
    does not see, such as a finished run that was deleted, is found by comparing."""

    def list_ended_runs(
        self, pipelines: Collection[Pipeline], ended: Window
    ) -> Iterator[ListedRun]:
        """Every run of these pipelines that ended within the window, in no order.

        A run that changes or is deleted meanwhile may hide another: ask for one that seems to be
        missing by `read_runs` before believing it.
        """
        ...

    def read_runs(self, runs: Collection[RunKey]) -> RunDetails:
        """These runs in full; one that the server does not have is not among them."""
        ...


@runtime_checkable
class CountsRuns(Protocol):
    """Counts runs at less expense than listing them takes."""

    def count_ended_runs(self, pipelines: Collection[Pipeline], ended: Window) -> int:
        """How many runs of these pipelines, taken together, ended within the window."""
        ...


@runtime_checkable
class ReadsLogs(Protocol):
    def read_log(self, run: RunKey, task_runs: Collection[TaskRun], cursor: str | None) -> LogPage:
        """What the run and its tasks have said since; not all where that is very much.

        A line may come late, but comes once. What says that a run has ended may come before its
        last lines.

        Args:
            task_runs: its task runs, as `ListsRuns.read_runs` gave them just now.
            cursor: that of the last page; None for the beginning.
        """
        ...


@runtime_checkable
class StartsRuns(Protocol):
    def check_may_start_runs(self) -> None:
        """Raises `ActingRefused` with the reason where a run could not be started; starts none."""
        ...

    def start_run(
        self, pipeline: Pipeline, *, request_id: str, parameters: Mapping[str, Any]
    ) -> Run:
        """Start one run. The same `request_id` gives the same run, however often it is asked.

        Raises:
            ActingRefused: the instance is read-only, or the pipeline refuses.
        """
        ...


@runtime_checkable
class PausesPipelines(Protocol):
    runs_missed_ticks: bool
    """Whether a pipeline that was paused at a tick runs for it by itself once it is not."""

    def is_paused(self, pipeline: Pipeline) -> bool:
        """Whether its schedules are off, by what the server says now."""
        ...

    def set_paused(self, pipeline: Pipeline, *, is_paused: bool) -> None:
        """Turn its schedules off or on; a repeat changes nothing. Runs under way are not ended.

        Raises:
            ActingRefused: the instance is read-only, or the pipeline has no schedules to turn off.
        """
        ...


@runtime_checkable
class CancelsRuns(Protocol):
    def cancel_run(self, run: RunKey) -> None:
        """Ask for a run's end; one that has ended is left as it is.

        Raises:
            ActingRefused: the instance is read-only.
            NotFound: there is no such run.
        """
        ...


@runtime_checkable
class SkipsTicks(Protocol):
    """For one that runs the ticks it missed."""

    def skip_tick(self, pipeline: Pipeline, note: str) -> None:
        """Have a paused pipeline not run for the tick that it would run for when it is resumed.

        Raises:
            ActingRefused: the instance is read-only.
        """
        ...
