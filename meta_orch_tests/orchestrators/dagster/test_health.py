"""What Dagster says of itself."""

from __future__ import annotations

from datetime import UTC, datetime

from meta_orch.domain.health import ProblemKind
from meta_orch.orchestrators.dagster.parse import parse_daemon, parse_location

BEAT = datetime(2026, 1, 5, 11, 58, 30, tzinfo=UTC)
DAEMON = {
    "daemonType": "SCHEDULER",
    "required": True,
    "healthy": False,
    "lastHeartbeatTime": BEAT.timestamp(),
    "lastHeartbeatErrors": [],
}


def test_a_daemon_without_a_heartbeat_is_down_since_the_last_one() -> None:
    problem = parse_daemon(DAEMON)
    assert problem is not None
    assert (problem.kind, problem.part) == (ProblemKind.DOWN, "scheduler daemon")
    assert problem.text == "no heartbeat since 2026-01-05 11:58:30 UTC"
    assert problem.since == BEAT


def test_one_that_never_ran_says_so_and_why() -> None:
    errors = [{"message": "OSError: token=abc\n  trace"}]
    problem = parse_daemon({**DAEMON, "lastHeartbeatTime": None, "lastHeartbeatErrors": errors})
    assert problem is not None
    assert problem.text == "has never run: OSError: token=***"


def test_one_that_works_or_is_not_needed_is_no_problem() -> None:
    assert parse_daemon({**DAEMON, "healthy": True}) is None
    assert parse_daemon({**DAEMON, "required": False}) is None


def test_a_code_location_that_cannot_be_loaded_is_told_by_the_error() -> None:
    error = {"__typename": "PythonError", "message": "ImportError: no module\n  trace"}
    problem = parse_location({"name": "etl", "locationOrLoadError": error})
    assert problem is not None
    assert (problem.kind, problem.part) == (ProblemKind.IMPORT_FAILED, "etl")
    assert problem.text == "ImportError: no module"


def test_one_that_is_loaded_or_being_so_is_no_problem() -> None:
    loaded = {"__typename": "RepositoryLocation"}
    assert parse_location({"name": "etl", "locationOrLoadError": loaded}) is None
    assert parse_location({"name": "etl", "locationOrLoadError": None}) is None
