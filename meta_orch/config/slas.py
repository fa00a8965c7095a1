"""What pipelines promise: `slas`."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, ValidationInfo, field_validator

from meta_orch.config.values import Cron, Duration, Glob, InstanceName, Section, TimeZone


class SlaConfig(Section):
    """What pipelines promise, and how often they may break it. One of `finish_by`, `duration_below`
    and `succeeds` says what."""

    name: InstanceName
    """What it is called."""
    pipelines: Glob
    """The pipelines that promise it, as `INSTANCE/PIPELINE`; `*` stands for any text."""
    finish_by: Cron | None = None
    """By each tick of this a run has succeeded that was due since the tick before."""
    duration_below: Duration | None = None
    """No successful run takes longer."""
    succeeds: bool = Field(default=False, validate_default=True)
    """Every run succeeds."""
    timezone: TimeZone = "UTC"
    """The time zone of `finish_by`."""
    target: float = Field(default=0.99, gt=0, le=1)
    """The share of deadlines, or of runs, that it is to hold for."""
    window: Duration = timedelta(days=30)
    """How far back that is counted."""

    @field_validator("succeeds")
    @classmethod
    def _is_one_promise(cls, value: bool, info: ValidationInfo) -> bool:
        made = [value, *(info.data.get(key) for key in ("finish_by", "duration_below"))]
        if sum(map(bool, made)) != 1:
            raise ValueError("write one of `finish_by`, `duration_below` and `succeeds: true`")
        return value
