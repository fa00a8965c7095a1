"""An older file is upgraded, a newer one refused, and half a migration does not exist."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path

import duckdb
import pytest

from meta_orch.domain.readings import Changes
from meta_orch.domain.runs import Run
from meta_orch.store import Store, StoreTooNew, StoreUnusable, migrate, rows
from meta_orch.store.sql import Migration, migrations
from meta_orch.testing.builders import INSTANCE, NOON, make_run
from meta_orch_tests.store.work import open_and_mark
from meta_orch_tests.support.workers import Worker

ALL = migrations()


@pytest.fixture
def new_stores_are_copies() -> None:
    """Not here, where it matters how they are made."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store.duckdb")


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make the package know these migrations only."""

    def know(*some: Migration) -> None:
        monkeypatch.setattr(migrate, "migrations", lambda: some)

    return know


def tables(path: Path) -> set[str]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return {name for (name,) in connection.execute("SHOW TABLES").fetchall()}


def write_as_it_was(path: Path, run: Run) -> None:
    """Keep a run in a file of an older version, which lacks what is known of runs since."""
    with duckdb.connect(str(path)) as connection:
        columns = [row[0] for row in connection.execute("DESCRIBE run_record").fetchall()]
        known = {
            name: value for name, value in rows.run_to_document(run).items() if name in columns
        }
        places = ", ".join("?" * len(known))
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"INSERT INTO run_record ({', '.join(known)}) VALUES ({places})",  # noqa: S608 names
            [*known.values()],
        )


def test_migrations_are_numbered_without_a_gap_and_named_by_a_sentence() -> None:
    assert [migration.number for migration in ALL] == list(range(1, len(ALL) + 1))
    for migration in ALL:
        assert re.fullmatch(r"\d{4}(_[a-z0-9]+){3,}", migration.name)


def test_a_store_knows_what_made_it(store: Store) -> None:
    before = datetime.now(UTC)
    with store.read() as reader:
        rows = reader.answer("FROM schema_version ORDER BY version").rows
    assert [row[:2] for row in rows] == [(m.number, m.name) for m in ALL]
    assert {row[3] for row in rows} == {version("meta_orch")}
    assert all(before <= row[2] <= datetime.now(UTC) for row in rows)


@pytest.mark.parametrize("first", range(1, len(ALL)))
@pytest.mark.parametrize("how", ["read", "write"])
def test_an_older_file_is_upgraded_and_keeps_what_it_holds(
    store: Store, only: Callable[..., None], first: int, how: str
) -> None:
    run = make_run()
    only(*ALL[:first])
    with store.read():
        pass
    write_as_it_was(store.path, run)
    only(*ALL)
    with getattr(store, how)() as reader:
        assert reader.latest_runs() == {run.key.pipeline: run}
        assert reader.answer("SELECT run_id FROM runs").rows == ((run.key.run_id,),)
        assert reader.answer("SELECT count(*) FROM schema_version").rows == ((len(ALL),),)


@pytest.mark.parametrize("how", ["read", "write"])
def test_a_newer_file_is_refused_and_left_alone(store: Store, how: str) -> None:
    with store.write() as writer:
        writer.save_changes(INSTANCE, Changes("c"), NOON)
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (99, '0099_later', now(), '9.1.0')")
    held = store.path.read_bytes()
    with pytest.raises(StoreTooNew) as caught, getattr(store, how)():
        pass
    assert str(caught.value) == (
        f"{store.path} was written by meta_orch 9.1.0 (schema 99), and this is meta_orch "
        f"{version('meta_orch')} (schema {len(ALL)}): install meta_orch 9.1.0 or newer, or set "
        "store.path in meta_orch.yaml to another file"
    )
    assert store.path.read_bytes() == held


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    store: Store, only: Callable[..., None]
) -> None:
    with store.read():
        pass
    before = tables(store.path)
    only(
        *ALL, Migration(len(ALL) + 1, "broken", "CREATE TABLE half (n INT); SELECT * FROM nowhere;")
    )
    with pytest.raises(duckdb.CatalogException), store.read():
        pass
    assert tables(store.path) == before
    only(*ALL)
    with store.read() as reader:
        assert reader.cursor(INSTANCE) is None


def upgrade_and_stop_before_commit(pipe: Connection, path: Path) -> None:
    """Upgrade with one migration more, and wait once all of it is done and nothing committed."""

    def wait_here() -> str:
        pipe.send("in the transaction")
        pipe.recv()
        return "never"

    more = Migration(len(ALL) + 1, "more", "CREATE TABLE half (n INT); DROP VIEW runs;")
    migrate.migrations = lambda: (*ALL, more)
    migrate._own_version = wait_here
    with Store(path).read():
        pass


def test_a_migration_that_is_killed_leaves_the_file_as_it_was(store: Store) -> None:
    with store.read():
        pass
    before = tables(store.path)
    worker = Worker.start(upgrade_and_stop_before_commit, store.path)
    assert worker.hear() == "in the transaction"
    worker.kill()
    assert tables(store.path) == before
    with store.read() as reader:
        assert reader.answer("SELECT count(*) FROM runs").rows == ((0,),)


def test_processes_that_upgrade_at_once_do_it_once(store: Store, only: Callable[..., None]) -> None:
    only(ALL[0])
    with store.read():
        pass
    only(*ALL)
    names = [f"instance_{n}" for n in range(3)]
    workers = [Worker.start(open_and_mark, store.path, name) for name in names]
    for worker in workers:
        assert worker.hear() == "ready"
    for worker in workers:
        worker.pipe.send("go")
    for worker in workers:
        worker.finish()
    with store.read() as reader:
        assert [reader.cursor(name) for name in names] == names
        assert reader.answer("SELECT count(*) FROM schema_version").rows == ((len(ALL),),)


def test_a_creation_that_is_killed_is_begun_anew(store: Store) -> None:
    worker = Worker.start(upgrade_and_stop_before_commit, store.path)
    assert worker.hear() == "in the transaction"
    worker.kill()
    assert not store.path.exists()
    with store.read() as reader:
        assert reader.pipelines() == ()


def test_an_empty_file_is_no_store(store: Store) -> None:
    store.path.touch()
    with pytest.raises(StoreUnusable, match="not a valid DuckDB"), store.read():
        pass
