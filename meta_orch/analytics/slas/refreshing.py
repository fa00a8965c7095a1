"""How promises are kept and what is at risk, worked out and kept in the store."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from meta_orch.analytics.predictions.outlooks import Outlook, Seer
from meta_orch.analytics.slas.causes import cause
from meta_orch.analytics.slas.promises import Promise, kept_promises
from meta_orch.config import MetaOrchConfig
from meta_orch.dependencies.gates import GateMap
from meta_orch.domain.edges import path_text
from meta_orch.store import Store


def refresh_promises(
    store: Store, config: MetaOrchConfig, now: datetime
) -> tuple[tuple[Promise, ...], tuple[Outlook, ...]]:
    """Of every SLA in the configuration, in place of what was kept before."""
    with store.read() as reader:
        promises = kept_promises(reader, config.slas, now)
        outlooks = (
            Seer().outlooks(reader, GateMap(reader, config), promises, now) if promises else ()
        )
    with store.write() as writer:
        writer.results.replace("sla_attainment", map(_promise, promises), now)
        writer.results.replace("outlooks", map(_outlook, outlooks), now)
    return promises, outlooks


def _promise(promise: Promise) -> dict[str, Any]:
    kept = promise.attainment
    return {
        "sla": promise.sla.name,
        "instance": promise.pipeline.instance,
        "pipeline": promise.pipeline.name,
        "target": kept.target,
        "met": kept.met,
        "missed": kept.missed,
        "share": kept.share,
        "budget": kept.budget,
        "streak": kept.streak,
        "trend": kept.trend,
        "misses": [
            {
                "missed_at": outcome.at.isoformat(),
                "verdict": outcome.verdict.value,
                "over_seconds": outcome.over.total_seconds() if outcome.over is not None else None,
                "run_id": outcome.run.key.run_id if outcome.run else None,
                "cause": cause(outcome, promise.usual),
            }
            for outcome in kept.outcomes
            if outcome.verdict.is_miss
        ],
    }


def _outlook(outlook: Outlook) -> dict[str, Any]:
    def text(instant: datetime | None) -> str | None:
        return instant.isoformat() if instant else None

    return {
        "sla": outlook.promise.sla.name,
        "instance": outlook.pipeline.instance,
        "pipeline": outlook.pipeline.name,
        "deadline": text(outlook.deadline),
        "risk": outlook.risk,
        "expected_at": text(outlook.expected),
        "likely_from": text(outlook.low),
        "likely_to": text(outlook.high),
        "decided_by": [path_text(path) for path in outlook.because],
    }
