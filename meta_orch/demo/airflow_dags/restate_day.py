"""Started by people, with parameters; it starts another DAG when it is done."""

import shop
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, dag, task


@dag(
    schedule=None,
    params={
        "day": Param(
            "2026-01-01",
            type="string",
            format="date",
            description="The day whose orders are staged again",
        ),
    },
    tags=["shop", "repair"],
    default_args={"owner": "sales-data"},
)
def restate_day():
    """Forget what was staged for one day, and have it staged again."""

    @task
    def forget(params: dict | None = None) -> int:
        day = (params or {})["day"].replace("-", "")
        files = list(shop.STAGED_BATCHES.glob(f"{day}*.csv"))
        for file in files:
            file.unlink()
        return len(files)

    forget() >> TriggerDagRunOperator(task_id="stage_again", trigger_dag_id="stage_orders")


restate_day()
