"""What runs log."""

from __future__ import annotations

import logging
from collections import Counter

import pytest

from meta_orch.domain.logs import LogLine
from meta_orch.domain.runs import RunKey
from meta_orch.orchestrators.base import ListsRuns, Orchestrator, ReadsLogs
from meta_orch_tests.contract.subject import Feature, Role, Subject, Watcher

pytestmark = pytest.mark.needs(Feature.LOGS)


def read(
    orchestrator: Orchestrator, run: RunKey, cursor: str | None = None
) -> tuple[list[LogLine], str]:
    assert isinstance(orchestrator, ListsRuns)
    assert isinstance(orchestrator, ReadsLogs)
    page = orchestrator.read_log(run, orchestrator.read_runs([run]).task_runs, cursor)
    return list(page.lines), page.cursor


def test_the_log_of_a_failed_run_tells_why_and_each_line_once(subject: Subject) -> None:
    """Read while it goes on, as whoever follows it does."""
    with subject.connect() as orchestrator:
        watcher = Watcher(subject, orchestrator)
        run = subject.start(subject.pipelines[Role.FAILING])
        told: list[LogLine] = []
        cursor: str | None = None

        def has_told_all() -> bool:
            nonlocal cursor
            watcher.read_pages()
            lines, cursor = read(orchestrator, run, cursor)
            told.extend(lines)
            if run not in watcher.runs or not watcher.runs[run].state.is_terminal:
                return False
            has_told_why = any(subject.failure in line.text for line in told)
            return has_told_why and Counter(told) == Counter(read(orchestrator, run)[0])

        subject.wait_until(has_told_all, "every line")
        (worst, *_) = sorted(told, key=lambda line: -line.level)
        assert worst.level >= logging.ERROR
        assert all(line.level >= logging.INFO for line in told)
        assert any(line.task for line in told)


def test_what_was_read_is_not_read_again(subject: Subject) -> None:
    with subject.connect() as orchestrator:
        watcher = Watcher(subject, orchestrator)
        run = subject.start(subject.pipelines[Role.FAILING])
        watcher.read_until_end(run)
        cursor: str | None = None

        def has_read_all() -> bool:
            nonlocal cursor
            lines, cursor = read(orchestrator, run, cursor)
            return cursor is not None and not lines

        subject.wait_until(has_read_all, "the end of the log")
        assert read(orchestrator, run, cursor)[0] == []
