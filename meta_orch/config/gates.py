"""What pipelines wait for before they run, and what starts them: `gates` and `triggers`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from meta_orch.config.values import Cron, Duration, Glob, Section, TimeZone


class GateConfig(Section):
    """What pipelines wait for before they run. Of several gates that name an edge, the first one
    holds."""

    downstream: Glob
    """The pipelines that wait, as `INSTANCE/PIPELINE`; `*` stands for any text."""
    upstream: Glob = "*"
    """Of the pipelines and assets that they depend on, those that they wait for."""
    requires: Literal["same_window", "since", "fresh", "new_data"] = "same_window"
    """What the upstream must have done: succeeded for the window that the downstream is for, since
    a tick of `since`, within the last `fresher_than`, or since the downstream last began."""
    since: Cron | None = Field(default=None, validate_default=True)
    """With `requires: since`: the upstream's success must be later than the last tick."""
    fresher_than: Duration | None = Field(default=None, validate_default=True)
    """With `requires: fresh`: how long ago the upstream's success may be."""
    timezone: TimeZone = "UTC"
    """The time zone of `since`."""
    wait: Duration = timedelta(hours=6)
    """How long after it is due the downstream waits."""
    on_failure: Literal["hold", "skip", "run"] = "hold"
    """What it does when an upstream failed: hold until that succeeds, skip this run, or run all the
    same, with a warning."""
    on_timeout: Literal["hold", "skip", "run"] = "hold"
    """The same when `wait` is over."""
    hold_at_most: Duration = timedelta(days=1)
    """How long a pipeline of another orchestrator is kept paused, at most; then it runs."""

    @field_validator("since")
    @classmethod
    def _is_there_for_since(cls, value: str | None, info: ValidationInfo) -> str | None:
        return _goes_with(value, info, requires="since", example='"0 6 * * *"')

    @field_validator("fresher_than")
    @classmethod
    def _is_there_for_fresh(cls, value: Any, info: ValidationInfo) -> Any:
        return _goes_with(value, info, requires="fresh", example="6h")


def _goes_with(value: Any, info: ValidationInfo, *, requires: str, example: str) -> Any:
    """A key that one form of `requires` needs, and no other has."""
    chosen = info.data.get("requires")
    if chosen == requires and value is None:
        raise ValueError(f"is missing; `requires: {requires}` needs it, as in {example}")
    if chosen not in (requires, None) and value is not None:
        raise ValueError(f"belongs to `requires: {requires}`; take it out, or write that")
    return value
