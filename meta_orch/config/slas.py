"""What pipelines promise: `slas`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from fnmatch import fnmatchcase

from pydantic import Field, ValidationInfo, field_validator

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
from meta_orch.domain.pipelines import PipelineKey

_PROMISES = ("finish_by", "fresh_within", "duration_below", "times_usual", "start_within")
_SHORTEST_CHAIN = 2


class SlaConfig(Section):
    """What pipelines promise, and how often they may break it. One of `finish_by`, `fresh_within`,
    `duration_below`, `times_usual`, `start_within` and `succeeds` says what."""

    name: InstanceName
    """What it is called."""
    pipelines: Glob | None = None
    """The pipelines that promise it, as `INSTANCE/PIPELINE`; `*` stands for any text."""
    tags: tuple[Text, ...] = ()
    """The same by tag: those that have one of these, of `pipelines` where both are written."""
    chain: tuple[AssetKeyText, ...] = Field(default=(), validate_default=True)
    """Or pipelines of which each works on what the one before it made, the first one first: what is
    promised holds from the start of the first to the end of the last."""
    finish_by: Cron | None = None
    """By each tick of this a run has succeeded that was due since the tick before."""
    fresh_within: Duration | None = None
    """So long after a success, at the latest, the next one has come."""
    duration_below: Duration | None = None
    """No successful run takes longer."""
    times_usual: float | None = Field(default=None, gt=1)
    """No successful run takes longer than this many times the median of the thirty before it."""
    start_within: Duration | None = None
    """So long after it is due, at the latest, each run of a schedule has started."""
    succeeds: bool = Field(default=False, validate_default=True)
    """Every run succeeds."""
    timezone: TimeZone = "UTC"
    """The time zone of `finish_by`."""
    target: float = Field(default=0.99, gt=0, le=1)
    """The share of deadlines, or of runs, that it is to hold for."""
    window: Duration = timedelta(days=30)
    """How far back that is counted."""

    @property
    def links(self) -> tuple[PipelineKey, ...]:
        """The pipelines of the chain; empty where it is none."""
        return tuple(map(PipelineKey.parse, self.chain))

    def is_of(self, pipeline: PipelineKey, tags: Collection[str]) -> bool:
        """Whether that pipeline, with those tags, promises it; of a chain its last one does."""
        if self.chain:
            return pipeline == self.links[-1]
        is_named = self.pipelines is None or fnmatchcase(str(pipeline), self.pipelines)
        return is_named and (not self.tags or any(tag in tags for tag in self.tags))

    @field_validator("chain")
    @classmethod
    def _names_pipelines_in_one_way(
        cls, value: tuple[str, ...], info: ValidationInfo
    ) -> tuple[str, ...]:
        by_itself = bool(info.data.get("pipelines") or info.data.get("tags"))
        if bool(value) == by_itself:
            raise ValueError("write `pipelines`, `tags` or both, or else a `chain`")
        if value and not all("/" in name for name in value):
            raise ValueError("names no pipeline; write each as INSTANCE/PIPELINE")
        if value and (len(value) < _SHORTEST_CHAIN or len(set(value)) < len(value)):
            raise ValueError("is no chain; write two pipelines or more, each once")
        return value

    @field_validator("succeeds")
    @classmethod
    def _is_one_promise(cls, value: bool, info: ValidationInfo) -> bool:
        made = [value, *(info.data.get(key) for key in _PROMISES)]
        if sum(map(bool, made)) != 1:
            raise ValueError(f"write one of {', '.join(_PROMISES)} and `succeeds: true`")
        return value
