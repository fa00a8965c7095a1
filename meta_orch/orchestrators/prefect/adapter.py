"""The port, spoken to a Prefect server."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from meta_orch.config.models import InstanceConfig, TokenLogin
from meta_orch.domain.health import Problem, ProblemKind
from meta_orch.domain.logs import LogPage
from meta_orch.domain.pipelines import Pipeline, PipelineKey, Pool
from meta_orch.domain.readings import Catalogue, Changes, ListedRun, RunDetails
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.time import Window
from meta_orch.orchestrators.ahead import ReadAhead
from meta_orch.orchestrators.answers import RequestRefused
from meta_orch.orchestrators.base import (
    ActingRefused,
    NotFound,
    Orchestrator,
    OrchestratorError,
    Server,
)
from meta_orch.orchestrators.prefect.catalogue import CatalogueReader, read_fingerprint
from meta_orch.orchestrators.prefect.changes import PAGE_SIZE, ChangesReader
from meta_orch.orchestrators.prefect.client import PrefectApi
from meta_orch.orchestrators.prefect.cursor import Cursor
from meta_orch.orchestrators.prefect.links import Links, api_url
from meta_orch.orchestrators.prefect.listing import RunLister
from meta_orch.orchestrators.prefect.logs import read_log
from meta_orch.orchestrators.prefect.parse import (
    parse_concurrency_limit,
    parse_run,
    parse_work_pool,
    reading,
)
from meta_orch.orchestrators.selection import Selection

_NOT_READY = "NOT_READY"


class PrefectOrchestrator(Orchestrator):
    """A Prefect 3 server.

    `config.url` is its API (`http://prefect:4200/api`, or a Cloud workspace's) or, self-hosted, the
    server's own address. Logins: `none`, `api_key` or `bearer`, `basic`, `header`.

    Args:
        page_size: runs on one page of changes, at most 200.

    Raises:
        OrchestratorError: the configuration has no URL, or a login that Prefect has not.
    """

    type = "prefect"
    runs_missed_ticks = False
    """Pausing removes the runs that were planned."""

    def __init__(self, config: InstanceConfig, *, page_size: int = PAGE_SIZE) -> None:
        self.instance = config.name
        if config.url is None:
            raise OrchestratorError(
                config.name, "`url` is missing: the address of the Prefect API, ending in /api"
            )
        if isinstance(config.login, TokenLogin):
            raise OrchestratorError(
                config.name,
                "Prefect has no login of type token: use api_key (Cloud), basic "
                "(a server with an auth string), header or none",
            )
        self._config = config
        self._url = api_url(config.url)
        self._links = Links.of_api(self._url)
        self._selection = Selection.of(config)
        self._page_size = page_size
        self._connection: PrefectApi | None = None
        self._ad_hoc_flows: set[str] = set()
        self._ahead: ReadAhead | None = None

    @property
    def requests_sent(self) -> int:
        """Since it was made or last closed."""
        return self._connection.requests if self._connection else 0

    @property
    def _api(self) -> PrefectApi:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> PrefectApi:
        # Its import reads the shell's Prefect profile and a `prefect.toml` in the working
        # directory. What is wrong in there is not repeated: it may hold secrets.
        try:
            return PrefectApi(self._config, self._url)
        except ValueError as error:
            raise OrchestratorError(
                self.instance,
                f"Prefect's client does not start ({type(error).__name__}): look at the PREFECT_* "
                "variables of this process and at prefect.toml, .env and pyproject.toml in its "
                "working directory",
            ) from None

    def read_server(self) -> Server:
        try:
            version = str(self._api.get("/admin/version"))
        except NotFound:
            # Prefect Cloud tells no version.
            self._api.post("/flows/count", {})
            version = "unknown"
        return Server(version=version, now=self._api.asked_at)

    def read_fingerprint(self) -> str:
        """One request. It does not show a change to nothing but a schedule; a flow without a
        deployment shows once a run of it was read."""
        return self._with_ad_hoc_flows(read_fingerprint(self._api))

    def read_catalogue(self, known: Mapping[PipelineKey, Pipeline]) -> Catalogue:
        catalogue = CatalogueReader(self._api, self._links, self._selection, known).read()
        self._note_ad_hoc_flows(pipeline.key for pipeline in catalogue.pipelines)
        return replace(catalogue, fingerprint=self._with_ad_hoc_flows(catalogue.fingerprint))

    def _note_ad_hoc_flows(self, pipelines: Iterable[PipelineKey]) -> None:
        self._ad_hoc_flows |= {key.name for key in pipelines if "/" not in key.name}

    def _with_ad_hoc_flows(self, fingerprint: str) -> str:
        """To ask Prefect for flows without a deployment would take another request each time, and
        their runs tell."""
        names = repr(sorted(self._ad_hoc_flows))
        return f"{fingerprint} {sha256(names.encode()).hexdigest()[:8]}"

    def read_changes(
        self, cursor: str | None, open_runs: Collection[RunKey], *, since: datetime
    ) -> Iterator[Changes]:
        """See `changes`. With nothing new and nothing active, a pass costs two requests."""
        with ReadAhead(self._config.connections) as self._ahead:
            reader = ChangesReader(
                self._api,
                self._links,
                self._selection,
                open_runs,
                ahead=self._ahead,
                page_size=self._page_size,
            )
            for page in reader.read(Cursor.read(cursor) if cursor else None, since=since):
                self._note_ad_hoc_flows(run.key.pipeline for run in page.runs)
                yield page

    def read_pools(self) -> tuple[Pool, ...]:
        """Work pools, and global concurrency limits as `limit:NAME`. A deployment's own limit is
        its pipeline's `max_active_runs`."""
        pools = self._api.all_rows("/work_pools/filter", {})
        limits = self._api.all_rows("/v2/concurrency_limits/filter", {})
        with reading(self.instance, "a work pool or concurrency limit"):
            return (
                *(parse_work_pool(self.instance, row) for row in pools),
                *(
                    parse_concurrency_limit(self.instance, row)
                    for row in limits
                    if not row["name"].startswith("deployment:")
                ),
            )

    def read_health(self) -> tuple[Problem, ...]:
        """Work pools that have deployments and no worker. One request, and one for each pool
        without a worker."""
        pools = self._api.all_rows("/work_pools/filter", {})
        with reading(self.instance, "a work pool"):
            idle = [row["name"] for row in pools if row.get("status") == _NOT_READY]
        return tuple(
            Problem(ProblemKind.WORKER_GONE, name, "no worker takes the runs of this work pool")
            for name in idle
            if self._api.post("/deployments/count", {"work_pools": {"name": {"any_": [name]}}})
        )

    def list_ended_runs(
        self, pipelines: Collection[Pipeline], ended: Window
    ) -> Iterator[ListedRun]:
        return self._lister.list_ended_runs(pipelines, ended)

    def count_ended_runs(self, pipelines: Collection[Pipeline], ended: Window) -> int:
        """One request for deployments, and one for flows without."""
        return self._lister.count_ended_runs(pipelines, ended)

    def read_runs(self, runs: Collection[RunKey]) -> RunDetails:
        return self._lister.read_runs(runs)

    def read_log(self, run: RunKey, task_runs: Collection[TaskRun], cursor: str | None) -> LogPage:
        """One request, and one more for every 200 lines."""
        return read_log(self._api, run, task_runs, cursor)

    @property
    def _lister(self) -> RunLister:
        return RunLister(self._api, self._links)

    def check_may_start_runs(self) -> None:
        if self._config.read_only:
            raise ActingRefused(
                self.instance, "the instance is read-only: set `read_only: false` to act there"
            )

    def start_run(
        self, pipeline: Pipeline, *, request_id: str, parameters: Mapping[str, Any]
    ) -> Run:
        """Ask for a run of the deployment; Prefect itself gives the same run for the same
        `request_id`. A paused deployment only has its schedules paused, so it runs."""
        row = self._act_on_deployment(
            pipeline,
            "create_flow_run",
            {"parameters": dict(parameters), "idempotency_key": request_id},
        )
        with reading(self.instance, "the flow run that was started"):
            return parse_run(row, pipeline.key, self._links)

    def cancel_run(self, run: RunKey) -> None:
        self.check_may_start_runs()
        try:
            row = self._api.get(f"/flow_runs/{run.run_id}")
            with reading(self.instance, "a flow run"):
                is_over = parse_run(row, run.pipeline, self._links).state.is_terminal
            if not is_over:
                body = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
                self._api.act(f"/flow_runs/{run.run_id}/set_state", body)
        except NotFound as error:
            raise NotFound(self.instance, f"there is no flow run {run.run_id} any more") from error
        except RequestRefused as error:
            raise ActingRefused(
                self.instance, f"Prefect refuses: {error.detail or error}"
            ) from error

    def is_paused(self, pipeline: Pipeline) -> bool:
        """One request."""
        if not _is_deployment(pipeline):
            return False
        with self._missing_told(pipeline):
            row = self._api.get(f"/deployments/{pipeline.native_id}")
        with reading(self.instance, "a deployment"):
            return row["paused"]

    def set_paused(self, pipeline: Pipeline, *, is_paused: bool) -> None:
        act = "pause_deployment" if is_paused else "resume_deployment"
        self._act_on_deployment(pipeline, act, {})

    def _act_on_deployment(self, pipeline: Pipeline, act: str, body: Mapping[str, Any]) -> Any:
        self.check_may_start_runs()
        if not _is_deployment(pipeline):
            raise ActingRefused(
                self.instance, f"the flow {pipeline.key.name!r} has no deployment to act on"
            )
        with self._missing_told(pipeline):
            try:
                return self._api.act(f"/deployments/{pipeline.native_id}/{act}", body)
            except RequestRefused as error:
                raise ActingRefused(
                    self.instance, f"Prefect refuses: {error.detail or error}"
                ) from error

    @contextmanager
    def _missing_told(self, pipeline: Pipeline) -> Iterator[None]:
        try:
            yield
        except NotFound as error:
            raise NotFound(
                self.instance, f"there is no deployment {pipeline.key.name!r} any more"
            ) from error

    def close(self) -> None:
        if self._ahead is not None:  # a reading was left in its middle
            self._ahead.close()
            self._ahead = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _is_deployment(pipeline: Pipeline) -> bool:
    """A flow without a deployment has runs, and nothing to start or pause it by."""
    return "/" in pipeline.key.name
