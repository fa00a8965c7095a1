"""The pages of Airflow's UI."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote, urlencode


class Pages:
    """Those of Airflow 3, as paths and queries under the URL of its UI."""

    def dag(self, dag_id: str) -> str:
        return _path("dags", dag_id)

    def run(self, dag_id: str, run_id: str) -> str:
        return _path("dags", dag_id, "runs", run_id)

    def task(self, dag_id: str, run_id: str, task_id: str, map_index: int | None) -> str:
        mapped = () if map_index is None else ("mapped", str(map_index))
        return _path("dags", dag_id, "runs", run_id, "tasks", task_id, *mapped)


class Airflow2Pages(Pages):
    """Those of Airflow 2, where a run and a task are choices within the grid of a DAG."""

    def dag(self, dag_id: str) -> str:
        return _path("dags", dag_id, "grid")

    def run(self, dag_id: str, run_id: str) -> str:
        return f"{self.dag(dag_id)}?{urlencode({'dag_run_id': run_id})}"

    def task(self, dag_id: str, run_id: str, task_id: str, map_index: int | None) -> str:
        mapped = {} if map_index is None else {"map_index": map_index}
        chosen = {"dag_run_id": run_id, "task_id": task_id, **mapped}
        return f"{self.dag(dag_id)}?{urlencode(chosen)}"


def _path(*parts: str) -> str:
    return "/".join(map(_quoted, parts))


@lru_cache(maxsize=1000)  # the tasks of a run share most parts
def _quoted(part: str) -> str:
    return quote(part, safe="")
