"""How the promises of many pipelines are kept up with, look by look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from meta_orch.analytics.slas.attainment import Verdict
from meta_orch.analytics.slas.promises import PromiseKeeper, kept_promises
from meta_orch.config.slas import SlaConfig
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.states import RunState
from meta_orch.store import CollectorStatus
from meta_orch.testing.builders import INSTANCE, NOON, make_pipeline, make_run
from meta_orch_tests.store.memory import MemoryStore, fresh_store

ORDERS, REFUNDS = make_pipeline("orders", INSTANCE), make_pipeline("refunds", INSTANCE)
MINUTE = timedelta(minutes=1)
SLAS = (
    SlaConfig(name="works", pipelines="*/orders", succeeds=True),
    SlaConfig(name="hourly", pipelines="*", finish_by="0 * * * *", window=timedelta(hours=6)),
)


class Watch:
    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.keeper = PromiseKeeper(SLAS)
        self.read: list[set[str] | None] = []

    def look(self, now: datetime) -> dict[str, list[tuple[str, str]]]:
        """The last outcomes by pipeline. They are what reading all would give."""
        with self.store.read() as reader:
            found = self.keeper.look(reader, now)
            everything = kept_promises(reader, SLAS, now)
        assert sorted(map(repr, everything)) == sorted(
            repr(promise) for promises in found.values() for promise in promises
        )
        return {
            key.name: [
                (p.sla.name, p.attainment.outcomes[-1].verdict.value)
                for p in promises
                if p.attainment.outcomes
            ]
            for key, promises in found.items()
        }

    def run(self, at: datetime, state: RunState = RunState.SUCCEEDED) -> None:
        run = make_run(
            f"run_{at:%H_%M}",
            ORDERS,
            state,
            scheduled_at=at,
            queued_at=at,
            started_at=at,
            ended_at=at + MINUTE,
        )
        with self.store.write() as writer:
            writer.save_changes(INSTANCE, Changes("c", (run,)), at + MINUTE)


@pytest.fixture
def watch() -> Iterator[Watch]:
    with fresh_store() as writer:
        store = MemoryStore(writer)
        with store.write() as transaction:
            catalogue = Catalogue((ORDERS, REFUNDS), "1")
            transaction.save_catalogue(INSTANCE, catalogue, NOON)
        yield Watch(store)


def test_news_are_seen_and_deadlines_pass(watch: Watch) -> None:
    assert watch.look(NOON + MINUTE)["orders"] == [("hourly", "open")]
    watch.run(NOON + 2 * MINUTE)
    assert watch.look(NOON + 4 * MINUTE) == {
        "orders": [("works", "met"), ("hourly", "met")],
        "refunds": [("hourly", "open")],
    }
    # Without any news the hour is over for the other.
    outcomes = watch.look(NOON + 61 * MINUTE)
    assert outcomes["refunds"] == [("hourly", "open")]
    with watch.store.read() as reader:
        found = watch.keeper.look(reader, NOON + 62 * MINUTE)[PipelineKey(INSTANCE, "refunds")]
    verdicts = [outcome.verdict for outcome in found[0].attainment.outcomes]
    assert verdicts == [Verdict.MISSING, Verdict.OPEN]


def test_a_quiet_look_reads_no_runs(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.run(NOON + 2 * MINUTE)
    watch.look(NOON + 4 * MINUTE)
    watch.look(NOON + 6 * MINUTE)
    asked: list[object] = []
    with watch.store.read() as reader:
        keep = kept_promises

        def spy(*arguments: object) -> object:
            asked.append(arguments[3])
            return keep(*arguments)  # type: ignore[arg-type]  # as it was called

        monkeypatch.setattr("meta_orch.analytics.slas.promises.kept_promises", spy)
        watch.keeper.look(reader, NOON + 8 * MINUTE)
    assert asked == [set()]


def test_a_run_that_goes_on_for_too_long_is_seen_though_another_has_ended_since() -> None:
    promise = SlaConfig(name="short", pipelines="*", duration_below=10 * MINUTE)
    long = make_run("long", ORDERS, RunState.RUNNING, started_at=NOON)
    short = make_run(
        "short", ORDERS, started_at=NOON + MINUTE, ended_at=NOON + 2 * MINUTE, queued_at=NOON
    )
    with fresh_store() as writer:
        writer.save_catalogue(INSTANCE, Catalogue((ORDERS,), "1"), NOON)
        writer.save_changes(INSTANCE, Changes("c", (long, short)), NOON + 2 * MINUTE)
        keeper = PromiseKeeper((promise,))
        for minutes, verdict in ((5, Verdict.OPEN), (9, Verdict.OPEN), (15, Verdict.RUNNING)):
            (found,) = keeper.look(writer, NOON + minutes * MINUTE)[ORDERS.key]
            assert found.attainment.outcomes[-1].verdict is verdict


def test_what_was_due_since_an_orchestrator_was_last_read_is_open() -> None:
    with fresh_store() as writer:
        writer.save_catalogue(INSTANCE, Catalogue((REFUNDS,), "1"), NOON)
        read_at = NOON + 70 * MINUTE
        writer.save_collector(CollectorStatus(INSTANCE, read_at, read_at, True, None, "1", NOON))
        (promise,) = kept_promises(writer, SLAS[1:], NOON + 200 * MINUTE)
    verdicts = [outcome.verdict for outcome in promise.attainment.outcomes]
    assert verdicts == [Verdict.MISSING, Verdict.OPEN]


def test_once_an_hour_all_is_read_as_what_is_too_long_ago_makes_no_news(watch: Watch) -> None:
    watch.run(NOON + 2 * MINUTE)
    watch.look(NOON + 4 * MINUTE)
    for hours in range(1, 8):
        watch.look(NOON + timedelta(hours=hours, minutes=10))


def test_promises_are_chosen_by_tag_and_those_of_a_chain_are_its_last_ones() -> None:
    tagged = make_pipeline("refunds", tags=("finance", "eu"))
    slas = (
        SlaConfig(name="by_tag", tags=("finance",), succeeds=True),
        SlaConfig(name="both", tags=("finance",), pipelines="*/orders", succeeds=True),
        SlaConfig(
            name="through",
            chain=(str(ORDERS.key), str(tagged.key)),
            duration_below=30 * MINUTE,
        ),
    )
    runs = [
        make_run("o", ORDERS, started_at=NOON, ended_at=NOON + 10 * MINUTE),
        make_run("r", tagged, started_at=NOON + 20 * MINUTE, ended_at=NOON + 40 * MINUTE),
    ]
    later = NOON + 60 * MINUTE
    with fresh_store() as writer:
        writer.save_catalogue(INSTANCE, Catalogue((ORDERS, tagged), "1"), NOON)
        writer.save_changes(INSTANCE, Changes("c", tuple(runs)), later)
        found = kept_promises(writer, slas, later)
        # News of the first of a chain are news of the chain.
        of_the_first = kept_promises(writer, slas, later, only=[ORDERS.key])
    assert [(p.sla.name, p.pipeline.name, p.attainment.outcomes[-1].verdict) for p in found] == [
        ("by_tag", "refunds", Verdict.MET),
        ("through", "refunds", Verdict.LONG),
    ]
    assert found == of_the_first
