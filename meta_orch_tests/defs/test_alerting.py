"""Incidents in Dagster: the sensor that finds them, their asset, and their marks."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from dagster import AssetCheckKey, AssetKey, RunsFilter, SkipReason, build_sensor_context

from meta_orch.config.alerts import AlertsConfig
from meta_orch.defs import metadata
from meta_orch.defs.alerting import SENSOR_NAME
from meta_orch.defs.analytics.incidents import INCIDENT_REPORT_KEY, JOB_NAME
from meta_orch.defs.incidents import INCIDENTS_KEY
from meta_orch.domain.states import RunState
from meta_orch.testing.builders import make_run
from meta_orch_tests.defs.support import NAME, World


def look(world: World, defs: Any = None) -> str:
    """Evaluate the sensor once; what it says."""
    context = build_sensor_context(instance=world.dagster)
    result = (defs or world.load()).resolve_sensor_def(SENSOR_NAME)(context)
    assert isinstance(result, SkipReason)
    return result.skip_message or ""


def listing(world: World) -> dict[str, Any]:
    event = world.dagster.get_latest_materialization_event(INCIDENTS_KEY)
    assert event is not None
    assert event.asset_materialization is not None
    return {key: value.value for key, value in event.asset_materialization.metadata.items()}


def check_metadata(world: World, pipeline: str) -> dict[str, Any]:
    """Of the last evaluation of `last_run_succeeded`."""
    key = AssetCheckKey(AssetKey([NAME, pipeline]), "last_run_succeeded")
    record = world.dagster.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert record.event is not None
    assert record.event.dagster_event is not None
    evaluation = record.event.dagster_event.asset_check_evaluation_data
    return {name: value.value for name, value in evaluation.metadata.items()}


def fail(world: World, name: str = "orders", run_id: str = "run") -> None:
    world.finish(name, run_id, RunState.FAILED)
    world.tick()


def test_the_asset_lists_what_is_wrong_and_counts_it(world: World) -> None:
    fail(world)
    assert "1 incidents are open" in look(world)
    found = listing(world)
    assert found[metadata.INCIDENTS_OPEN] == 1
    assert found[metadata.INCIDENTS_UNACKNOWLEDGED] == 1
    assert found[metadata.INCIDENTS] == "1 open"
    assert "fake/orders failed" in found[f"{metadata.INCIDENT}_1"]


def test_where_nothing_is_wrong_it_says_so(world: World) -> None:
    world.finish("orders")
    world.tick()
    assert "0 incidents are open" in look(world)
    assert listing(world)[metadata.INCIDENTS] == "Nothing is wrong."


def test_a_quiet_look_reports_nothing(world: World) -> None:
    fail(world)
    defs = world.load()
    look(world, defs)
    look(world, defs)
    before = world.dagster.get_latest_materialization_event(INCIDENTS_KEY)
    look(world, defs)
    assert world.dagster.get_latest_materialization_event(INCIDENTS_KEY) == before


def test_the_check_of_an_affected_pipeline_links_to_the_incident_until_it_is_over(
    world: World,
) -> None:
    world.finish("orders", "first")
    world.tick()
    world.wait(minutes=1)
    fail(world, run_id="second")
    defs = world.load()
    look(world, defs)
    link = check_metadata(world, "orders")[metadata.INCIDENT]
    assert link == "http://127.0.0.1:3000/assets/meta_orch/incidents"
    world.wait(minutes=10)
    world.finish("orders", "third")
    world.tick(defs)
    look(world, defs)
    world.wait(minutes=10)
    world.tick(defs)
    look(world, defs)
    assert metadata.INCIDENT not in check_metadata(world, "orders")


def test_the_run_that_an_alert_is_about_is_found_by_a_tag(world: World) -> None:
    world.finish("orders", "first")
    world.tick()
    world.tick()
    world.wait(minutes=1)
    fail(world, run_id="second")
    look(world)
    found = world.dagster.get_runs(RunsFilter(tags={metadata.INCIDENT: "1"}))
    assert [run.tags[metadata.RUN_ID] for run in found] == ["second"]


def test_a_message_reaches_its_receiver_from_the_sensor(world: World) -> None:
    path = world.folder / "messages.jsonl"
    world.alerts = AlertsConfig.model_validate(
        {
            "receivers": [{"name": "team", "type": "file", "path": str(path)}],
            "route": {"receiver": "team", "group_wait": "1s"},
        }
    )
    fail(world)
    defs = world.load()
    look(world, defs)
    world.wait(seconds=2)
    assert "1 messages sent" in look(world, defs)
    assert "fake/orders failed" in path.read_text()


def test_what_the_failing_task_said_is_read_from_its_orchestrator(world: World) -> None:
    run = world.finish("orders", state=RunState.FAILED)
    world.fake.say(run.key, "KeyError: 'region'")
    world.tick()
    defs = world.load()
    look(world, defs)
    look(world, defs)
    assert "KeyError: 'region'" in listing(world)[f"{metadata.INCIDENT}_1"]


def test_the_report_of_a_week_is_an_asset_with_a_job_and_a_schedule(world: World) -> None:
    fail(world)
    look(world)
    world.wait(days=1)
    defs = world.load()
    assert defs.resolve_schedule_def(JOB_NAME).cron_schedule == "30 6 * * 1"
    result = defs.resolve_job_def(JOB_NAME).execute_in_process(instance=world.dagster)
    (event,) = result.asset_materializations_for_node("meta_orch__incident_report")
    found = {key: value.value for key, value in event.metadata.items()}
    assert event.asset_key == INCIDENT_REPORT_KEY
    assert found[metadata.INCIDENTS] == 1
    assert (world.folder / "reports" / "latest-incidents.html").exists()
    assert "fake/orders failed" in str(found[metadata.PREVIEW])


def want_reports(world: World) -> Path:
    """Where they are told of."""
    path = world.folder / "messages.jsonl"
    world.alerts = AlertsConfig.model_validate(
        {
            "receivers": [{"name": "team", "type": "file", "path": str(path)}],
            "route": {"receiver": "team"},
        }
    )
    world.report_to = ("team",)
    return path


def test_nobody_is_told_of_the_report_of_an_earlier_day(world: World) -> None:
    path = want_reports(world)
    began = world.now() - timedelta(days=2)
    times = {"queued_at": began, "started_at": began, "ended_at": began + timedelta(minutes=5)}
    world.fake.add_run(
        make_run("run", world.fake.add_pipeline("orders"), RunState.SUCCEEDED, **times)
    )
    world.tick()
    days = [began.date(), began.date() + timedelta(days=1)]
    defs = world.load()
    job = defs.resolve_job_def("meta_orch__make_daily_report")
    for day in days:
        key = day.isoformat()
        assert job.execute_in_process(instance=world.dagster, partition_key=key).success
    look(world, defs)
    titles = path.read_text()
    assert titles.count("[REPORT] Daily report on pipelines") == 1
    assert f"[REPORT] Daily report on pipelines, {days[-1]}" in titles


def test_a_report_is_told_of_once_to_those_who_want_it(world: World) -> None:
    path = want_reports(world)
    world.finish("orders")
    world.tick()
    defs = world.load()
    for job in (JOB_NAME, JOB_NAME, "meta_orch__make_daily_report"):
        assert defs.resolve_job_def(job).execute_in_process(instance=world.dagster).success
    look(world, defs)
    titles = path.read_text()
    assert titles.count("[REPORT] Incidents from") == 1
    assert titles.count("[REPORT] Daily report on pipelines") == 1
