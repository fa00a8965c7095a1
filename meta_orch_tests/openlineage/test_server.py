"""Events of a server with Marquez's API. There is none to be had here, so the server is one of the
tests' own: it pages and filters as Marquez's specification has it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meta_orch.config.models import OpenLineageConfig
from meta_orch.openlineage import read_source
from meta_orch.orchestrators.base import LoginRefused, UnexpectedAnswer, Unreachable
from meta_orch_tests.support.loopback import LoopbackServer, Reply, Request

PATH = "/api/v1/events/lineage"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Events:
    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []

    def add(self, dataset: str, at: datetime) -> None:
        self.kept.append(
            {
                "eventTime": at.isoformat(),
                "job": {"namespace": "prod", "name": "orders"},
                "outputs": [{"namespace": "s3://lake", "name": dataset}],
            }
        )

    def __call__(self, request: Request) -> Reply:
        asked = dict(request.query)
        after, before = (datetime.fromisoformat(asked[name]) for name in ("after", "before"))
        found = [
            event
            for event in sorted(self.kept, key=lambda event: event["eventTime"])
            if after <= datetime.fromisoformat(event["eventTime"]) < before
        ]
        first, count = int(asked["offset"]), int(asked["limit"])
        assert asked["sortDirection"] == "asc"
        return Reply({"events": found[first : first + count], "totalCount": len(found)})


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def server(events: Events) -> Iterator[LoopbackServer]:
    with LoopbackServer(events) as server:
        yield server


def read(url: str, cursor: str | None = None, **settings: Any) -> tuple[set[str], str | None]:
    source = OpenLineageConfig.model_validate({"url": url, **settings})
    found: set[str] = set()
    for reading in read_source(source, cursor):
        found |= {use.uri for use in reading.uses}
        cursor = reading.cursor
    return found, cursor


def test_every_page_is_read(server: LoopbackServer, events: Events) -> None:
    for number in range(250):
        events.add(f"{number}", NOON + timedelta(minutes=number))
    found, _ = read(server.url)
    assert found == {f"s3://lake/{number}" for number in range(250)}
    assert len(server.asked_for(PATH)) == 3


def test_the_next_reading_asks_for_what_came_since_and_a_little_more(
    server: LoopbackServer, events: Events
) -> None:
    events.add("old", NOON - timedelta(hours=1))
    events.add("new", NOON)
    _, cursor = read(server.url)
    events.add("belated", NOON - timedelta(minutes=5))
    assert read(server.url, cursor)[0] == {"s3://lake/new", "s3://lake/belated"}


def test_the_login_goes_along_and_a_refused_one_is_told_without_it(
    server: LoopbackServer, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARQUEZ_TOKEN", "hush-hush")
    login = {"type": "bearer", "token": "${MARQUEZ_TOKEN}"}
    read(server.url, login=login)
    assert server.requests[-1].headers["authorization"] == "Bearer hush-hush"
    server.answer = lambda _: Reply(status=401)
    with pytest.raises(LoginRefused) as caught:
        read(server.url, login=login)
    assert "MARQUEZ_TOKEN" in str(caught.value)
    assert "hush-hush" not in str(caught.value)


def test_an_answer_without_events_says_what_server_is_wanted(server: LoopbackServer) -> None:
    server.answer = lambda _: Reply({"version": "1"})
    with pytest.raises(UnexpectedAnswer, match="is it a server like Marquez"):
        read(server.url)


def test_a_server_that_is_away_is_unreachable(server: LoopbackServer) -> None:
    with LoopbackServer(lambda _: Reply()) as other:
        gone = other.url
    with pytest.raises(Unreachable):
        read(gone)
