"""The port, spoken to a Dagster deployment."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from dagster import DagsterInstance

from meta_orch.config.models import InstanceConfig
from meta_orch.domain.health import Problem
from meta_orch.domain.logs import LogPage
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.readings import Catalogue, Changes, ListedRun, RunDetails
from meta_orch.domain.runs import Run, RunKey, TaskRun
from meta_orch.domain.time import Window
from meta_orch.orchestrators.base import ActingRefused, Orchestrator, Server
from meta_orch.orchestrators.dagster.changes import PAGE_SIZE, ChangesReader, Cursor
from meta_orch.orchestrators.dagster.graphql import GraphQLSource
from meta_orch.orchestrators.dagster.instance import InstanceSource
from meta_orch.orchestrators.dagster.listing import RunLister
from meta_orch.orchestrators.dagster.rows import TYPE, Source, to_run
from meta_orch.orchestrators.selection import Selection


class DagsterOrchestrator(Orchestrator):
    """A Dagster deployment.

    With `config.url` it is read over its webserver's GraphQL API (Dagster 1.9 or newer, Dagster+
    with a `header` login). Without, it is the instance that this process belongs to, which knows
    its runs but not its code: see `InstanceSource`.

    Runs that only mirror another orchestrator's are left out, and so are their jobs.

    Args:
        instance: the instance to read where there is no URL; else `DagsterInstance.get()`.
        page_size: runs on one page of changes.

    Raises:
        OrchestratorError: the configuration has a login that Dagster has not.
    """

    type = TYPE

    def __init__(
        self,
        config: InstanceConfig,
        *,
        instance: DagsterInstance | None = None,
        page_size: int = PAGE_SIZE,
    ) -> None:
        self.instance = config.name
        self._config = config
        self._selection = Selection.of(config)
        self._page_size = page_size
        self._source: Source = (
            GraphQLSource(config, config.url)
            if config.url is not None
            else InstanceSource(config, instance)
        )

    def read_server(self) -> Server:
        return self._source.read_server()

    def read_fingerprint(self) -> str:
        return self._source.read_fingerprint()

    def read_catalogue(self, known: Mapping[PipelineKey, Pipeline]) -> Catalogue:
        fingerprint = self._source.read_fingerprint()
        pipelines = self._source.read_pipelines(known)
        return Catalogue(
            tuple(
                sorted(
                    (p for p in pipelines if p.key.name in self._selection),
                    key=lambda pipeline: pipeline.key,
                )
            ),
            fingerprint,
        )

    def read_changes(
        self, cursor: str | None, open_runs: Collection[RunKey], *, since: datetime
    ) -> Iterator[Changes]:
        """See `changes`. With nothing new and nothing open, a pass costs one request."""
        reader = ChangesReader(
            self.instance, self._source, self._selection, open_runs, page_size=self._page_size
        )
        yield from reader.read(Cursor.read(cursor) if cursor else None, since=since)

    def read_health(self) -> tuple[Problem, ...]:
        """Daemons, and code locations where it has a webserver."""
        return self._source.read_health()

    def list_ended_runs(
        self, pipelines: Collection[Pipeline], ended: Window
    ) -> Iterator[ListedRun]:
        """One request for each pipeline with no more than 500 runs."""
        return RunLister(self.instance, self._source).list_ended_runs(pipelines, ended)

    def read_runs(self, runs: Collection[RunKey]) -> RunDetails:
        return RunLister(self.instance, self._source).read_runs(runs)

    def read_log(self, run: RunKey, task_runs: Collection[TaskRun], cursor: str | None) -> LogPage:
        return self._source.read_log(run.run_id, cursor)

    def check_may_start_runs(self) -> None:
        self._refuse_read_only()
        self._source.check_may_start_runs()

    def start_run(
        self, pipeline: Pipeline, *, request_id: str, parameters: Mapping[str, Any]
    ) -> Run:
        """Launch a run of the job; `parameters` are its run config. The run carries `request_id` in
        a tag that is looked for first. Dagster has no key of its own against doubles, so two
        requests with one id at the very same moment give two runs."""
        self.check_may_start_runs()
        row = self._source.start_run(pipeline, request_id=request_id, parameters=parameters)
        return to_run(row, RunKey(pipeline.key, row.run_id), self._source.run_url(row.run_id))

    def cancel_run(self, run: RunKey) -> None:
        self._refuse_read_only()
        self._source.cancel_run(run.run_id)

    def _refuse_read_only(self) -> None:
        if self._config.read_only:
            raise ActingRefused(
                self.instance, "the instance is read-only: set `read_only: false` to act there"
            )

    def close(self) -> None:
        self._source.close()
