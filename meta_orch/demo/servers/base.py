"""What the three servers have in common."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from meta_orch.demo.errors import RequestFailed
from meta_orch.demo.processes import (
    LOOPBACK,
    Process,
    check_port,
    clean_environment,
    free_port,
    stop_all,
    wait_until,
)

START_SECONDS = 300
_REQUEST_SECONDS = 60
_ERROR_BYTES = 1000
_TRIES = 5
_PAUSE_SECONDS = 1
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Server(ABC):
    """One orchestrator: an environment, a folder with its data, a port, and its processes.

    Entering it starts it and returns once it answers; leaving it stops it with every process it
    started. `stop` or `kill`, and `start` again, keep the port and the data.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        environment: Path,
    ) -> None:
        """
        Args:
            folder: for data and logs; made where it does not exist, gone on with where it does.
            port: a free one where it is None.
            settings: environment variables for the processes, over those chosen here.
            environment: the folder of the virtual environment that it runs in.
        """
        self.folder = folder.absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.environment = environment
        self.port = port or free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.logs = self.folder / "logs"
        self.logs.mkdir(exist_ok=True)
        self.started_at = datetime.min.replace(tzinfo=UTC)
        self._settings = dict(settings or {})
        self._processes: tuple[Process, ...] = ()

    @property
    def processes(self) -> tuple[Process, ...]:
        return self._processes

    def start(self) -> None:
        """`launch`, then `wait_until_ready`; stops it again where that fails."""
        try:
            self.launch()
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def launch(self) -> None:
        """Start its processes, and do not wait for them.

        Raises:
            PortBusy: somebody else listens on its port.
        """
        check_port(self.port)
        self.started_at = datetime.now(UTC)
        self._processes = ()
        self._launch()

    @abstractmethod
    def wait_until_ready(self) -> None:
        """Return once it answers.

        Raises:
            ProcessDied: one of its processes ended; the text holds the end of its log.
            NotReady: it did not answer in time.
        """

    def stop(self) -> None:
        """Stop every process of it. Safe to repeat."""
        stop_all(reversed(self._processes))

    def kill(self) -> None:
        """End every process of it as a crash of the machine would."""
        for process in self._processes:
            process.kill()

    def request(
        self, method: str, path: str, body: Any = None, *, busy: HTTPStatus | None = None
    ) -> Any:
        """The JSON answer to a request to the server's own API, logged in; None where it is empty.

        Args:
            busy: the status of a server whose database another one had locked: it is asked again.
                For requests that come to the same when they are repeated.

        Raises:
            RequestFailed: no answer, or another status than 2xx.
        """
        tries = 0
        while True:
            try:
                return request_json(method, self.url + path, body, self._login_headers())
            except RequestFailed as error:
                if busy is None or error.status != busy or tries == _TRIES:
                    raise
            tries += 1
            time.sleep(_PAUSE_SECONDS)

    @abstractmethod
    def _launch(self) -> None:
        """Give the processes that start first to `_begin`."""

    def _begin(self, *processes: Process) -> None:
        """Start processes, beside those that run already."""
        self._processes += processes
        for process in processes:
            process.start()

    def run(self, name: str, command: Sequence[str | Path], *, what: str) -> None:
        """Run a command to its end, with the server's settings; `what` it is for completes
        "waited N seconds for ...".

        Raises:
            ProcessDied: its exit status is not 0.
            NotReady: it did not end in time.
        """
        process = self._process(name, command)
        with process:
            wait_until(lambda: process.exit_status is not None, what=what, timeout=START_SECONDS)
        if process.exit_status:
            process.check()

    @abstractmethod
    def _login_headers(self) -> Mapping[str, str]: ...

    def _process(self, name: str, command: Sequence[str | Path], **variables: str) -> Process:
        """A process with the environment's programs first on its path, and with `variables` over
        the server's own."""
        programs = self.environment / "bin"
        search = os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)])
        return Process(
            name,
            command,
            log=self.logs / f"{name.replace(' ', '-').lower()}.log",
            folder=self.folder,
            environment=clean_environment(
                **{"PATH": search, **self._variables(), **variables, **self._settings}
            ),
        )

    @abstractmethod
    def _variables(self) -> Mapping[str, str]:
        """The environment variables that make the server what it is."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def request_json(method: str, url: str, body: Any, headers: Mapping[str, str]) -> Any:
    request = urllib.request.Request(  # noqa: S310 a loopback address made here
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **headers},
    )
    try:
        with _NO_PROXY.open(request, timeout=_REQUEST_SECONDS) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(_ERROR_BYTES).decode(errors="replace")
        message = f"{method} {url}: {error.code} {error.reason}: {said}"
        raise RequestFailed(message, status=error.code) from error
    except (OSError, HTTPException) as error:
        raise RequestFailed(f"{method} {url}: {error}") from error
    return json.loads(text) if text else None


def write_privately(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text)
