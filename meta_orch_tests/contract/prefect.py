"""Prefect as a subject: a live server, or rows recorded from one."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

import pytest

from meta_orch.config.models import InstanceConfig
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.runs import RunKey
from meta_orch.orchestrators.base import Orchestrator
from meta_orch.orchestrators.prefect import PrefectOrchestrator
from meta_orch.orchestrators.prefect.catalogue import TASKS_ARRIVE
from meta_orch_tests.contract.subject import Feature, Role, Subject
from meta_orch_tests.orchestrators.prefect.server import PrefectInMemory
from meta_orch_tests.support.loopback import LoopbackServer

INSTANCE = "prefect_contract"

_ONLY_FROM_RUNS = "Prefect knows it only once a run showed it"


_TASK_RUNS = {"sums/manual": 2, "fails/manual": 3, "mapped/manual": 3}
"""How many a run of each leaves."""
_LAST_STATES = {"Completed", "Failed", "NotReady"}
_TRIES = 10


class PrefectSubject(Subject):
    type = "prefect"
    pipelines: ClassVar = {
        Role.CHAIN: "sums/manual",
        Role.PARAMETERS: "sums/manual",
        Role.FAILING: "fails/manual",
        Role.MAPPED: "mapped/manual",
        Role.INTERVAL: "scheduled/by-interval",
        Role.CRON_IN_A_ZONE: "scheduled/by-cron",
        Role.RRULE: "scheduled/by-rrule",
        Role.PAUSED: "scheduled/paused",
    }
    failure = "broken on purpose, at 3"
    parameter = "left"
    lacks: ClassVar = {
        Feature.TASK_SETTINGS: "a task run tells its retries and no more",
        Feature.EARLIER_ATTEMPTS: "a task run is its last attempt",
        Feature.MAP_INDEX: "the runs of a mapped task are told apart by random keys",
        Feature.ASSETS: _ONLY_FROM_RUNS,
        Feature.TRIGGERS: _ONLY_FROM_RUNS,
        Feature.OWNERS: "neither flows nor deployments have owners",
        Feature.LOGIN: "this server asks for none; see orchestrators/prefect/test_login.py",
        Feature.SOURCES: "it keeps where a flow lies, and not its text",
    }

    def __init__(self, label: str, url: str, cleanup: ExitStack) -> None:
        super().__init__(label)
        self._url = url
        self._cleanup = cleanup
        self._runs = 0
        self._undo: dict[str, Callable[[], None]] = {}

    def connect(
        self,
        *,
        include: tuple[str, ...] = ("*",),
        exclude: tuple[str, ...] = (),
        read_only: bool = True,
        page_size: int | None = None,
    ) -> Orchestrator:
        config = self._config(include=include, exclude=exclude, read_only=read_only)
        return PrefectOrchestrator(config, page_size=page_size or 50)

    def connect_to_closed_port(self) -> Orchestrator:
        return PrefectOrchestrator(self._config(url="http://127.0.0.1:9"))

    def missing_pipeline(self) -> Pipeline:
        key = PipelineKey(INSTANCE, "sums/not-there")
        return Pipeline(key=key, orchestrator="prefect", native_id=str(UUID(int=1)))

    def now(self) -> datetime:
        _, headers = self._request("GET", "/health")
        return parsedate_to_datetime(headers["Date"]).astimezone(UTC)

    def start(self, pipeline: str, parameters: Mapping[str, Any] | None = None) -> RunKey:
        self._runs += 1
        run, _ = self._request(
            "POST",
            f"/deployments/{self._deployment(pipeline)}/create_flow_run",
            {"parameters": parameters or {}, "idempotency_key": f"{self.label} {self._runs}"},
        )
        if pipeline in self._undo:
            # No process serves a deployment that a test added, so the run is driven from here.
            for state_type in ("PENDING", "RUNNING", "COMPLETED"):
                self._set_state(run["id"], state_type)
        return RunKey(PipelineKey(INSTANCE, pipeline), run["id"])

    def start_open(self) -> RunKey:
        """A paused run waits until somebody resumes it."""
        pipeline = self.pipelines[Role.PARAMETERS]
        run, _ = self._request(
            "POST",
            f"/deployments/{self._deployment(pipeline)}/create_flow_run",
            {"state": {"type": "PAUSED"}},
        )
        key = RunKey(PipelineKey(INSTANCE, pipeline), run["id"])
        self._undo[run["id"]] = lambda: self.delete(key)
        return key

    def start_to_cancel(self) -> RunKey:
        """One that is to begin later. Of a paused one Prefect would wait for the process to end,
        and no process has taken up such a run."""
        pipeline = self.pipelines[Role.PARAMETERS]
        later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        run, _ = self._request(
            "POST",
            f"/deployments/{self._deployment(pipeline)}/create_flow_run",
            {"state": {"type": "SCHEDULED", "state_details": {"scheduled_time": later}}},
        )
        return RunKey(PipelineKey(INSTANCE, pipeline), run["id"])

    def delete(self, run: RunKey) -> None:
        self._request("DELETE", f"/flow_runs/{run.run_id}")
        self._undo.pop(run.run_id, None)

    def wait_for_task_runs(self, run: RunKey) -> None:
        def came() -> bool:
            body = {"task_runs": {"flow_run_id": {"any_": [run.run_id]}}}
            rows, _ = self._request("POST", "/task_runs/filter", body)
            states = [row["state_name"] for row in rows]
            wanted = _TASK_RUNS.get(run.pipeline.name, 0)
            return len([name for name in states if name in _LAST_STATES]) >= wanted

        self.wait_until(came, f"the task runs of {run.run_id}")

    def rerun(self, run: RunKey) -> None:
        self._set_state(run.run_id, "SCHEDULED", name="AwaitingRetry")

    def edit_to_failed(self, run: RunKey) -> None:
        self._set_state(run.run_id, "FAILED")

    def set_paused(self, pipeline: str, is_paused: bool) -> None:
        act = "pause_deployment" if is_paused else "resume_deployment"
        self._request("POST", f"/deployments/{self._deployment(pipeline)}/{act}")
        if is_paused:
            self._undo[pipeline] = lambda: self.set_paused(pipeline, False)
        else:
            self._undo.pop(pipeline, None)

    def add_pipeline(self) -> str:
        flow, _ = self._request("GET", "/flows/name/sums")
        body = {
            "name": self.label,
            "flow_id": flow["id"],
            "entrypoint": "first.py:sums",
            "description": "As it was added",
        }
        self._request("POST", "/deployments/", body)
        name = f"sums/{self.label}"
        self._undo[name] = lambda: self.remove_pipeline(name)
        return name

    def change_pipeline(self, pipeline: str) -> None:
        change = {"description": "Changed", "entrypoint": "second.py:sums"}
        self._request("PATCH", f"/deployments/{self._deployment(pipeline)}", change)

    def remove_pipeline(self, pipeline: str) -> None:
        self._request("DELETE", f"/deployments/{self._deployment(pipeline)}")
        self._undo.pop(pipeline, None)

    def close(self) -> None:
        with self._cleanup:
            for undo in list(self._undo.values()):
                undo()

    def show_tasks(self) -> None:
        """Let the pipelines whose tasks are looked at run once, so that their tasks are known."""
        runs = [self.start(self.pipelines[role]) for role in (Role.CHAIN, Role.MAPPED)]

        def have_tasks() -> bool:
            return all(self._state_type(run) == "COMPLETED" for run in runs)

        self.wait_until(have_tasks, "the first runs")
        time.sleep(TASKS_ARRIVE.total_seconds() + 1)

    def _config(self, **settings: Any) -> InstanceConfig:
        return InstanceConfig.model_validate(
            {"name": INSTANCE, "type": "prefect", "url": self._url, **settings}
        )

    def _deployment(self, name: str) -> str:
        found, _ = self._request("GET", f"/deployments/name/{name}")
        return found["id"]

    def _state_type(self, run: RunKey) -> str:
        found, _ = self._request("GET", f"/flow_runs/{run.run_id}")
        return found["state_type"]

    def _set_state(self, run_id: str, state_type: str, **fields: Any) -> None:
        body = {"state": {"type": state_type, **fields}, "force": True}
        self._request("POST", f"/flow_runs/{run_id}/set_state", body)

    def _request(self, method: str, path: str, body: Any = None) -> tuple[Any, Mapping[str, str]]:
        request = urllib.request.Request(  # noqa: S310  the URL is that of the server under test
            f"{self._url}/api{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        for _ in range(_TRIES):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                    return json.loads(answer.read() or b"null"), answer.headers
            except urllib.error.HTTPError as error:
                with error:
                    if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                        raise
            self.pause_between_polls()  # SQLite is locked when this machine is busy
        pytest.fail(f"{path} stays unavailable")


_READY: set[str] = set()
"""Live servers whose tasks were shown."""


def live_prefect(request: pytest.FixtureRequest, label: str) -> Subject:
    server = request.getfixturevalue("prefect_server")
    subject = PrefectSubject(label, server.url, ExitStack())
    if server.url not in _READY:
        subject.show_tasks()
        _READY.add(server.url)
    return subject


def recorded_prefect(_: pytest.FixtureRequest, label: str) -> Subject:
    """The subject on rows that were recorded from a live server, in a server that works in memory:
    to play back whole exchanges would tie the tests to the very requests of one version."""
    return RecordedPrefectSubject(label, PrefectInMemory(), ExitStack())


class RecordedPrefectSubject(PrefectSubject):
    poll_seconds = 0

    def __init__(self, label: str, rows: PrefectInMemory, cleanup: ExitStack) -> None:
        server = cleanup.enter_context(LoopbackServer(rows.answer))
        super().__init__(label, server.url, cleanup)
        self._rows = rows
        rows.advance(timedelta(hours=1))  # what was recorded is past

    def pause_between_polls(self) -> None:
        self._rows.advance(timedelta(seconds=1))
        self._rows.work()
