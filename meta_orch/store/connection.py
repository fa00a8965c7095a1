"""The store's file: attached for each short transaction and detached again.

DuckDB lets one process write, or several read, and shuts the others out. So a transaction is short,
and who finds the file held tries again. Those who wait do so in a line, or the unlucky would wait
for ever: only who is first in it tries.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import duckdb

from meta_orch.store.compaction import Compaction, copy_into, free_share
from meta_orch.store.engine import Attached, attach
from meta_orch.store.errors import StoreBusy, StoreOutOfMemory, StoreUnusable
from meta_orch.store.line import first_in_line
from meta_orch.store.migrate import migrate, needs_migration
from meta_orch.store.reader import StoreReader
from meta_orch.store.writer import StoreWriter

_FIRST_PAUSE = 0.002
_LONGEST_PAUSE = 0.05
_HELD_BY_ANOTHER = "Could not set lock on file"
_FAULTS_OF_THE_FILE = (
    duckdb.OperationalError,
    duckdb.InternalError,
    duckdb.FatalException,
)
"""Such as a full disk or a damaged file; what is wrong with a statement is not among them."""

# Within a process DuckDB shares one database among connections and refuses a second one that is
# not opened in the same way, so its threads take turns.
_turns: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)
_turns_guard = threading.Lock()
_held = threading.local()


class Store:
    """What meta_orch knows, in one DuckDB file. Cheap to make: every process, and every thread, may
    have its own.

    The file and its folder come into being with the first use, and a file of an older version is
    upgraded by it.

    Args:
        path: the file.
        patience: how long to wait while somebody else holds it.
    """

    def __init__(self, path: Path | str, *, patience: timedelta = timedelta(seconds=60)) -> None:
        self.path = Path(path).resolve()
        self._patience = patience.total_seconds()

    @contextmanager
    def read(self) -> Iterator[StoreReader]:
        """Several processes may read at once; while one reads, none writes: be brief.

        Raises:
            StoreBusy: the file was held for longer than the patience.
            StoreTooNew: a newer meta_orch wrote it.
            StoreUnusable: it cannot be opened, read or written, or is no store.
        """
        with self._open(read_only=True) as connection:
            yield StoreReader(connection)

    @contextmanager
    def write(self) -> Iterator[StoreWriter]:
        """One transaction: all of it is durable when the `with` is left, and none of it when it is
        left by an error. While one process writes, no other reads or writes: be brief.

        Raises:
            StoreBusy: the file was held for longer than the patience.
            StoreTooNew: a newer meta_orch wrote it.
            StoreUnusable: it cannot be opened, read or written, or is no store.
        """
        with self._write() as writer:
            yield writer

    def write_frugally(self, save: Callable[[StoreWriter], None]) -> None:
        """`save` in one transaction as of `write`, with one thread and little memory: for what is
        written all day beside other work. Where that is not enough, `save` is called once more,
        with all there is.

        Raises:
            StoreBusy, StoreTooNew, StoreUnusable: as `write`.
        """
        try:
            with self._write(frugal=True) as writer:
                save(writer)
        except StoreOutOfMemory:
            with self._write() as writer:
                save(writer)

    def compact(self, *, at_least: float = 0.2) -> Compaction | None:
        """Write the file anew without the room that is free in it. Others wait as they do for a
        writer, about a second for a million runs.

        Args:
            at_least: the share of the file that must be free, or nothing is done.

        Returns:
            None where so little is free.

        Raises:
            StoreBusy, StoreTooNew, StoreUnusable: as `write`; the file is as it was.
        """
        deadline = time.monotonic() + self._patience
        with self._open(read_only=True):
            pass  # it exists, and is of this version
        # First in line to the end: who had opened the old file before it is replaced would write
        # into what is gone.
        with self._turn(deadline), first_in_line(self.path.parent, deadline) as is_first:
            file = self._attach_first(read_only=False, deadline=deadline, is_first=is_first)
            draft = self.path.with_name(f".{self.path.name}.compact")
            try:
                try:
                    if free_share(file.connection) < at_least:
                        return None
                    copy_into(file.connection, draft)
                finally:
                    file.release()
                before, after = self.path.stat().st_size, draft.stat().st_size
                draft.replace(self.path)
            except (OSError, *_FAULTS_OF_THE_FILE) as error:
                raise StoreUnusable(f"{self.path} cannot be made smaller: {error}") from error
            finally:
                draft.unlink(missing_ok=True)
        return Compaction(before, after)

    @contextmanager
    def _write(self, *, frugal: bool = False) -> Iterator[StoreWriter]:
        with self._open(read_only=False, frugal=frugal) as connection:
            connection.begin()
            yield StoreWriter(connection)
            connection.commit()

    @contextmanager
    def _open(
        self, *, read_only: bool, frugal: bool = False
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        deadline = time.monotonic() + self._patience
        with self._turn(deadline):
            if not self.path.exists():
                self._create()
            file = self._attach(read_only=read_only, frugal=frugal, deadline=deadline)
            try:
                if needs_migration(file.connection, self.path):
                    file.release()
                    file = self._attach(read_only=False, deadline=deadline)
                    migrate(file.connection, self.path)
                    if read_only:
                        file.release()
                        file = self._attach(read_only=True, deadline=deadline)
                yield file.connection
            except duckdb.OutOfMemoryException as error:
                raise StoreOutOfMemory(f"{self.path} cannot be used: {error}") from error
            except _FAULTS_OF_THE_FILE as error:
                raise StoreUnusable(f"{self.path} cannot be used: {error}") from error
            finally:
                file.release()  # what was begun and not committed is undone

    @contextmanager
    def _turn(self, deadline: float) -> Iterator[None]:
        held: set[Path] = _held.__dict__.setdefault("paths", set())
        if self.path in held:
            raise RuntimeError(
                "the store is already open in this thread: use that reader or writer "
                "(a writer reads, too)"
            )
        with _turns_guard:
            turn = _turns[self.path]
        if not turn.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise self._busy("another thread of this process")
        held.add(self.path)
        try:
            yield
        finally:
            held.discard(self.path)
            turn.release()

    def _attach(self, *, read_only: bool, deadline: float, frugal: bool = False) -> Attached:
        with first_in_line(self.path.parent, deadline) as is_first:
            return self._attach_first(
                read_only=read_only, frugal=frugal, deadline=deadline, is_first=is_first
            )

    def _attach_first(
        self, *, read_only: bool, deadline: float, is_first: bool, frugal: bool = False
    ) -> Attached:
        """For who is first in line."""
        pause = _FIRST_PAUSE
        while is_first:
            try:
                return attach(self.path, read_only=read_only, frugal=frugal)
            except duckdb.IOException as error:
                if _HELD_BY_ANOTHER not in str(error):
                    raise StoreUnusable(f"{self.path} cannot be opened: {error}") from error
                if time.monotonic() + pause > deadline:
                    raise self._busy("another process", f": {error}") from error
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        raise self._busy("other processes, one after another,")

    def _busy(self, holder: str, details: str = "") -> StoreBusy:
        return StoreBusy(
            f"{self.path} was held by {holder} for {self._patience:g} seconds{details}"
        )

    def _create(self) -> None:
        """Make the file complete under another name first: nobody ever sees half of it, and of two
        processes that do so at once, one wins."""
        draft = self.path.with_name(f".{self.path.name}.{uuid4().hex}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _make(draft)
            with contextlib.suppress(FileExistsError):
                os.link(draft, self.path)
        except (OSError, duckdb.IOException) as error:
            raise StoreUnusable(
                f"{self.path} cannot be made: {error}; set store.path in meta_orch.yaml to a place "
                "that can be written to"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)


def _make(path: Path) -> None:
    """An empty store."""
    file = attach(path, read_only=False)
    try:
        migrate(file.connection, path)
    finally:
        file.release()
