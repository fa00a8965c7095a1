"""`meta-orch edges`, `impact` and `why`: what people see of the lineage, and say of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meta_orch.domain.pipelines import AssetRef
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.states import RunState
from meta_orch.store import CollectorStatus, Store
from meta_orch.testing.builders import make_pipeline, make_run, make_task_run
from meta_orch_tests.cli.conftest import Run

NOW = datetime.now(UTC).replace(microsecond=0)
ORDERS = make_pipeline("orders", "east", produces=(AssetRef("s3://lake/orders"),))
REPORT = make_pipeline("report", "west", consumes=(AssetRef("s3://lake/orders"),))
MAIL = make_pipeline("mail", "west")
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture
def store(run: Run, servers: object) -> Store:
    """East makes orders, west reports them, and again and again sends mail soon after that."""
    store = Store(".meta_orch/store.duckdb")
    runs = {"east": [], "west": []}
    for day in range(10):
        start = NOW - (day + 1) * DAY
        for pipeline, later, state in (
            (ORDERS, 0, RunState.FAILED if day == 0 else RunState.SUCCEEDED),
            (REPORT, 60 + day, RunState.FAILED if day == 0 else RunState.SUCCEEDED),
            (MAIL, 72 + day, RunState.SUCCEEDED),
        ):
            began = start + later * MINUTE
            runs[pipeline.key.instance].append(
                make_run(
                    f"{pipeline.key.name}_{day}",
                    pipeline,
                    state,
                    started_at=began,
                    ended_at=began + 10 * MINUTE,
                    message="no such bucket" if state is RunState.FAILED else None,
                )
            )
    broken = make_task_run("load", runs["east"][0], RunState.FAILED)
    with store.write() as writer:
        writer.save_catalogue("east", Catalogue((ORDERS,), "f"), NOW)
        writer.save_catalogue("west", Catalogue((REPORT, MAIL), "f"), NOW)
        writer.save_changes("east", Changes("c", tuple(runs["east"]), (broken,)), NOW)
        writer.save_changes("west", Changes("c", tuple(runs["west"])), NOW)
        for name in ("east", "west"):
            writer.save_collector(CollectorStatus(name, NOW, NOW, True, None, "1", NOW))
    return store


def listed(run: Run, *arguments: str) -> list[tuple[str, str]]:
    result = run("edges", *arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    return [(edge["upstream"], edge["downstream"]) for edge in json.loads(result.stdout)]


def test_edges_are_listed_with_their_evidence(run: Run, store: Store) -> None:
    result = run("edges")
    assert "east/orders" in result.stdout
    assert "shares s3://lake/orders" in result.stdout
    assert listed(run, "--of", "west/report") == [("east/orders", "west/report")]
    assert listed(run, "--of", "west/mail") == []


def test_a_suggestion_is_proposed_until_somebody_accepts_it(run: Run, store: Store) -> None:
    said = run("edges", "suggest")
    assert "west/report" in said.stdout
    assert "west/mail" in said.stdout
    edge = ("west/report", "west/mail")
    assert edge in listed(run, "--proposed")
    assert edge not in listed(run)
    assert "more are proposed" in run("edges").stdout

    result = run("edges", "accept", *edge, "--reason", "the mail quotes the report")
    assert result.exit_code == 0, result.output
    assert edge in listed(run)
    assert edge not in listed(run, "--proposed")
    with store.read() as reader:
        (judgement,) = reader.judgements().values()
    assert judgement.reason == "the mail quotes the report"
    assert judgement.by


def test_what_is_rejected_goes_and_comes_back_once_that_is_forgotten(
    run: Run, store: Store
) -> None:
    run("edges", "suggest")
    edge = ("east/orders", "west/report")
    with store.write() as writer:
        from meta_orch.dependencies import known_edges

        writer.save_edges(known_edges(writer.pipelines()), NOW)
    assert run("edges", "reject", *edge).exit_code == 0
    assert listed(run) == []
    assert run("edges", "forget", *edge).exit_code == 0
    assert listed(run) == [edge]
    assert "nobody has accepted or rejected" in run("edges", "forget", *edge).stderr


def test_what_nothing_suggests_cannot_be_accepted(run: Run, store: Store) -> None:
    result = run("edges", "accept", "west/mail", "east/orders")
    assert result.exit_code == 1
    assert "no edge leads from west/mail to east/orders" in result.stderr


def test_what_is_declared_is_taken_out_of_the_file_and_not_rejected(run: Run, store: Store) -> None:
    config = Path("meta_orch.yaml")
    config.write_text(
        f"{config.read_text()}edges: [{{upstream: west/report, downstream: west/mail}}]\n"
    )
    result = run("edges", "reject", "west/report", "west/mail")
    assert result.exit_code == 1
    assert "take it out there" in result.stderr


def test_lint_fails_with_what_is_wrong_and_what_to_do(run: Run, store: Store) -> None:
    assert run("edges", "lint").exit_code == 0
    config = Path("meta_orch.yaml")
    config.write_text(
        f"{config.read_text()}edges:\n"
        "- {upstream: west/report, downstream: east/orders}\n"
        "- {upstream: west/gone, downstream: west/mail}\n"
    )
    result = run("edges", "lint")
    assert result.exit_code == 1
    assert "edges_form_no_cycle" in result.stdout
    assert "west has no pipeline gone" in " ".join(result.stdout.split())


def test_impact_lists_what_a_failure_reaches(run: Run, store: Store) -> None:
    result = run("impact", "east/orders", "--format", "json")
    (reached,) = json.loads(result.stdout)
    assert (reached["steps"], reached["pipeline"]) == (1, "west/report")
    assert run("impact", "report").stdout.count("row") == 1


def test_why_names_the_cause_in_the_other_orchestrator(run: Run, store: Store) -> None:
    result = run("why", "report")
    assert result.exit_code == 0
    said = " ".join(result.stdout.split())
    assert "cause east/orders: failed at" in said
    assert "at load" in said
    assert "no such bucket" in said
    assert "-> west/report (shares s3://lake/orders)" in said


def test_why_says_where_nothing_has_failed(run: Run, store: Store) -> None:
    assert "Nothing has failed in the 0 that it depends on" in run("why", "mail").stdout


def test_a_slip_in_a_name_is_told_with_the_nearest(run: Run, store: Store) -> None:
    result = run("why", "west/reprot")
    assert result.exit_code == 1
    assert "did you mean west/report" in result.stderr
