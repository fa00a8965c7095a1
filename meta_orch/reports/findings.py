"""What is worth acting on, each with its evidence, its effect and how it was computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from meta_orch.analytics.critical_paths.report import FASTER
from meta_orch.analytics.predictions.outlooks import Outlook
from meta_orch.analytics.resources.provisioning import Fit, Provision
from meta_orch.analytics.slas.attainment import Verdict
from meta_orch.analytics.slas.causes import cause
from meta_orch.analytics.slas.promises import Promise
from meta_orch.analytics.staggering.plan import StaggeringPlan
from meta_orch.dependencies.lint import Rule, Violation
from meta_orch.domain.edges import path_text
from meta_orch.domain.time import Window
from meta_orch.domain.words import describe_duration
from meta_orch.reports.model import Finding, FindingKind
from meta_orch.store.reporting import PipelineTotals
from meta_orch.store.tracing import WorstTask

_HOUR = 3600
_MISS = 1.0
"""A heuristic for the order only: a missed deadline weighs as much as an hour."""
_SLOWER = 1.3
_LEAST_RUNS = 3
_LEAST_SLOWER = timedelta(minutes=1)
"""Heuristics: what is slower by less is not told."""


def of_promises(promises: Iterable[Promise], window: Window) -> Iterator[Finding]:
    """SLAs that were missed in a time."""
    for promise in promises:
        decided = [
            outcome
            for outcome in promise.attainment.outcomes
            if outcome.verdict is not Verdict.OPEN and outcome.at in window
        ]
        missed = [outcome for outcome in decided if outcome.verdict.is_miss]
        if not missed:
            continue
        why = Counter(filter(None, (cause(outcome, promise.usual) for outcome in missed)))
        verdicts = Counter(outcome.verdict.value for outcome in missed)
        told = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
        most = f" Most often: {why.most_common(1)[0][0]}." if why else ""
        budget = promise.attainment.budget
        left = (
            f"its error budget is overspent by {-budget:.1f}"
            if budget < 0
            else f"{budget:.1f} misses are left in its error budget"
        )
        yield Finding(
            FindingKind.SLA,
            str(promise.pipeline),
            f"{promise.sla.name} was missed {len(missed)} of {len(decided)} "
            f"{'time' if len(decided) == 1 else 'times'}",
            f"{told.capitalize()}.{most}",
            f"{len(missed)} {'miss' if len(missed) == 1 else 'misses'} fewer in such a period; "
            f"{left}.",
            f"See each miss: meta-orch sla --only {promise.sla.name} --misses",
            "Deadlines and runs of the period, each met or missed; target "
            f"{promise.sla.target:.1%} over {describe_duration(promise.sla.window)}.",
            len(missed) * _MISS,
        )


def of_outlooks(outlooks: Iterable[Outlook], risk_from: float) -> Iterator[Finding]:
    """What will likely be missed within a day."""
    for outlook in outlooks:
        if outlook.risk < risk_from:
            continue
        decided = " → ".join(map(path_text, outlook.because))
        expected = (
            f"It is expected at {outlook.expected:%H:%M} UTC (likely {outlook.low:%H:%M} to "
            f"{outlook.high:%H:%M}); decided by {decided}."
            if outlook.expected and outlook.low and outlook.high
            else "Its run failed, and no other is due before."
        )
        yield Finding(
            FindingKind.RISK,
            str(outlook.pipeline),
            f"{outlook.promise.sla.name} will be missed with {outlook.risk:.0%} probability",
            expected,
            f"The deadline of {outlook.deadline:%Y-%m-%d %H:%M} UTC can still be kept.",
            f"Look at what decides it first: {path_text(outlook.because[0])}",
            "Quantiles of the last sixty successful runs, delays of upstream pipelines added.",
            outlook.risk * _MISS,
        )


def of_pipelines(pipelines: Iterable[PipelineTotals]) -> Iterator[Finding]:
    """Those that fail, and those that have become slower."""
    for found in pipelines:
        name = f"{found.instance}/{found.pipeline}"
        if found.failed:
            spent = timedelta(seconds=found.failed_seconds)
            message = f" The last one: {found.last_message}" if found.last_message else ""
            yield Finding(
                FindingKind.FAILURES,
                name,
                f"{found.failed} of {found.runs} runs failed",
                f"They ran for {describe_duration(spent)} together.{message}",
                f"{describe_duration(spent)} of wasted time in such a period, and what it delays.",
                f"See what depends on it: meta-orch impact {name}",
                "Runs that ended in the period in a failed state, after all their retries.",
                found.failed_seconds / _HOUR + found.failed / found.runs,
            )
        now, before = found.median_seconds, found.median_seconds_before
        enough = min(found.succeeded, found.succeeded_before) >= _LEAST_RUNS
        if now is None or before is None or not enough:
            continue
        more = timedelta(seconds=now - before)
        if now > _SLOWER * before and more >= _LEAST_SLOWER:
            usual = describe_duration(timedelta(seconds=before))
            yield Finding(
                FindingKind.SLOWER,
                name,
                f"Takes {describe_duration(more)} longer than in the period before",
                f"Median of {found.succeeded} successful runs "
                f"{describe_duration(timedelta(seconds=now))}, before {usual} "
                f"({found.succeeded_before} runs).",
                f"{describe_duration(more * found.succeeded)} of execution in such a period.",
                f"See which task: meta-orch critical-path {name}",
                f"Medians compared; told from {_SLOWER:g} times and a minute on (a heuristic).",
                more.total_seconds() * found.succeeded / _HOUR,
            )


def of_tasks(tasks: Iterable[WorstTask], runs: dict[str, int]) -> Iterator[Finding]:
    """Tasks whose speed would move the end of their pipeline most; of each pipeline one.

    Args:
        tasks: the one that would save most first.
        runs: how often each pipeline ran in the period, by its name as text.
    """
    worst = {f"{task.instance}/{task.pipeline}": task for task in reversed([*tasks])}
    for name, task in worst.items():
        count = runs.get(name, 0)
        saves = timedelta(seconds=task.saves_seconds)
        if count and saves > timedelta():
            yield Finding(
                FindingKind.CRITICAL_TASK,
                name,
                f"The task {task.task} decides when it ends",
                f"It is on the critical path of {task.on_path:.0%} of {task.runs} runs, which take "
                f"{describe_duration(timedelta(seconds=task.makespan_seconds))} on average.",
                f"{FASTER:.0%} faster it would end {describe_duration(saves)} sooner each time, "
                f"{_times(count)} in the period.",
                f"Look at the path: meta-orch critical-path {name}",
                "The chain of tasks that fixed the end, run by run, with this task faster.",
                task.saves_seconds * count / _HOUR,
            )


def of_resources(provisions: Iterable[Provision]) -> Iterator[Finding]:
    """What is too little, and what is more than is used."""
    for found in provisions:
        if found.capacity is None or found.advised is None:
            continue
        if found.fit is Fit.UNDER:
            yield Finding(
                FindingKind.CAPACITY,
                found.resource,
                f"Wanted beyond its {found.capacity:g} for {describe_duration(found.saturated)}",
                f"Up to {found.peak_wanted:g} were wanted at once; {found.utilisation:.0%} were in "
                f"use on average; what was above the capacity adds up to "
                f"{describe_duration(found.excess)} of units.",
                f"With {found.advised} nobody would have waited.",
                f"See who uses it: meta-orch resources {found.resource}",
                "Runs and attempts in use and queued for, summed at each instant.",
                found.excess.total_seconds() / _HOUR,
            )
        elif found.fit is Fit.OVER:
            yield Finding(
                FindingKind.OVERSIZED,
                found.resource,
                f"Never more than {found.peak_wanted:g} of {found.capacity:g} were wanted",
                f"{found.utilisation:.1%} were in use on average.",
                f"{found.advised} would do, with a quarter of room above the highest peak.",
                "Lower the limit, or give the room to what lacks it",
                "The highest sum of what was in use and queued for in the period.",
                0.0,
            )


def of_plans(plans: Iterable[StaggeringPlan]) -> Iterator[Finding]:
    """Other start minutes that would help."""
    for plan in plans:
        before, after = plan.history_before, plan.history_after
        if not plan.moves or (
            plan.after.peak >= plan.before.peak and after.queued >= before.queued
        ):
            continue
        yield Finding(
            FindingKind.STAGGERING,
            plan.resource,
            "Its pipelines could begin some minutes apart",
            f"{len(plan.moves)} of them would begin later. In the week ahead "
            f"{plan.before.peak:g} are wanted at once, where there is room for "
            f"{plan.capacity:g}; with other start minutes {plan.after.peak:g} (no plan is below "
            f"{plan.bound:g}).",
            f"Replayed on {after.runs} recorded runs: queued {describe_duration(before.queued)} → "
            f"{describe_duration(after.queued)}, deadlines missed {before.missed} → "
            f"{after.missed}.",
            f"See the plan: meta-orch stagger {plan.resource}",
            f"{plan.method}; schedules expanded, with the median duration of each.",
            max(timedelta(), before.queued - after.queued).total_seconds() / _HOUR,
        )


def of_violations(violations: Iterable[Violation]) -> Iterator[Finding]:
    """Pipelines that begin before what they read is there."""
    for found in violations:
        if found.rule is Rule.PRODUCERS_END_FIRST:
            yield Finding(
                FindingKind.RACE,
                found.subject,
                "Begins before what it reads is there",
                found.message,
                "It would no longer run on stale data.",
                found.fix,
                "Starts of the one beside ends of the other, day by day.",
                found.weight,
            )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def ranked(findings: Iterable[Finding], most: int) -> tuple[Sequence[Finding], int]:
    """The ones that cost most, and how many are left out; at equal cost the gravest kind first."""
    kinds = list(FindingKind)
    ordered = sorted(findings, key=lambda f: (-round(f.hours, 3), kinds.index(f.kind), f.subject))
    return tuple(ordered[:most]), max(0, len(ordered) - most)
