"""`meta-orch actions`, `holds` and `undo`."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meta_orch.domain.actions import Action, ActionKind, Outcome
from meta_orch.domain.holds import Hold, HoldState
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.readings import Catalogue
from meta_orch.domain.states import RunState
from meta_orch.orchestrators.base import Unreachable
from meta_orch.store import Store
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.cli.conftest import Run

NOW = datetime.now(UTC).replace(microsecond=0)
REPORT = PipelineKey("east", "report")
PAUSE = Action(
    id="a1",
    kind=ActionKind.PAUSE,
    pipeline=REPORT,
    reason="east/orders failed",
    by="gate",
    through="sensor east__collector",
    at=NOW,
    outcome=Outcome.DONE,
    before="active",
    after="paused",
)
HOLD = Hold(
    id="h1",
    pipeline=REPORT,
    due_at=NOW,
    owner="gate",
    reason="east/orders failed",
    begun_at=NOW,
    expires_at=NOW + timedelta(days=1),
    state=HoldState.HELD,
)


@pytest.fixture
def east(run: Run, servers: dict[str, FakeOrchestrator]) -> FakeOrchestrator:
    """A report that a gate has paused."""
    east = servers["east"]
    pipeline = east.add_pipeline("report", is_paused=True)
    with the_store().write() as writer:
        writer.save_catalogue("east", Catalogue((pipeline,), "f"), NOW)
        writer.save_action(PAUSE)
        writer.save_hold(HOLD)
    return east


def the_store() -> Store:
    return Store(Path(".meta_orch/store.duckdb"))


def listed(run: Run, *arguments: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(run(*arguments, "--format", "csv").stdout)))


def test_what_was_done_is_listed_with_who_and_why(run: Run, east: FakeOrchestrator) -> None:
    (row,) = listed(run, "actions")
    assert (row["id"], row["what"], row["pipeline"]) == ("a1", "pause", "east/report")
    assert (row["by"], row["why"]) == ("gate", "east/orders failed")
    assert (row["before"], row["after"], row["outcome"]) == ("active", "paused", "done")


def test_actions_on_one_pipeline_are_found_by_its_name(run: Run, east: FakeOrchestrator) -> None:
    assert len(listed(run, "actions", "--of", "report")) == 1
    assert run("actions", "--of", "reports").exit_code == 1


def test_what_is_held_is_listed_and_what_was_is_with_all(run: Run, east: FakeOrchestrator) -> None:
    (row,) = listed(run, "holds")
    assert (row["pipeline"], row["state"]) == ("east/report", "held")
    run("undo", "a1", "--reason", "checked by hand")
    assert listed(run, "holds") == []
    (ended,) = listed(run, "holds", "--all")
    assert ended["state"] == "ended by hand"
    assert "checked by hand" in ended["why"]


def test_a_pause_is_undone_and_that_is_on_record_too(run: Run, east: FakeOrchestrator) -> None:
    result = run("undo", "a1", "--reason", "checked by hand")
    assert result.exit_code == 0
    assert not east.pipeline("report").is_paused
    undone, first = listed(run, "actions")
    assert (undone["what"], undone["before"], undone["after"]) == ("resume", "paused", "active")
    assert undone["through"] == "meta-orch undo"
    assert first["id"] == "a1"


def test_what_was_undone_can_be_undone(run: Run, east: FakeOrchestrator) -> None:
    run("undo", "a1", "--reason", "checked by hand")
    resumed = listed(run, "actions")[0]["id"]
    run("undo", resumed, "--reason", "it was right")
    assert east.pipeline("report").is_paused


def test_a_run_that_was_started_is_canceled(run: Run, east: FakeOrchestrator) -> None:
    started = east.start_run(east.pipeline("report"), request_id="r", parameters={})
    with the_store().write() as writer:
        writer.save_action(
            Action(
                id="a2",
                kind=ActionKind.START_RUN,
                pipeline=REPORT,
                reason="held before",
                by="gate",
                through="sensor",
                at=NOW,
                outcome=Outcome.DONE,
                after=started.key.run_id,
            )
        )
    assert run("undo", "a2", "--reason", "too late").exit_code == 0
    assert east.run(started.key).state is RunState.CANCELED


def test_what_was_not_done_cannot_be_undone(run: Run, east: FakeOrchestrator) -> None:
    with the_store().write() as writer:
        writer.save_action(replace(PAUSE, outcome=Outcome.DRY_RUN))
    result = run("undo", "a1", "--reason", "never mind")
    assert result.exit_code == 1
    assert "there is nothing to take back" in result.output


def test_an_action_that_does_not_exist_is_told_with_where_they_are_listed(
    run: Run, east: FakeOrchestrator
) -> None:
    result = run("undo", "a9", "--reason", "?")
    assert result.exit_code == 2
    assert "meta-orch actions" in " ".join(result.output.split())


def test_a_reason_has_to_be_given(run: Run, east: FakeOrchestrator) -> None:
    assert run("undo", "a1").exit_code == 2
    assert east.pipeline("report").is_paused


def test_a_pause_that_cannot_be_undone_now_is_still_held(run: Run, east: FakeOrchestrator) -> None:
    """So that the sensor lets it go later."""
    east.fail_with(Unreachable("east", "nothing answers"))
    assert run("undo", "a1", "--reason", "checked by hand").exit_code == 1
    assert [row["state"] for row in listed(run, "holds")] == ["held"]
