"""Conditions that follow from SLAs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from meta_orch.analytics.predictions.outlooks import Outlook
from meta_orch.analytics.slas.attainment import Verdict
from meta_orch.analytics.slas.causes import cause
from meta_orch.analytics.slas.promises import Promise
from meta_orch.domain.alerts import Alert, Condition


def of_promises(promises: Iterable[Promise]) -> Iterator[Alert]:
    """SLAs of which the last that was decided is a miss, and whose target is missed with it or
    whose budget is used up."""
    for promise in promises:
        decided = [o for o in promise.attainment.outcomes if o.verdict is not Verdict.OPEN]
        if not decided or not decided[-1].verdict.is_miss:
            continue
        last = decided[-1]
        missed_in_a_row = next(
            (n for n, o in enumerate(reversed(decided)) if not o.verdict.is_miss), len(decided)
        )
        first = decided[-missed_in_a_row]
        why = cause(last, promise.usual)
        times = f", {missed_in_a_row} times in a row" if missed_in_a_row > 1 else ""
        budget = promise.attainment.budget
        left = f"{budget:.1f} more may be missed" if budget >= 0 else "its budget is used up"
        yield Alert(
            Condition.SLA_BREACHED,
            str(promise.pipeline),
            first.at,
            f"{promise.sla.name} missed{times} ({last.verdict.value}"
            f"{f': {why}' if why else ''}); {left}",
            pipeline=promise.pipeline,
            instance=promise.pipeline.instance,
            name=promise.sla.name,
            run_id=last.run.key.run_id if last.run else None,
            url=last.run.url if last.run else None,
            labels={"sla": promise.sla.name},
        )


def of_outlooks(outlooks: Iterable[Outlook], risk_from: float, now: datetime) -> Iterator[Alert]:
    """SLAs that will likely be missed.

    Args:
        risk_from: from which probability on.
    """
    for outlook in outlooks:
        if outlook.risk < risk_from:
            continue
        expected = f"; expected at {outlook.expected:%H:%M} UTC" if outlook.expected else ""
        name = outlook.promise.sla.name
        yield Alert(
            Condition.AT_RISK,
            str(outlook.pipeline),
            now,
            f"{name}, due by {outlook.deadline:%Y-%m-%d %H:%M} UTC, will be missed with a "
            f"probability of {outlook.risk:.0%}{expected}",
            pipeline=outlook.pipeline,
            instance=outlook.pipeline.instance,
            name=name,
            labels={"sla": name},
        )
