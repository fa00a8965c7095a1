"""Sources of OpenLineage events: `openlineage`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationInfo, field_validator

from meta_orch.config.connecting import Timeouts, Tls, within
from meta_orch.config.logins import Login, NoLogin
from meta_orch.config.values import Duration, InstanceName, Section, Url


class OpenLineageConfig(Section):
    """Events that tell what pipelines read and write; pipelines that share data depend on each
    other. Needs the extra `openlineage`."""

    file: Path | None = None
    """A file with an event in each line, or a glob of such files."""
    url: Url | None = Field(default=None, validate_default=True)
    """Instead of `file`: a server with Marquez's API."""
    login: Login = NoLogin()
    """How to log in to the server."""
    tls: Tls = Tls()
    timeouts: Timeouts = Timeouts()
    namespaces: Mapping[str, InstanceName] = Field(default_factory=dict)
    """The instance that each namespace of jobs is; one that has the name of an instance need not be
    listed."""
    poll_interval: Duration = timedelta(seconds=30)
    """How often it is looked at."""
    forget_after: Duration = timedelta(days=30)
    """How long after it was last seen it counts that a pipeline reads or writes something."""

    @field_validator("url")
    @classmethod
    def _is_one_of_two(cls, value: str | None, info: ValidationInfo) -> str | None:
        if (value is None) == (info.data.get("file") is None):
            raise ValueError("write either `file` or `url`: where the events are")
        if find_spec("openlineage") is None:
            raise ValueError(
                "the OpenLineage client is not installed; install `meta_orch[openlineage]`"
            )
        return value

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return str(self.url or self.file)

    def within(self, folder: Path) -> Self:
        """The same with relative paths taken from `folder`."""
        file = within(folder, self.file) if self.file else None
        return self.model_copy(update={"file": file, "tls": self.tls.within(folder)})
