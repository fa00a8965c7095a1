"""Pipelines: what they are, and how a change of them shows."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meta_orch.domain.pipelines import Pipeline, PipelineKey
from meta_orch.domain.schedules import ScheduleKind
from meta_orch.orchestrators.base import Orchestrator, ReadsPools, ReadsSources
from meta_orch_tests.contract.subject import Feature, Role, Subject


def read(orchestrator: Orchestrator) -> dict[str, Pipeline]:
    return {pipeline.key.name: pipeline for pipeline in orchestrator.read_catalogue({}).pipelines}


def read_role(subject: Subject, role: Role) -> Pipeline:
    with subject.connect() as orchestrator:
        return read(orchestrator)[subject.pipelines[role]]


def test_every_pipeline_has_one_key_of_its_instance(subject: Subject) -> None:
    with subject.connect() as orchestrator:
        pipelines = orchestrator.read_catalogue({}).pipelines
        keys = [pipeline.key for pipeline in pipelines]
        assert len(set(keys)) == len(keys)
        assert {key.instance for key in keys} == {orchestrator.instance}
        assert {pipeline.orchestrator for pipeline in pipelines} == {orchestrator.type}
        assert set(subject.pipelines.values()) <= {key.name for key in keys}
        for pipeline in pipelines:
            assert PipelineKey.parse(str(pipeline.key)) == pipeline.key
            assert all(pipeline.key.path)
            assert pipeline.native_id


def test_a_pipeline_tells_what_people_want_to_know_of_it(subject: Subject) -> None:
    pipeline = read_role(subject, Role.CHAIN)
    assert pipeline.description
    assert pipeline.tags == tuple(sorted(pipeline.tags))
    assert "sales" in pipeline.tags
    assert pipeline.url is not None
    assert pipeline.url.startswith("http")
    assert pipeline.version
    assert not pipeline.is_paused


@pytest.mark.needs(Feature.SOURCE_PATH)
def test_a_pipeline_tells_where_its_source_lies(subject: Subject) -> None:
    assert read_role(subject, Role.CHAIN).source_path


@pytest.mark.needs(Feature.OWNERS)
def test_a_pipeline_has_its_owners(subject: Subject) -> None:
    assert read_role(subject, Role.CHAIN).owners == ("data-team",)


@pytest.mark.needs(Feature.PAUSE)
def test_a_paused_pipeline_is_known_to_be_paused(subject: Subject) -> None:
    pipeline = read_role(subject, Role.PAUSED)
    assert pipeline.is_paused
    assert all(schedule.next_at is None for schedule in pipeline.schedules)


def test_every_edge_leads_from_a_task_of_the_same_pipeline(subject: Subject) -> None:
    with subject.connect() as orchestrator:
        for pipeline in read(orchestrator).values():
            names = [task.name for task in pipeline.tasks]
            assert len(set(names)) == len(names)
            for task in pipeline.tasks:
                assert set(task.upstream) <= set(names) - {task.name}
                assert list(task.upstream) == sorted(set(task.upstream))


@pytest.mark.needs(Feature.STATIC_TASKS)
def test_tasks_one_after_the_other_are_a_chain(subject: Subject) -> None:
    tasks = {task.name: task for task in read_role(subject, Role.CHAIN).tasks}
    assert sum(not task.upstream for task in tasks.values()) == 1
    assert sorted(len(task.upstream) for task in tasks.values()) == [0] + [1] * (len(tasks) - 1)
    assert all(task.kind for task in tasks.values())


@pytest.mark.needs(Feature.TASK_SETTINGS)
def test_a_task_has_its_settings(subject: Subject) -> None:
    tasks = read_role(subject, Role.CHAIN).tasks
    (first,) = [task for task in tasks if not task.upstream]
    assert (first.retries, first.timeout) == (2, timedelta(minutes=5))
    assert first.pool is not None
    assert "all_done" in {task.trigger_rule for task in tasks}


@pytest.mark.needs(Feature.STATIC_TASKS, Feature.MAPPED_TASKS)
def test_a_mapped_task_is_known_to_be_mapped(subject: Subject) -> None:
    assert any(task.is_mapped for task in read_role(subject, Role.MAPPED).tasks)
    assert not any(task.is_mapped for task in read_role(subject, Role.CHAIN).tasks)


# Schedules.


def test_a_pipeline_that_only_people_start_has_no_schedule(subject: Subject) -> None:
    assert read_role(subject, Role.PARAMETERS).schedules == ()


@pytest.mark.needs(Feature.CRON_TIME_ZONE)
def test_a_cron_schedule_has_its_expression_and_time_zone(subject: Subject) -> None:
    (schedule,) = read_role(subject, Role.CRON_IN_A_ZONE).schedules
    assert schedule.kind is ScheduleKind.CRON
    assert (schedule.expression, schedule.timezone) == ("30 5 * * 1-5", "Europe/Berlin")


@pytest.mark.needs(Feature.INTERVALS)
def test_an_interval_has_its_length(subject: Subject) -> None:
    (schedule,) = read_role(subject, Role.INTERVAL).schedules
    assert schedule.kind is ScheduleKind.INTERVAL
    assert schedule.interval == timedelta(days=1)


@pytest.mark.needs(Feature.RRULE)
def test_an_rrule_has_its_text_and_time_zone(subject: Subject) -> None:
    (schedule,) = read_role(subject, Role.RRULE).schedules
    assert schedule.kind is ScheduleKind.RRULE
    assert schedule.expression is not None
    assert "FREQ=WEEKLY" in schedule.expression
    assert schedule.timezone == "Europe/Berlin"


@pytest.mark.needs(Feature.ASSETS)
def test_a_schedule_on_assets_names_them(subject: Subject) -> None:
    (schedule,) = read_role(subject, Role.CONSUMER).schedules
    assert schedule.kind is ScheduleKind.ASSETS
    assert schedule.expression == subject.asset
    assert schedule.next_at is None


# Data and triggers.


@pytest.mark.needs(Feature.ASSETS)
def test_an_asset_that_one_pipeline_writes_is_the_one_that_another_reads(subject: Subject) -> None:
    with subject.connect() as orchestrator:
        pipelines = read(orchestrator)
    producer = pipelines[subject.pipelines[Role.PRODUCER]]
    consumer = pipelines[subject.pipelines[Role.CONSUMER]]
    assert producer.consumes == ()
    assert producer.produces == consumer.consumes
    assert len(consumer.produces) == 1


@pytest.mark.needs(Feature.TRIGGERS)
def test_a_pipeline_names_those_that_it_starts(subject: Subject) -> None:
    pipeline = read_role(subject, Role.TRIGGERING)
    target = PipelineKey(pipeline.key.instance, subject.pipelines[Role.PARAMETERS])
    assert pipeline.triggers == (target,)


# Time.


def instants(value: Any) -> list[datetime]:
    """Every instant anywhere in a domain value."""
    if isinstance(value, datetime):
        return [value]
    if is_dataclass(value):
        return [
            instant for field in fields(value) for instant in instants(getattr(value, field.name))
        ]
    if isinstance(value, tuple):
        return [instant for item in value for instant in instants(item)]
    return []


def test_every_instant_of_a_catalogue_is_aware_and_in_utc(subject: Subject) -> None:
    with subject.connect() as orchestrator:
        found = instants(orchestrator.read_catalogue({}).pipelines)
        found.append(orchestrator.read_server().now)
    assert [instant for instant in found if instant.tzinfo is not UTC] == []


def test_the_servers_clock_is_told(subject: Subject) -> None:
    with subject.connect() as orchestrator:
        server = orchestrator.read_server()
    assert server.version[0].isdigit()
    assert abs(server.now - subject.now()) < timedelta(minutes=1)


# Globs.


def test_only_pipelines_that_the_globs_admit_are_read(subject: Subject) -> None:
    chain = subject.pipelines[Role.CHAIN]
    failing = subject.pipelines[Role.FAILING]
    with subject.connect(include=(chain, failing)) as orchestrator:
        assert set(read(orchestrator)) == {chain, failing}
    with subject.connect(exclude=(failing,)) as orchestrator:
        assert failing not in read(orchestrator)
        assert chain in read(orchestrator)
    with subject.connect(include=(f"{chain[:-1]}?",)) as orchestrator:
        assert chain in read(orchestrator)
    with subject.connect(include=(chain.upper(),)) as orchestrator:
        assert read(orchestrator) == {}


# Changes of the catalogue.


def test_reading_again_what_is_known_gives_the_same(subject: Subject) -> None:
    with subject.connect() as orchestrator:
        first = orchestrator.read_catalogue({})
        assert orchestrator.read_fingerprint() == first.fingerprint
        known = {pipeline.key: pipeline for pipeline in first.pipelines}
        assert timeless(orchestrator.read_catalogue(known)) == timeless(first)


@pytest.mark.needs(Feature.PAUSE)
def test_pausing_and_resuming_a_pipeline_changes_the_fingerprint(subject: Subject) -> None:
    name = subject.pipelines[Role.PARAMETERS]
    with subject.connect() as orchestrator:
        before = orchestrator.read_catalogue({})
        subject.set_paused(name, True)
        assert orchestrator.read_fingerprint() != before.fingerprint
        paused = orchestrator.read_catalogue({p.key: p for p in before.pipelines})
        assert {p.key.name for p in paused.pipelines if p.is_paused} == {
            name,
            *(p.key.name for p in before.pipelines if p.is_paused),
        }
        subject.set_paused(name, False)
        assert orchestrator.read_fingerprint() != paused.fingerprint
        assert not read(orchestrator)[name].is_paused


def test_an_added_pipeline_appears_and_a_removed_one_disappears(subject: Subject) -> None:
    with subject.connect() as orchestrator:
        before = orchestrator.read_catalogue({})
        name = subject.add_pipeline()
        assert orchestrator.read_fingerprint() != before.fingerprint
        after = orchestrator.read_catalogue({p.key: p for p in before.pipelines})
        assert {p.key.name for p in after.pipelines} == {
            name,
            *(p.key.name for p in before.pipelines),
        }
        subject.remove_pipeline(name)
        assert orchestrator.read_fingerprint() != after.fingerprint
        again = orchestrator.read_catalogue({p.key: p for p in after.pipelines})
        assert [p.key for p in again.pipelines] == [p.key for p in before.pipelines]


def test_a_changed_pipeline_is_read_anew_and_has_another_version(subject: Subject) -> None:
    name = subject.add_pipeline()
    with subject.connect() as orchestrator:
        run = subject.start(name)
        wait_for_end(subject, orchestrator, run.run_id)
        before = orchestrator.read_catalogue({})
        subject.change_pipeline(name)
        if Feature.VERSIONS not in subject.lacks:
            assert orchestrator.read_fingerprint() != before.fingerprint
        assert_changed(orchestrator, {p.key: p for p in before.pipelines}, name)


def test_a_pipeline_that_changes_before_its_first_run_is_read_anew(subject: Subject) -> None:
    name = subject.add_pipeline()
    with subject.connect() as orchestrator:
        before = orchestrator.read_catalogue({})
        subject.change_pipeline(name)
        assert_changed(orchestrator, {p.key: p for p in before.pipelines}, name)


def assert_changed(
    orchestrator: Orchestrator, known: dict[PipelineKey, Pipeline], name: str
) -> None:
    """What is read with the help of what was known is what is read without."""
    with_known = orchestrator.read_catalogue(known)
    assert timeless(with_known) == timeless(orchestrator.read_catalogue({}))
    key = PipelineKey(orchestrator.instance, name)
    (changed,) = [pipeline for pipeline in with_known.pipelines if pipeline.key == key]
    assert changed.description == "Changed"
    assert changed.version != known[key].version
    assert len(changed.tasks) >= len(known[key].tasks)


def wait_for_end(subject: Subject, orchestrator: Orchestrator, run_id: str) -> None:
    since = subject.now() - timedelta(minutes=1)

    def has_ended() -> bool:
        pages = orchestrator.read_changes(None, (), since=since)
        return any(
            run.key.run_id == run_id and run.state.is_terminal
            for page in pages
            for run in page.runs
        )

    subject.wait_until(has_ended, f"the end of {run_id}")


def timeless(catalogue: Any) -> dict[PipelineKey, Any]:
    """Pipelines without their next runs, which come closer while a test runs."""
    return {
        pipeline.key: (
            pipeline.version,
            pipeline.description,
            pipeline.is_paused,
            pipeline.tasks,
            pipeline.consumes,
            pipeline.produces,
            pipeline.triggers,
            [(s.kind, s.expression, s.interval, s.timezone) for s in pipeline.schedules],
        )
        for pipeline in catalogue.pipelines
    }


# Sources and pools.


@pytest.mark.needs(Feature.SOURCES)
def test_the_source_of_a_pipeline_is_its_text(subject: Subject) -> None:
    with subject.connect() as orchestrator:
        pipeline = read(orchestrator)[subject.pipelines[Role.CHAIN]]
        assert isinstance(orchestrator, ReadsSources)
        source = orchestrator.read_source(pipeline)
    assert source is not None
    assert pipeline.key.name in source


@pytest.mark.needs(Feature.POOLS)
def test_pools_have_names_of_their_own(subject: Subject) -> None:
    with subject.connect() as orchestrator:
        assert isinstance(orchestrator, ReadsPools)
        pools = orchestrator.read_pools()
        assert {pool.instance for pool in pools} <= {orchestrator.instance}
    assert len({pool.name for pool in pools}) == len(pools)
    assert all(pool.slots is None or pool.slots >= 0 for pool in pools)
