"""`meta_orch.yaml` as frozen models, one class a section.

A secret never stands in the file: a login field that holds one takes `${NAME}`, is kept as a
reference (`EnvironmentReference`), and is read from the environment at the moment of use.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

INSTANCE_NAME = r"^[A-Za-z][A-Za-z0-9_]*$"


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MissingSecret(LookupError):
    """An environment variable that a login refers to is not set."""


class EnvironmentReference(Section):
    """`${NAME}`: a secret by reference."""

    variable: str

    def read(self) -> str:
        """The secret itself. Never log it, store it or put it into an error.

        Raises:
            MissingSecret: the variable is not set, or empty.
        """
        value = os.environ.get(self.variable, "")
        if not value:
            raise MissingSecret(f"the environment variable {self.variable} is not set")
        return value

    def __str__(self) -> str:
        return f"${{{self.variable}}}"


def _parse_reference(value: Any) -> Any:
    if isinstance(value, str):
        match = re.fullmatch(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", value)
        if match is None:
            raise ValueError(
                "a secret must not stand in this file: put it in an environment variable "
                "and write ${NAME} here"
            )
        return EnvironmentReference(variable=match.group(1))
    return value


Secret = Annotated[EnvironmentReference, BeforeValidator(_parse_reference)]

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")


def _parse_duration(value: Any) -> Any:
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.replace(" ", ""))
        if match is None or not any(match.groups()):
            raise ValueError("write a duration as 30s, 5m, 2h, 7d or 1h30m")
        days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return value


Duration = Annotated[timedelta, BeforeValidator(_parse_duration)]


class NoLogin(Section):
    type: Literal["none"] = "none"


class BasicLogin(Section):
    """HTTP basic authentication (Prefect's `auth_string`, Airflow 2)."""

    type: Literal["basic"]
    username: str
    password: Secret


class TokenLogin(Section):
    """Airflow 3: username and password are exchanged for a token, and again when it expires."""

    type: Literal["token"]
    username: str
    password: Secret


class BearerLogin(Section):
    """A token that somebody else issues and renews."""

    type: Literal["bearer"]
    token: Secret


class ApiKeyLogin(Section):
    """A Prefect Cloud API key."""

    type: Literal["api_key"]
    api_key: Secret


class HeaderLogin(Section):
    """A header of its own, such as `Dagster-Cloud-Api-Token`."""

    type: Literal["header"]
    name: str
    value: Secret


Login = Annotated[
    NoLogin | BasicLogin | TokenLogin | BearerLogin | ApiKeyLogin | HeaderLogin,
    Field(discriminator="type"),
]


class Tls(Section):
    verify: bool = True
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None


class Timeouts(Section):
    connect: Duration = timedelta(seconds=5)
    read: Duration = timedelta(seconds=30)


class InstanceConfig(Section):
    """One orchestrator."""

    name: str = Field(pattern=INSTANCE_NAME)
    type: str
    """An adapter's name: `airflow`, `prefect`, `dagster`, or one that a package registers."""
    url: str | None = None
    """None only for `dagster`: the instance that this location runs in."""
    login: Login = NoLogin()
    tls: Tls = Tls()
    timeouts: Timeouts = Timeouts()
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    read_only: bool = True
    poll_interval: Duration = timedelta(seconds=30)
    lookback: Duration = timedelta(days=7)
    """How far back the first read of runs goes."""
    environment: str | None = None
    """A label: `production`, `staging`."""


class StoreConfig(Section):
    path: Path = Path(".meta_orch/store.duckdb")
    """Taken from the configuration file's folder where it is relative."""


class DagsterConfig(Section):
    webserver_url: str | None = None
    """The webserver that is asked to reload this location when the catalogue changed."""
    history_per_pipeline: int = Field(default=20, ge=1, le=500)
    """How many finished runs of each pipeline are shown in Dagster. The store keeps all."""


class EdgeConfig(Section):
    """`downstream` depends on `upstream`: `INSTANCE/PIPELINE`, or the key of any Dagster asset."""

    upstream: str
    downstream: str


class MetaOrchConfig(Section):
    version: Literal[1] = 1
    instances: tuple[InstanceConfig, ...] = ()
    edges: tuple[EdgeConfig, ...] = ()
    store: StoreConfig = StoreConfig()
    dagster: DagsterConfig = DagsterConfig()

    def instance(self, name: str) -> InstanceConfig:
        """Raises `KeyError` where no instance has that name."""
        for instance in self.instances:
            if instance.name == name:
                return instance
        raise KeyError(name)
