"""What the shop's DAGs share: where its data lies, and the assets that tie the DAGs together.

Airflow puts the DAG folder on the path of its Python, so DAG files import this one by name.
"""

import csv
import os
from pathlib import Path

from airflow.sdk import Asset

DATA = Path(os.environ["META_ORCH_DEMO_DATA"])
ORDER_BATCHES = DATA / "landing" / "orders"
CUSTOMERS_FILE = DATA / "landing" / "customers.csv"
RATES_FILE = DATA / "landing" / "exchange_rates.csv"
STAGED_BATCHES = DATA / "staged" / "orders"

LANDED_ORDERS = Asset(name="landed_orders", uri=ORDER_BATCHES.as_uri())
CUSTOMERS = Asset(name="customers", uri=CUSTOMERS_FILE.as_uri())
EXCHANGE_RATES = Asset(name="exchange_rates", uri=RATES_FILE.as_uri())
STAGED_ORDERS = Asset(name="staged_orders", uri=STAGED_BATCHES.as_uri())

CURRENCIES = {"EUR": 1.0, "USD": 0.92, "GBP": 1.17}
CUSTOMER_COUNT = 200


def read_rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def write_rows(file: Path, rows: list[dict]) -> None:
    """Write all or nothing: a reader elsewhere never meets half a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    with partial.open("w", newline="") as text:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    partial.replace(file)
