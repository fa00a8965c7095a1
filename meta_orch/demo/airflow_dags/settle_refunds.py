"""The failing one: the bank's file is not there, and no retry brings it."""

from datetime import timedelta

import pendulum
import shop
from airflow.sdk import dag, task


@dag(
    schedule="*/15 * * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    tags=["finance"],
    default_args={"owner": "finance-data"},
)
def settle_refunds():
    """Match the bank's list of refunds with the orders they are for."""

    @task(retries=1, retry_delay=timedelta(seconds=5))
    def read_bank_file() -> list[dict[str, str]]:
        file = shop.DATA / "landing" / "refunds.csv"
        if not file.exists():
            raise FileNotFoundError(f"the bank has not delivered {file.relative_to(shop.DATA)}")
        return shop.read_rows(file)

    @task
    def match(refunds: list[dict[str, str]]) -> int:
        orders = {
            order["order_id"]
            for batch in shop.STAGED_BATCHES.glob("*.csv")
            for order in shop.read_rows(batch)
        }
        return sum(refund["order_id"] in orders for refund in refunds)

    match(read_bank_file())


settle_refunds()
