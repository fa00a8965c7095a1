"""Another Dagster deployment, read over its webserver's GraphQL API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from meta_orch.config.models import (
    BasicLogin,
    BearerLogin,
    CustomLogin,
    HeaderLogin,
    InstanceConfig,
    NoLogin,
)
from meta_orch.domain.health import Problem
from meta_orch.domain.logs import LogPage
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.secrets import mask_secrets
from meta_orch.orchestrators.base import (
    ActingRefused,
    LoginRefused,
    NotFound,
    OrchestratorError,
    Server,
    ServerFailed,
    UnexpectedAnswer,
)
from meta_orch.orchestrators.dagster import queries
from meta_orch.orchestrators.dagster.parse import (
    ASSET_JOB,
    parse_daemon,
    parse_event,
    parse_location,
    parse_repository,
    parse_run_row,
)
from meta_orch.orchestrators.dagster.rows import OPEN_STATUSES, REQUEST_TAG, RunRow

if TYPE_CHECKING:
    import httpx

    from meta_orch.orchestrators.httpx_transport import Transport

_MESSAGE_LENGTH = 500
_EVENTS = 1_000
"""Of a log, on one page."""

Row = Mapping[str, Any]


class GraphQLSource:
    """Requests to one webserver; no request is made before the first call."""

    def __init__(self, config: InstanceConfig, url: str) -> None:
        if not isinstance(
            config.login, NoLogin | BasicLogin | BearerLogin | HeaderLogin | CustomLogin
        ):
            raise OrchestratorError(
                config.name,
                f"Dagster has no login of type {config.login.type}: use header "
                "(Dagster-Cloud-Api-Token), bearer, basic or none",
            )
        self._name = config.name
        self._config = config
        self._base = url.rstrip("/").removesuffix("/graphql")
        self._client: httpx.Client | None = None
        self._transport: Transport | None = None

    def now(self) -> datetime:
        if self._transport is None or self._transport.asked_at is None:
            raise UnexpectedAnswer(
                self._name, "the server's answers have no Date header: look at proxies before it"
            )
        return self._transport.asked_at

    def read_server(self) -> Server:
        version = self._ask(queries.VERSION).get("version")
        return Server(version=str(version), now=self.now())

    def read_fingerprint(self) -> str:
        """One request."""
        workspace = self._part(self._ask(queries.FINGERPRINT), "workspaceOrError")
        return sha256(repr(workspace).encode()).hexdigest()

    def read_pipelines(self, known: Mapping[PipelineKey, Pipeline]) -> tuple[Pipeline, ...]:
        """One request, and one more for each repository."""
        answer = self._part(self._ask(queries.REPOSITORIES), "repositoriesOrError")
        pipelines: list[Pipeline] = []
        with self._reading("a repository"):
            for node in answer["nodes"]:
                selector = {
                    "repositoryName": node["name"],
                    "repositoryLocationName": node["location"]["name"],
                }
                repository = self._part(
                    self._ask(queries.REPOSITORY, {"selector": selector}), "repositoryOrError"
                )
                pipelines += parse_repository(self._name, repository, self._base)
        return tuple(pipelines)

    def read_runs(self, *, updated_after: datetime, before: str | None, limit: int) -> list[RunRow]:
        return self._runs(
            {
                "filter": {"updatedAfter": updated_after.timestamp()},
                "cursor": before,
                "limit": limit,
            }
        )

    def read_open_runs(self, *, before: str | None, limit: int) -> list[RunRow]:
        return self._runs(
            {"filter": {"statuses": list(OPEN_STATUSES)}, "cursor": before, "limit": limit}
        )

    def read_runs_by_id(self, run_ids: list[str]) -> list[RunRow]:
        return self._runs({"filter": {"runIds": run_ids}, "limit": len(run_ids)})

    def list_runs(
        self, job: str, *, updated_after: datetime, before: str | None, limit: int
    ) -> list[RunRow]:
        chosen = {"pipelineName": job, "updatedAfter": updated_after.timestamp()}
        return self._runs(
            {"filter": chosen, "cursor": before, "limit": limit}, query=queries.LISTED_RUNS
        )

    def run_url(self, run_id: str) -> str | None:
        return f"{self._base}/runs/{run_id}"

    def check_may_start_runs(self) -> None:
        """The webserver tells what it refuses when it is asked."""

    def start_run(
        self, pipeline: Pipeline, *, request_id: str, parameters: Mapping[str, Any]
    ) -> RunRow:
        tag = {"key": REQUEST_TAG, "value": request_id}
        if earlier := self._runs({"filter": {"tags": [tag]}, "limit": 1}):
            return earlier[0]
        repository, _, rest = pipeline.native_id.partition("@")
        location, _, job = rest.rpartition(":")
        if job == ASSET_JOB:
            raise ActingRefused(
                self._name,
                f"{pipeline.key} is every asset of the location: define a job for those to run",
            )
        params = {
            "selector": {
                "repositoryName": repository,
                "repositoryLocationName": location,
                "jobName": job,
            },
            "runConfigData": dict(parameters),
            "executionMetadata": {"tags": [tag]},
        }
        answer = self._ask(queries.LAUNCH, {"params": params}, acts=True)
        with self._reading("a launched run"):
            result = answer["launchRun"]
            match result["__typename"]:
                case "LaunchRunSuccess":
                    return parse_run_row(result["run"])
                case "PipelineNotFoundError":
                    raise NotFound(self._name, f"there is no job {pipeline.key.name!r} any more")
                case "UnauthorizedError":
                    raise LoginRefused(self._name, "the login may not launch runs")
                case _:
                    reasons = [error["message"] for error in result.get("errors") or ()]
                    text = "; ".join(reasons) or result.get("message") or result["__typename"]
                    raise ActingRefused(self._name, f"Dagster refuses: {_shown(text)}")

    def read_log(self, run_id: str, cursor: str | None) -> LogPage:
        """What code logged, and what went wrong; that a step began or ended is no line."""
        variables = {"run": run_id, "after": cursor, "limit": _EVENTS}
        page = self._part(self._ask(queries.LOG, variables), "logsForRun")
        with self._reading("a log"):
            lines = (parse_event(event) for event in page["events"])
            return LogPage(tuple(filter(None, lines)), page["cursor"])

    def read_health(self) -> tuple[Problem, ...]:
        """One request."""
        answer = self._ask(queries.HEALTH)
        workspace = self._part(answer, "workspaceOrError")
        with self._reading("the health of the deployment"):
            statuses = answer["instance"]["daemonHealth"]["allDaemonStatuses"]
            return (
                *filter(None, map(parse_daemon, statuses)),
                *filter(None, map(parse_location, workspace["locationEntries"])),
            )

    def cancel_run(self, run_id: str) -> None:
        found = self.read_runs_by_id([run_id])
        if not found:
            raise NotFound(self._name, f"there is no run {run_id} any more")
        if found[0].status not in OPEN_STATUSES:
            return
        answer = self._ask(queries.TERMINATE, {"run": run_id}, acts=True)
        with self._reading("a run that was canceled"):
            result = answer["terminateRun"]
            match result["__typename"]:
                case "TerminateRunSuccess":
                    return
                case "UnauthorizedError":
                    raise LoginRefused(self._name, "the login may not cancel runs")
                case _:
                    text = result.get("message") or result["__typename"]
                    raise ActingRefused(self._name, f"Dagster refuses: {_shown(text)}")

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _runs(self, variables: Row, *, query: str = queries.RUNS) -> list[RunRow]:
        answer = self._part(self._ask(query, variables), "runsOrError")
        with self._reading("a run"):
            return [parse_run_row(row) for row in answer["results"]]

    def _part(self, answer: Row, name: str) -> Row:
        """The part of that name; Dagster answers what went wrong in the place of what was asked."""
        with self._reading("an answer"):
            part = answer[name]
            kind = part["__typename"]
        if kind == "UnauthorizedError":
            raise LoginRefused(self._name, f"the login may not read {name}")
        if kind.endswith("Error"):
            raise ServerFailed(self._name, f"{name} answered {kind}: {_shown(part['message'])}")
        return part

    def _ask(self, query: str, variables: Row | None = None, *, acts: bool = False) -> Row:
        import httpx

        from meta_orch.orchestrators.httpx_transport import ACTS, read_json

        url = f"{self._base}/graphql"
        try:
            response = self._connection().post(
                url,
                json={"query": query, "variables": variables or {}},
                extensions=ACTS if acts else {},
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnexpectedAnswer(self._name, f"POST {url}: {error}") from error
        if response.status_code == httpx.codes.NOT_FOUND:
            raise NotFound(self._name, f"there is no {url}: `url` is the webserver's address")
        answer = read_json(self._name, response)
        with self._reading("an answer"):
            if errors := answer.get("errors"):
                raise UnexpectedAnswer(
                    self._name, f"the query was refused: {_shown(errors[0]['message'])}"
                )
            if not isinstance(answer["data"], Mapping):
                raise UnexpectedAnswer(self._name, f"POST {url} answered {response.status_code}")
            return answer["data"]

    def _connection(self) -> httpx.Client:
        if self._client is None:
            import httpx

            from meta_orch.orchestrators.httpx_transport import Transport, timeout

            self._transport = Transport(self._config, explained_failures=True)
            self._client = httpx.Client(
                transport=self._transport,
                timeout=timeout(self._config),
            )
        return self._client

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        try:
            yield
        except KeyError as error:
            raise UnexpectedAnswer(self._name, f"{what} came without {error}") from error
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise UnexpectedAnswer(
                self._name, f"{what} is not what this API gives: {error}"
            ) from error


def _shown(message: object) -> str:
    return mask_secrets(str(message).strip())[:_MESSAGE_LENGTH]
