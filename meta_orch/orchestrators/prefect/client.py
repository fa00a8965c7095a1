"""Prefect's REST API as JSON. Prefect's own client carries the requests: it brings the
API version header and the CSRF token; its models, which change with the server, stay unused.

That client takes seconds to import, so it is imported where a connection is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from meta_orch.config.models import InstanceConfig
from meta_orch.orchestrators.answers import error_for_status
from meta_orch.orchestrators.base import NotFound, UnexpectedAnswer
from meta_orch.orchestrators.prefect.parse import Row

if TYPE_CHECKING:
    import httpx

PAGE = 200
"""Rows on a page; Prefect refuses to give more."""


class PrefectApi:
    """Requests to one Prefect server. Every method raises a subclass of `OrchestratorError`, and
    nothing else, where there is no good answer. Making one makes no request. Threads may share
    it."""

    def __init__(self, config: InstanceConfig, url: str) -> None:
        from prefect.client.orchestration import SyncPrefectClient
        from prefect.settings import PREFECT_CLIENT_CUSTOM_HEADERS

        from meta_orch.orchestrators.httpx_transport import Transport, timeout

        self.instance = config.name
        # What the shell's Prefect profile adds to requests is for another server.
        self._transport = Transport(config, without=PREFECT_CLIENT_CUSTOM_HEADERS.value())
        self._client = SyncPrefectClient(
            url,
            httpx_settings={
                "transport": self._transport,
                "verify": self._transport.tls,
                "timeout": timeout(config),
            },
        )
        self._client.__enter__()

    @property
    def asked_at(self) -> datetime:
        """The server's clock when the last request was sent, UTC.

        Raises:
            UnexpectedAnswer: the server gave no date.
        """
        if self._transport.asked_at is None:
            raise UnexpectedAnswer(
                self.instance, "the server's answers have no Date header: look at proxies before it"
            )
        return self._transport.asked_at

    def server_now(self) -> datetime:
        """The server's clock, UTC; it is asked where it has not answered anything yet."""
        if self._transport.asked_at is None:
            with suppress(NotFound):  # which tells the time too
                self.get("/health")
        return self._transport.server_now()

    @property
    def requests(self) -> int:
        return self._transport.requests

    def get(self, path: str) -> Any:
        return self._ask("GET", path, None)

    def post(self, path: str, body: Row) -> Any:
        """Ask for what a GET cannot name."""
        return self._ask("POST", path, body)

    def act(self, path: str, body: Row) -> Any:
        """Change something."""
        return self._ask("POST", path, body, acts=True)

    def rows(self, path: str, body: Row, *, limit: int = PAGE, offset: int = 0) -> list[Row]:
        """One page of a `/filter` endpoint; fewer rows than `limit` means there are no more."""
        answer = self.post(path, {**body, "limit": limit, "offset": offset})
        if not isinstance(answer, list) or not all(isinstance(row, Mapping) for row in answer):
            raise UnexpectedAnswer(self.instance, f"POST {path} answered no list of objects")
        return answer

    def pages(self, path: str, body: Row) -> Iterator[list[Row]]:
        """Every page of a `/filter` endpoint, by offset. Rows that leave the filter meanwhile may
        hide others: for what must not be missed, page by a key."""
        offset = 0
        while True:
            page = self.rows(path, body, offset=offset)
            yield page
            if len(page) < PAGE:
                return
            offset += len(page)

    def all_rows(self, path: str, body: Row) -> list[Row]:
        return [row for page in self.pages(path, body) for row in page]

    def rows_by_id(self, path: str, entity: str, ids: list[str]) -> Iterator[Row]:
        """The rows of `entity` with these ids; an id that does not exist gives none."""
        for start in range(0, len(ids), PAGE):
            chosen = {"id": {"any_": ids[start : start + PAGE]}}
            yield from self.rows(path, {entity: chosen})

    def close(self) -> None:
        self._client.__exit__(None, None, None)

    def _ask(
        self, method: Literal["GET", "POST"], path: str, body: Row | None, *, acts: bool = False
    ) -> Any:
        import httpx

        from meta_orch.orchestrators.httpx_transport import ACTS, name_request, read_json

        try:
            response = self._client.request(
                method,
                path,  # pyright: ignore[reportArgumentType]  # its list of routes is that of one version
                json=body,
                extensions=ACTS if acts else {},
            )
        except httpx.HTTPStatusError as error:
            response = error.response
            raise error_for_status(
                self.instance, name_request(error.request), response.status_code, _reason(response)
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnexpectedAnswer(self.instance, f"{method} {path}: {error}") from error
        return read_json(self.instance, response)


def _reason(response: httpx.Response) -> bytes:
    """The body, with Prefect's own word for `detail`: it has another for what is not valid."""
    return response.content.replace(b'"exception_detail"', b'"detail"')
