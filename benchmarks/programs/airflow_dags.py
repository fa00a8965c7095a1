"""As many DAGs as `pipelines.txt`, beside this file, says. Airflow reads this file, not us."""

from pathlib import Path

import pendulum
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, chain

PIPELINES = int(Path(__file__).with_name("pipelines.txt").read_text())

for number in range(PIPELINES):
    with DAG(
        f"pipeline_{number:05}",
        description=f"Loads table {number} of the warehouse and tests it.",
        # From a far year on, so that no run comes of itself while others are counted: of a past
        # tick there would be one at once, although there is no catching up.
        schedule="0 0 1 1 *",
        start_date=pendulum.datetime(2090, 1, 1, tz="Europe/Berlin"),
        catchup=False,
        tags=["warehouse"],
        default_args={"owner": "data-team", "retries": 2},
    ):
        chain(*(EmptyOperator(task_id=task) for task in ("extract", "load", "test")))
