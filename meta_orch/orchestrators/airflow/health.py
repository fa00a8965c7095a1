"""What Airflow says of itself: its parts' heartbeats, and the files that it cannot import."""

from __future__ import annotations

from collections.abc import Iterator

from meta_orch.domain.health import Problem, ProblemKind
from meta_orch.domain.secrets import mask_text
from meta_orch.orchestrators.airflow.api import AirflowApi
from meta_orch.orchestrators.answers import Fields
from meta_orch.orchestrators.base import LoginRefused, NotFound

_PARTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")
_UNHEALTHY = "unhealthy"
"""A part that was never there has no status."""
_MOST = 50
"""Files whose import failed."""
_LONGEST = 300


def read_problems(api: AirflowApi) -> Iterator[Problem]:
    """Two requests."""
    health = api.health()
    for part in _PARTS:
        fields = health.get_object(part)
        if fields is None or fields.get_text("status") != _UNHEALTHY:
            continue
        beat = fields.get_instant(f"latest_{part}_heartbeat")
        said = f"no heartbeat since {beat:%Y-%m-%d %H:%M:%S} UTC" if beat else "is unhealthy"
        yield Problem(ProblemKind.DOWN, part.replace("_", " "), said, beat)
    try:
        for number, error in enumerate(api.import_errors()):
            if number >= _MOST:
                return
            yield _import_failed(error)
    except (LoginRefused, NotFound):
        return


def _import_failed(error: Fields) -> Problem:
    trace = error.get_text("stack_trace") or ""
    lines = [line.strip() for line in trace.splitlines() if line.strip()]
    return Problem(
        ProblemKind.IMPORT_FAILED,
        error.get_text("filename") or "a file",
        mask_text(lines[-1])[:_LONGEST] if lines else "cannot be imported",
        error.get_instant("timestamp"),
    )
