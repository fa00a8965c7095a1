"""Dagster assets between two other orchestrators.

Their upstream assets are Airflow DAGs and live in another code location, the one that meta_orch
fills. Once a DAG's run shows there as a materialization, `AutomationCondition.eager()` materializes
what depends on it here: nobody schedules this location.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import dagster as dg
import duckdb

from meta_orch.conditions import when_upstreams_are_ready

SQL = Path(__file__).parent / "sql"
INGESTED_BY = "airflow"
"""The name of the Airflow instance in `meta_orch.yaml`: the first part of its DAGs' asset keys."""


class Warehouse(dg.ConfigurableResource):
    """One DuckDB file, and the folder that the other orchestrators share with it."""

    data: str

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(Path(self.data) / "warehouse.duckdb") as connection:
            yield connection

    def build(self, name: str) -> dg.MaterializeResult:
        """Replace the table `name` by the answer to the query of that name."""
        with self.connect() as connection:
            connection.execute("BEGIN")
            self._ask(connection, f"CREATE OR REPLACE TABLE {name} AS\n{_query(name)}")
            rows = connection.table(name).count("*").fetchall()[0][0]
            connection.execute("COMMIT")
        return dg.MaterializeResult(metadata={"dagster/row_count": rows})

    def publish(self, name: str) -> dg.MaterializeResult:
        """Build the table `name`, and write it as CSV for the flows that serve it."""
        result = self.build(name)
        marts = Path(self.data) / "marts"
        marts.mkdir(exist_ok=True)
        unfinished = marts / f"{name}.partial"
        with self.connect() as connection:
            connection.table(name).write_csv(str(unfinished), header=True)
        file = unfinished.replace(marts / f"{name}.csv")
        return dg.MaterializeResult(
            metadata={**(result.metadata or {}), "file": dg.MetadataValue.path(file)}
        )

    def find(self, query: str) -> list[tuple]:
        with self.connect() as connection:
            return self._ask(connection, _query(query)).fetchall()

    def _ask(self, connection: duckdb.DuckDBPyConnection, text: str) -> duckdb.DuckDBPyConnection:
        parameters = {"data": self.data} if "$data" in text else {}
        return connection.execute(text, parameters)


def _query(name: str) -> str:
    return (SQL / f"{name}.sql").read_text()


table = partial(
    dg.asset,
    group_name="warehouse",
    kinds={"duckdb", "sql"},
    owners=["team:analytics"],
    automation_condition=dg.AutomationCondition.eager(),
    pool="warehouse",  # DuckDB admits one process at a time
)


@table(deps=[dg.AssetKey([INGESTED_BY, "stage_orders"])])
def staged_orders(warehouse: Warehouse) -> dg.MaterializeResult:
    """Every order that Airflow staged."""
    return warehouse.build("staged_orders")


@table(deps=[dg.AssetKey([INGESTED_BY, "ingest_customers"])])
def customers(warehouse: Warehouse) -> dg.MaterializeResult:
    """Who buys, where, and as what."""
    return warehouse.build("customers")


@table(
    deps=[staged_orders, customers, dg.AssetKey([INGESTED_BY, "exchange_rates"])],
)
def orders(warehouse: Warehouse) -> dg.MaterializeResult:
    """Orders with their customer, in euros."""
    return warehouse.build("orders")


@dg.asset_check(asset=orders, blocking=True)
def no_order_is_lost(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Every staged order has a known customer and a known currency."""
    lost = warehouse.find("lost_orders")
    return dg.AssetCheckResult(
        passed=not lost, metadata={"lost": len(lost), "sample": [str(row) for row in lost[:5]]}
    )


@table(
    deps=[dg.AssetKey([INGESTED_BY, "settle_refunds"])],
    automation_condition=when_upstreams_are_ready(),
)
def refunds(warehouse: Warehouse) -> dg.MaterializeResult:
    """What the bank has paid back. Prefect tells the customers."""
    return warehouse.publish("refunds")


@table(deps=[orders])
def revenue_by_region(warehouse: Warehouse) -> dg.MaterializeResult:
    """What each region brings in. Prefect publishes it as a dashboard."""
    return warehouse.publish("revenue_by_region")


@table(deps=[orders])
def customer_value(warehouse: Warehouse) -> dg.MaterializeResult:
    """What each customer brings in. Prefect scores customers by it."""
    return warehouse.publish("customer_value")


defs = dg.Definitions(
    assets=[staged_orders, customers, orders, refunds, revenue_by_region, customer_value],
    asset_checks=[no_order_is_lost],
    schedules=[
        dg.ScheduleDefinition(
            name="nightly",
            job=dg.define_asset_job("rebuild_warehouse", description="Build every table anew."),
            cron_schedule="0 4 * * *",
            execution_timezone="Europe/Berlin",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
    ],
    sensors=[
        dg.AutomationConditionSensorDefinition(
            "warehouse_automation",
            target=dg.AssetSelection.all(),
            default_status=dg.DefaultSensorStatus.RUNNING,
            minimum_interval_seconds=10,
        )
    ],
    resources={"warehouse": Warehouse(data=os.environ["META_ORCH_DEMO_DATA"])},
    # One process for a run: the steps take less time than a process takes to start.
    executor=dg.in_process_executor,
)
