"""A plan for a resource, by what the store has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from meta_orch.analytics.staggering.plan import StaggeringPlan
from meta_orch.analytics.staggering.refreshing import find_contention, refresh_contention
from meta_orch.config import EdgeConfig, MetaOrchConfig
from meta_orch.config.models import AnalyticsConfig, ResourceConfig, SlaConfig
from meta_orch.domain.pipelines import Pipeline, Pool
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.runs import RunKey
from meta_orch.domain.states import RunState, RunTrigger
from meta_orch.domain.ticks import cron
from meta_orch.testing.builders import make_pipeline, make_run, make_task_run
from meta_orch_tests.store.memory import MemoryStore, fresh_store

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
AT_THREE = (cron("0 3 * * *"),)
ORDERS = make_pipeline("orders", "airflow", schedules=AT_THREE)
REFUNDS = make_pipeline("refunds", "prefect", schedules=AT_THREE)
REPORT = make_pipeline("report", "prefect", schedules=(cron("30 3 * * *"),))
CONFIG = MetaOrchConfig(
    resources=(
        ResourceConfig.model_validate(
            {
                "name": "dwh",
                "capacity": 1,
                "uses": [{"pipelines": "*/orders"}, {"pipelines": "*/refunds"}],
            }
        ),
    ),
    analytics=AnalyticsConfig(solve_for=timedelta(seconds=1)),
)


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    """Orders and refunds begin at three each night and take ten minutes each; the warehouse has
    room for one."""
    with fresh_store() as writer:
        store = MemoryStore(writer)
        save(store, ORDERS)
        save(store, REFUNDS, REPORT)
        yield store


def save(store: MemoryStore, *pipelines: Pipeline) -> None:
    instance = pipelines[0].key.instance
    runs = [
        make_run(
            f"night_{days}",
            pipeline,
            RunState.SUCCEEDED,
            trigger=RunTrigger.SCHEDULE,
            scheduled_at=at,
            queued_at=at,
            started_at=at,
            ended_at=at + 10 * MINUTE,
        )
        for pipeline in pipelines
        for days in range(1, 7)
        for at in [NOW.replace(hour=3) - days * DAY]
    ]
    with store.write() as writer:
        writer.save_catalogue(instance, Catalogue(pipelines, "1"), NOW - 30 * DAY)
        writer.save_changes(instance, Changes("c", tuple(runs)), NOW)


def plan(store: MemoryStore, config: MetaOrchConfig = CONFIG) -> StaggeringPlan:
    with store.read() as reader:
        (found,) = find_contention(reader, config, NOW).plans
    return found


def moved(found: StaggeringPlan) -> dict[str, str]:
    return {move.pipeline.name: move.new_cron for move in found.moves}


def test_conflicts_that_were_and_that_come_are_found(store: MemoryStore) -> None:
    with store.read() as reader:
        found = find_contention(reader, CONFIG, NOW)
    assert len(found.past) == 6
    assert len(found.coming) == 7
    assert {c.instances for c in (*found.past, *found.coming)} == {("airflow", "prefect")}
    assert {c.harm for c in (*found.past, *found.coming)} == {10 * MINUTE}


def test_what_a_pipeline_takes_through_a_pool_is_foreseen_and_put_elsewhere(
    store: MemoryStore,
) -> None:
    """Orders' second task takes a slot for the last five of its ten minutes."""
    begun = NOW.replace(hour=3) - DAY
    load = make_task_run(
        "load",
        RunKey(ORDERS.key, "night_1"),
        pool="db",
        queued_at=begun + 5 * MINUTE,
        started_at=begun + 5 * MINUTE,
        ended_at=begun + 10 * MINUTE,
    )
    with store.write() as writer:
        writer.save_pools("airflow", [Pool("airflow", "db", 8)], NOW)
        writer.save_changes("airflow", Changes("d", (), (load,)), NOW)
    uses = [{"pool": "airflow/db"}, {"pipelines": "*/refunds"}]
    resource = {"name": "dwh", "capacity": 1, "uses": uses}
    config = CONFIG.model_copy(update={"resources": (ResourceConfig.model_validate(resource),)})
    with store.read() as reader:
        found = find_contention(reader, config, NOW)
    assert len(found.coming) == 7
    assert {conflict.harm for conflict in found.coming} == {5 * MINUTE}
    (planned,) = found.plans
    assert (planned.before.peak, planned.after.peak, planned.bound) == (2, 1, 1)
    assert moved(planned) in ({"orders": "5 3 * * *"}, {"refunds": "10 3 * * *"})


def test_one_of_two_begins_when_the_other_is_done(store: MemoryStore) -> None:
    found = plan(store)
    assert moved(found) in ({"orders": "10 3 * * *"}, {"refunds": "10 3 * * *"})
    assert (found.before.peak, found.after.peak, found.bound, found.gap) == (2, 1, 1, 0)
    # Twelve runs were recorded; with the plan none of them would have waited.
    before, after = found.history_before, found.history_after
    assert (before.runs, before.queued, after.queued) == (12, 60 * MINUTE, timedelta())


def test_what_has_a_deadline_keeps_it(store: MemoryStore) -> None:
    """Refunds have until a quarter past three: five minutes of slack. So orders move."""
    slas = (SlaConfig(name="s", pipelines="*/refunds", finish_by="15 3 * * *"),)
    found = plan(store, CONFIG.model_copy(update={"slas": slas}))
    assert moved(found) == {"orders": "10 3 * * *"}
    # As it was orders came first.
    assert (found.history_before.missed, found.history_after.missed) == (6, 0)


def test_what_others_read_at_a_time_is_there_by_then(store: MemoryStore) -> None:
    edges = (EdgeConfig(upstream="airflow/orders", downstream="prefect/report"),)
    config = CONFIG.model_copy(update={"edges": edges})
    with store.write() as writer:
        early = make_pipeline("report", "prefect", schedules=(cron("12 3 * * *"),))
        writer.save_catalogue("prefect", Catalogue((REFUNDS, early), "2"), NOW)
    assert moved(plan(store, config)) == {"refunds": "10 3 * * *"}


def test_what_has_no_schedule_of_one_minute_stays_and_is_counted(store: MemoryStore) -> None:
    with store.write() as writer:
        fixed = make_pipeline(
            "orders", "airflow", schedules=(cron("0 3-4 * * *"), cron("0 9 * * *"))
        )
        writer.save_catalogue("airflow", Catalogue((fixed,), "2"), NOW)
    found = plan(store)
    assert moved(found) == {"refunds": "10 3 * * *"}
    assert (found.movable, found.fixed) == (1, 1)


def test_what_is_paused_wants_nothing(store: MemoryStore) -> None:
    with store.write() as writer:
        paused = make_pipeline("orders", "airflow", schedules=AT_THREE, is_paused=True)
        writer.save_catalogue("airflow", Catalogue((paused,), "2"), NOW)
    found = plan(store)
    assert (found.before.peak, found.moves) == (1, ())


def test_all_of_it_is_kept_as_data(store: MemoryStore) -> None:
    for _ in range(2):  # what was kept before is replaced
        refresh_contention(store, CONFIG, NOW)
    with store.read() as reader:
        counts = reader.answer(
            "SELECT is_coming, count(*) FROM conflicts GROUP BY ALL ORDER BY ALL"
        )
        plans = reader.answer("SELECT resource, peak_before, peak_after, moved FROM stagger_plans")
        moves = reader.answer("SELECT minutes, cron, new_cron, timezone FROM stagger_moves")
    assert counts.rows == ((False, 6), (True, 7))
    assert plans.rows == (("dwh", 2, 1, 1),)
    assert moves.rows == ((10, "0 3 * * *", "10 3 * * *", "UTC"),)


def test_without_resources_there_is_nothing_to_find(store: MemoryStore) -> None:
    found = refresh_contention(store, MetaOrchConfig(), NOW)
    assert (found.past, found.coming, found.plans) == ((), (), ())
