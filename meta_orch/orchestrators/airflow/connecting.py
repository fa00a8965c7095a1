"""Finding out which Airflow answers, and taking the API that it has."""

from __future__ import annotations

from meta_orch.orchestrators.airflow.api import LARGEST_PAGE, AirflowApi
from meta_orch.orchestrators.airflow.api_v1 import Airflow2Api
from meta_orch.orchestrators.airflow.transport import Answer, Transport
from meta_orch.orchestrators.base import NotFound, Server, UnexpectedAnswer

_OLDEST = (2, 7)


def connect_api(
    transport: Transport, *, page_size: int = LARGEST_PAGE
) -> tuple[AirflowApi, Server]:
    """Ask the server for its version, and take the API that this version has.

    Raises:
        UnexpectedAnswer: it is no Airflow, or one that this adapter cannot read.
    """
    for api in (AirflowApi, Airflow2Api):
        try:
            answer = transport.send_anonymously("GET", f"{api.root}/version")
        except NotFound:
            continue
        return api(transport, page_size=page_size), _read_server(transport, answer)
    raise UnexpectedAnswer(transport.instance, f"{transport.url} is no Airflow: check `url`")


def _read_server(transport: Transport, answer: Answer) -> Server:
    version = answer.fields().text("version")
    if _numbers(version) < _OLDEST:
        raise UnexpectedAnswer(
            transport.instance,
            f"{transport.url} is Airflow {version}: this adapter reads Airflow 2.7 and later",
        )
    return Server(version=version, now=answer.sent_at)


def _numbers(version: str) -> tuple[int, ...]:
    """`(2, 7)` of `2.7.3+composer`."""
    major, _, rest = version.partition(".")
    minor = rest.partition(".")[0]
    return tuple(int(part) for part in (major, minor) if part.isdigit())
