"""What the adapter makes of a Prefect that fails, lies, stalls or hangs up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from meta_orch.orchestrators.base import (
    OrchestratorError,
    ServerFailed,
    UnexpectedAnswer,
    Unreachable,
)
from meta_orch.orchestrators.prefect import PrefectOrchestrator
from meta_orch.testing.builders import make_pipeline
from meta_orch_tests.orchestrators.prefect.conftest import adapter_for
from meta_orch_tests.orchestrators.prefect.server import PrefectInMemory
from meta_orch_tests.support.loopback import Answer, LoopbackServer, Reply, Request

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

Read = Callable[[PrefectOrchestrator], Any]


def read_changes(prefect: PrefectOrchestrator) -> list[Any]:
    return list(prefect.read_changes(None, (), since=LONG_AGO))


READS: dict[str, tuple[str, Read]] = {
    "fingerprint": ("/api/deployments/paginate", lambda prefect: prefect.read_fingerprint()),
    "catalogue": ("/api/flows/filter", lambda prefect: prefect.read_catalogue({})),
    "asset events": ("/api/events/filter", lambda prefect: prefect.read_catalogue({})),
    "runs": ("/api/flow_runs/filter", read_changes),
    "task runs": ("/api/task_runs/filter", read_changes),
    "names": ("/api/deployments/filter", read_changes),
    "pools": ("/api/work_pools/filter", lambda prefect: prefect.read_pools()),
}
FAULTS: dict[str, tuple[Reply, type[OrchestratorError], str]] = {
    "an internal error": (
        Reply({"exception_message": "Internal Server Error"}, status=500),
        ServerFailed,
        "gave 500: the server's own log has the cause",
    ),
    "a page that is no JSON": (
        Reply(b"<!DOCTYPE html><title>Sign in</title>"),
        UnexpectedAnswer,
        r"gave an HTML page \(a login page or a proxy may stand before the API\)",
    ),
    "half a JSON": (Reply(b'[{"id": '), UnexpectedAnswer, "gave something that is not JSON"),
    "nothing": (Reply(b""), UnexpectedAnswer, "gave an empty answer"),
    "a number": (Reply(7), UnexpectedAnswer, "answered no list|is not what this API gives"),
    "rows without an identity": (
        Reply([{"state_type": "RUNNING"}]),
        UnexpectedAnswer,
        "came without '(id|name)'|is not what this API gives",
    ),
    "a redirect": (
        Reply(status=302, headers={"Location": "https://sso.example/login"}),
        UnexpectedAnswer,
        "gave 302, a redirect: set `url`",
    ),
    "a refusal": (
        Reply(
            {
                "exception_message": "Invalid request received.",
                "exception_detail": [{"loc": ["body", "limit"], "msg": "too much"}],
                "request_body": {"password": "hunter2"},
            },
            status=422,
        ),
        UnexpectedAnswer,
        r"gave 422 \(body.limit: too much\)$",
    ),
    "a connection dropped before the answer": (
        Reply([], cut_after=0),
        Unreachable,
        "the connection to .* broke",
    ),
    "a connection dropped in mid-answer": (
        Reply([{"id": "1"}], cut_after=5),
        Unreachable,
        "the connection to .* broke",
    ),
}


def answering(path: str, reply: Reply, otherwise: Answer) -> Answer:
    return lambda request: reply if request.path == path else otherwise(request)


@pytest.fixture(scope="module")
def standing() -> Iterator[LoopbackServer]:
    """One server for all: each test puts its own answer in."""
    with LoopbackServer(PrefectInMemory().answer) as server:
        yield server


@pytest.fixture(scope="module")
def adapter(standing: LoopbackServer) -> Iterator[PrefectOrchestrator]:
    with adapter_for(standing) as prefect:
        yield prefect


@pytest.mark.parametrize("reading", READS)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_says_what_came_and_the_next_good_answer_is_read(
    standing: LoopbackServer, adapter: PrefectOrchestrator, reading: str, fault: str
) -> None:
    path, read = READS[reading]
    reply, error, text = FAULTS[fault]
    whole = PrefectInMemory()
    standing.answer = answering(path, reply, whole.answer)
    with pytest.raises(error, match=text) as raised:
        read(adapter)
    assert str(raised.value).startswith("prefect_test: ")
    assert "hunter2" not in str(raised.value)
    standing.answer = whole.answer
    read(adapter)


def test_an_answer_that_takes_too_long_is_waited_for_twice_and_names_the_limit(
    rows: PrefectInMemory,
) -> None:
    slow = answering("/api/flow_runs/filter", Reply([], delay=30), rows.answer)
    with (
        LoopbackServer(slow) as server,
        adapter_for(server, timeouts={"connect": "5s", "read": "0.2s"}) as prefect,
    ):
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"did not answer within 0.2 s \(`timeouts.read`"):
            read_changes(prefect)
        assert time.monotonic() - began < 10
        assert len(server.asked_for("/api/flow_runs/filter")) == 2


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_is_busy_for_a_moment_is_asked_again(
    rows: PrefectInMemory, status: int
) -> None:
    replies = iter([Reply(status=status), Reply(status=status)])

    def busy_twice(request: Request) -> Reply:
        if request.path != "/api/work_pools/filter":
            return rows.answer(request)
        return next(replies, None) or rows.answer(request)

    with LoopbackServer(busy_twice) as server, adapter_for(server) as prefect:
        assert prefect.read_pools()
        assert len(server.asked_for("/api/work_pools/filter")) == 3


def test_a_server_that_stays_busy_is_asked_four_times(rows: PrefectInMemory) -> None:
    busy = answering("/api/work_pools/filter", Reply(status=503), rows.answer)
    with LoopbackServer(busy) as server, adapter_for(server) as prefect:
        with pytest.raises(ServerFailed, match="gave 503"):
            prefect.read_pools()
        assert len(server.asked_for("/api/work_pools/filter")) == 4


@pytest.mark.parametrize("reply", [Reply(status=503), Reply({}, cut_after=0)])
def test_a_request_that_acts_is_sent_once_whatever_comes_of_it(
    rows: PrefectInMemory, reply: Reply
) -> None:
    path = "/api/deployments/1/create_flow_run"
    with LoopbackServer(answering(path, reply, rows.answer)) as server:
        with adapter_for(server, read_only=False) as prefect:
            pipeline = make_pipeline("sums/manual", "prefect_test", native_id="1")
            with pytest.raises(OrchestratorError):
                prefect.start_run(pipeline, request_id="1", parameters={})
        assert len(server.asked_for(path)) == 1


def test_an_empty_prefect_has_no_pipelines_no_runs_and_no_pools() -> None:
    with LoopbackServer(PrefectInMemory(None).answer) as server, adapter_for(server) as prefect:
        assert prefect.read_server().version == "3.8.8"
        catalogue = prefect.read_catalogue({})
        assert catalogue.pipelines == ()
        assert catalogue.fingerprint == prefect.read_fingerprint()
        pages = read_changes(prefect)
        assert [(page.runs, page.task_runs, page.gone) for page in pages] == [((), (), ())]
        assert prefect.read_pools() == ()


def test_a_server_without_a_clock_is_not_believed(rows: PrefectInMemory) -> None:
    def dateless(request: Request) -> Reply:
        reply = rows.answer(request)
        return Reply(reply.body, reply.status, {"Date": "soon"})

    with LoopbackServer(dateless) as server, adapter_for(server) as prefect:
        with pytest.raises(UnexpectedAnswer, match="no Date header: look at proxies"):
            read_changes(prefect)


def test_states_that_this_version_does_not_know_are_kept_and_never_an_end(
    prefect: PrefectOrchestrator, rows: PrefectInMemory
) -> None:
    run = rows.add_run("sums/manual", state_type="HIBERNATING", end_time=rows.now.isoformat())
    found = {run.key.run_id: run for page in read_changes(prefect) for run in page.runs}
    assert found[run["id"]].native_state == "Hibernating"
    assert not found[run["id"]].state.is_terminal
