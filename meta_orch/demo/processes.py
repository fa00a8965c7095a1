"""Processes that never outlive the program that started them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from meta_orch.demo import supervisor
from meta_orch.demo.errors import NotReady, PortBusy, ProcessDied, RequestFailed

LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.2
_TAIL_LINES = 15
_LITTLE_SPACE = 1_000_000
"""In bytes: a server that could not write any more has left less."""
_FOREIGN_SETTINGS = ("AIRFLOW", "DAGSTER", "PREFECT", "PYTHON", "VIRTUAL_ENV")


class Process:
    """A command under a supervisor of its own, in its own session, writing to a log file.

    Everything that the command starts ends with it, and all of it ends when this program does,
    even by SIGKILL: see `supervisor.py`. As a context manager it starts on entering and stops on
    leaving.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        folder: Path,
        environment: Mapping[str, str],
        grace: float = 5.0,
    ) -> None:
        """
        Args:
            name: what people call it, in messages.
            log: is appended to.
            folder: the working directory.
            environment: all of the command's environment variables.
            grace: seconds between the request to end and the end by force.
        """
        self.name = name
        self.log = log
        self._command = [str(part) for part in command]
        self._folder = folder
        self._environment = environment
        self._grace = grace
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def start(self) -> None:
        """Start the command, whatever became of the last one. Raises `OSError` where the log cannot
        be written."""
        self.stop()
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._supervisor = subprocess.Popen(  # noqa: S603 the caller's own command
                [sys.executable, "-P", supervisor.__file__, str(self._grace), *self._command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=self._environment,
                start_new_session=True,  # Ctrl-C in the terminal is for this program only
            )

    @property
    def is_running(self) -> bool:
        return self._supervisor is not None and self._supervisor.poll() is None

    @property
    def pid(self) -> int | None:
        """Of the supervisor, whose descendants the command's processes are; None before a start."""
        return self._supervisor.pid if self._supervisor else None

    @property
    def exit_status(self) -> int | None:
        """None while it runs, or was never started."""
        return self._supervisor.poll() if self._supervisor else None

    def tail(self) -> str:
        """The last lines written since the last start."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])

    def check(self) -> None:
        """Raises `ProcessDied` where it has ended."""
        if not self.is_running:
            is_full = shutil.disk_usage(self.log.parent).free < _LITTLE_SPACE
            raise ProcessDied(
                f"{self.name} ended with exit status {self.exit_status}"
                f"{', and the disk is full' if is_full else ''}; "
                f"the end of its log {self.log}:\n{self.tail()}"
            )

    def request_stop(self) -> None:
        """Ask it to stop and do not wait. Safe to repeat."""
        self._let_go(b"")

    def stop(self) -> None:
        """Stop it and everything it started; returns once all have ended. Safe to repeat."""
        self._let_go(b"")
        self._wait()

    def kill(self) -> None:
        """End it as a crash would: SIGKILL to it and to everything it started."""
        self._let_go(b"k")
        self._wait()

    def _let_go(self, order: bytes) -> None:
        leash = self._supervisor.stdin if self._supervisor else None
        if leash is not None and not leash.closed:
            with contextlib.suppress(BrokenPipeError):  # it ended by itself
                os.write(leash.fileno(), order)
            leash.close()

    def _wait(self) -> None:
        if self._supervisor is not None:
            self._supervisor.wait()

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


def stop_all(processes: Iterable[Process]) -> None:
    """Stop them side by side."""
    asked = list(processes)
    for process in asked:
        process.request_stop()
    for process in asked:
        process.stop()


def wait_until(
    is_so: Callable[[], bool],
    *,
    what: str,
    timeout: float,
    processes: Iterable[Process] = (),
    why_not: Callable[[], str] = str,
    every: float = _POLL_SECONDS,
) -> None:
    """Ask `is_so` again and again until it says yes.

    A request of it that fails is no answer yet: a server on a busy machine may give one next time.

    Args:
        what: completes "waited N seconds for ...".
        timeout: in seconds.
        processes: those it takes to come about.
        why_not: is asked for the reason when the time is over.
        every: seconds from one question to the next.

    Raises:
        NotReady: the time is over.
        ProcessDied: one of `processes` has ended.
    """
    needed = list(processes)
    deadline = time.monotonic() + timeout
    while True:
        failure = ""
        try:
            if is_so():
                return
        except RequestFailed as error:
            failure = str(error)
        for process in needed:
            process.check()
        if time.monotonic() >= deadline:
            logs = "".join(f"\n--- {p.log}:\n{p.tail()}" for p in needed)
            raise NotReady(
                f"waited {timeout:.0f} seconds for {what}: {failure or why_not() or logs}"
            )
        time.sleep(every)


@contextmanager
def signals_as_exceptions() -> Iterator[None]:
    """SIGTERM and SIGHUP raise `KeyboardInterrupt` in the main thread, as Ctrl-C does, so that
    every context manager is left in order. SIGINT does so too where a shell began this program in
    the background, and so had it ignored; SIGHUP stays ignored, as nohup asks."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    numbers = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        numbers.remove(signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def check_port(port: int) -> None:
    """Raises `PortBusy` where somebody listens on that loopback port."""
    with socket.socket() as probe:
        # A port whose last connections are still closing is free to a server, so it is to us.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise PortBusy(
                f"port {port} cannot be used ({error.strerror}). "
                "End the program that listens on it, or choose another port."
            ) from error


def clean_environment(**settings: str) -> dict[str, str]:
    """This program's environment variables without those that would point Airflow, Dagster, Prefect
    or Python elsewhere, and with `settings`. Loopback addresses bypass any proxy."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(_FOREIGN_SETTINGS)
    }
    bypass = ",".join(filter(None, [kept.get("NO_PROXY", kept.get("no_proxy", "")), LOOPBACK]))
    return {**kept, "NO_PROXY": bypass, "no_proxy": bypass, **settings}
