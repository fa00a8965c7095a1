"""The decision itself: pure, from the occasion, the requirements and the facts."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from meta_orch.config.models import GateConfig
from meta_orch.dependencies.gates.windows import Cadence, Occasion
from meta_orch.domain.assets import AssetFact
from meta_orch.domain.edges import AssetPath, Edge, path_text
from meta_orch.domain.overrides import Override
from meta_orch.domain.states import RunState
from meta_orch.domain.ticks import cron, last_tick
from meta_orch.store import Facts, RunFact


class Readiness(StrEnum):
    """What an upstream is, for one run of its downstream."""

    READY = "ready"
    NOT_DUE = "not due"
    """It has not run yet, and need not have."""
    RUNNING = "running"
    MISSING = "missing"
    """It was due and has not run, or nothing new came of it."""
    UNKNOWN = "unknown"
    """As far as is known it is missing, but its orchestrator was not read lately."""
    FAILED = "failed"
    """It ran and did not succeed: failed, was canceled, or was skipped."""


class Disposition(StrEnum):
    """What becomes of the run."""

    RUN = "run"
    WARN = "run with a warning"
    """An upstream is not as required, and the gate, or a person, says to run all the same."""
    WAIT = "wait"
    """For upstreams that may still come."""
    HOLD = "hold"
    """Until the upstreams are as required, or somebody says to run."""
    SKIP = "skip"
    """This run does not take place."""


_NO_FACTS = Facts()
_FORMS = {"hold": Disposition.HOLD, "skip": Disposition.SKIP, "run": Disposition.WARN}
_WEAKEST_FIRST = list(Disposition)


@dataclass(frozen=True, slots=True)
class Requirement:
    """An edge, and what it asks of its upstream."""

    edge: Edge
    gate: GateConfig
    cadence: Cadence


@dataclass(frozen=True, slots=True)
class Finding:
    """What an upstream was found to be."""

    upstream: AssetPath
    readiness: Readiness
    message: str
    """In words, with the run that decided it."""
    since: datetime | None
    """Since when it is so, where it is not as required."""
    evidence: str
    """Why the downstream depends on it."""
    disposition: Disposition
    run_id: str | None = None

    @property
    def is_ready(self) -> bool:
        return self.readiness is Readiness.READY


@dataclass(frozen=True, slots=True)
class Decision:
    pipeline: AssetPath
    occasion: Occasion
    decided_at: datetime
    disposition: Disposition
    findings: tuple[Finding, ...]
    """Of every upstream, the worst first."""
    override: Override | None = None
    """What somebody said, where that is why it runs."""
    hold_at_most: timedelta = timedelta()
    """How long it may be held: the longest that one of its gates says."""

    @property
    def may_run(self) -> bool:
        return self.disposition in {Disposition.RUN, Disposition.WARN}

    @property
    def is_due(self) -> bool:
        return self.occasion.due_at <= self.decided_at

    @property
    def culprits(self) -> tuple[Finding, ...]:
        """Upstreams that are not as required."""
        return tuple(finding for finding in self.findings if not finding.is_ready)

    @property
    def is_troubled(self) -> bool:
        """Whether something is wrong: an upstream failed, or is not there though the run is due.
        What is merely not due yet is no trouble."""
        return any(
            finding.readiness is Readiness.FAILED or self.is_due for finding in self.culprits
        )


def decide(
    pipeline: AssetPath,
    occasion: Occasion,
    requirements: Sequence[Requirement],
    facts: Mapping[AssetPath, Facts],
    now: datetime,
    *,
    own: Facts = _NO_FACTS,
    assets: Mapping[AssetPath, AssetFact] | None = None,
    unread: Mapping[str, datetime | None] | None = None,
    known: Container[AssetPath] | None = None,
    override: Override | None = None,
) -> Decision:
    """Whether a pipeline may run.

    Args:
        facts: of the upstream pipelines.
        own: of the pipeline itself.
        assets: of upstream Dagster assets that are no pipelines, and of the checks of any upstream.
        known: the pipelines that exist; None where they all do.
        unread: instances that were not read lately, with when they were.
        override: what somebody said of the pipeline.
    """
    findings = []
    for requirement in requirements:
        upstream = requirement.edge.upstream
        asset = assets.get(upstream) if assets else None
        is_pipeline = upstream in facts if known is None else upstream in known
        if asset is not None and not is_pipeline:
            look = _look_at_asset(requirement, asset, own, occasion, now)
        elif known is not None and not is_pipeline:
            said = "is no pipeline that is read, so nothing is known of it"
            look = Readiness.UNKNOWN, said, None, None
        else:
            look = _look(requirement, facts.get(upstream, _NO_FACTS), own, occasion, now)
        if look[0] is Readiness.READY:
            look = _look_at_checks(requirement.gate.checks, asset) or look
        readiness, message, since, run_id = look
        if readiness is Readiness.MISSING and unread and upstream[0] in unread:
            readiness = Readiness.UNKNOWN
            read_at = unread[upstream[0]]
            seen = f"since {_at(read_at)}" if read_at else "yet"
            message = f"{message}, as far as is known: {upstream[0]} has not been read {seen}"
        findings.append(
            Finding(
                upstream,
                readiness,
                message,
                since,
                requirement.edge.evidence,
                _dispose(readiness, requirement.gate, occasion, now),
                run_id,
            )
        )
    order = list(Readiness)
    findings.sort(key=lambda f: (-_WEAKEST_FIRST.index(f.disposition), -order.index(f.readiness)))
    worst = max(
        (finding.disposition for finding in findings),
        key=_WEAKEST_FIRST.index,
        default=Disposition.RUN,
    )
    is_let_run = (
        worst not in {Disposition.RUN, Disposition.WARN}
        and override is not None
        and override.holds(now)
    )
    return Decision(
        pipeline,
        occasion,
        now,
        Disposition.WARN if is_let_run else worst,
        tuple(findings),
        override if is_let_run else None,
        max((r.gate.hold_at_most for r in requirements), default=timedelta()),
    )


def _dispose(
    readiness: Readiness, gate: GateConfig, occasion: Occasion, now: datetime
) -> Disposition:
    if readiness is Readiness.READY:
        return Disposition.RUN
    if readiness is Readiness.FAILED:
        return _FORMS[gate.on_failure]
    if now < occasion.due_at + gate.wait:
        return Disposition.WAIT
    return _FORMS[gate.on_timeout]


_Look = tuple[Readiness, str, datetime | None, str | None]
"""Readiness, message, since when, and the run that decided it."""


def _look(
    requirement: Requirement, facts: Facts, own: Facts, occasion: Occasion, now: datetime
) -> _Look:
    gate = requirement.gate
    match gate.requires:
        case "since":
            tick = last_tick([cron(gate.since or "", gate.timezone)], now)
            return _since(facts, tick, f"since {_at(tick)}" if tick else "ever")
        case "fresh":
            age = gate.fresher_than or timedelta()
            return _since(facts, now - age, f"since {_at(now - age)}")
        case "new_data":
            return _since(facts, own.last_started, "since the last run")
        case _:
            return _in_window(requirement.cadence, facts, occasion, now)


def _since(facts: Facts, instant: datetime | None, words: str) -> _Look:
    """Whether it succeeded at or after an instant; ever, for None."""
    success, last = facts.last_success_at, facts.last_finished
    if success is not None and (instant is None or success >= instant):
        return Readiness.READY, f"succeeded at {_at(success)}", None, None
    if last is not None and _is_bad(last) and (instant is None or _end(last) >= instant):
        return _failed(last)
    if open_run := _open(facts.runs):
        return _running(open_run)
    before = f"; before that at {_at(success)}" if success else ""
    return Readiness.MISSING, f"has not succeeded {words}{before}", instant, None


def _in_window(cadence: Cadence, facts: Facts, occasion: Occasion, now: datetime) -> _Look:
    needed = cadence.needed(occasion.window)
    if not needed:
        return _last_outcome(facts)
    found = [_at_tick(tick, cadence.until(tick), facts.runs, now) for tick in needed]
    order = list(Readiness)
    worst = max(found, key=lambda look: order.index(look[0]))
    if worst[0] is Readiness.READY and len(found) > 1:
        return Readiness.READY, f"succeeded for all {len(found)} of its ticks", None, None
    return worst


def _at_tick(
    tick: datetime, until: datetime | None, runs: Iterable[RunFact], now: datetime
) -> _Look:
    """What came of a tick: the outcome of the last of the runs that are due from it up to the next,
    so that one that somebody starts afterwards makes good one that failed."""
    own = [run for run in runs if run.due_at >= tick and (until is None or run.due_at < until)]
    if open_run := _open(own):
        return _running(open_run)
    finished = [run for run in own if run.state.is_terminal]
    if not finished:
        if now < tick:
            return Readiness.NOT_DUE, f"is due at {_at(tick)}", tick, None
        return Readiness.MISSING, f"has not run for {_at(tick)}", tick, None
    last = max(finished, key=_end)
    if _is_bad(last):
        return _failed(last)
    return Readiness.READY, f"succeeded at {_at(_end(last))}", None, last.run_id


def _last_outcome(facts: Facts) -> _Look:
    """For what has no rhythm."""
    last = facts.last_finished
    if last is None:
        if open_run := _open(facts.runs):
            return _running(open_run)
        return Readiness.MISSING, "has never run", None, None
    if _is_bad(last):
        return _failed(last)
    return Readiness.READY, f"succeeded at {_at(_end(last))}", None, last.run_id


def _look_at_asset(
    requirement: Requirement, asset: AssetFact, own: Facts, occasion: Occasion, now: datetime
) -> _Look:
    """A Dagster asset has materializations in place of runs."""
    made, failed = asset.materialized_at, asset.failed_at
    if failed is not None and (made is None or failed > made):
        return Readiness.FAILED, f"failed to materialize at {_at(failed)}", failed, None
    as_run = RunFact("", RunState.SUCCEEDED, made, made, made) if made else None
    facts = Facts(runs=(as_run,) if as_run else (), last_success_at=made, last_finished=as_run)
    readiness, message, since, _ = _look(requirement, facts, own, occasion, now)
    if made is None:
        return readiness, "was never materialized", since, None
    for said, meant in _OF_ASSETS:
        message = message.replace(said, meant)
    return readiness, message, since, None


def _look_at_checks(checks: Sequence[str], asset: AssetFact | None) -> _Look | None:
    """None where all have passed."""
    outcomes = asset.checks if asset else {}
    if failed := [check for check in checks if outcomes.get(check) is False]:
        return Readiness.FAILED, f"does not pass {', '.join(failed)}", None, None
    if missing := [check for check in checks if check not in outcomes]:
        return Readiness.MISSING, f"has not been checked by {', '.join(missing)}", None, None
    return None


def _open(runs: Iterable[RunFact]) -> RunFact | None:
    """The last of those that are on their way."""
    found = [run for run in runs if not run.state.is_terminal]
    return found[-1] if found else None


def _running(run: RunFact) -> _Look:
    since = run.started_at or run.due_at
    return Readiness.RUNNING, f"is {run.state.value} since {_at(since)}", since, run.run_id


def _failed(run: RunFact) -> _Look:
    return (
        Readiness.FAILED,
        f"{_OUTCOMES.get(run.state, run.state.value)} at {_at(_end(run))} ({run.run_id})",
        _end(run),
        run.run_id,
    )


_OF_ASSETS = (
    ("has not succeeded", "has not been materialized"),
    ("has not run", "has not been materialized"),
    ("succeeded", "was materialized"),
)
"""What messages say of runs, and what that is of assets; in this order."""
_OUTCOMES = {
    RunState.UPSTREAM_FAILED: "failed, as something before it did,",
    RunState.CANCELED: "was canceled",
    RunState.SKIPPED: "was skipped",
    RunState.REMOVED: "was removed",
}


def _is_bad(run: RunFact) -> bool:
    return run.state.is_terminal and run.state is not RunState.SUCCEEDED


def _end(run: RunFact) -> datetime:
    return run.ended_at or run.started_at or run.due_at


def _at(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def summary(decision: Decision) -> str:
    """The decision in a line."""
    if decision.override is not None:
        said = decision.override
        return f"{said.by} lets it run until {_at(said.expires_at)}: {said.reason}"
    if not decision.culprits:
        return "Every upstream is as required."
    first, *others = decision.culprits
    more = f", and {len(others)} more" if others else ""
    return f"{path_text(first.upstream)} {first.message}{more}."
