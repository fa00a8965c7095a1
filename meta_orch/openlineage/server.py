"""Events from a server with Marquez's API: `GET /api/v1/events/lineage`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx

from meta_orch.config.models import InstanceConfig, OpenLineageConfig
from meta_orch.domain.time import parse_instant
from meta_orch.openlineage.reading import Reading
from meta_orch.orchestrators.answers import error_for_status
from meta_orch.orchestrators.base import UnexpectedAnswer
from meta_orch.orchestrators.httpx_transport import Transport, name_request, read_json, timeout

_PAGE = 100
_OVERLAP = timedelta(minutes=10)
"""An event may come to the server later than one that is newer."""
_PATH = "/api/v1/events/lineage"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def read_server(source: OpenLineageConfig, cursor: str | None) -> Iterator[Reading]:
    """The events since the newest that is known, the oldest first, page by page.

    Args:
        cursor: the time of that one.
    """
    newest = parse_instant(cursor) or _BEGINNING
    after = max(newest - _OVERLAP, _BEGINNING)
    config = InstanceConfig(
        name="openlineage",
        type="openlineage",
        url=source.url,
        login=source.login,
        tls=source.tls,
        timeouts=source.timeouts,
    )
    with httpx.Client(
        base_url=str(source.url), transport=Transport(config), timeout=timeout(config)
    ) as client:
        offset = 0
        while True:
            response = client.get(
                _PATH,
                params={
                    "after": after.isoformat(),
                    "before": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
                    "limit": _PAGE,
                    "offset": offset,
                    "sortDirection": "asc",
                },
            )
            if response.status_code != httpx.codes.OK:
                raise error_for_status(
                    config.name,
                    name_request(response.request),
                    response.status_code,
                    response.content,
                    secrets=config.secrets,
                )
            events = _events(read_json(config.name, response))
            reading = Reading("")
            for index, event in enumerate(events, start=offset + 1):
                reading.add(event, f"{source.url}, event {index} since {after:%Y-%m-%d %H:%M} UTC")
                newest = max(newest, _time_of(event) or newest)
            reading.cursor = newest.isoformat()
            yield reading
            offset += len(events)
            if len(events) < _PAGE:
                return


def _events(document: object) -> list[object]:
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        raise UnexpectedAnswer(
            "openlineage",
            f"the answer to GET {_PATH} has no `events`: is it a server like Marquez?",
        )
    return events


def _time_of(event: object) -> datetime | None:
    try:
        return parse_instant(event["eventTime"]) if isinstance(event, dict) else None
    except (KeyError, TypeError, ValueError):
        return None
