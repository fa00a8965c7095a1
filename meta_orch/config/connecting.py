"""How to connect to a server: the sections that instances and other sources share."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import ValidationInfo, field_validator

from meta_orch.config.values import Duration, Section


class Tls(Section):
    """How the server's certificate is checked, and which one is shown to it."""

    verify: bool = True
    """Whether the server's certificate is checked."""
    ca_file: Path | None = None
    """The certificates (PEM) that are trusted instead of the system's."""
    client_certificate: Path | None = None
    """The certificate (PEM) that is shown to the server; it may hold the key too."""
    client_key: Path | None = None
    """The key (PEM) of `client_certificate`."""

    @field_validator("client_key")
    @classmethod
    def _belongs_to_a_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and info.data.get("client_certificate") is None:
            raise ValueError("has no certificate; write `client_certificate` too")
        return value

    def within(self, folder: Path) -> Self:
        """The same with relative paths taken from `folder`."""
        paths = {name: value for name, value in self if isinstance(value, Path)}
        return self.model_copy(update={name: within(folder, path) for name, path in paths.items()})


class Timeouts(Section):
    """How long one request may take."""

    connect: Duration = timedelta(seconds=5)
    """Until the connection stands."""
    read: Duration = timedelta(seconds=30)
    """Until the answer is there."""


def within(folder: Path, path: Path) -> Path:
    """A path of the configuration, which starts at its folder where it is relative."""
    return folder / path.expanduser()
