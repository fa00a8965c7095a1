"""What a person sees of the demonstration in Dagster's UI."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from meta_orch.config import load_config
from meta_orch.demo.processes import wait_until
from meta_orch.demo.story import HELD
from meta_orch.reports.collecting import collect_report
from meta_orch.reports.model import Period
from meta_orch.reports.publishing import publish
from meta_orch.reports.refreshing import refresh_all
from meta_orch.store import Store
from meta_orch_tests.browser.conftest import Demonstration
from meta_orch_tests.browser.pages import Colour, Dagster, expect_colour

pytestmark = pytest.mark.browser

GROUPS = ("airflow", "warehouse", "prefect")
DAGS = [
    *("ingest_orders", "ingest_customers", "exchange_rates", "stage_orders"),
    *("settle_refunds", "restate_day", "index_catalogue", "close_year"),
]
DEPLOYMENTS = [
    *("live-dashboard", "hourly-scores", "weekday-sync"),
    *("nightly-invoices", "partner-feed", "weekly-pruning", "every-other-minute"),
]
TABLES = [
    *("staged_orders", "customers", "orders", "refunds"),
    *("revenue_by_region", "customer_value"),
]


def told(demonstration: Demonstration) -> list[dict[str, Any]]:
    """What the team was told of the refunds."""
    path = demonstration.data.parent / "messages.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    messages = [json.loads(line) for line in lines]
    return [message for message in messages if "settle_refunds" in message["title"]]


def test_lineage_leads_from_airflow_through_dagster_to_prefect(dagster: Dagster) -> None:
    dagster.open_lineage(*GROUPS)
    for group in GROUPS:
        expect_colour(dagster.group(group), Colour.SUCCEEDED)
    for group in ("airflow", "prefect"):
        expect_colour(dagster.group(group), Colour.FAILED)

    dagster.expand_all_groups()

    for name in (*DAGS, *TABLES, *DEPLOYMENTS):
        expect(dagster.asset(name)).to_be_visible()


def test_a_pipeline_whose_last_run_failed_is_red_and_the_others_are_green(
    dagster: Dagster,
) -> None:
    dagster.open_lineage(*GROUPS)
    dagster.expand_all_groups()
    failed, never_ran = {"settle_refunds", "nightly-invoices"}, {"close_year", "weekly-pruning"}
    never_ran |= {"refunds", "every-other-minute"}  # the last may have run before it was held
    for name in failed:
        expect_colour(dagster.asset(name), Colour.FAILED)
    for name in {*DAGS, *TABLES, *DEPLOYMENTS} - failed - never_ran:
        expect_colour(dagster.asset(name), Colour.SUCCEEDED)
    dagster.take_picture("lineage", dagster.graph_area())


def test_the_page_of_a_failing_dag_says_when_it_runs_that_it_failed_and_where_to_look(
    dagster: Dagster,
) -> None:
    dagster.open("assets/airflow/settle_refunds")
    dagster.expect_text("Failed in")
    dagster.expect_text("Match the bank's list of refunds with the orders they are for.")
    dagster.expect_text("Every 15 minutes (UTC)")
    expect(dagster.page.get_by_role("link", name="Open in Airflow")).to_have_attribute(
        "href", re.compile("/dags/settle_refunds$")
    )
    dagster.take_picture("asset")


def test_the_checks_of_a_failing_dag_name_the_task_that_failed(dagster: Dagster) -> None:
    dagster.open("assets/airflow/settle_refunds?view=checks&checkDetail=last_run_succeeded")
    dagster.expect_text(re.compile(r"failed after .* at read_bank_file\."))
    dagster.expect_text("collector_is_fresh")
    expect(dagster.page.get_by_text("Succeeded", exact=True).first).to_be_visible()
    expect(dagster.page.get_by_role("link", name="/dags/settle_refunds/runs/")).to_be_visible()
    dagster.take_picture("checks")


def test_the_events_of_a_flow_have_its_parameters_its_duration_and_the_native_link(
    dagster: Dagster,
) -> None:
    dagster.open("assets/prefect/export-feed/partner-feed?view=events")
    dagster.expect_text("meta_orch/duration_seconds")
    dagster.expect_text("meta_orch/parameters")
    expect(dagster.page.get_by_role("link", name="/runs/flow-run/")).to_be_visible()


def test_the_page_of_a_dagster_asset_names_its_neighbours_in_other_orchestrators(
    dagster: Dagster,
) -> None:
    dagster.open("assets/staged_orders")
    expect(dagster.page.get_by_role("link", name=re.compile("stage_orders$")).first).to_be_visible()
    dagster.open("assets/revenue_by_region")
    for deployment in ("live-dashboard", "partner-feed"):
        expect(dagster.page.get_by_role("link", name=re.compile(deployment)).first).to_be_visible()


def test_the_timeline_has_the_runs_of_every_orchestrator(dagster: Dagster) -> None:
    dagster.open("overview/activity/timeline")
    dagster.page.get_by_text("1hr", exact=True).click()
    for job in ("airflow__ingest_orders", "prefect__publish_dashboard__live_dashboard"):
        expect_colour(dagster.timeline_row(job), Colour.SUCCEEDED)
    for job in ("airflow__settle_refunds", "prefect__send_invoices__nightly_invoices"):
        expect_colour(dagster.timeline_row(job), Colour.FAILED)
    dagster.expect_text("warehouse")
    dagster.take_picture("timeline")


def test_the_runs_page_lists_the_runs_of_airflow_and_prefect(dagster: Dagster) -> None:
    dagster.open("runs")
    dagster.expect_text("Launched by")
    # The run that its trigger started, and the one of Dagster's that followed it.
    expect(dagster.run_row("prefect__export_feed__partner_feed", "Success").first).to_be_visible()
    dagster.take_picture("runs")
    for job in ("airflow__settle_refunds", "prefect__send_invoices__nightly_invoices"):
        dagster.open(f"runs?q[0]=job:{job}")
        expect(dagster.run_row(job, "Failure")).to_be_visible()
    dagster.expect_text("Prefect: manual")


def test_a_run_leads_to_its_page_in_its_own_orchestrator(dagster: Dagster) -> None:
    dagster.open("runs?q[0]=job:airflow__settle_refunds")
    dagster.page.get_by_role("link", name=re.compile("^run [0-9a-f]{8}$")).first.click()
    dagster.expect_text("RUN_FAILURE")
    expect(
        dagster.page.get_by_role("link", name="/dags/settle_refunds/runs/").first
    ).to_be_visible()


def test_a_deployment_that_must_not_run_names_who_is_to_blame(dagster: Dagster) -> None:
    held = "assets/prefect/notify-refunds/every-other-minute"
    dagster.open(f"{held}?view=checks&checkDetail=upstreams_are_ready")
    dagster.expect_text(re.compile(r"Hold: airflow/settle_refunds failed at"))
    dagster.expect_text("meta-orch gate prefect/notify-refunds/every-other-minute --override")
    dagster.take_picture("gate")


def test_what_was_done_is_listed(dagster: Dagster) -> None:
    dagster.open("assets/meta_orch/actions")
    dagster.expect_text("prefect/notify-refunds/every-other-minute")
    # As things were when it was held: the DAG may not have failed yet.
    dagster.expect_text(re.compile("settle_refunds failed at|refunds was never materialized"))
    dagster.take_picture("actions")


def test_a_promise_that_is_broken_says_how_often_and_why(dagster: Dagster) -> None:
    dagster.open("assets/airflow/settle_refunds?view=checks&checkDetail=meets_sla")
    dagster.expect_text(re.compile(r"refunds_are_settled: met 0 of \d+ times"))
    expect(dagster.page.get_by_text("not_at_risk").first).to_be_visible()
    dagster.take_picture("sla")


def test_a_failing_dag_is_one_incident_with_its_consequences_and_one_message(
    dagster: Dagster, demonstration: Demonstration
) -> None:
    dagster.open("assets/meta_orch/incidents")
    dagster.expect_text("airflow/settle_refunds failed")
    dagster.take_picture("incidents")
    dagster.open("assets/airflow/settle_refunds?view=checks&checkDetail=last_run_succeeded")
    dagster.expect_text(re.compile(r"part of incident \d+: airflow/settle_refunds failed"))
    if demonstration.story is not None:
        wait_until(lambda: bool(told(demonstration)), what="a message", timeout=180)
        (message,) = told(demonstration)
        assert message["title"].endswith("airflow/settle_refunds failed")
        assert "the bank has not delivered" in message["body"]
        assert f"prefect/{HELD}" in message["body"]


def test_the_runs_of_an_incident_are_found_by_its_tag(dagster: Dagster) -> None:
    dagster.open("assets/meta_orch/incidents")
    row = dagster.page.get_by_role("row").filter(has_text="airflow/settle_refunds failed")
    row.last.get_by_role("link", name="its runs").click()
    dagster.expect_text("airflow__settle_refunds")


@pytest.mark.parametrize(("name", "width"), [("report", 1100), ("report-phone", 390)])
def test_its_report_reads_well_on_a_screen_and_on_a_phone(
    demonstration: Demonstration,
    chromium: Browser,
    screenshots: Path,
    tmp_path: Path,
    *,
    name: str,
    width: int,
) -> None:
    if demonstration.story is None:
        pytest.skip("only a demonstration of our own has its store here")
    config = load_config(demonstration.data.parent / "meta_orch.yaml")
    store, now = Store(config.store.path), datetime.now(UTC)
    refresh_all(store, config, now)
    with store.read() as reader:
        found = collect_report(reader, config, Period.DAY, now, until_now=True)
    page = chromium.new_page(viewport={"width": width, "height": 900})
    page.goto(f"file://{publish(found, str(tmp_path)).html}")
    for heading in ("Worth acting on", "Promises", "A day across orchestrators"):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.get_by_text("airflow/settle_refunds").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawn = page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert drawn
    page.screenshot(path=screenshots / f"{name}.png")
    page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
    page.close()


def test_what_was_held_runs_once_its_upstream_is_repaired(
    dagster: Dagster, demonstration: Demonstration
) -> None:
    """The last, as it changes what the others see."""
    if demonstration.story is None:
        pytest.skip("only a demonstration of our own is changed")
    assert demonstration.story.is_held()
    demonstration.story.deliver_refunds(demonstration.data)
    assert not demonstration.story.is_held()
    dagster.open_lineage(*GROUPS)
    dagster.expand_all_groups()
    for name in ("settle_refunds", "refunds", "every-other-minute"):
        expect_colour(dagster.asset(name), Colour.SUCCEEDED)
    dagster.take_picture("released", dagster.graph_area())
    wait_until(lambda: len(told(demonstration)) > 1, what="word of its recovery", timeout=180)
    assert [message["status"] for message in told(demonstration)] == ["firing", "resolved"]
