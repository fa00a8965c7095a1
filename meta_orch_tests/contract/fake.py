"""The orchestrator in memory as a subject."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from meta_orch.domain.logs import LogLine
from meta_orch.domain.pipelines import AssetRef, Pipeline, PipelineKey, Task
from meta_orch.domain.runs import RunKey, TaskRun
from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.domain.states import RunState
from meta_orch.orchestrators.base import Orchestrator
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.contract.subject import Feature, Role, Subject

_BERLIN_MORNING = "30 5 * * 1-5"


class FakeSubject(Subject):
    type = "fake"
    pipelines: ClassVar = {role: role.value.replace(" ", "_") for role in Role}
    failure = "broken on purpose"
    parameter = "number"
    lacks: ClassVar = {
        Feature.LOGIN: "it lives in memory",
        Feature.PORT: "it lives in memory",
    }
    poll_seconds = 0

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self._server = FakeOrchestrator("fake")
        self._stays_open: set[RunKey] = set()
        self._started = 0
        self._set_up()

    def connect(
        self,
        *,
        include: tuple[str, ...] = ("*",),
        exclude: tuple[str, ...] = (),
        read_only: bool = True,
        page_size: int | None = None,
    ) -> Orchestrator:
        return self._server.connect(
            include=include, exclude=exclude, read_only=read_only, page_size=page_size or 100
        )

    def missing_pipeline(self) -> Pipeline:
        return Pipeline(PipelineKey("fake", "not_there"), self.type, "not_there")

    def now(self) -> datetime:
        return self._server.now

    def start(self, pipeline: str, parameters: Mapping[str, Any] | None = None) -> RunKey:
        self._started += 1
        found = self._server.pipeline(pipeline)
        run = self._server.start_run(
            found, request_id=f"{self.label}_{self._started}", parameters=parameters or {}
        )
        if pipeline == self.pipelines[Role.MAPPED]:
            self._expand(run.key)
        return run.key

    def start_open(self) -> RunKey:
        run = self.start(self.pipelines[Role.PARAMETERS])
        self._stays_open.add(run)
        return run

    def delete(self, run: RunKey) -> None:
        self._server.delete(run)

    def rerun(self, run: RunKey) -> None:
        self._server.clear(run)

    def edit_to_failed(self, run: RunKey) -> None:
        self._server.edit_state(run, RunState.FAILED)

    def set_paused(self, pipeline: str, is_paused: bool) -> None:
        self._server.pause(pipeline, is_paused=is_paused)

    def add_pipeline(self) -> str:
        name = f"added_{self.label}"
        self._server.add_pipeline(name, tasks=(Task("first"),), source="first()")
        return name

    def change_pipeline(self, pipeline: str) -> None:
        self._server.change_pipeline(
            pipeline, tasks=(Task("first"), Task("second")), description="Changed"
        )

    def remove_pipeline(self, pipeline: str) -> None:
        self._server.remove_pipeline(pipeline)

    def close(self) -> None:
        self._server.close()

    def pause_between_polls(self) -> None:
        """Every run that may end does so, as its pipeline's role wants it."""
        self._server.advance(timedelta(minutes=1))
        for run in self._server.runs:
            if run.state.is_terminal or run.key in self._stays_open:
                continue
            if run.key.pipeline.name == self.pipelines[Role.FAILING]:
                for task_run in self._server.task_runs(run.key):
                    self._server.finish_task_run(task_run, RunState.FAILED)
                self._server.clear(run.key)  # the retry
                self._fail(run.key)
            else:
                self._server.finish_run(run.key)

    def _fail(self, key: RunKey) -> None:
        ends = {
            "first": RunState.SUCCEEDED,
            "second": RunState.FAILED,
            "third": RunState.UPSTREAM_FAILED,
        }
        for task_run in self._server.task_runs(key):
            self._server.finish_task_run(task_run, ends[task_run.task])
        self._server.say(key, "It began.", LogLine(self.failure, logging.ERROR, task="second"))
        self._server.finish_run(key, RunState.FAILED)

    def _expand(self, key: RunKey) -> None:
        (single,) = self._server.task_runs(key)
        self._server.add_run(
            self._server.run(key),
            [
                TaskRun(
                    run=key,
                    task=single.task,
                    task_run_id=f"{single.task}[{index}]",
                    state=single.state,
                    native_state=single.native_state,
                    map_index=index,
                    started_at=single.started_at,
                )
                for index in range(3)
            ],
        )

    def _set_up(self) -> None:
        raw, clean = AssetRef("file:///raw"), AssetRef("file:///clean")
        berlin = Schedule(ScheduleKind.CRON, _BERLIN_MORNING, timezone="Europe/Berlin")
        three = (
            Task("first"),
            Task("second", upstream=("first",), retries=1),
            Task("third", upstream=("second",)),
        )
        chain = (
            Task("extract", kind="python", retries=2, timeout=timedelta(minutes=5), pool="default"),
            Task("load", kind="python", upstream=("extract",), trigger_rule="all_done"),
        )
        fields: dict[Role, dict[str, Any]] = {
            Role.CHAIN: {
                "description": "One after the other",
                "owners": ("data-team",),
                "tags": ("daily", "sales"),
                "schedules": (berlin,),
                "tasks": chain,
            },
            Role.PARAMETERS: {"tasks": (Task("greet"),)},
            Role.FAILING: {"tasks": three},
            Role.MAPPED: {"tasks": (Task("square", is_mapped=True),)},
            Role.INTERVAL: {
                "schedules": (Schedule(ScheduleKind.INTERVAL, interval=timedelta(days=1)),)
            },
            Role.CRON_IN_A_ZONE: {"schedules": (berlin,)},
            Role.RRULE: {
                "schedules": (
                    Schedule(ScheduleKind.RRULE, "FREQ=WEEKLY;BYDAY=MO", timezone="Europe/Berlin"),
                )
            },
            Role.PRODUCER: {"produces": (raw,)},
            Role.CONSUMER: {
                "consumes": (raw,),
                "produces": (clean,),
                "schedules": (Schedule(ScheduleKind.ASSETS, "raw"),),
            },
            Role.PAUSED: {"is_paused": True},
            Role.TRIGGERING: {"triggers": (PipelineKey("fake", self.pipelines[Role.PARAMETERS]),)},
        }
        for role in Role:
            name = self.pipelines[role]
            self._server.add_pipeline(
                name,
                source=f"def {name}(): ...",
                source_path=f"{name}.py",
                url=f"http://fake/{name}",
                **fields[role],
            )
