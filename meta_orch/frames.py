"""What meta_orch knows, as pandas frames: for notebooks, and for who computes further.

Every function reads one view of the store; what its columns are and in which units is in
`docs/store.md`. Instants are `datetime64[us, UTC]`, lists are Python lists. The store is that of
the configuration: `meta_orch.yaml` in the working directory, or what $META_ORCH_CONFIG names.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meta_orch.config import load_config
from meta_orch.store import Store

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "conflicts",
    "critical_path_tasks",
    "critical_paths",
    "edges",
    "outlooks",
    "pipelines",
    "prediction_quality",
    "resource_hours",
    "resource_users",
    "runs",
    "sla_attainment",
    "sla_misses",
    "sql",
    "stagger_moves",
    "stagger_plans",
    "task_runs",
]


def sql(query: str, store: str | Path | None = None) -> pd.DataFrame:
    """The answer to SQL on the views.

    Args:
        store: the DuckDB file; that of the configuration where it is None.

    Raises:
        QueryFailed: the SQL is wrong, or would write.
    """
    path = Path(store) if store is not None else load_config().store.path
    with Store(path).read() as reader:
        return reader.query(query)


def pipelines(store: str | Path | None = None) -> pd.DataFrame:
    """A row is a pipeline that exists now."""
    return sql("FROM pipelines", store)


def runs(store: str | Path | None = None) -> pd.DataFrame:
    """A row is one execution of a pipeline, as last seen."""
    return sql("FROM runs", store)


def task_runs(store: str | Path | None = None) -> pd.DataFrame:
    """A row is one attempt of one task in one run."""
    return sql("FROM task_runs", store)


def edges(store: str | Path | None = None) -> pd.DataFrame:
    """A row is a dependency of one asset on another, for one kind of reason."""
    return sql("FROM edges", store)


def sla_attainment(store: str | Path | None = None) -> pd.DataFrame:
    """A row is a pipeline that an SLA names: how it was kept."""
    return sql("FROM sla_attainment", store)


def sla_misses(store: str | Path | None = None) -> pd.DataFrame:
    """A row is a time that an SLA was missed, with the cause."""
    return sql("FROM sla_misses", store)


def outlooks(store: str | Path | None = None) -> pd.DataFrame:
    """A row is something that was promised for the day after it was worked out, with its risk."""
    return sql("FROM outlooks", store)


def prediction_quality(store: str | Path | None = None) -> pd.DataFrame:
    """A row is a pipeline: how far predictions of its runs would have been right."""
    return sql("FROM prediction_quality", store)


def critical_paths(store: str | Path | None = None) -> pd.DataFrame:
    """A row is a pipeline: where its last successful runs spent their time."""
    return sql("FROM critical_paths", store)


def critical_path_tasks(store: str | Path | None = None) -> pd.DataFrame:
    """A row is a task of a pipeline: how it bears on when the pipeline ends."""
    return sql("FROM critical_path_tasks", store)


def resource_hours(store: str | Path | None = None) -> pd.DataFrame:
    """A row is an hour of a resource: what was in use and wanted."""
    return sql("FROM resource_hours", store)


def resource_users(store: str | Path | None = None) -> pd.DataFrame:
    """A row is what a pipeline used of a resource on a day."""
    return sql("FROM resource_users", store)


def conflicts(store: str | Path | None = None) -> pd.DataFrame:
    """A row is a time in which more of a resource is wanted than there is."""
    return sql("FROM conflicts", store)


def stagger_plans(store: str | Path | None = None) -> pd.DataFrame:
    """A row is a resource: what other start minutes would bring."""
    return sql("FROM stagger_plans", store)


def stagger_moves(store: str | Path | None = None) -> pd.DataFrame:
    """A row is a pipeline that a plan would have begin later."""
    return sql("FROM stagger_moves", store)
