"""What pipelines share: `resources`."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator

from meta_orch.config.values import Glob, InstanceName, Section


class UseConfig(Section):
    """What uses a resource, and how much of it."""

    pipelines: Glob | None = None
    """The pipelines whose runs do, as `INSTANCE/PIPELINE`; `*` stands for any text."""
    pool: Glob | None = Field(default=None, validate_default=True)
    """Or the pools, as `INSTANCE/POOL`: what takes a slot of them uses it."""
    units: float = Field(default=1.0, gt=0)
    """How much of it one run uses, or what takes one slot."""

    @field_validator("pool")
    @classmethod
    def _is_the_only_one(cls, value: str | None, info: ValidationInfo) -> str | None:
        if bool(value) == bool(info.data.get("pipelines")):
            raise ValueError("write either `pipelines` or `pool`")
        return value


class ResourceConfig(Section):
    """Something that pipelines of several orchestrators share: a warehouse, a database."""

    name: InstanceName
    """What it is called."""
    capacity: float = Field(gt=0)
    """How many units of it there are."""
    uses: tuple[UseConfig, ...] = Field(min_length=1)
    """What uses it. A pipeline that several of these name uses it once, as the first says."""
