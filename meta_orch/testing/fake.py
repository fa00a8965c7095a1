"""An orchestrator in memory, for tests: it passes the contract suite that the real ones pass."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from meta_orch.domain.logs import LogPage
from meta_orch.domain.pipelines import Pipeline, PipelineKey, Pool
from meta_orch.domain.readings import Catalogue, Changes, ListedRun, RunDetails
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.secrets import mask_secrets
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.domain.time import Window
from meta_orch.orchestrators.base import (
    ActingRefused,
    NotFound,
    Orchestrator,
    OrchestratorError,
    Server,
)
from meta_orch.orchestrators.selection import Selection
from meta_orch.testing.fake_server import FakeServer, Record


class FakeOrchestrator(FakeServer, Orchestrator):
    """A server and its adapter in one. Tests change its state and read it through the port.

    Args:
        now: the clock at the start; it stands still until `advance`.
        page_size: runs on one page of changes.
    """

    type = "fake"

    def __init__(
        self,
        instance: str = "fake",
        *,
        include: tuple[str, ...] = ("*",),
        exclude: tuple[str, ...] = (),
        read_only: bool = False,
        page_size: int = 100,
        now: datetime = datetime(2026, 1, 1, tzinfo=UTC),
    ) -> None:
        super().__init__(instance, now)
        self.page_size = page_size
        self.read_only = read_only
        self.pools: tuple[Pool, ...] = ()
        self.runs_missed_ticks = True
        """It says so; a test starts runs itself."""
        self.calls: list[str] = []
        """The port's methods that were called, in order."""
        self.is_closed = False
        self._selection = Selection(include, exclude)
        self._error: OrchestratorError | None = None
        self._pages_before_error = 0

    def connect(
        self,
        *,
        include: tuple[str, ...] = ("*",),
        exclude: tuple[str, ...] = (),
        read_only: bool = False,
        page_size: int = 100,
    ) -> FakeOrchestrator:
        """Another adapter to the same server."""
        other = FakeOrchestrator(
            self.instance,
            include=include,
            exclude=exclude,
            read_only=read_only,
            page_size=page_size,
        )
        other._state = self._state
        return other

    def fail_with(self, error: OrchestratorError, *, after_pages: int = 0) -> None:
        """Answer every call with `error` until `recover`; `read_changes` first yields so many
        pages of each pass."""
        self._error = error
        self._pages_before_error = after_pages

    def recover(self) -> None:
        self._error = None

    # The port.

    def read_server(self) -> Server:
        self._answer("read_server")
        return Server(version="1.0", now=self.now)

    def read_fingerprint(self) -> str:
        self._answer("read_fingerprint")
        return self._fingerprint()

    def read_catalogue(self, known: Mapping[PipelineKey, Pipeline]) -> Catalogue:
        self._answer("read_catalogue")
        return Catalogue(self._selected(), self._fingerprint())

    def read_changes(
        self, cursor: str | None, open_runs: Collection[RunKey], *, since: datetime
    ) -> Iterator[Changes]:
        self.calls.append("read_changes")
        # A pass covers the changes in (after, until]. A first pass also carries `since`, so that it
        # goes on by the same rule after a stop.
        place: dict[str, Any] = json.loads(cursor) if cursor else {"since": since.isoformat()}
        after = place.get("after", 0)
        until = place.get("until", self._state.sequence)
        horizon = datetime.fromisoformat(place["since"]) if "since" in place else None
        for pages in range(self._state.sequence + 1):
            if self._error and pages >= self._pages_before_error:
                raise self._error
            page, after = self._page(after, until)
            is_last = after >= until
            yield Changes(
                cursor=json.dumps(
                    {"after": after} if is_last else {**place, "after": after, "until": until}
                ),
                runs=tuple(r.run for r in page if _ended_since(r.run, horizon)),
                task_runs=tuple(
                    task_run
                    for record in page
                    if _ended_since(record.run, horizon)
                    for task_run in (
                        *self._state.earlier.get(record.run.key, ()),
                        *record.task_runs,
                    )
                ),
                gone=tuple(key for key in sorted(open_runs) if key not in self._records)
                if is_last
                else (),
            )
            if is_last:
                return

    def close(self) -> None:
        self.is_closed = True

    # Its capabilities.

    def read_source(self, pipeline: Pipeline) -> str | None:
        self._answer("read_source")
        self._require(pipeline.key)
        return self._state.sources.get(pipeline.key)

    def read_pools(self) -> tuple[Pool, ...]:
        self._answer("read_pools")
        return self.pools

    def list_ended_runs(
        self, pipelines: Collection[Pipeline], ended: Window
    ) -> Iterator[ListedRun]:
        self._answer("list_ended_runs")
        keys = {pipeline.key for pipeline in pipelines}
        for run in self.runs:
            if run.key.pipeline in keys and run.ended_at is not None and run.ended_at in ended:
                yield ListedRun(run.key, run.native_state, run.ended_at)

    def count_ended_runs(self, pipelines: Collection[Pipeline], ended: Window) -> int:
        self._answer("count_ended_runs")
        keys = {pipeline.key for pipeline in pipelines}
        return sum(
            run.key.pipeline in keys and run.ended_at is not None and run.ended_at in ended
            for run in self.runs
        )

    def read_runs(self, runs: Collection[RunKey]) -> RunDetails:
        self._answer("read_runs")
        found = [self._records[key] for key in sorted(runs) if key in self._records]
        return RunDetails(
            tuple(record.run for record in found),
            tuple(task_run for record in found for task_run in record.task_runs),
        )

    def read_log(self, run: RunKey, task_runs: Collection[TaskRun], cursor: str | None) -> LogPage:
        self._answer("read_log")
        lines = self._state.logs.get(run, [])
        is_whole = run in self._records and self._records[run].run.state.is_terminal
        return LogPage(tuple(lines[int(cursor or 0) :]), str(len(lines)), is_whole)

    def check_may_start_runs(self) -> None:
        self._answer("check_may_start_runs")
        if self.read_only:
            raise ActingRefused(
                self.instance, "the instance is read-only: set `read_only: false` to act there"
            )

    def start_run(
        self, pipeline: Pipeline, *, request_id: str, parameters: Mapping[str, Any]
    ) -> Run:
        """The run starts at once, with a task run for each task, all of them running."""
        self.check_may_start_runs()
        self._require(pipeline.key)
        key = RunKey(pipeline.key, f"requested__{request_id}")
        if key in self._records:
            return self._records[key].run
        times: dict[str, Any] = {
            "scheduled_at": self.now,
            "queued_at": self.now,
            "started_at": self.now,
        }
        return self.add_run(
            Run(
                key=key,
                state=RunState.RUNNING,
                native_state="running",
                trigger=RunTrigger.MANUAL,
                parameters=mask_secrets(parameters),
                pipeline_version=pipeline.version,
                url=f"http://{self.instance}/runs/{key.run_id}",
                **times,
            ),
            [
                TaskRun(
                    run=key,
                    task=task.name,
                    task_run_id=task.name,
                    state=RunState.RUNNING,
                    native_state="running",
                    url=f"http://{self.instance}/runs/{key.run_id}/{task.name}",
                    **times,
                )
                for task in self._pipelines[pipeline.key].tasks
            ],
        )

    def skip_tick(self, pipeline: Pipeline, note: str) -> None:
        """No schedule starts anything here, so there is nothing to keep from that."""
        self._answer("skip_tick")
        if self.read_only:
            raise ActingRefused(
                self.instance, "the instance is read-only: set `read_only: false` to act there"
            )
        self._require(pipeline.key)

    def cancel_run(self, run: RunKey) -> None:
        self._answer("cancel_run")
        if self.read_only:
            raise ActingRefused(
                self.instance, "the instance is read-only: set `read_only: false` to act there"
            )
        if run not in self._records:
            raise NotFound(self.instance, f"there is no run {run.run_id!r}")
        if not self._records[run].run.state.is_terminal:
            self.finish_run(run, RunState.CANCELED)

    def is_paused(self, pipeline: Pipeline) -> bool:
        self._answer("is_paused")
        self._require(pipeline.key)
        return self._pipelines[pipeline.key].is_paused

    def set_paused(self, pipeline: Pipeline, *, is_paused: bool) -> None:
        self._answer("set_paused")
        if self.read_only:
            raise ActingRefused(
                self.instance, "the instance is read-only: set `read_only: false` to act there"
            )
        self._require(pipeline.key)
        self.pause(pipeline.key.name, is_paused=is_paused)

    def _answer(self, call: str) -> None:
        self.calls.append(call)
        if self._error:
            raise self._error

    def _require(self, key: PipelineKey) -> None:
        if key not in self._pipelines:
            raise NotFound(self.instance, f"there is no pipeline {key.name!r}")

    def _selected(self) -> tuple[Pipeline, ...]:
        return tuple(
            pipeline
            for key, pipeline in sorted(self._pipelines.items())
            if key.name in self._selection
        )

    def _fingerprint(self) -> str:
        return sha256(repr(self._selected()).encode()).hexdigest()

    def _page(self, after: int, until: int) -> tuple[list[Record], int]:
        """The next records in (after, until], and where the page ends."""
        changed = sorted(
            (
                record
                for record in self._records.values()
                if after < record.sequence <= until
                and record.run.key.pipeline.name in self._selection
            ),
            key=lambda record: record.sequence,
        )
        page = changed[: self.page_size]
        return page, until if len(changed) <= self.page_size else page[-1].sequence


def _ended_since(run: Run, horizon: datetime | None) -> bool:
    return horizon is None or run.ended_at is None or run.ended_at >= horizon
