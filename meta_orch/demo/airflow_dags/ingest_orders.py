"""TaskFlow on a cron schedule: orders come in, a batch every five minutes."""

import random
from datetime import timedelta

import pendulum
import shop
from airflow.sdk import dag, task


@dag(
    schedule="*/5 * * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["shop", "ingest"],
    default_args={"owner": "sales-data", "retries": 2, "retry_delay": timedelta(seconds=10)},
)
def ingest_orders():
    """Take the newest orders from the shop and land them as one CSV file."""

    @task
    def fetch(dag_run=None) -> list[dict]:
        """The shop is simulated here: a run that is cleared gets the same orders again."""
        moment = dag_run.run_after
        draw = random.Random(moment.isoformat())
        return [
            {
                "order_id": f"{moment:%Y%m%d%H%M%S}-{number:03}",
                "customer_id": draw.randrange(1, shop.CUSTOMER_COUNT + 1),
                "ordered_at": (moment - timedelta(seconds=draw.randrange(300))).isoformat(),
                "quantity": draw.choices([0, 1, 2, 3], weights=[2, 70, 20, 8])[0],
                "unit_price": round(draw.lognormvariate(3, 0.6), 2),
                "currency": draw.choices([*shop.CURRENCIES, "???"], weights=[60, 25, 14, 1])[0],
            }
            for number in range(draw.randrange(80, 160))
        ]

    @task(outlets=[shop.LANDED_ORDERS])
    def land(orders: list[dict]) -> str:
        batch = orders[0]["order_id"].partition("-")[0]
        file = shop.ORDER_BATCHES / f"{batch}.csv"
        shop.write_rows(file, orders)
        return str(file)

    land(fetch())


ingest_orders()
