"""Airflow as a subject: live, and as it was recorded."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from meta_orch.config.models import InstanceConfig
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.runs import RunKey
from meta_orch.orchestrators.airflow import AirflowOrchestrator
from meta_orch.orchestrators.base import Orchestrator
from meta_orch_tests.contract.recording import Player, Recorder, Recording
from meta_orch_tests.contract.subject import Feature, Role, Subject
from meta_orch_tests.support.loopback import LoopbackServer

INSTANCE = "airflow_contract"
_PASSWORD_VARIABLE = "AIRFLOW_CONTRACT_PASSWORD"

_ADDED = """\
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG({name!r}, schedule=None, description={description!r}):
{tasks}
"""


_ADDED_TO_AIRFLOW_2 = """\
from airflow import DAG
from airflow.operators.empty import EmptyOperator

with DAG({name!r}, schedule=None, description={description!r}):
{tasks}
"""


class AirflowSubject(Subject):
    """Args:
    url: where the server answers, or what stands before it.
    dags: the server's folder of DAG files; None where its answers are played back.
    """

    type = "airflow"
    pipelines: ClassVar = {
        Role.CHAIN: "classic",
        Role.PARAMETERS: "manual",
        Role.FAILING: "fails",
        Role.MAPPED: "mapped",
        Role.INTERVAL: "produces_raw",
        Role.CRON_IN_A_ZONE: "classic",
        Role.PRODUCER: "produces_raw",
        Role.CONSUMER: "cleans_raw",
        Role.PAUSED: "paused",
        Role.TRIGGERING: "waits",
    }
    failure = "cannot go on with 1"
    parameter = "number"
    lacks: ClassVar = {Feature.RRULE: "schedules are cron, intervals, assets or code"}
    root = "/api/v2"
    login = "token"
    username = "admin"
    added = _ADDED
    """The text of a file with a DAG."""

    def __init__(
        self, label: str, url: str, password: str, dags: Path | None, cleanup: ExitStack
    ) -> None:
        super().__init__(label)
        self._url = url
        self._password = password
        self._dags = dags
        self._cleanup = cleanup
        self._token: str | None = None
        self._runs = 0
        self._changed: dict[str, Callable[[], None]] = {}

    def connect(
        self,
        *,
        include: tuple[str, ...] = ("*",),
        exclude: tuple[str, ...] = (),
        read_only: bool = True,
        page_size: int | None = None,
    ) -> Orchestrator:
        config = self._config(include=include, exclude=exclude, read_only=read_only)
        return AirflowOrchestrator(config, page_size=page_size or 100, sweep_every=timedelta(0))

    def connect_with_wrong_login(self) -> Orchestrator:
        variable = self._set_variable("AIRFLOW_CONTRACT_WRONG_PASSWORD", self.wrong_secret)
        login = {"type": self.login, "username": "nobody", "password": f"${{{variable}}}"}
        return AirflowOrchestrator(self._config(login=login))

    def connect_to_closed_port(self) -> Orchestrator:
        return AirflowOrchestrator(self._config(url="http://127.0.0.1:9"))

    def missing_pipeline(self) -> Pipeline:
        key = PipelineKey(INSTANCE, "not_there")
        return Pipeline(key=key, orchestrator="airflow", native_id="not_there")

    def now(self) -> datetime:
        _, headers = self._request("GET", f"{self.root}/version")
        return parsedate_to_datetime(headers["Date"]).astimezone(UTC)

    def start(self, pipeline: str, parameters: Mapping[str, Any] | None = None) -> RunKey:
        self._runs += 1
        run_id = f"{self.label}_{self._runs}"
        body = self._wish(run_id, parameters or {})
        self._request("POST", f"{self.root}/dags/{pipeline}/dagRuns", body)
        return RunKey(PipelineKey(INSTANCE, pipeline), run_id)

    def _wish(self, run_id: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"dag_run_id": run_id, "logical_date": None, "conf": parameters}

    def start_open(self) -> RunKey:
        """A paused DAG's run stays queued."""
        return self.start(self.pipelines[Role.PAUSED])

    def delete(self, run: RunKey) -> None:
        self._request("DELETE", self._path(run))

    def rerun(self, run: RunKey) -> None:
        self._request("POST", f"{self._path(run)}/clear", {"dry_run": False})

    def edit_to_failed(self, run: RunKey) -> None:
        self._request("PATCH", self._path(run), {"state": "failed"})

    def set_paused(self, pipeline: str, is_paused: bool) -> None:
        self._request("PATCH", f"{self.root}/dags/{pipeline}", {"is_paused": is_paused})
        if is_paused:
            self._changed[pipeline] = lambda: self.set_paused(pipeline, False)
        else:
            self._changed.pop(pipeline, None)

    def add_pipeline(self) -> str:
        name = f"added_{self.label}"
        self._write(name, ["first"], "As it was added")
        self.wait_until(lambda: self._task_ids(name) == {"first"}, f"the DAG {name}")
        self._changed[name] = lambda: self.remove_pipeline(name)
        return name

    def change_pipeline(self, pipeline: str) -> None:
        self._write(pipeline, ["first", "second"], "Changed")
        self.wait_until(
            lambda: self._task_ids(pipeline) == {"first", "second"}, f"the change of {pipeline}"
        )

    def remove_pipeline(self, pipeline: str) -> None:
        if self._dags is not None:
            (self._dags / f"{pipeline}.py").unlink()

        def is_gone() -> bool:
            dags, _ = self._request("GET", f"{self.root}/dags?limit=100")
            return pipeline not in {dag["dag_id"] for dag in dags["dags"]}

        self.wait_until(is_gone, f"the end of {pipeline}")
        self._changed.pop(pipeline, None)

    def close(self) -> None:
        with self._cleanup:
            for undo in list(self._changed.values()):
                undo()

    def pause_between_polls(self) -> None:
        if self._dags is not None:
            super().pause_between_polls()

    def _config(self, **settings: Any) -> InstanceConfig:
        variable = self._set_variable(_PASSWORD_VARIABLE, self._password)
        return InstanceConfig.model_validate(
            {
                "name": INSTANCE,
                "type": "airflow",
                "url": self._url,
                "login": {
                    "type": self.login,
                    "username": self.username,
                    "password": f"${{{variable}}}",
                },
                # A server that runs DAGs on a busy machine may take its time.
                "timeouts": {"connect": "10s", "read": "2m"},
                **settings,
            }
        )

    def _set_variable(self, name: str, value: str) -> str:
        environment = self._cleanup.enter_context(pytest.MonkeyPatch.context())
        environment.setenv(name, value)
        return name

    def _write(self, name: str, tasks: list[str], description: str) -> None:
        if self._dags is None:
            return
        lines = "\n".join(f"    EmptyOperator(task_id={task!r})" for task in tasks)
        text = self.added.format(name=name, description=description, tasks=lines)
        (self._dags / f"{name}.py").write_text(text)

    def _task_ids(self, dag_id: str) -> set[str]:
        try:
            tasks, _ = self._request("GET", f"{self.root}/dags/{dag_id}/tasks")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return set()
            raise
        return {task["task_id"] for task in tasks["tasks"]}

    def _path(self, run: RunKey) -> str:
        run_id = urllib.parse.quote(run.run_id, safe="")
        return f"{self.root}/dags/{run.pipeline.name}/dagRuns/{run_id}"

    def _request(self, method: str, path: str, body: Any = None) -> tuple[Any, Mapping[str, str]]:
        request = urllib.request.Request(  # noqa: S310  the URL is that of the server under test
            f"{self._url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                **({} if body is None else {"Content-Type": "application/json"}),
                "Authorization": self._authorization(),
            },
        )
        for is_last in (False, False, True):
            try:
                with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
                    return json.loads(answer.read() or b"null"), answer.headers
            except urllib.error.HTTPError as error:
                # On SQLite a change may meet the scheduler's own, and Airflow gives up on it.
                if error.code != 500 or is_last:
                    raise
        raise AssertionError("not reached")

    def _authorization(self) -> str:
        if self._token is None:
            self._token = ""  # none is needed to get one
            login = {"username": self.username, "password": self._password}
            answer, _ = self._request("POST", "/auth/token", login)
            self._token = answer["access_token"]
        return f"Bearer {self._token}"


class Airflow2Subject(AirflowSubject):
    lacks: ClassVar = {
        **AirflowSubject.lacks,
        Feature.TRIGGERS: "its API does not say which DAG an operator triggers",
        Feature.VERSIONS: "it does not number definitions, so a change shows when they are read",
    }
    root = "/api/v1"
    login = "basic"
    added = _ADDED_TO_AIRFLOW_2
    asset = "file:///data/raw.csv"

    def _wish(self, run_id: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"dag_run_id": run_id, "conf": parameters}

    def _authorization(self) -> str:
        return f"Basic {b64encode(f'{self.username}:{self._password}'.encode()).decode()}"


def live_airflow(request: pytest.FixtureRequest, label: str) -> Subject:
    server = request.getfixturevalue("airflow_server")
    return AirflowSubject(label, server.url, server.password, server.dags, ExitStack())


def recorded_airflow(version: str) -> Callable[[pytest.FixtureRequest, str], Subject]:
    """The subject that plays back `recordings/airflow-VERSION.json`, or that makes it
    (`record_airflow.py`)."""
    name = f"airflow-{version}"

    def open_subject(request: pytest.FixtureRequest, label: str) -> Subject:
        cleanup = ExitStack()
        studio = request.config.pluginmanager.get_plugin("studio")
        if studio is not None and studio.name == name:
            return studio.open_subject(label, cleanup)
        recording = Recording.load(name)
        if not recording.has(label):
            pytest.fail(f"{label} is not in {name}.json: see record_airflow.py")
        player = Player(recording, label)
        server = cleanup.enter_context(LoopbackServer(player.answer))
        cleanup.callback(lambda: _fail_on(player.unknown))
        return subject_of(version)(label, server.url, "recorded", None, cleanup)

    return open_subject


def subject_of(version: str) -> type[AirflowSubject]:
    return Airflow2Subject if version.startswith("2.") else AirflowSubject


class Studio:
    """A pytest plugin: makes recordings of a server while the contract's tests run on it."""

    def __init__(self, version: str, url: str, password: str, dags: Path) -> None:
        self.name = f"airflow-{version}"
        self._subject = subject_of(version)
        self._url = url
        self._password = password
        self._dags = dags
        self._recording = Recording.load(self.name)  # tests that are not run keep what they have

    def open_subject(self, label: str, cleanup: ExitStack) -> Subject:
        self._recording.forget(label)
        recorder = Recorder(self._url, self._recording, label)
        server = cleanup.enter_context(LoopbackServer(recorder.answer))
        subject = self._subject(label, server.url, self._password, self._dags, cleanup)
        subject.poll_seconds = 3  # each poll is played back later
        return subject

    def pytest_runtest_logfinish(self) -> None:
        self._recording.save(self.name)


def _fail_on(unknown: list[str]) -> None:
    if unknown:
        pytest.fail(f"not in the recording, so it must be made anew: {', '.join(unknown)}")
