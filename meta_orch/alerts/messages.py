"""What a message says: short, what, since when, with what consequence, and why."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, PackageLoader, StrictUndefined, TemplateError

from meta_orch.alerts.dispatching import Notification
from meta_orch.config.receivers import ReceiverConfig
from meta_orch.dependencies.graph import Lineage
from meta_orch.domain.alerts import Alert, Condition, Severity
from meta_orch.domain.errors import MetaOrchError
from meta_orch.domain.incidents import Incident
from meta_orch.domain.notifications import Message, Status, Told

_NAMED = 3
"""Pipelines that a sentence names; of the others it says how many."""
_MOST = 10
"""Incidents that a message tells of; of the others it says how many."""
_KEY_LENGTH = 64
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class TemplateUnusable(MetaOrchError):
    """A receiver's template cannot be rendered. The text names its file and the fault."""


def compose(notification: Notification, lineage: Lineage, webserver_url: str | None) -> Message:
    """Args:
    webserver_url: of Dagster's UI, for links; None for none.
    """
    incidents = notification.incidents
    open_ones = [incident for incident in incidents if incident.state.is_open]
    return Message(
        Status.FIRING if open_ones else Status.RESOLVED,
        max((i.severity for i in open_ones or incidents), key=lambda severity: severity.rank),
        hashlib.sha256(notification.group.key.encode()).hexdigest()[:_KEY_LENGTH],
        notification.group.labels,
        tuple(_told(incident, lineage, webserver_url) for incident in incidents[:_MOST]),
        len(incidents),
        is_escalation=notification.is_escalation,
        is_repeat=notification.is_repeat,
    )


def trial(receiver: str, now: datetime) -> Message:
    """One that says of itself that it is a test."""
    told = Told(
        0,
        Status.TEST,
        Severity.INFO,
        "meta_orch test message",
        f"It reached {receiver}; nothing is wrong.",
        now,
        until=None,
        consequence=None,
        likely_cause=None,
        owner=None,
        url=None,
        dagster_url=None,
    )
    return Message(Status.TEST, Severity.INFO, f"meta-orch-test-{receiver}", {}, (told,), 1)


def report_message(title: str, lines: str, url: str | None) -> Message:
    """One that tells of a report.

    Args:
        lines: what is most important of it.
        url: where it can be read; None where that is no address that others can open.
    """
    told = Told(
        0,
        Status.REPORT,
        Severity.INFO,
        title,
        lines,
        _NO_TIME,
        until=None,
        consequence=None,
        likely_cause=None,
        owner=None,
        url=url,
        dagster_url=None,
    )
    key = hashlib.sha256(title.encode()).hexdigest()
    return Message(Status.REPORT, Severity.INFO, key, {}, (told,), 1)


def _told(incident: Incident, lineage: Lineage, webserver_url: str | None) -> Told:
    cause = incident.cause
    return Told(
        incident.id,
        Status.FIRING if incident.state.is_open else Status.RESOLVED,
        incident.severity,
        incident.title,
        cause.summary if incident.state.is_open else incident.resolution or "resolved",
        incident.began_at,
        incident.resolved_at,
        consequence(incident, lineage),
        incident.likely_cause,
        incident.owner or cause.labels.get("team"),
        cause.url,
        _page(cause, webserver_url),
    )


def consequence(incident: Incident, lineage: Lineage) -> str | None:
    """What follows from it, in words; None where nothing does."""
    cause = incident.cause
    affected = [subject for subject in incident.affected if subject != cause.subject]
    below = lineage.downstream(cause.pipeline.path) if cause.pipeline else {}
    others = sorted({"/".join(path) for path in below} - {*affected})
    parts = [f"affects {_named(affected)}"] if affected else []
    if others:
        depend = "depends" if len(others) == 1 else "depend"
        parts.append(f"{_named(others)} {depend} on it{' too' if affected else ''}")
    return "; ".join(parts) or None


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _page(cause: Alert, webserver_url: str | None) -> str | None:
    if webserver_url is None:
        return None
    path = cause.pipeline.path if cause.pipeline else ("meta_orch", "incidents")
    if cause.instance and not cause.pipeline and cause.condition is not Condition.RECEIVER_FAILING:
        path = (cause.instance,)
    return "/".join((webserver_url.rstrip("/"), "assets", *(quote(part, safe="") for part in path)))


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("meta_orch.alerts"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701  # plain text
        keep_trailing_newline=False,
    )


def render(message: Message, receiver: ReceiverConfig) -> tuple[str, str]:
    """Title and body, by the receiver's templates or ours.

    Raises:
        TemplateUnusable: a template of the receiver's is not there, or at fault.
    """
    values = {"message": message, "many": message.count > 1}
    return (
        _render(receiver.title_template, "title.txt.j2", values).strip(),
        _render(receiver.body_template, "body.txt.j2", values).strip(),
    )


def _render(path: Path | None, default: str, values: Mapping[str, object]) -> str:
    if path is None:
        return _environment().get_template(default).render(values)
    try:
        environment = _environment().overlay(loader=FileSystemLoader(path.parent))
        return environment.get_template(path.name).render(values)
    except TemplateError as error:
        raise TemplateUnusable(f"{path}: {error}; mend the template") from error
