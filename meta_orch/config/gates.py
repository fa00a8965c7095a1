"""What pipelines wait for before they run, and what starts them: `gates` and `triggers`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from meta_orch.config.templates import template_faults
from meta_orch.config.values import (
    AssetKeyText,
    Cron,
    Duration,
    Glob,
    InstanceName,
    Section,
    Text,
    TimeZone,
)
from meta_orch.domain.secrets import mask_secrets


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
    checks: tuple[Text, ...] = ()
    """Checks of the upstream's asset that must have passed, too, when last evaluated."""
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


class WhenConfig(Section):
    """What a trigger waits for: all of these, or any of them."""

    all: tuple[AssetKeyText, ...] = ()
    """`INSTANCE/PIPELINE`, or keys of Dagster assets: a run of each is waited for."""
    any: tuple[AssetKeyText, ...] = Field(default=(), validate_default=True)
    """The same, and a run of one of them suffices."""

    @field_validator("any")
    @classmethod
    def _is_the_only_one(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        both = info.data.get("all"), value
        if all(both) or not any(both):
            raise ValueError("write either `all` or `any`, and in it what is waited for")
        return value


class TriggerConfig(Section):
    """What starts a pipeline when others have run."""

    name: InstanceName
    """What it is called: the reason of the runs that it starts."""
    when: WhenConfig
    """The pipelines and assets whose runs start it."""
    state: Literal["success", "failure", "late"] = "success"
    """Which outcome of theirs does."""
    late_after: Duration = timedelta(minutes=30)
    """With `state: late`: how long after it is due one has not succeeded yet."""
    check: Text | None = None
    """A check of the assets in `when` whose outcome counts, instead of their runs."""
    run: AssetKeyText
    """The pipeline to start, `INSTANCE/PIPELINE`."""
    parameters: Mapping[str, Any] = Field(default_factory=dict)
    """What the run is given; texts may hold `{{ }}`."""
    debounce: Duration | None = None
    """How long nothing else may have happened: then several runs start one."""

    @field_validator("parameters")
    @classmethod
    def _can_be_filled_in(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        if secrets := [name for name in value if _holds_secret({name: value[name]})]:
            raise ValueError(
                f"{', '.join(secrets)}: a secret must not stand in this file, nor come from an "
                "upstream run; keep it in the orchestrator that runs the pipeline"
            )
        for fault in template_faults(value):
            raise ValueError(fault)
        return value


def _holds_secret(value: Mapping[str, Any]) -> bool:
    masked = mask_secrets(value)
    return json.dumps(masked, default=str) != json.dumps(value, default=str)
