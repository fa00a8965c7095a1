from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from meta_orch.defs.reload import Reloader, ReloadFailed, catalogue_digest, reload_location
from meta_orch.domain.edges import Judgement, Opinion
from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.testing.builders import INSTANCE, NOON, make_pipeline

WEBSERVER = "http://webserver.example"
ORDERS = make_pipeline("orders")
LATER = NOON + timedelta(minutes=5)


class Webserver:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fault: str | None = None
        self.answered = threading.Event()

    def __call__(self, webserver: str, location: str) -> None:
        self.asked.append(location)
        try:
            if self.fault:
                raise ReloadFailed(self.fault)
        finally:
            self.answered.set()

    def wait(self) -> None:
        assert self.answered.wait(10)
        self.answered.clear()


class World:
    """A process that has loaded one pipeline."""

    def __init__(self) -> None:
        self.now = NOON
        self.webserver = Webserver()
        self.reloader = Reloader(
            WEBSERVER, {INSTANCE: catalogue_digest([ORDERS])}, self.clock, self.webserver
        )
        self.now += timedelta(seconds=31)

    def clock(self) -> datetime:
        return self.now

    def compare(self, *stored: object, read_at: datetime = LATER) -> bool:
        return self.reloader.compare(INSTANCE, read_at, lambda: catalogue_digest(stored))  # type: ignore[arg-type]

    def ask(self) -> str:
        """Ask, and wait until the thread that does so is done."""
        said = self.reloader.ask("meta_orch")
        for thread in threading.enumerate():
            if thread.name == "reload":
                thread.join(10)
        return said


@pytest.fixture
def world() -> World:
    return World()


def test_a_catalogue_that_is_as_loaded_asks_for_nothing(world: World) -> None:
    assert not world.compare(ORDERS)


@pytest.mark.parametrize(
    "stored",
    [
        (),
        (ORDERS, make_pipeline("refunds")),
        (replace(ORDERS, is_paused=True),),
        (replace(ORDERS, version="2"),),
    ],
)
def test_whatever_is_shown_otherwise_than_it_is_wants_a_reload(
    world: World, stored: tuple[object, ...]
) -> None:
    assert world.compare(*stored)


def test_the_next_tick_of_a_schedule_is_no_change() -> None:
    hourly = Schedule(ScheduleKind.CRON, "0 * * * *", next_at=NOON)
    before = replace(ORDERS, schedules=(hourly,))
    after = replace(ORDERS, schedules=(replace(hourly, next_at=LATER),))
    assert catalogue_digest([before]) == catalogue_digest([after])


def test_the_order_in_which_pipelines_are_read_is_no_change() -> None:
    refunds = make_pipeline("refunds")
    assert catalogue_digest([ORDERS, refunds]) == catalogue_digest([refunds, ORDERS])


def test_what_somebody_says_of_an_edge_is_a_change() -> None:
    said = Judgement(("a", "b"), ("a", "c"), Opinion.ACCEPTED, "anna", NOON)
    by_another = replace(said, by="ben", at=LATER)
    digest = catalogue_digest([ORDERS], {said.step: said})
    assert digest != catalogue_digest([ORDERS])
    assert digest == catalogue_digest([ORDERS], {said.step: by_another})


def test_the_store_is_read_only_when_the_catalogue_was_read_anew(world: World) -> None:
    assert not world.compare(ORDERS)

    def read() -> str:
        raise AssertionError("read for nothing")

    assert not world.reloader.compare(INSTANCE, LATER, read)


def test_a_difference_is_found_though_nobody_told_of_a_change(world: World) -> None:
    """A process that was killed between storing a catalogue and asking for the reload."""
    assert world.compare()
    assert world.compare()


def test_the_webserver_is_asked_once_for_one_catalogue(world: World) -> None:
    world.compare()
    assert "asking" in world.ask()
    assert world.webserver.asked == ["meta_orch"]
    # This process lives on where the webserver has a code server of its own.
    assert not world.compare()
    assert world.compare(make_pipeline("new"), read_at=LATER + timedelta(minutes=5))


def test_several_changes_in_a_row_are_one_request(world: World) -> None:
    world.compare()
    world.ask()
    world.ask()
    assert len(world.webserver.asked) == 1
    world.now += timedelta(seconds=31)
    world.ask()
    assert len(world.webserver.asked) == 2


def test_a_location_that_was_just_loaded_waits_and_one_that_shows_nothing_does_not() -> None:
    webserver = Webserver()
    loaded, empty = (
        Reloader(WEBSERVER, {INSTANCE: catalogue_digest(known)}, lambda: NOON, webserver)
        for known in ([ORDERS], [])
    )
    for reloader in (loaded, empty):
        assert reloader.compare(INSTANCE, LATER, lambda: "another")
    assert "will be asked" in loaded.ask("meta_orch")
    assert not loaded.is_asking
    assert "asking" in empty.ask("meta_orch")
    webserver.wait()


def test_a_failure_is_tolerated_told_and_tried_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.webserver.fault = "nobody answers"
    world.compare()
    world.ask()
    assert "nobody answers" in caplog.text
    assert world.ask() == "nobody answers", "within half a minute, the reason"
    assert world.compare(), "still wanted"
    world.now += timedelta(seconds=31)
    world.webserver.fault = None
    world.ask()
    assert not world.compare()


def test_no_tick_is_ended_by_a_reload(world: World) -> None:
    world.compare()
    with world.reloader.tick():
        world.reloader.ask("meta_orch")
        assert world.reloader.is_asking
        assert not world.webserver.answered.wait(0.2)
    world.webserver.wait()
    assert world.webserver.asked == ["meta_orch"]


@pytest.fixture
def another_server() -> Iterator[str]:
    """A server that is up and is no Dagster."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002  # its name

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/dagster"
    server.shutdown()
    server.server_close()


def test_what_is_no_webserver_is_told_with_what_to_change(another_server: str) -> None:
    for address in (another_server, "http://127.0.0.1:1"):
        with pytest.raises(ReloadFailed, match=r"set `dagster\.webserver_url`"):
            reload_location(address, "meta_orch")
