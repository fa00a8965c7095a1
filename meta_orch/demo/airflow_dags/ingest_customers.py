"""Classic operators on a daily cron schedule in the shop's own time zone."""

import random
from datetime import timedelta

import pendulum
import shop
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, chain


def export_customers() -> int:
    """The customer database is simulated here; it changes with the day."""
    draw = random.Random(pendulum.today("Europe/Berlin").isoformat())
    regions = ["north", "south", "east", "west"]
    rows = [
        {
            "customer_id": customer,
            "region": regions[customer % len(regions)],
            "segment": draw.choice(["consumer", "business", "public"]),
        }
        for customer in range(1, shop.CUSTOMER_COUNT + 1)
    ]
    shop.write_rows(shop.CUSTOMERS_FILE, rows)
    return len(rows)


with DAG(
    "ingest_customers",
    description="Export the customers from the shop's database once a day.",
    schedule="30 5 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    tags=["shop", "ingest"],
    default_args={
        "owner": "sales-data",
        "retries": 1,
        "execution_timeout": timedelta(minutes=10),
    },
):
    chain(
        EmptyOperator(task_id="start"),
        PythonOperator(task_id="export", python_callable=export_customers),
        BashOperator(
            task_id="count_rows",
            bash_command="wc -l < '{{ params.file }}'",
            params={"file": str(shop.CUSTOMERS_FILE)},
            outlets=[shop.CUSTOMERS],
        ),
    )
