"""Trying an instance, capability by capability: what works, and what to change where it does not.

Generic over the port and its capability protocols, so an adapter of another package is tried the
same way. Nothing is started and nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from meta_orch.config.models import InstanceConfig, NoLogin
from meta_orch.domain.errors import MetaOrchError
from meta_orch.domain.pipelines import Pipeline
from meta_orch.orchestrators import registry
from meta_orch.orchestrators.base import (
    LoginRefused,
    Orchestrator,
    OrchestratorError,
    ReadsPools,
    ReadsSources,
    Server,
    StartsRuns,
)

Connect = Callable[[InstanceConfig], Orchestrator]

_RECENT = timedelta(days=1)


class Capability(StrEnum):
    REACH = "reach"
    LOG_IN = "log in"
    READ_PIPELINES = "read pipelines"
    READ_RUNS = "read runs"
    READ_SOURCES = "read sources"
    READ_POOLS = "read pools"
    START_RUNS = "start runs"


class Verdict(StrEnum):
    WORKS = "works"
    FAILS = "fails"
    ABSENT = "absent"
    """The orchestrator, or its adapter, has no such thing."""
    OFF = "off"
    """`meta_orch.yaml` says no."""
    UNTRIED = "untried"
    """Something that it stands on does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How one capability fared."""

    capability: Capability
    verdict: Verdict
    detail: str
    """What was seen, or what is wrong and what to change."""
    is_needed: bool = True
    """Whether meta_orch can do without."""

    @property
    def is_fault(self) -> bool:
        """Whether somebody has to change something."""
        return self.is_needed and self.verdict is Verdict.FAILS


def check_instance(
    config: InstanceConfig, *, connect: Connect = registry.connect
) -> Iterator[Finding]:
    """Try each capability in turn; one finding for each, as it is known.

    What follows from an earlier failure is `UNTRIED`. Reads the whole catalogue and one page of
    runs. Raises nothing that the orchestrator or the configuration is at fault for.
    """
    tried: set[Capability] = set()
    for finding in _findings(config, connect):
        tried.add(finding.capability)
        yield finding
    for capability in Capability:
        if capability not in tried:
            yield Finding(capability, Verdict.UNTRIED, "", _is_needed(capability, config))


def _findings(config: InstanceConfig, connect: Connect) -> Iterator[Finding]:
    missing = [secret.variable for secret in config.secrets if not secret.is_set]
    if missing:
        yield Finding(Capability.REACH, Verdict.UNTRIED, "")
        yield Finding(
            Capability.LOG_IN,
            Verdict.FAILS,
            f"not set in the environment: {', '.join(missing)}; set it here and where Dagster runs",
        )
        return
    try:
        orchestrator = connect(config)
    except MetaOrchError as error:
        yield Finding(Capability.REACH, Verdict.FAILS, _text(error))
        return
    with orchestrator:
        try:
            server = orchestrator.read_server()
        except LoginRefused as error:
            yield Finding(Capability.REACH, Verdict.WORKS, "")
            yield Finding(Capability.LOG_IN, Verdict.FAILS, _text(error))
            return
        except OrchestratorError as error:
            yield Finding(Capability.REACH, Verdict.FAILS, _text(error))
            return
        yield Finding(Capability.REACH, Verdict.WORKS, f"{config.type} {server.version}")
        is_open = isinstance(config.login, NoLogin)
        yield Finding(Capability.LOG_IN, Verdict.WORKS, "without a login" if is_open else "")
        yield from _reading(orchestrator, server)
        yield _starting(orchestrator, config)


def _reading(orchestrator: Orchestrator, server: Server) -> Iterator[Finding]:
    pipelines: tuple[Pipeline, ...] = ()
    try:
        pipelines = orchestrator.read_catalogue({}).pipelines
    except OrchestratorError as error:
        yield Finding(Capability.READ_PIPELINES, Verdict.FAILS, _text(error))
    else:
        yield Finding(
            Capability.READ_PIPELINES,
            Verdict.WORKS,
            _count(len(pipelines), "pipeline")
            or "there are none; if there should be, look at `include`, `exclude` and at what the "
            "login may see",
        )
    yield _try(Capability.READ_RUNS, lambda: _read_runs(orchestrator, server))
    yield _try(Capability.READ_SOURCES, lambda: _read_source(orchestrator, pipelines), False)
    yield _try(Capability.READ_POOLS, lambda: _read_pools(orchestrator), False)


def _read_runs(orchestrator: Orchestrator, server: Server) -> tuple[Verdict, str]:
    page = next(orchestrator.read_changes(None, (), since=server.now - _RECENT))
    return Verdict.WORKS, _count(len(page.runs), "recent run") or "no recent runs"


def _read_source(
    orchestrator: Orchestrator, pipelines: tuple[Pipeline, ...]
) -> tuple[Verdict, str]:
    if not isinstance(orchestrator, ReadsSources):
        return Verdict.ABSENT, "this orchestrator gives no source"
    for pipeline in pipelines:
        if orchestrator.read_source(pipeline) is None:
            return Verdict.ABSENT, f"the server keeps none of {pipeline.key.name}"
        return Verdict.WORKS, f"that of {pipeline.key.name}"
    return Verdict.UNTRIED, "there is no pipeline to read it of"


def _read_pools(orchestrator: Orchestrator) -> tuple[Verdict, str]:
    if not isinstance(orchestrator, ReadsPools):
        return Verdict.ABSENT, "this orchestrator gives no pools"
    return Verdict.WORKS, _count(len(orchestrator.read_pools()), "pool") or "there are none"


def _starting(orchestrator: Orchestrator, config: InstanceConfig) -> Finding:
    capability, is_needed = Capability.START_RUNS, not config.read_only
    if not isinstance(orchestrator, StartsRuns):
        return Finding(capability, Verdict.ABSENT, "this adapter starts no runs", is_needed)
    if config.read_only:
        return Finding(
            capability, Verdict.OFF, "write `read_only: false` to start runs from Dagster", False
        )
    starter = orchestrator

    def may_start_runs() -> tuple[Verdict, str]:
        starter.check_may_start_runs()
        return Verdict.WORKS, ""

    return _try(capability, may_start_runs)


def _try(
    capability: Capability, action: Callable[[], tuple[Verdict, str]], is_needed: bool = True
) -> Finding:
    try:
        verdict, detail = action()
    except OrchestratorError as error:
        verdict, detail = Verdict.FAILS, _text(error)
    return Finding(capability, verdict, detail, is_needed)


def _is_needed(capability: Capability, config: InstanceConfig) -> bool:
    if capability is Capability.START_RUNS:
        return not config.read_only
    return capability not in {Capability.READ_SOURCES, Capability.READ_POOLS}


def _text(error: MetaOrchError) -> str:
    """The error without the name of the instance, which stands above it."""
    text = str(error)
    return (
        text.removeprefix(f"{error.instance}: ") if isinstance(error, OrchestratorError) else text
    )


def _count(number: int, noun: str) -> str:
    """`1 pool`, `8 pools`; empty for none."""
    return f"{number:,} {noun}{'s' if number != 1 else ''}" if number else ""
