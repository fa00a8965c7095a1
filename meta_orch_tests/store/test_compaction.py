"""The file gives back the room of what was removed, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from meta_orch.domain.readings import Changes
from meta_orch.store import Store, StoreUnusable
from meta_orch.testing.builders import INSTANCE, NOON, make_run
from meta_orch_tests.store.work import write_pages
from meta_orch_tests.support.workers import Worker

RUNS = 3_000


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One with much room that is free: most of its runs were removed."""
    store = Store(tmp_path / "store.duckdb")
    for batch in "abc":
        runs = (make_run(f"{batch}_{n}", message=f"{n} " * 300) for n in range(RUNS))
        with store.write() as writer:
            writer.save_changes(INSTANCE, Changes("c", runs=tuple(runs)), NOON)
    with store.write() as writer:
        writer._connection.execute("DELETE FROM run_record WHERE run_id <> 'a_7'")
    return store


def content(store: Store) -> list[object]:
    with store.read() as reader:
        names = [name for name, *_ in reader.views().rows]
        return [
            reader.views().rows,
            *(reader.answer(f"FROM {name} ORDER BY ALL").rows for name in names),
        ]


def test_it_is_smaller_and_holds_the_same(store: Store) -> None:
    before = content(store)
    compaction = store.compact()
    assert compaction is not None
    assert compaction.before > 2 * compaction.after
    assert store.path.stat().st_size == compaction.after
    assert content(store) == before
    assert [file.name for file in store.path.parent.iterdir()] == [store.path.name]


def test_it_is_left_alone_where_little_is_free(store: Store) -> None:
    store.compact()
    inode = store.path.stat().st_ino
    assert store.compact() is None
    assert store.path.stat().st_ino == inode


def test_what_a_kill_left_of_an_earlier_try_is_no_harm(store: Store) -> None:
    for left in (".store.duckdb.compact", ".store.duckdb.compact.wal"):
        (store.path.parent / left).write_bytes(b"half of a file")
    before = content(store)
    assert store.compact() is not None
    assert content(store) == before


def test_a_full_disk_leaves_the_file_as_it_was(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(store)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(StoreUnusable, match="No space"):
        store.compact()
    assert content(store) == before
    assert [file.name for file in store.path.parent.iterdir()] == [store.path.name]


def test_what_others_write_meanwhile_is_not_lost(store: Store) -> None:
    writers = [Worker.start(write_pages, store.path, f"writer_{n}", 12) for n in range(3)]
    compactions = 0
    while any(writer.process.is_alive() for writer in writers):
        compactions += store.compact(at_least=0.0) is not None
    for writer in writers:
        writer.finish()
    assert compactions > 1
    with store.read() as reader:
        ((runs,),) = reader.answer(
            "SELECT count(*) FROM runs WHERE starts_with(instance, 'writer_')"
        ).rows
    assert runs == 3 * 12
