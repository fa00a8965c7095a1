"""One reading of an orchestrator: what it asks for, what it keeps, what it does about errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from meta_orch.config import EdgeConfig, MetaOrchConfig
from meta_orch.domain.circuits import Circuit
from meta_orch.domain.edges import EdgeKind
from meta_orch.domain.pipelines import AssetRef, Pool
from meta_orch.domain.schedules import Schedule, ScheduleKind
from meta_orch.domain.states import RunState
from meta_orch.orchestrators.base import (
    LoginRefused,
    OrchestratorError,
    ServerFailed,
    UnexpectedAnswer,
    Unreachable,
)
from meta_orch.store import CollectorStatus
from meta_orch.sync import Collection, collect
from meta_orch.testing.builders import INSTANCE, make_pipeline, make_run, make_task_run
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.store.memory import MemoryStore, fresh_store

LATER = timedelta(minutes=1)


@pytest.fixture
def server() -> FakeOrchestrator:
    """It has one pipeline, one run and one pool."""
    server = FakeOrchestrator(INSTANCE, now=datetime.fromisoformat("2026-01-05T13:00:00Z"))
    server.add_pipeline(make_pipeline())
    server.add_run(make_run(), [make_task_run()])
    server.pools = (Pool(INSTANCE, "default", 16),)
    return server


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    with fresh_store() as writer:
        yield MemoryStore(writer)


@pytest.fixture
def read(server: FakeOrchestrator, store: MemoryStore) -> Callable[..., Collection]:
    """One reading of `server`, or of another, a minute after the last."""

    def read(server: FakeOrchestrator = server, **arguments: Any) -> Collection:
        server.advance(LATER)
        server.calls.clear()
        defaults: dict[str, Any] = {
            "clock": lambda: server.now,
            "deadline": server.now + timedelta(hours=1),
            "lookback": timedelta(days=7),
        }
        return collect(server, store, **{**defaults, **arguments})

    return read


def status(store: MemoryStore) -> CollectorStatus:
    with store.read() as reader:
        return reader.collectors()[INSTANCE]


def test_the_first_reading_brings_everything(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    assert read() == Collection(
        INSTANCE, runs=1, task_runs=1, gone=0, catalogue_changed=True, caught_up=True
    )
    with store.read() as reader:
        assert reader.pipelines() == (make_pipeline(),)
        assert reader.latest_runs() == {make_run().key.pipeline: make_run()}
        assert reader.task_runs(make_run().key) == (make_task_run(),)
        assert reader.pools() == server.pools
    assert status(store) == CollectorStatus(
        instance=INSTANCE,
        attempted_at=server.now,
        succeeded_at=server.now,
        caught_up=True,
        error=None,
        server_version="1.0",
        catalogue_read_at=server.now,
    )


def test_a_quiet_reading_asks_twice_and_writes_once(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    read()
    before = store.transactions
    assert read() == Collection(INSTANCE, 0, 0, 0, catalogue_changed=False, caught_up=True)
    assert server.calls == ["read_fingerprint", "read_changes"]
    assert store.transactions - before == 1


def test_the_catalogue_is_read_when_its_fingerprint_changed(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    read()
    server.add_pipeline("new")
    server.remove_pipeline("daily_orders")
    assert read().catalogue_changed
    with store.read() as reader:
        assert [pipeline.key.name for pipeline in reader.pipelines()] == ["new"]
    assert status(store).catalogue_read_at == server.now


def test_the_catalogue_is_read_from_time_to_time_whatever_its_fingerprint(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    read()
    assert "read_catalogue" not in (read(), server.calls)[1]
    server.advance(timedelta(minutes=5))
    assert not read().catalogue_changed
    assert "read_catalogue" in server.calls
    assert status(store).catalogue_read_at == server.now


def test_a_change_that_the_fingerprint_missed_is_found_then(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    read()
    server.read_fingerprint = lambda: "always the same"
    with store.write() as writer:
        writer._run("save_fingerprint", instance=INSTANCE, fingerprint="always the same")
    server.change_pipeline("daily_orders", description="Changed.")
    assert not read().catalogue_changed
    server.advance(timedelta(minutes=5))
    assert read().catalogue_changed


def test_the_next_tick_of_a_schedule_is_kept_and_is_no_change(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    for hour, changed in ((6, True), (7, False)):
        tick = server.now.replace(hour=hour)
        schedule = Schedule(ScheduleKind.CRON, "0 * * * *", next_at=tick)
        server.change_pipeline("daily_orders", schedules=(schedule,), version="1")
        assert read().catalogue_changed is changed
        with store.read() as reader:
            assert reader.pipelines()[0].schedules == (schedule,)


def test_what_changed_is_brought(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    running = server.add_run(make_run("run_2", state=RunState.RUNNING))
    deleted = server.add_run(make_run("run_3", state=RunState.RUNNING))
    read()
    finished = server.finish_run(running.key)
    server.delete(deleted.key)
    collection = read()
    assert (collection.runs, collection.gone) == (1, 1)
    with store.read() as reader:
        assert reader.latest_runs() == {finished.key.pipeline: finished}
        assert reader.open_runs(INSTANCE) == ()


def test_the_first_reading_goes_back_as_far_as_it_is_told(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    read(lookback=timedelta(minutes=1))
    with store.read() as reader:
        assert reader.latest_runs() == {}


def test_a_reading_stops_at_its_deadline_and_the_next_goes_on_from_there(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    server.page_size = 2
    for number in range(2, 8):
        server.add_run(make_run(f"run_{number}"))

    def clock() -> datetime:
        return server.advance(timedelta(seconds=1))

    first = read(clock=clock, deadline=server.now + LATER + timedelta(seconds=4))
    assert 0 < first.runs < 7
    assert not first.caught_up
    assert not status(store).caught_up
    assert status(store).error is None
    assert status(store).succeeded_at == status(store).attempted_at

    second = read()
    assert second.caught_up
    assert first.runs + second.runs == 7
    with store.read() as reader:
        assert reader.answer("SELECT count(*) FROM runs").rows == ((7,),)


def test_a_reading_that_begins_too_late_gets_on_by_a_page_all_the_same(
    server: FakeOrchestrator, read: Callable[..., Collection]
) -> None:
    server.page_size = 1
    server.add_run(make_run("run_2"))
    past = server.now - timedelta(hours=1)
    assert [read(deadline=past).runs for _ in range(2)] == [1, 1]


def test_pages_are_saved_together(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    server.page_size = 1
    for number in range(2, 50):
        server.add_run(make_run(f"run_{number}"))
    assert read().runs == 49
    assert store.transactions == 2, "the catalogue; all pages, and how it went"


def test_pages_are_saved_every_few_seconds(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    server.page_size = 1
    for number in range(2, 11):
        server.add_run(make_run(f"run_{number}"))
    assert read(clock=lambda: server.advance(timedelta(seconds=1))).runs == 10
    assert store.transactions == 1 + 2 + 1, "the catalogue, twice five pages, how it went"


ERRORS = [error(INSTANCE, "no") for error in (Unreachable, LoginRefused, ServerFailed)]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_recorded_and_raised_and_the_next_reading_catches_up(
    server: FakeOrchestrator,
    store: MemoryStore,
    read: Callable[..., Collection],
    error: OrchestratorError,
) -> None:
    read()
    good = status(store)
    server.add_run(make_run("run_2"))
    server.fail_with(error)
    with pytest.raises(type(error)):
        read()
    bad = status(store)
    assert bad.error is not None
    assert f"{INSTANCE}: no" in bad.error
    assert (bad.attempted_at, bad.caught_up) == (server.now, False)
    assert (bad.succeeded_at, bad.server_version) == (good.succeeded_at, good.server_version)
    assert bad.catalogue_read_at == good.catalogue_read_at

    server.recover()
    assert read().runs == 1
    assert status(store).error is None
    assert status(store).caught_up


def test_an_instance_that_never_answered_has_a_status_too(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    server.fail_with(Unreachable(INSTANCE, "refused"))
    with pytest.raises(Unreachable):
        read()
    assert status(store) == CollectorStatus(
        *(INSTANCE, server.now, None, False, f"{INSTANCE}: refused", None, None),
        circuit=Circuit(failures=1),
    )


def test_readings_that_bring_nothing_open_the_circuit_and_one_that_brings_something_closes_it(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    server.fail_with(Unreachable(INSTANCE, "refused"))
    for _ in range(3):
        with pytest.raises(Unreachable):
            read(draw=lambda: 1.0)
    assert status(store).circuit == Circuit(3, server.now + timedelta(minutes=1))
    server.recover()
    read()
    assert status(store).circuit == Circuit()


def test_what_the_server_asks_for_opens_the_circuit_at_once(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    wish = timedelta(minutes=5)
    server.fail_with(ServerFailed(INSTANCE, "busy", retry_after=wish))
    with pytest.raises(ServerFailed):
        read()
    assert status(store).circuit == Circuit(1, server.now + wish)


def test_a_reading_that_brings_a_page_before_it_fails_leaves_the_circuit_closed(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    server.page_size = 1
    server.add_run(make_run("another"))
    server.fail_with(ServerFailed(INSTANCE, "busy"), after_pages=1)
    for _ in range(4):
        with pytest.raises(ServerFailed):
            read()
    assert status(store).circuit == Circuit()


@pytest.mark.parametrize("error", ERRORS[:2], ids=lambda error: type(error).__name__)
def test_a_server_that_does_not_answer_or_refuses_the_login_is_asked_once(
    server: FakeOrchestrator, read: Callable[..., Collection], error: OrchestratorError
) -> None:
    read()
    server.fail_with(error)
    with pytest.raises(type(error)):
        read()
    assert server.calls == ["read_fingerprint"]


def failing(error: OrchestratorError) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


def test_runs_are_brought_where_the_catalogue_cannot_be_read(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    server.read_catalogue = failing(UnexpectedAnswer(INSTANCE, "no name"))
    with pytest.raises(UnexpectedAnswer):
        read()
    with store.read() as reader:
        assert reader.latest_runs() == {make_run().key.pipeline: make_run()}
        assert reader.pipelines() == ()
    assert status(store).error == f"{INSTANCE}: no name"
    assert status(store).succeeded_at is None


def test_the_catalogue_is_brought_where_runs_cannot_be_read(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    server.read_changes = failing(ServerFailed(INSTANCE, "500"))
    with pytest.raises(ServerFailed):
        read()
    with store.read() as reader:
        assert reader.pipelines() == (make_pipeline(),)
    assert status(store).catalogue_read_at == server.now


def test_of_two_errors_the_first_is_raised_and_both_are_told(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    server.read_catalogue = failing(UnexpectedAnswer(INSTANCE, "no name"))
    server.read_changes = failing(ServerFailed(INSTANCE, "500"))
    with pytest.raises(UnexpectedAnswer) as caught:
        read()
    assert caught.value.__notes__ == [f"{INSTANCE}: 500"]
    assert status(store).error == f"{INSTANCE}: no name; {INSTANCE}: 500"


def test_pages_before_an_error_are_kept(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    read()
    server.page_size = 1
    for number in range(2, 6):
        server.add_run(make_run(f"run_{number}"))
    server.read_changes, whole = (
        lambda *args, **kwargs: stopping_after(2, whole(*args, **kwargs)),
        server.read_changes,
    )
    with pytest.raises(ServerFailed):
        read()
    with store.read() as reader:
        assert reader.answer("SELECT count(*) FROM runs").rows == ((3,),)
    server.read_changes = whole
    assert read().runs == 2, "it goes on after the pages that were kept"


def stopping_after(count: int, pages: Iterator[Any]) -> Iterator[Any]:
    for _ in range(count):
        yield next(pages)
    raise ServerFailed(INSTANCE, "500")


def test_an_orchestrator_without_pools_is_read_without_them(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    class WithoutPools(FakeOrchestrator):
        read_pools = None  # pyright: ignore[reportAssignmentType]  # not in its capabilities

    assert read(WithoutPools(INSTANCE)).caught_up
    with store.read() as reader:
        assert reader.pools() == ()


def test_edges_run_between_instances_whichever_is_read_first(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    other = FakeOrchestrator("prefect_test", now=server.now)
    other.add_pipeline("serve/nightly", consumes=(AssetRef("s3://lake/orders/"),))
    server.change_pipeline("daily_orders", produces=(AssetRef("s3a://lake/orders"),))
    read(other)
    read()
    with store.read() as reader:
        (edge,) = reader.edges()
    assert (edge.upstream, edge.downstream) == (
        (INSTANCE, "daily_orders"),
        ("prefect_test", "serve", "nightly"),
    )
    assert (edge.kind, edge.evidence) == (EdgeKind.DATA, "shares s3://lake/orders")


def test_declared_edges_come_and_go_with_the_configuration(
    server: FakeOrchestrator, store: MemoryStore, read: Callable[..., Collection]
) -> None:
    declared = EdgeConfig(upstream="sales/report", downstream=f"{INSTANCE}/daily_orders")
    read(config=MetaOrchConfig(edges=(declared,)))
    with store.read() as reader:
        assert [edge.upstream for edge in reader.edges()] == [("sales", "report")]
    server.advance(timedelta(minutes=5))
    read()
    with store.read() as reader:
        assert reader.edges() == ()
