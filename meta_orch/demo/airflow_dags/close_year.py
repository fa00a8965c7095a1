"""The paused one: nothing starts it until somebody unpauses it."""

import pendulum
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, chain

with DAG(
    "close_year",
    description="Close the books of the year.",
    schedule="0 6 2 1 *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    is_paused_upon_creation=True,
    tags=["finance"],
    default_args={"owner": "finance-data"},
):
    chain(EmptyOperator(task_id="freeze"), EmptyOperator(task_id="report"))
