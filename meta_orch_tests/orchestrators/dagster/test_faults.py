"""What the adapter makes of a webserver that fails, lies, stalls or hangs up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from meta_orch.config.models import InstanceConfig
from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.orchestrators.base import (
    ActingRefused,
    LoginRefused,
    NotFound,
    OrchestratorError,
    ServerFailed,
    UnexpectedAnswer,
    Unreachable,
)
from meta_orch.orchestrators.dagster import DagsterOrchestrator
from meta_orch_tests.support.loopback import LoopbackServer, Reply, Request

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TOKEN_VARIABLE = "DAGSTER_TEST_TOKEN"
JOB = Pipeline(PipelineKey("dagster_test", "shop/sums"), "dagster", "__repository__@shop:sums")

EMPTY: dict[str, Any] = {
    "version": "1.13.27",
    "workspaceOrError": {"__typename": "Workspace", "locationEntries": []},
    "repositoriesOrError": {"__typename": "RepositoryConnection", "nodes": []},
    "runsOrError": {"__typename": "Runs", "results": []},
}


def empty_dagster(request: Request) -> Reply:
    """A webserver without code locations."""
    if request.path != "/graphql":
        return Reply({"detail": "Not Found"}, status=404)
    return Reply({"data": {name: EMPTY[name] for name in EMPTY if name in request.body["query"]}})


def saying(name: str, part: Any) -> Callable[[Request], Reply]:
    """An empty webserver that answers this to one of the questions."""

    def answer(request: Request) -> Reply:
        if name in request.body["query"]:
            return Reply({"data": {name: part}})
        return empty_dagster(request)

    return answer


def adapter_for(server: LoopbackServer, **settings: Any) -> DagsterOrchestrator:
    config = {"name": "dagster_test", "type": "dagster", "url": server.url, **settings}
    return DagsterOrchestrator(InstanceConfig.model_validate(config))


READS: dict[str, Callable[[DagsterOrchestrator], Any]] = {
    "server": lambda dagster: dagster.read_server(),
    "fingerprint": lambda dagster: dagster.read_fingerprint(),
    "catalogue": lambda dagster: dagster.read_catalogue({}),
    "changes": lambda dagster: list(dagster.read_changes(None, (), since=LONG_AGO)),
}
FAULTS: dict[str, tuple[Reply, type[OrchestratorError], str]] = {
    "an error that is not explained": (
        Reply(b"oops", status=500, headers={"Content-Type": "text/plain"}),
        ServerFailed,
        "gave 500: the server's own log has the cause",
    ),
    "a page that is no JSON": (
        Reply(b"<!DOCTYPE html><title>Sign in</title>"),
        UnexpectedAnswer,
        "gave an HTML page",
    ),
    "half a JSON": (Reply(b'{"data": '), UnexpectedAnswer, "gave something that is not JSON"),
    "a list": (Reply([1]), UnexpectedAnswer, "is not what this API gives"),
    "an object of another shape": (Reply({"rows": []}), UnexpectedAnswer, "came without 'data'"),
    "a query that is refused": (
        Reply({"errors": [{"message": "Cannot query field 'jobs' on type 'Shop'."}]}, status=400),
        UnexpectedAnswer,
        "the query was refused: Cannot query field",
    ),
    "another server": (Reply(status=404), NotFound, "`url` is the webserver's address"),
    "a wrong login": (Reply(status=401), LoginRefused, "check `login`"),
    "a connection dropped in mid-answer": (
        Reply({"data": {}}, cut_after=5),
        Unreachable,
        "the connection to .* broke",
    ),
}


@pytest.mark.parametrize("reading", READS)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_says_what_came_and_the_next_good_answer_is_read(
    reading: str, fault: str
) -> None:
    reply, error, text = FAULTS[fault]
    with LoopbackServer(lambda _: reply) as server, adapter_for(server) as dagster:
        with pytest.raises(error, match=text) as raised:
            READS[reading](dagster)
        assert str(raised.value).startswith("dagster_test: ")
        server.answer = empty_dagster
        READS[reading](dagster)


@pytest.mark.parametrize(
    ("name", "reading"),
    [
        ("workspaceOrError", "fingerprint"),
        ("repositoriesOrError", "catalogue"),
        ("runsOrError", "changes"),
    ],
)
def test_what_dagster_says_went_wrong_is_passed_on_without_secrets(name: str, reading: str) -> None:
    failed = {"__typename": "PythonError", "message": "no route to postgresql://a:hunter2@db/x\n"}
    with (
        LoopbackServer(saying(name, failed)) as server,
        adapter_for(server) as dagster,
        pytest.raises(ServerFailed, match=r"no route to postgresql://a:\*\*\*@db/x$"),
    ):
        READS[reading](dagster)


def test_an_answer_that_takes_too_long_names_the_limit() -> None:
    limits = {"connect": "5s", "read": "0.2s"}
    with (
        LoopbackServer(lambda _: Reply({}, delay=30)) as server,
        adapter_for(server, timeouts=limits) as dagster,
        pytest.raises(Unreachable, match=r"did not answer within 0\.2 s"),
    ):
        dagster.read_server()


def test_an_empty_webserver_has_no_pipelines_and_no_runs() -> None:
    with LoopbackServer(empty_dagster) as server, adapter_for(server) as dagster:
        assert dagster.read_server().version == "1.13.27"
        assert dagster.read_catalogue({}).pipelines == ()
        (page,) = dagster.read_changes(None, (), since=LONG_AGO)
        assert (page.runs, page.task_runs, page.gone) == ((), (), ())


def test_a_quiet_pass_is_one_request() -> None:
    with LoopbackServer(empty_dagster) as server, adapter_for(server) as dagster:
        (page,) = dagster.read_changes(None, (), since=LONG_AGO)
        server.requests.clear()
        list(dagster.read_changes(page.cursor, (), since=LONG_AGO))
        assert len(server.requests) == 1


def test_the_login_is_a_header_of_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "correct-horse")
    name = "Dagster-Cloud-Api-Token"
    login = {"type": "header", "name": name, "value": f"${{{TOKEN_VARIABLE}}}"}
    with LoopbackServer(empty_dagster) as server, adapter_for(server, login=login) as dagster:
        for read in READS.values():
            read(dagster)
        assert {request.headers.get(name.lower()) for request in server.requests} == {
            "correct-horse"
        }


def test_a_login_that_dagster_has_not_is_refused_with_those_that_it_has() -> None:
    login = {"type": "api_key", "api_key": f"${{{TOKEN_VARIABLE}}}"}
    config = {"name": "dagster_test", "type": "dagster", "url": "http://127.0.0.1", "login": login}
    with pytest.raises(OrchestratorError, match="no login of type api_key: use header"):
        DagsterOrchestrator(InstanceConfig.model_validate(config))


@pytest.mark.parametrize(
    ("result", "error", "text"),
    [
        ({"__typename": "PipelineNotFoundError"}, NotFound, "no job 'shop/sums' any more"),
        ({"__typename": "UnauthorizedError"}, LoginRefused, "may not launch runs"),
        (
            {
                "__typename": "RunConfigValidationInvalid",
                "errors": [{"message": "Missing x"}, {"message": "Unexpected y"}],
            },
            ActingRefused,
            "Dagster refuses: Missing x; Unexpected y",
        ),
        (
            {"__typename": "PythonError", "message": "no coordinator"},
            ActingRefused,
            "Dagster refuses: no coordinator",
        ),
    ],
    ids=["deleted", "not permitted", "wrong parameters", "failed"],
)
def test_a_launch_that_is_refused_says_why(
    result: dict[str, Any], error: type[OrchestratorError], text: str
) -> None:
    with (
        LoopbackServer(saying("launchRun", result)) as server,
        adapter_for(server, read_only=False) as dagster,
        pytest.raises(error, match=text),
    ):
        dagster.start_run(JOB, request_id="once", parameters={})
