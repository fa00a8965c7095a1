"""What gates and triggers do and know, to documents of the store and back; see `rows`."""

from __future__ import annotations

from datetime import datetime

from meta_orch.domain.actions import Action, ActionKind, Outcome
from meta_orch.domain.assets import AssetFact
from meta_orch.domain.edges import AssetPath
from meta_orch.domain.holds import Hold, HoldState
from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.time import as_utc, parse_instant
from meta_orch.domain.triggers import Firing, FiringState
from meta_orch.store.rows import Document


def action_to_document(action: Action) -> Document:
    return {
        "id": action.id,
        "instance": action.pipeline.instance,
        "pipeline": action.pipeline.name,
        "kind": action.kind.value,
        "reason": action.reason,
        "done_by": action.by,
        "done_through": action.through,
        "acted_at": as_utc(action.at).isoformat(),
        "outcome": action.outcome.value,
        "before": action.before,
        "after": action.after,
        "message": action.message,
        "undoes": action.undoes,
    }


def action_from_document(row: Document) -> Action:
    return Action(
        id=row["id"],
        kind=ActionKind(row["kind"]),
        pipeline=PipelineKey(row["instance"], row["pipeline"]),
        reason=row["reason"],
        by=row["done_by"],
        through=row["done_through"],
        at=_instant(row["acted_at"]),
        outcome=Outcome(row["outcome"]),
        before=row["before"],
        after=row["after"],
        message=row["message"],
        undoes=row["undoes"],
    )


def hold_to_document(hold: Hold) -> Document:
    return {
        "id": hold.id,
        "instance": hold.pipeline.instance,
        "pipeline": hold.pipeline.name,
        "due_at": as_utc(hold.due_at).isoformat(),
        "owner": hold.owner,
        "reason": hold.reason,
        "begun_at": as_utc(hold.begun_at).isoformat(),
        "expires_at": as_utc(hold.expires_at).isoformat(),
        "state": hold.state.value,
        "is_dry_run": hold.is_dry_run,
        "ended_at": as_utc(hold.ended_at).isoformat() if hold.ended_at else None,
        "ended_because": hold.ended_because,
    }


def hold_from_document(row: Document) -> Hold:
    return Hold(
        id=row["id"],
        pipeline=PipelineKey(row["instance"], row["pipeline"]),
        due_at=_instant(row["due_at"]),
        owner=row["owner"],
        reason=row["reason"],
        begun_at=_instant(row["begun_at"]),
        expires_at=_instant(row["expires_at"]),
        state=HoldState(row["state"]),
        is_dry_run=row["is_dry_run"],
        ended_at=parse_instant(row["ended_at"]),
        ended_because=row["ended_because"],
    )


def firing_to_document(firing: Firing) -> Document:
    return {
        "id": firing.id,
        "trigger": firing.trigger,
        "instance": firing.target.instance,
        "pipeline": firing.target.name,
        "fired_at": as_utc(firing.fired_at).isoformat(),
        "state": firing.state.value,
        "parameters": dict(firing.parameters),
        "reason": firing.reason,
        "run_id": firing.run_id,
        "followed_at": as_utc(firing.followed_at).isoformat() if firing.followed_at else None,
        "ended_at": as_utc(firing.ended_at).isoformat() if firing.ended_at else None,
        "message": firing.message,
    }


def firing_from_document(row: Document) -> Firing:
    return Firing(
        id=row["id"],
        trigger=row["trigger"],
        target=PipelineKey(row["instance"], row["pipeline"]),
        fired_at=_instant(row["fired_at"]),
        state=FiringState(row["state"]),
        parameters=row["parameters"],
        reason=row["reason"],
        run_id=row["run_id"],
        followed_at=parse_instant(row["followed_at"]),
        ended_at=parse_instant(row["ended_at"]),
        message=row["message"],
    )


def asset_fact_to_document(path: AssetPath, fact: AssetFact) -> Document:
    return {
        "path": list(path),
        "materialized_at": fact.materialized_at and as_utc(fact.materialized_at).isoformat(),
        "failed_at": fact.failed_at and as_utc(fact.failed_at).isoformat(),
        "checks": dict(fact.checks),
    }


def asset_fact_from_document(row: Document) -> AssetFact:
    return AssetFact(
        parse_instant(row["materialized_at"]), parse_instant(row["failed_at"]), row["checks"]
    )


def _instant(text: str) -> datetime:
    return as_utc(datetime.fromisoformat(text))
