"""What Airflow says of itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from meta_orch.domain.health import Problem, ProblemKind
from meta_orch_tests.orchestrators.airflow.servers import adapter_for, answering
from meta_orch_tests.support.loopback import LoopbackServer, Reply

BEAT = datetime(2026, 1, 5, 11, 58, 30, tzinfo=UTC)
WELL = {
    "metadatabase": {"status": "healthy"},
    "scheduler": {"status": "healthy", "latest_scheduler_heartbeat": BEAT.isoformat()},
    "triggerer": {"status": None, "latest_triggerer_heartbeat": None},
    "dag_processor": {"status": "healthy", "latest_dag_processor_heartbeat": BEAT.isoformat()},
}
NO_ERRORS = {"import_errors": [], "total_entries": 0}


def problems(health: dict[str, Any], errors: Reply | None = None) -> tuple[Problem, ...]:
    replies = {
        "/api/v2/monitor/health": Reply({**WELL, **health}),
        "/api/v2/importErrors": errors or Reply(NO_ERRORS),
    }
    with LoopbackServer(answering(replies)) as server, adapter_for(server) as airflow:
        return airflow.read_health()


def test_one_that_is_well_has_no_problems_though_it_runs_no_triggerer(password: str) -> None:
    assert problems({}) == ()


@pytest.mark.parametrize("part", ["scheduler", "dag_processor", "triggerer"])
def test_a_part_without_a_heartbeat_is_down_since_the_last_one(password: str, part: str) -> None:
    dead = {"status": "unhealthy", f"latest_{part}_heartbeat": BEAT.isoformat()}
    (problem,) = problems({part: dead})
    assert problem == Problem(
        ProblemKind.DOWN,
        part.replace("_", " "),
        "no heartbeat since 2026-01-05 11:58:30 UTC",
        BEAT,
    )


def test_a_database_that_does_not_answer_is_down(password: str) -> None:
    (problem,) = problems({"metadatabase": {"status": "unhealthy"}})
    assert (problem.part, problem.text) == ("metadatabase", "is unhealthy")


def test_a_file_that_cannot_be_imported_is_told_by_the_error_without_secrets(
    password: str,
) -> None:
    error = {
        "import_error_id": 1,
        "filename": "orders.py",
        "timestamp": BEAT.isoformat(),
        "stack_trace": "Traceback\n  File x\nOSError: password=hunter2 refused\n",
    }
    (problem,) = problems({}, Reply({"import_errors": [error], "total_entries": 1}))
    assert problem == Problem(
        ProblemKind.IMPORT_FAILED, "orders.py", "OSError: password=*** refused", BEAT
    )


def test_what_the_login_may_not_read_is_left_out(password: str) -> None:
    assert problems({}, Reply({"detail": "Forbidden"}, status=403)) == ()
