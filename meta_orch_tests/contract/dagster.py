"""Dagster over GraphQL as a subject: a live webserver, code server and daemon."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from meta_orch.config.models import InstanceConfig
from meta_orch.demo.servers import DagsterServer
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.runs import RunKey
from meta_orch.orchestrators.base import Orchestrator
from meta_orch.orchestrators.dagster import DagsterOrchestrator
from meta_orch_tests.contract.subject import Feature, Role, Subject

INSTANCE = "dagster_contract"
LOCATION = "shop"
MODULE = "meta_orch_tests.orchestrators.dagster.definitions"
"""The code of that location."""

_LAUNCH = """
mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on Error { message } ... on LaunchRunSuccess { run { runId } } } }
"""
_TERMINATE = """
mutation($runId: String!) {
  terminateRun(runId: $runId, terminatePolicy: MARK_AS_CANCELED_IMMEDIATELY) { __typename } }
"""
_DELETE = "mutation($runId: String!) { deletePipelineRun(runId: $runId) { __typename } }"
_RELOAD = """
mutation($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) {
  __typename ... on Error { message } } }
"""


class DagsterSubject(Subject):
    type = "dagster"
    pipelines: ClassVar = {
        Role.CHAIN: f"{LOCATION}/chain",
        Role.PARAMETERS: f"{LOCATION}/takes",
        Role.FAILING: f"{LOCATION}/fails",
        Role.MAPPED: f"{LOCATION}/sums",
        Role.CRON_IN_A_ZONE: f"{LOCATION}/chain",
    }
    parameter = "number"
    failure = "broken on purpose"
    lacks: ClassVar = {
        Feature.TASK_SETTINGS: "the webserver tells none of them",
        Feature.INTERVALS: "schedules are cron",
        Feature.RRULE: "schedules are cron",
        Feature.ASSETS: "sensors and conditions start what depends on assets",
        Feature.TRIGGERS: "sensors and conditions do, in code",
        Feature.UPSTREAM_FAILED: "a step that never ran leaves nothing",
        Feature.EARLIER_ATTEMPTS: "a step's statistics tell its last attempt",
        Feature.MAP_INDEX: "mapped steps have keys",
        Feature.OWNERS: "only assets have owners in every version",
        Feature.SOURCES: "the webserver has no sources",
        Feature.SOURCE_PATH: "the webserver has no sources",
        Feature.POOLS: "they are not read",
        Feature.PAUSE: "schedules are stopped, jobs are not",
        Feature.PAUSING: "conditions and blocking checks hold what depends on others",
        Feature.RERUN: "a re-execution is a run of its own",
        Feature.STATE_EDIT: "a finished run stays as it is",
        Feature.LOGIN: "the open-source webserver has none",
    }
    patience = timedelta(seconds=180)

    def __init__(self, label: str, server: DagsterServer) -> None:
        super().__init__(label)
        self._server = server
        self._file = server.folder / "home" / "added_jobs.json"
        self._open: list[RunKey] = []

    def connect(
        self,
        *,
        include: tuple[str, ...] = ("*",),
        exclude: tuple[str, ...] = (),
        read_only: bool = True,
        page_size: int | None = None,
    ) -> Orchestrator:
        config = self._config(include=include, exclude=exclude, read_only=read_only)
        return DagsterOrchestrator(config, page_size=page_size or 50)

    def connect_to_closed_port(self) -> Orchestrator:
        return DagsterOrchestrator(self._config(url="http://127.0.0.1:9"))

    def missing_pipeline(self) -> Pipeline:
        key = PipelineKey(INSTANCE, f"{LOCATION}/not_there")
        return Pipeline(key, "dagster", f"__repository__@{LOCATION}:not_there")

    def now(self) -> datetime:
        return datetime.now(UTC)  # the server is on this machine

    def start(self, pipeline: str, parameters: Mapping[str, Any] | None = None) -> RunKey:
        selector = {
            "repositoryName": "__repository__",
            "repositoryLocationName": LOCATION,
            "jobName": pipeline.removeprefix(f"{LOCATION}/"),
        }
        params = {"selector": selector, "runConfigData": parameters or {}}
        launched = self._server.graphql(_LAUNCH, params=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return RunKey(PipelineKey(INSTANCE, pipeline), launched["run"]["runId"])

    def start_open(self) -> RunKey:
        config = {"ops": {"wait": {"config": {"until": f"/nonexistent/{self.label}"}}}}
        run = self.start(f"{LOCATION}/waits", config)
        self._open.append(run)
        return run

    def delete(self, run: RunKey) -> None:
        self._server.graphql(_TERMINATE, runId=run.run_id)
        self._server.graphql(_DELETE, runId=run.run_id)
        if run in self._open:
            self._open.remove(run)

    def set_paused(self, pipeline: str, is_paused: bool) -> None:
        raise NotImplementedError

    def add_pipeline(self) -> str:
        self._write(self.label, "As it was added")
        return f"{LOCATION}/{self.label}"

    def change_pipeline(self, pipeline: str) -> None:
        self._write(pipeline.removeprefix(f"{LOCATION}/"), "Changed")

    def remove_pipeline(self, pipeline: str) -> None:
        self._write(pipeline.removeprefix(f"{LOCATION}/"), None)

    def close(self) -> None:
        for run in list(self._open):
            self.delete(run)
        if self._file.exists():
            self._file.unlink()
            self._reload()

    def _config(self, **settings: Any) -> InstanceConfig:
        return InstanceConfig.model_validate(
            {"name": INSTANCE, "type": "dagster", "url": self._server.url, **settings}
        )

    def _write(self, name: str, description: str | None) -> None:
        jobs = json.loads(self._file.read_text()) if self._file.exists() else {}
        jobs.pop(name, None)
        if description is not None:
            jobs[name] = description
        self._file.write_text(json.dumps(jobs))
        self._reload()

    def _reload(self) -> None:
        answer = self._server.graphql(_RELOAD, name=LOCATION)["reloadRepositoryLocation"]
        assert answer["__typename"] == "WorkspaceLocationEntry", answer


def live_dagster(request: pytest.FixtureRequest, label: str) -> Subject:
    return DagsterSubject(label, request.getfixturevalue("dagster_server"))
