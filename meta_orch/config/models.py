"""`meta_orch.yaml` as frozen models, one class a section.

A secret never stands in the file: a login field that holds one takes `${NAME}`, is kept as a
reference (`EnvironmentReference`), and is read from the environment at the moment of use.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_core import InitErrorDetails

from meta_orch.config.alerts import AlertsConfig
from meta_orch.config.analytics import AnalyticsConfig
from meta_orch.config.connecting import Timeouts, Tls, within
from meta_orch.config.gates import GateConfig, TriggerConfig, WhenConfig
from meta_orch.config.logins import (
    LOGIN_TYPES,
    ApiKeyLogin,
    BasicLogin,
    BearerLogin,
    CustomLogin,
    HeaderLogin,
    Login,
    NoLogin,
    TokenLogin,
)
from meta_orch.config.naming import fault_at, repeated_names
from meta_orch.config.openlineage import OpenLineageConfig
from meta_orch.config.reports import ReportsConfig
from meta_orch.config.resources import ResourceConfig, UseConfig
from meta_orch.config.slas import SlaConfig
from meta_orch.config.values import (
    AssetKeyText,
    Cron,
    Duration,
    EnvironmentReference,
    Glob,
    InstanceName,
    MissingSecret,
    Secret,
    Section,
    Text,
    TimeZone,
    Url,
)

__all__ = [
    "LOGIN_TYPES",
    "AlertsConfig",
    "AnalyticsConfig",
    "ApiKeyLogin",
    "BasicLogin",
    "BearerLogin",
    "CustomLogin",
    "DagsterConfig",
    "EdgeConfig",
    "EnvironmentReference",
    "GateConfig",
    "HeaderLogin",
    "InstanceConfig",
    "Login",
    "MetaOrchConfig",
    "MissingSecret",
    "NoLogin",
    "OpenLineageConfig",
    "ReconciliationConfig",
    "ReportsConfig",
    "ResourceConfig",
    "Retention",
    "Secret",
    "Section",
    "SlaConfig",
    "StoreConfig",
    "SuggestionsConfig",
    "Timeouts",
    "Tls",
    "TokenLogin",
    "TriggerConfig",
    "UseConfig",
    "WhenConfig",
]


_NEEDS_URL = frozenset({"airflow", "prefect"})
"""Of the adapters that come with meta_orch; another's says so itself when it connects."""


_SHORTEST_TOLERANCE = timedelta(minutes=5)
_MISSED_POLLS = 4


class InstanceConfig(Section):
    """One orchestrator."""

    name: InstanceName
    """What it is called everywhere: the first part of its pipelines' asset keys."""
    type: str = Field(examples=["airflow", "prefect", "dagster"])
    """An adapter's name: `airflow`, `prefect`, `dagster`, or one that a package registers."""
    url: Url | None = Field(default=None, validate_default=True)
    """Where its API answers. Only `dagster` may do without: then it is the Dagster instance that
    meta_orch itself runs in."""
    login: Login = NoLogin()
    """How to log in; without it nothing is sent."""
    tls: Tls = Tls()
    timeouts: Timeouts = Timeouts()
    connections: int = Field(default=4, ge=1, le=32)
    """How many requests are under way at once, at most."""
    include: tuple[Glob, ...] = ("*",)
    """Globs: the pipelines to read. `*` stands for any text, `/` included."""
    exclude: tuple[Glob, ...] = ()
    """Globs: the pipelines to leave out of those."""
    read_only: bool = True
    """Whether meta_orch must not act there: start runs, pause pipelines."""
    poll_interval: Duration = timedelta(seconds=30)
    """How often it is asked what changed."""
    lookback: Duration = timedelta(days=7)
    """How far back the first read of runs goes."""
    environment: Text | None = None
    """A label: `production`, `staging`."""

    @field_validator("type")
    @classmethod
    def _is_installed(cls, value: str, info: ValidationInfo) -> str:
        """Where the caller names the installed adapters, as `load_config` does."""
        adapters = (info.context or {}).get("adapters")
        if adapters is not None and value not in adapters:
            raise ValueError(
                f"no installed package has this adapter; write one of: {', '.join(adapters)}"
            )
        return value

    @field_validator("url")
    @classmethod
    def _is_there_where_needed(cls, value: str | None, info: ValidationInfo) -> str | None:
        orchestrator = info.data.get("type")
        if value is None and orchestrator in _NEEDS_URL:
            raise ValueError(f"is missing; write where the {orchestrator} server's API answers")
        return value

    @property
    def tolerance(self) -> timedelta:
        """How old the last reading may be before what is known of it counts as out of date."""
        return max(_SHORTEST_TOLERANCE, _MISSED_POLLS * self.poll_interval)

    @property
    def secrets(self) -> tuple[EnvironmentReference, ...]:
        """The environment variables that the login refers to."""
        values = [value for _, value in self.login]
        if isinstance(self.login, CustomLogin):
            values += self.login.options.values()
        return tuple(value for value in values if isinstance(value, EnvironmentReference))


class Retention(Section):
    """How long the store keeps what it has. Without `runs` and `task_runs` it keeps all runs."""

    runs: Duration | None = None
    """How long after its end a run is kept, with its task runs."""
    task_runs: Duration | None = None
    """How long after its end a run's task runs are kept, where that is shorter."""
    last_runs: int = Field(default=20, ge=0)
    """How many of the last finished runs of each pipeline are kept, however old."""
    incidents: Duration = timedelta(days=400)
    """How long after they were resolved incidents are kept, with what was sent of them."""
    cron: Cron = "30 3 * * *"
    """When what is older is removed, and the file made smaller."""
    timezone: TimeZone = "UTC"
    """The time zone of `cron`."""

    @field_validator("task_runs")
    @classmethod
    def _is_no_longer_than_runs(cls, value: Any, info: ValidationInfo) -> Any:
        runs = info.data.get("runs")
        if value is not None and runs is not None and value > runs:
            raise ValueError("is longer than `runs`, with which they go; write a shorter one")
        return value


class StoreConfig(Section):
    """Where meta_orch keeps what it read, and how long."""

    path: Path = Path(".meta_orch/store.duckdb")
    """The DuckDB file; taken from the configuration file's folder where it is relative."""
    retention: Retention = Retention()


class DagsterConfig(Section):
    """How the pipelines are shown in Dagster."""

    webserver_url: Url | None = None
    """The webserver that is asked to reload this location when the catalogue changed."""
    history_per_pipeline: int = Field(default=20, ge=1, le=500)
    """How many finished runs of each pipeline are shown in Dagster. The store keeps all."""


class EdgeConfig(Section):
    """`downstream` depends on `upstream`: `INSTANCE/PIPELINE`, or the key of any Dagster asset."""

    upstream: AssetKeyText
    """What comes first."""
    downstream: AssetKeyText
    """What depends on it."""

    @field_validator("downstream")
    @classmethod
    def _differs(cls, value: str, info: ValidationInfo) -> str:
        if value == info.data.get("upstream"):
            raise ValueError("is the upstream itself; write what depends on it")
        return value


class SuggestionsConfig(Section):
    """When the history suggests that a pipeline depends on another: heuristics, for a person to
    accept or reject."""

    history: Duration = timedelta(days=30)
    """How far back runs are looked at."""
    within: Duration = timedelta(minutes=10)
    """How soon after the one's success the other must have started."""
    least_runs: int = Field(default=5, ge=2)
    """How many times it must have been so."""
    least_confidence: float = Field(default=0.6, gt=0, le=1)
    """How sure it must be, from 0 to 1."""
    per_pipeline: int = Field(default=3, ge=1)
    """How many upstream pipelines are suggested for one, at most: the surest."""
    cron: Cron = "45 4 * * *"
    """When the history is looked through, and the edges are checked."""
    timezone: TimeZone = "UTC"
    """The time zone of `cron`."""


class ReconciliationConfig(Section):
    """When the store is compared with what each server has, and repaired."""

    window: Duration = timedelta(days=7)
    """How long ago the runs that are compared may have ended. Write less than the server keeps runs
    for: what it drops as old, the store would lose with it."""
    cron: Cron = "15 2 * * *"
    """When it is compared."""
    timezone: TimeZone = "UTC"
    """The time zone of `cron`."""


class MetaOrchConfig(Section):
    """The whole file."""

    version: Literal[1] = 1
    """The version of this file's format."""
    instances: tuple[InstanceConfig, ...] = ()
    """The orchestrators."""
    edges: tuple[EdgeConfig, ...] = ()
    """Dependencies that no orchestrator knows of."""
    gates: tuple[GateConfig, ...] = ()
    """What pipelines wait for before they run."""
    triggers: tuple[TriggerConfig, ...] = ()
    """What starts pipelines when others have run."""
    slas: tuple[SlaConfig, ...] = ()
    """What pipelines promise."""
    resources: tuple[ResourceConfig, ...] = ()
    """What pipelines share."""
    acting: Literal["live", "dry-run"] = "live"
    """Whether what gates and triggers decide is done, where an instance is not `read_only`, or only
    recorded as what would have been done."""
    suggestions: SuggestionsConfig = SuggestionsConfig()
    openlineage: tuple[OpenLineageConfig, ...] = ()
    """Where OpenLineage events are, which tell what pipelines read and write."""
    store: StoreConfig = StoreConfig()
    reconciliation: ReconciliationConfig = ReconciliationConfig()
    analytics: AnalyticsConfig = AnalyticsConfig()
    alerts: AlertsConfig = AlertsConfig()
    reports: ReportsConfig = ReportsConfig()
    dagster: DagsterConfig = DagsterConfig()

    @field_validator("instances", mode="wrap")
    @classmethod
    def _have_names_of_their_own(
        cls, value: Any, validate: ValidatorFunctionWrapHandler
    ) -> tuple[InstanceConfig, ...]:
        """A repeated name is told beside the faults within the instances, not after them."""
        faults = list(repeated_names(value, "an instance"))
        instances: tuple[InstanceConfig, ...] = ()
        try:
            instances = validate(value)
        except ValidationError as error:
            faults += [
                InitErrorDetails(
                    type=fault["type"],
                    loc=fault["loc"],
                    input=fault["input"],
                    ctx=fault.get("ctx", {}),
                )
                for fault in error.errors()
            ]
        if faults:
            raise ValidationError.from_exception_data("instances", faults, hide_input=True)
        return instances

    @field_validator("triggers", mode="wrap")
    @classmethod
    def _start_what_there_is(
        cls, value: Any, validate: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> tuple[TriggerConfig, ...]:
        triggers: tuple[TriggerConfig, ...] = validate(value)
        instances = {instance.name: instance for instance in info.data.get("instances", ())}
        faults = [*repeated_names(triggers, "a trigger")]
        for index, trigger in enumerate(triggers):
            instance = instances.get(trigger.run.partition("/")[0])
            if instances and instance is None:
                faults.append(fault_at((index, "run"), trigger.run, _no_such_instance(instances)))
            elif instance is not None and instance.type == "dagster" and instance.url is None:
                text = f"needs the webserver's `url` at the instance {instance.name}, to start runs"
                faults.append(fault_at((index, "run"), trigger.run, text))
        if faults:
            raise ValidationError.from_exception_data("triggers", faults, hide_input=True)
        return triggers

    @field_validator("slas", "resources", mode="wrap")
    @classmethod
    def _have_names(
        cls, value: Any, validate: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        sections = validate(value)
        kind = "an SLA" if info.field_name == "slas" else "a resource"
        if faults := list(repeated_names(sections, kind)):
            raise ValidationError.from_exception_data(str(info.field_name), faults, hide_input=True)
        return sections

    @field_validator("reports")
    @classmethod
    def _go_to_receivers(cls, value: ReportsConfig, info: ValidationInfo) -> ReportsConfig:
        alerts = info.data.get("alerts")
        known = [receiver.name for receiver in alerts.receivers] if alerts else [*value.send_to]
        for name in value.send_to:
            if name not in known:
                there = ", ".join(known) or "none yet"
                raise ValueError(f"send_to: {name} is no receiver of `alerts`; there are: {there}")
        return value

    @field_validator("openlineage", mode="wrap")
    @classmethod
    def _are_of_what_there_is(
        cls, value: Any, validate: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> tuple[OpenLineageConfig, ...]:
        sources: tuple[OpenLineageConfig, ...] = validate(value)
        instances = {instance.name for instance in info.data.get("instances", ())}
        faults = [
            fault_at(
                (index, "namespaces", namespace),
                name,
                f"is no instance; write one of: {', '.join(sorted(instances))}",
            )
            for index, source in enumerate(sources)
            for namespace, name in source.namespaces.items()
            if instances and name not in instances
        ]
        if faults:
            raise ValidationError.from_exception_data("openlineage", faults, hide_input=True)
        return sources

    def instance(self, name: str) -> InstanceConfig:
        """Raises `KeyError` where no instance has that name."""
        for instance in self.instances:
            if instance.name == name:
                return instance
        raise KeyError(name)

    def within(self, folder: Path) -> Self:
        """The same with every relative path taken from `folder`."""
        return self.model_copy(
            update={
                "store": self.store.model_copy(update={"path": within(folder, self.store.path)}),
                "instances": tuple(
                    instance.model_copy(update={"tls": instance.tls.within(folder)})
                    for instance in self.instances
                ),
                "reports": self.reports.within(folder),
                "alerts": self.alerts.within(folder),
                "openlineage": tuple(source.within(folder) for source in self.openlineage),
            }
        )


def _no_such_instance(instances: Collection[str]) -> str:
    return (
        f"is in no instance; write INSTANCE/PIPELINE, with one of: {', '.join(sorted(instances))}"
    )
