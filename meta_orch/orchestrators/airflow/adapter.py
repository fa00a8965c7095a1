"""The Airflow adapter: the port over `/api/v2`, or `/api/v1` of Airflow 2."""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid5

from meta_orch.config.models import InstanceConfig
from meta_orch.domain.health import Problem
from meta_orch.domain.logs import LogPage
from meta_orch.domain.pipelines import Pipeline, PipelineKey, Pool
from meta_orch.domain.readings import Catalogue, Changes, ListedRun, RunDetails
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.secrets import MASK, mask_secrets
from meta_orch.domain.time import Window
from meta_orch.orchestrators.airflow.api import LARGEST_PAGE, AirflowApi
from meta_orch.orchestrators.airflow.attempts import EarlierAttempts
from meta_orch.orchestrators.airflow.catalogue import read_catalogue, read_fingerprint
from meta_orch.orchestrators.airflow.changes import ChangeReader
from meta_orch.orchestrators.airflow.connecting import connect_api
from meta_orch.orchestrators.airflow.cursor import read_cursor
from meta_orch.orchestrators.airflow.dependencies import Dependencies
from meta_orch.orchestrators.airflow.health import read_problems
from meta_orch.orchestrators.airflow.listing import RunLister
from meta_orch.orchestrators.airflow.logs import read_log
from meta_orch.orchestrators.airflow.parse import Place, read_pool, read_run
from meta_orch.orchestrators.airflow.transport import Transport
from meta_orch.orchestrators.answers import RequestRefused, UnreadableJson
from meta_orch.orchestrators.base import (
    ActingRefused,
    LoginRefused,
    NotFound,
    Orchestrator,
    Server,
    UnexpectedAnswer,
)
from meta_orch.orchestrators.selection import Selection

_RUN_IDS = UUID("0f3d7f0e-8a53-4c1f-9f0e-5d2a1c6b7e94")
_PLAIN_REQUEST_ID = re.compile(r"[A-Za-z0-9_.~:+-]{1,200}")
_NO_DAG = "meta_orch.is_there_permission"


class AirflowOrchestrator(Orchestrator):
    """An Airflow 2.7 or later. Nothing is sent before the first call; threads may share it.

    Keep it for as long as the instance is watched: it holds the connections and the login's token,
    and has asked the server for its version.

    Args:
        page_size: rows asked for at once; Airflow gives a hundred at most.
        sweep_every: how often, where stored open runs stay silent, the open runs of the server are
            read to find which of those were deleted.
    """

    type = "airflow"
    runs_missed_ticks = True
    """For the last one, or for all of them where the DAG catches up."""

    def __init__(
        self,
        config: InstanceConfig,
        *,
        page_size: int = LARGEST_PAGE,
        sweep_every: timedelta = timedelta(minutes=5),
    ) -> None:
        self.instance = config.name
        self._read_only = config.read_only
        self._selection = Selection.of(config)
        self._page_size = page_size
        self._connections = config.connections
        self._sweep_every = sweep_every
        self._transport = Transport(config)
        self._earlier_attempts = EarlierAttempts()
        self._dependencies = Dependencies()
        self._api: AirflowApi | None = None
        self._lock = threading.Lock()

    @property
    def requests_sent(self) -> int:
        """Since it was made."""
        return self._transport.requests_sent

    def read_server(self) -> Server:
        with self._strictly():
            api, server = connect_api(self._transport, page_size=self._page_size)
            api.count_dags()  # the version is told to anybody; this tries the login
            self._api = api
            return server

    def read_fingerprint(self) -> str:
        with self._strictly():
            return read_fingerprint(self._connected())

    def read_catalogue(self, known: Mapping[PipelineKey, Pipeline]) -> Catalogue:
        with self._strictly():
            return read_catalogue(
                self._connected(),
                self._place(),
                self._selection,
                known,
                connections=self._connections,
                dependencies=self._dependencies,
            )

    def read_changes(
        self, cursor: str | None, open_runs: Collection[RunKey], *, since: datetime
    ) -> Iterator[Changes]:
        with self._strictly():
            reader = ChangeReader(
                self._connected(),
                self._place(),
                self._selection,
                self._sweep_every,
                self._connections,
                self._earlier_attempts,
            )
            yield from reader.read(read_cursor(cursor, since), open_runs)

    def read_source(self, pipeline: Pipeline) -> str | None:
        with self._strictly():
            return self._connected().dag_source(pipeline.native_id)

    def read_pools(self) -> tuple[Pool, ...]:
        with self._strictly():
            return tuple(read_pool(self._place(), pool) for pool in self._connected().pools())

    def read_health(self) -> tuple[Problem, ...]:
        """Two requests."""
        with self._strictly():
            return tuple(read_problems(self._connected()))

    def list_ended_runs(
        self, pipelines: Collection[Pipeline], ended: Window
    ) -> Iterator[ListedRun]:
        with self._strictly():
            yield from self._lister().list_ended_runs(pipelines, ended)

    def count_ended_runs(self, pipelines: Collection[Pipeline], ended: Window) -> int:
        """One request."""
        with self._strictly():
            return self._lister().count_ended_runs(pipelines, ended)

    def read_runs(self, runs: Collection[RunKey]) -> RunDetails:
        with self._strictly():
            return self._lister().read_runs(runs)

    def _lister(self) -> RunLister:
        return RunLister(self._transport, self._connected(), self._place())

    def read_log(self, run: RunKey, task_runs: Collection[TaskRun], cursor: str | None) -> LogPage:
        with self._strictly():
            return read_log(self._transport, self._connected().root, task_runs, cursor)

    def check_may_start_runs(self) -> None:
        """Asks for a run of a DAG that does not exist: Airflow looks at the permission first."""
        self._refuse_read_only()
        with self._strictly():
            api = self._connected()
            try:
                api.create_run(_NO_DAG, "never", {})
            except NotFound:
                return
            except LoginRefused as error:
                raise ActingRefused(
                    self.instance, "the login may not start runs: give it a role that may"
                ) from error
        raise UnexpectedAnswer(self.instance, f"Airflow has started a run of {_NO_DAG}")

    def start_run(
        self, pipeline: Pipeline, *, request_id: str, parameters: Mapping[str, Any]
    ) -> Run:
        """The run's id is made of `request_id`; its logical date is empty."""
        self._refuse_read_only()
        dag_id, run_id = pipeline.native_id, run_id_for(request_id)
        with self._strictly():
            api = self._connected()
            try:
                run = api.create_run(dag_id, run_id, parameters)
            except RequestRefused as error:
                if error.status != HTTPStatus.CONFLICT:
                    reason = _without_secrets(error.detail, parameters) or f"status {error.status}"
                    raise ActingRefused(
                        self.instance, f"Airflow does not start {dag_id}: {reason}"
                    ) from None
                run = api.run(dag_id, run_id)  # asked for before
            return read_run(self._place(), run)

    def cancel_run(self, run: RunKey) -> None:
        """Airflow has no canceled runs: it is failed, with a note."""
        self._refuse_read_only()
        with self._strictly():
            api, dag_id = self._connected(), run.pipeline.name
            if not read_run(self._place(), api.run(dag_id, run.run_id)).state.is_terminal:
                api.fail_run(dag_id, run.run_id, "Canceled by meta_orch")

    def is_paused(self, pipeline: Pipeline) -> bool:
        """One request."""
        with self._strictly():
            return self._connected().is_paused(pipeline.native_id)

    def set_paused(self, pipeline: Pipeline, *, is_paused: bool) -> None:
        """A paused DAG goes on with no task of the runs that are under way, until it is not."""
        self._refuse_read_only()
        with self._strictly():
            try:
                self._connected().set_paused(pipeline.native_id, is_paused=is_paused)
            except LoginRefused as error:
                raise ActingRefused(
                    self.instance,
                    f"the login may not pause {pipeline.native_id}: give it a role that may",
                ) from error

    def skip_tick(self, pipeline: Pipeline, note: str) -> None:
        """A run by hand takes the place of the scheduled one, and is failed before it begins:
        Airflow has no skipped runs."""
        self._refuse_read_only()
        dag_id = pipeline.native_id
        with self._strictly():
            api = self._connected()
            logical_date = api.missed_logical_date(dag_id)
            if logical_date is None:
                return
            run_id = f"skipped__{logical_date.isoformat()}"
            try:
                api.create_run_in_place_of(dag_id, run_id, logical_date)
            except RequestRefused as error:
                if error.status != HTTPStatus.CONFLICT:
                    raise ActingRefused(
                        self.instance, f"Airflow does not take a run of {dag_id}: {error.detail}"
                    ) from None
            api.fail_run(dag_id, run_id, note)

    def close(self) -> None:
        self._transport.close()

    def _refuse_read_only(self) -> None:
        if self._read_only:
            raise ActingRefused(
                self.instance,
                "the instance is read-only: set `read_only: false` in meta_orch.yaml to act there",
            )

    def _place(self) -> Place:
        return Place(self.instance, self._transport.url, self._connected().pages)

    def _connected(self) -> AirflowApi:
        with self._lock:
            if self._api is None:
                self._api, _ = connect_api(self._transport, page_size=self._page_size)
            return self._api

    @contextmanager
    def _strictly(self) -> Iterator[None]:
        try:
            yield
        except UnreadableJson as error:
            raise UnexpectedAnswer(
                self.instance, f"Airflow gave what cannot be read: {error}"
            ) from error


def run_id_for(request_id: str) -> str:
    """The same for the same request, and of characters that Airflow takes."""
    if not _PLAIN_REQUEST_ID.fullmatch(request_id):
        request_id = str(uuid5(_RUN_IDS, request_id))
    return f"meta_orch__{request_id}"


def _without_secrets(text: str, parameters: Mapping[str, Any]) -> str:
    """A refusal may quote the parameter that it is about."""
    for name, value in parameters.items():
        if mask_secrets({name: value}) != {name: value}:
            text = text.replace(str(value), MASK)
    return text
