"""The DAGs whose rows are copied when an Airflow is seeded (`benchmarks/seeding`). Airflow reads
this file, not us.

A run's `conf` says which of its tasks fails at its first attempt (`stumble`) or at each (`fail`).
"""

import os
from datetime import timedelta

import pendulum

try:
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.sdk import DAG

    # In a far year, so that no run comes of itself.
    WHEN = {
        "schedule": "0 0 1 1 *",
        "start_date": pendulum.datetime(2090, 1, 1, tz="Europe/Berlin"),
    }
except ImportError:  # Airflow 2, which runs no task before its start
    from airflow import DAG
    from airflow.operators.python import PythonOperator

    WHEN = {"schedule": None, "start_date": pendulum.datetime(2020, 1, 1, tz="Europe/Berlin")}

TASKS = int(os.environ["BENCHMARK_TASKS"])


def work(part=0, *, ti, dag_run):
    wanted = (dag_run.conf or {}).get(ti.task_id)
    if wanted == "fail" or (wanted == "stumble" and ti.try_number == 1):
        raise RuntimeError(wanted)


def dag(name):
    return DAG(
        name,
        description="Loads a table of the warehouse and tests it.",
        **WHEN,
        catchup=False,
        tags=["warehouse"],
        default_args={"owner": "data-team", "retries": 1, "retry_delay": timedelta(0)},
    )


with dag("template_plain"):
    before = None
    for number in range(TASKS):
        task = PythonOperator(task_id=f"task_{number}", python_callable=work)
        if before is not None:
            before >> task
        before = task

with dag("template_mapped"):
    PythonOperator.partial(task_id="task_0", python_callable=work).expand(
        op_kwargs=[{"part": part} for part in range(TASKS)]
    )
