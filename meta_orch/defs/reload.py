"""Asking the webserver to load this code location again when the catalogue has changed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from meta_orch.domain.edges import Judgement, Step
from meta_orch.domain.pipelines import Pipeline

DEFAULT_WEBSERVER: Final = "http://127.0.0.1:3000"
"""That of `dagster dev`."""

_log = logging.getLogger(__name__)
_BETWEEN_REQUESTS = timedelta(seconds=30)
_LONGEST_TICK = 60.0
_TIMEOUT_SECONDS = 300
"""A location with ten thousand pipelines takes a minute to load."""


def catalogue_digest(
    pipelines: Iterable[Pipeline], judgements: Mapping[Step, Judgement] | None = None
) -> str:
    """A text that changes when what is shown of the pipelines does, or what people said of edges.
    The next tick of a schedule is left out: it changes by itself."""
    said = sorted((step, said.opinion.value) for step, said in (judgements or {}).items())
    digest = sha256(repr(said).encode())
    for pipeline in sorted(pipelines, key=lambda pipeline: pipeline.key):
        schedules = tuple(replace(schedule, next_at=None) for schedule in pipeline.schedules)
        digest.update(repr(replace(pipeline, schedules=schedules)).encode())
    return digest.hexdigest()


class ReloadFailed(Exception):
    """The webserver did not load the location. The text says why."""


def reload_location(webserver: str, location: str) -> None:
    """Have a webserver load a code location again, and wait until it has.

    Raises:
        ReloadFailed: it is not reached, or the location cannot be loaded.
    """
    # Here, because it costs a second and most processes never ask.
    from dagster_graphql import (
        DagsterGraphQLClient,
        DagsterGraphQLClientError,
        ReloadRepositoryLocationStatus,
    )

    address = urlsplit(webserver)
    client = DagsterGraphQLClient(
        address.hostname or "",
        port_number=address.port,
        use_https=address.scheme == "https",
        path_prefix=address.path.rstrip("/"),
        timeout=_TIMEOUT_SECONDS,
    )
    try:
        answer = client.reload_repository_location(location)
    except DagsterGraphQLClientError as error:
        raise ReloadFailed(
            f"{webserver} does not answer as a Dagster webserver: set `dagster.webserver_url` in "
            "meta_orch.yaml to the address of yours"
        ) from error
    if answer.status is not ReloadRepositoryLocationStatus.SUCCESS:
        raise ReloadFailed(f"{webserver} could not load {location}: {answer.message}")


class Reloader:
    """Keeps what this process has loaded in step with the store.

    States are compared, and no message awaited that the catalogue changed: a message could be lost,
    a difference stays. To load the location again may end this process, so the webserver is asked
    between ticks, and from a thread.

    Args:
        webserver: its address.
        loaded: the digest of each instance's catalogue that the definitions were built from.
        clock: gives the time as aware UTC.
        reload: has a webserver load a location, as `reload_location` does.
    """

    def __init__(
        self,
        webserver: str,
        loaded: Mapping[str, str],
        clock: Callable[[], datetime],
        reload: Callable[[str, str], None] = reload_location,
    ) -> None:
        self.webserver = webserver
        self._loaded = dict(loaded)
        self._clock = clock
        self._reload = reload
        self._compared: dict[str, datetime] = {}
        self._current = dict(loaded)
        self._answered: dict[str, str] = {}
        # A location that shows nothing yet is not to wait.
        is_empty = set(loaded.values()) <= {catalogue_digest(())}
        self._asked_at = None if is_empty else clock()
        self._is_asking = False
        self._problem: str | None = None
        self._ticks = 0
        self._condition = threading.Condition()

    @property
    def is_asking(self) -> bool:
        """Whether the webserver is about to be asked, or has been and has not answered."""
        return self._is_asking

    @contextmanager
    def tick(self) -> Iterator[None]:
        """To be held during a tick: it is not ended by a reload."""
        with self._condition:
            self._ticks += 1
        try:
            yield
        finally:
            with self._condition:
                self._ticks -= 1
                self._condition.notify_all()

    def compare(
        self, instance: str, read_at: datetime | None, current_digest: Callable[[], str]
    ) -> bool:
        """Whether the store has another catalogue of an instance than was loaded, or was asked for.

        Args:
            read_at: when the catalogue in the store was read; compared anew only when it was.
            current_digest: gives that of the catalogue in the store.
        """
        if read_at is not None and self._compared.get(instance) != read_at:
            self._compared[instance] = read_at
            self._current[instance] = current_digest()
        current = self._current.get(instance)
        return current not in (self._loaded.get(instance), self._answered.get(instance))

    def ask(self, location: str) -> str:
        """Ask for a reload as soon as no tick is under way, unless the last one was lately. Returns
        what comes of it, in words."""
        with self._condition:
            now = self._clock()
            if self._is_asking:
                return f"{self.webserver} is being asked to load it"
            if self._asked_at is not None and now - self._asked_at < _BETWEEN_REQUESTS:
                return self._problem or f"{self.webserver} will be asked to load it"
            self._asked_at = now
            self._is_asking = True
        threading.Thread(
            target=self._ask, args=(location, dict(self._current)), name="reload", daemon=True
        ).start()
        return f"asking {self.webserver} to load it"

    def _ask(self, location: str, wanted: Mapping[str, str]) -> None:
        with self._condition:
            self._condition.wait_for(lambda: self._ticks == 0, timeout=_LONGEST_TICK)
        try:
            self._reload(self.webserver, location)
        except ReloadFailed as error:
            self._problem = str(error)
            _log.warning("The catalogue changed and %s is not loaded again: %s", location, error)
        else:
            # Where this process lives on, the webserver has a code server of its own, and asking
            # again would change nothing here.
            self._problem = None
            self._answered.update(wanted)
            _log.info("%s has loaded %s again: the catalogue changed", self.webserver, location)
        finally:
            self._is_asking = False
