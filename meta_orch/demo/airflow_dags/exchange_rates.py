"""An interval schedule and a retry policy that backs off."""

import random
from datetime import timedelta

import pendulum
import shop
from airflow.sdk import dag, task


@dag(
    schedule=timedelta(minutes=10),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    tags=["finance", "ingest"],
    default_args={"owner": "finance-data"},
)
def exchange_rates():
    """Write down what a unit of each currency is worth in euros."""

    @task(
        outlets=[shop.EXCHANGE_RATES],
        retries=3,
        retry_delay=timedelta(seconds=5),
        retry_exponential_backoff=2,
    )
    def fetch() -> dict[str, float]:
        """The market is simulated here: each rate strays at most two percent from its base."""
        draw = random.Random()
        rates = {
            currency: 1.0 if currency == "EUR" else round(base * draw.uniform(0.98, 1.02), 4)
            for currency, base in shop.CURRENCIES.items()
        }
        rows = [{"currency": currency, "in_eur": rate} for currency, rate in rates.items()]
        shop.write_rows(shop.RATES_FILE, rows)
        return rates

    fetch()


exchange_rates()
