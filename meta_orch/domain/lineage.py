"""What jobs were seen to read and write, as OpenLineage events tell it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class JobName:
    """A job as OpenLineage names it."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True, order=True)
class DatasetUse:
    """That a job reads or writes a dataset."""

    jobs: tuple[JobName, ...]
    """The job itself, then those that it is a part of: a task, and its DAG."""
    uri: str
    """Where the data lies."""
    is_written: bool
