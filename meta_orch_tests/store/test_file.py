"""The store as a file: made with the first use, held briefly, shared among threads, and clear about
what is wrong with it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from meta_orch.domain.pipelines import PipelineKey
from meta_orch.domain.readings import Changes
from meta_orch.store import Store, StoreBusy, StoreUnusable, StoreWriter, line
from meta_orch.testing.builders import INSTANCE, NOON, make_run

PATIENCE = 60.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store.duckdb")


def test_the_first_use_makes_the_file_and_its_folder(tmp_path: Path) -> None:
    store = Store(tmp_path / "some" / "folder" / "store.duckdb")
    assert not store.path.parent.exists()
    with store.read() as reader:
        assert reader.pipelines() == ()
    assert [entry.name for entry in store.path.parent.iterdir()] == ["store.duckdb"]


def test_a_store_that_was_deleted_is_made_anew(store: Store) -> None:
    with store.write() as writer:
        writer.save_changes(INSTANCE, Changes("c"), NOON)
    store.path.unlink()
    with store.read() as reader:
        assert reader.cursor(INSTANCE) is None


def test_nothing_is_kept_of_a_transaction_that_ends_in_an_error(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), store.write() as writer:  # noqa: PT012  # both are the point
        writer.save_changes(INSTANCE, Changes("c", runs=(make_run(),)), NOON)
        raise KeyboardInterrupt
    with store.read() as reader:
        assert reader.cursor(INSTANCE) is None
        assert reader.latest_runs() == {}


def test_a_writer_reads_what_it_wrote(store: Store) -> None:
    with store.write() as writer:
        writer.save_changes(INSTANCE, Changes("c"), NOON)
        assert writer.cursor(INSTANCE) == "c"


def test_what_was_written_is_there_for_the_next(store: Store) -> None:
    with store.write() as writer:
        writer.save_changes(INSTANCE, Changes("c"), NOON)
    with Store(store.path).read() as reader:
        assert reader.cursor(INSTANCE) == "c"


def test_what_takes_more_than_a_frugal_write_has_is_written_all_the_same(store: Store) -> None:
    runs = tuple(
        make_run(pipeline=f"{number}", parameters={"text": f"{number:04}" * 500_000})
        for number in range(40)
    )
    tries: list[StoreWriter] = []

    def save(writer: StoreWriter) -> None:
        tries.append(writer)
        writer.save_changes(INSTANCE, Changes("c", runs=runs), NOON)

    store.write_frugally(save)
    assert len(tries) == 2
    store.write_frugally(lambda writer: writer.save_changes(INSTANCE, Changes("d"), NOON))
    with store.read() as reader:
        assert reader.cursor(INSTANCE) == "d"
        assert reader.latest_runs() == {run.key.pipeline: run for run in runs}


def test_a_frugal_write_that_ends_in_an_error_is_not_tried_again(store: Store) -> None:
    tries: list[StoreWriter] = []

    def save(writer: StoreWriter) -> None:
        tries.append(writer)
        writer.save_changes(INSTANCE, Changes("c"), NOON)
        raise KeyError

    with pytest.raises(KeyError):
        store.write_frugally(save)
    assert len(tries) == 1
    with store.read() as reader:
        assert reader.cursor(INSTANCE) is None


def test_a_reader_cannot_write(store: Store) -> None:
    with store.read() as reader, pytest.raises(duckdb.InvalidInputException, match="read-only"):
        reader._connection.execute("DELETE FROM run_record")


def test_threads_take_turns(store: Store) -> None:
    def write(thread: int) -> None:
        for number in range(2):
            run = make_run(f"run_{number}", PipelineKey(INSTANCE, f"pipeline_{thread}"))
            with Store(store.path).write() as writer:
                writer.save_changes(INSTANCE, Changes("c", runs=(run,)), NOON)
            with store.read() as reader:
                assert run.key.pipeline in reader.latest_runs()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    with store.read() as reader:
        assert reader.answer("SELECT count(*) FROM runs").rows == ((8,),)


def test_a_thread_that_waits_too_long_is_told_so(store: Store) -> None:
    holding, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with store.read():
            holding.set()
            assert let_go.wait(PATIENCE)

    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(hold)
        assert holding.wait(PATIENCE)
        impatient = Store(store.path, patience=timedelta(milliseconds=10))
        with pytest.raises(StoreBusy, match="another thread of this process"), impatient.write():
            pass
        let_go.set()
        held.result()
    with impatient.write():
        pass


def test_opening_it_within_itself_is_a_mistake_that_is_named(store: Store) -> None:
    with store.read(), pytest.raises(RuntimeError, match="already open in this thread"):
        with Store(store.path).write():
            pass
    with store.write():
        pass


def test_two_stores_may_be_open_at_once(store: Store, tmp_path: Path) -> None:
    with store.write() as one, Store(tmp_path / "other.duckdb").write() as other:
        one.save_changes(INSTANCE, Changes("one"), NOON)
        other.save_changes(INSTANCE, Changes("other"), NOON)
    with store.read() as reader:
        assert reader.cursor(INSTANCE) == "one"


def test_a_file_that_is_no_database_is_named(store: Store) -> None:
    store.path.write_text("lock, stock and barrel\n" * 1000)
    with pytest.raises(StoreUnusable, match=f"{store.path} cannot be opened: .*not a valid DuckDB"):
        with store.read():
            pass


def test_a_database_of_something_else_is_left_alone(store: Store) -> None:
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("CREATE TABLE theirs AS SELECT 42 AS answer")
    for use in (store.read, store.write):
        with pytest.raises(StoreUnusable, match="is a DuckDB file of something else"), use():
            pass
    with duckdb.connect(str(store.path)) as connection:
        assert connection.execute("SHOW TABLES").fetchall() == [("theirs",)]


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "store.duckdb")
    with pytest.raises(StoreUnusable, match=r"cannot be made: .*set store\.path"), store.read():
        pass
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_where_there_is_no_lock_to_stand_in_line_by_the_file_is_shared_all_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "fcntl", None)  # as on Windows
    with store.write() as writer:
        writer.save_changes(INSTANCE, Changes("c"), NOON)
    with store.read() as reader:
        assert reader.cursor(INSTANCE) == "c"


def test_who_stands_in_line_for_too_long_is_told_so(store: Store) -> None:
    with store.read():
        pass
    impatient = Store(store.path, patience=timedelta(milliseconds=20))
    with line.first_in_line(store.path.parent, deadline=0) as is_first:
        assert is_first
        with pytest.raises(StoreBusy, match="other processes, one after another"):
            with impatient.write():
                pass
    with impatient.write():
        pass
