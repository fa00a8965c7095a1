"""What the history tells, as assets of Dagster's."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from meta_orch.config.models import ResourceConfig, SlaConfig
from meta_orch.defs import metadata
from meta_orch.defs.analytics import JOB_NAME
from meta_orch.defs.analytics.conflicts import CONFLICTS_KEY
from meta_orch.defs.analytics.critical_paths import PATHS_KEY
from meta_orch.defs.analytics.reports import JOB_NAMES as REPORT_JOB_NAMES
from meta_orch.defs.analytics.reports import REPORT_KEYS
from meta_orch.defs.analytics.resources import JOB_NAME as RESOURCES_JOB_NAME
from meta_orch.defs.analytics.resources import RESOURCES_KEY
from meta_orch.defs.analytics.slas import SLAS_KEY
from meta_orch.domain.pipelines import Task
from meta_orch.domain.states import RunState
from meta_orch.domain.ticks import cron
from meta_orch.reports.model import Period
from meta_orch.testing.builders import make_pipeline, make_run, make_task_run
from meta_orch_tests.defs.support import NAME, World


def test_the_asset_lists_the_tasks_whose_speed_would_change_most(world: World) -> None:
    orders = world.fake.add_pipeline(
        "orders", tasks=(Task("load"), Task("mail", upstream=("load",)))
    )
    began, between = world.now() - timedelta(minutes=30), world.now() - timedelta(minutes=10)
    run = make_run("run", orders, started_at=began, ended_at=world.now())
    world.fake.add_run(
        run,
        [
            make_task_run("load", run, started_at=began, ended_at=between),
            make_task_run("mail", run, started_at=between, ended_at=world.now()),
        ],
    )
    world.tick()

    job = world.load().resolve_job_def(JOB_NAME)
    result = job.execute_in_process(instance=world.dagster)

    (made,) = result.asset_materializations_for_node(PATHS_KEY.to_python_identifier())
    assert made.metadata[metadata.PIPELINES_REFRESHED].value == 1
    assert made.metadata[metadata.RUNS_ANALYSED].value == 1
    assert made.metadata[metadata.COVERS_FROM].value == began.timestamp()
    assert made.metadata[metadata.COVERS_TO].value == world.now().timestamp()
    table = str(made.metadata[metadata.WORST_TASKS].value)
    assert "| fake/orders | load | 6 min | 30 min | 100% of 1 runs |" in table
    assert table.index("load") < table.index("mail")


def test_it_is_in_a_group_of_its_own_and_its_schedule_runs(world: World) -> None:
    definitions = world.load()
    assert definitions.resolve_asset_graph().get(PATHS_KEY).group_name == "analytics"
    schedule = definitions.resolve_schedule_def(JOB_NAME)
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.cron_schedule == "15 5 * * *"


def test_resources_are_measured_on_the_days_that_there_is_news_of(world: World) -> None:
    world.wait(hours=10)
    orders = world.fake.add_pipeline("orders")
    for days in (2, 0):
        began = world.now() - timedelta(days=days, minutes=30)
        ended = began + timedelta(minutes=20)
        world.fake.add_run(
            make_run(f"run_{days}", orders, queued_at=began, started_at=began, ended_at=ended)
        )
    world.tick()
    location = world.load()

    schedule = location.resolve_schedule_def(RESOURCES_JOB_NAME)
    context = dg.build_schedule_context(
        instance=world.dagster, repository_def=location.get_repository_def()
    )
    days = [request.partition_key for request in schedule.evaluate_tick(context).run_requests or ()]
    before = (world.now() - timedelta(days=2)).date().isoformat()
    assert days == [world.now().date().isoformat(), before]
    job = location.resolve_job_def(RESOURCES_JOB_NAME)
    for day in days:
        result = job.execute_in_process(instance=world.dagster, partition_key=day)
        (made,) = result.asset_materializations_for_node(RESOURCES_KEY.to_python_identifier())
        assert made.metadata[metadata.SPANS].value == 1
        assert "| orchestrator | fake | 1 | 1 |" in str(made.metadata[metadata.RESOURCES].value)
    with world.store.read() as reader:
        assert len(reader.query("FROM resource_users")) == 2
    # Nothing is new but today, which goes on.
    again = schedule.evaluate_tick(context).run_requests or ()
    assert [request.partition_key for request in again] == days[:1]


def test_a_company_without_runs_measures_nothing(world: World) -> None:
    schedule = world.load().resolve_schedule_def(RESOURCES_JOB_NAME)
    found = schedule.evaluate_tick(dg.build_schedule_context(instance=world.dagster))
    assert found.skip_message == "no run is known"


def test_conflicts_over_a_resource_are_told_with_a_plan_against_them(world: World) -> None:
    world.wait(hours=10)
    world.resources = (
        ResourceConfig.model_validate({"name": "dwh", "capacity": 1, "uses": [{"pipelines": "*"}]}),
    )
    three = world.now().replace(hour=3)
    for name in ("orders", "refunds"):
        pipeline = make_pipeline(name, NAME, schedules=(cron("0 3 * * *"),))
        world.fake.add_pipeline(pipeline)
        ended = three + timedelta(minutes=20)
        world.fake.add_run(
            make_run("night", pipeline, queued_at=three, started_at=three, ended_at=ended)
        )
    world.tick()
    job = world.load().resolve_job_def(JOB_NAME)
    result = job.execute_in_process(instance=world.dagster)
    (made,) = result.asset_materializations_for_node(CONFLICTS_KEY.to_python_identifier())
    found = made.metadata
    assert (found[metadata.CONFLICTS].value, found[metadata.CONFLICTS_COMING].value) == (1, 7)
    assert found[metadata.HARM].value == 1200
    assert "| dwh | 2 | 1 | 1 | 1 of 2 | 20 min | 0 s |" in str(found[metadata.PLANS].value)


@pytest.mark.parametrize("period", Period)
def test_a_report_is_written_linked_and_previewed(world: World, period: Period) -> None:
    world.wait(hours=10)
    orders = world.fake.add_pipeline("orders")
    began = world.now() - timedelta(days=1)
    ended = began + timedelta(minutes=20)
    world.fake.add_run(make_run("run", orders, RunState.FAILED, started_at=began, ended_at=ended))
    world.tick()
    made = make_report(world, period)
    page = Path(str(made.metadata[metadata.REPORT].value))
    assert page.parent == world.folder / "reports"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert made.metadata[metadata.FINDINGS].value == 1
    assert "**fake/orders**: 1 of 1 runs failed" in str(made.metadata[metadata.PREVIEW].value)


def test_the_report_of_an_earlier_day_is_its_partition_and_is_not_the_latest(world: World) -> None:
    world.wait(hours=10)
    orders = world.fake.add_pipeline("orders")
    began = world.now() - timedelta(days=3)
    ended = began + timedelta(minutes=20)
    times = {"queued_at": began, "started_at": began, "ended_at": ended}
    world.fake.add_run(make_run("run", orders, RunState.FAILED, **times))
    world.tick()
    made = make_report(world, Period.DAY, caught_up_from=world.now() - timedelta(days=2))
    assert made.partition == began.date().isoformat()
    assert "**fake/orders**: 1 of 1 runs failed" in str(made.metadata[metadata.PREVIEW].value)
    written = {path.name for path in (world.folder / "reports").iterdir()}
    assert written == {f"daily-{made.partition}.{form}" for form in ("html", "md", "json")}


def make_report(
    world: World, period: Period, *, caught_up_from: datetime | None = None
) -> dg.AssetMaterialization:
    """As its schedule does, now or at a time that it missed."""
    location = world.load()
    schedule = location.resolve_schedule_def(REPORT_JOB_NAMES[period])
    context = dg.build_schedule_context(
        instance=world.dagster,
        repository_def=location.get_repository_def(),
        scheduled_execution_time=caught_up_from or world.now(),
    )
    [request] = schedule.evaluate_tick(context).run_requests or []
    job = location.resolve_job_def(REPORT_JOB_NAMES[period])
    result = job.execute_in_process(instance=world.dagster, partition_key=request.partition_key)
    (made,) = result.asset_materializations_for_node(REPORT_KEYS[period].to_python_identifier())
    return made


def test_slas_are_worked_out_with_what_is_broken_first(world: World) -> None:
    world.slas = (SlaConfig(name="works", pipelines="*", succeeds=True),)
    for name, state in (("orders", RunState.SUCCEEDED), ("refunds", RunState.FAILED)):
        world.finish(name, state=state)
    world.tick()
    job = world.load().resolve_job_def(JOB_NAME)
    result = job.execute_in_process(instance=world.dagster)
    (made,) = result.asset_materializations_for_node(SLAS_KEY.to_python_identifier())
    found = made.metadata
    assert (found[metadata.PROMISES].value, found[metadata.PROMISES_BROKEN].value) == (2, 1)
    assert found[metadata.SLA_SHARE].value == 0.5
    # Everything before this was read, and so is in it.
    assert found[metadata.WATERMARK].value == world.now().timestamp()
    assert found[metadata.COVERS_TO].value == world.now().timestamp()
    first = str(found[metadata.KEPT].value).splitlines()[2]
    assert first == "| works | fake/refunds | 0.0% | 99.0% | 1 | -1.0 | -1 |"
