"""How to log in to an orchestrator: one class a kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from meta_orch.config.values import ClassPath, Option, Secret, Section, Text


class NoLogin(Section):
    """Nothing is sent; an Airflow that gives anybody a token is asked for one."""

    model_config = ConfigDict(json_schema_extra={"required": ["type"]})  # it tells the logins apart

    type: Literal["none"] = "none"


class BasicLogin(Section):
    """HTTP basic authentication: Prefect's `auth_string`, a Dagster behind a proxy that asks,
    Airflow 2; Airflow 3 takes it as `token`."""

    type: Literal["basic"]
    username: Text
    """Who logs in."""
    password: Secret
    """A reference, such as `${AIRFLOW_PASSWORD}`."""


class TokenLogin(Section):
    """Airflow 3: username and password are exchanged for a token, and again when it expires."""

    type: Literal["token"]
    username: Text
    """Who logs in."""
    password: Secret
    """A reference, such as `${AIRFLOW_PASSWORD}`."""


class BearerLogin(Section):
    """A token that somebody else issues and renews."""

    type: Literal["bearer"]
    token: Secret
    """A reference, such as `${AIRFLOW_TOKEN}`."""


class ApiKeyLogin(Section):
    """A Prefect Cloud API key."""

    type: Literal["api_key"]
    api_key: Secret
    """A reference, such as `${PREFECT_API_KEY}`."""


class HeaderLogin(Section):
    """A header of its own, such as `Dagster-Cloud-Api-Token`."""

    type: Literal["header"]
    name: Text
    """The header's name."""
    value: Secret
    """What it holds: a reference, such as `${DAGSTER_CLOUD_API_TOKEN}`."""


class CustomLogin(Section):
    """A class of your own gives the headers of each request."""

    type: Literal["custom"]
    login_class: ClassPath
    """Where it is, as `package.module:Class`."""
    options: Mapping[str, Option] = {}
    """What it is made with, beside `url`; secrets by reference."""

    def __hash__(self) -> int:
        """An instance's configuration is a key in places, and a mapping has no hash."""
        return hash((self.login_class, *sorted(self.options)))


Login = Annotated[
    NoLogin | BasicLogin | TokenLogin | BearerLogin | ApiKeyLogin | HeaderLogin | CustomLogin,
    Field(discriminator="type"),
]


LOGIN_TYPES = ("none", "token", "basic", "bearer", "api_key", "header", "custom")
