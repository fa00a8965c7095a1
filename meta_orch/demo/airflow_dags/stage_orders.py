"""Started by an asset; a mapped task checks every new batch of orders in a task run of its own."""

from pathlib import Path

import shop
from airflow.sdk import TriggerRule, dag, task


@dag(
    schedule=[shop.LANDED_ORDERS],
    max_active_runs=1,
    tags=["shop", "staging"],
    default_args={"owner": "sales-data"},
)
def stage_orders():
    """Move valid orders from the landing folder to the staging folder, batch by batch."""

    @task(inlets=[shop.LANDED_ORDERS])
    def new_batches() -> list[str]:
        landed = {file.name for file in shop.ORDER_BATCHES.glob("*.csv")}
        staged = {file.name for file in shop.STAGED_BATCHES.glob("*.csv")}
        return sorted(landed - staged)

    @task(max_active_tis_per_dag=2, map_index_template="{{ task.op_kwargs['batch'] }}")
    def validate(batch: str) -> int:
        """Keep orders of something, in a currency we know; returns how many were refused."""
        orders = shop.read_rows(shop.ORDER_BATCHES / batch)
        valid = [
            order
            for order in orders
            if int(order["quantity"]) > 0 and order["currency"] in shop.CURRENCIES
        ]
        shop.write_rows(Path(shop.STAGED_BATCHES / batch), valid)
        return len(orders) - len(valid)

    @task(outlets=[shop.STAGED_ORDERS], trigger_rule=TriggerRule.NONE_FAILED)
    def summarise(refused: list[int]) -> dict[str, int]:
        """Where there was no new batch, `validate` is skipped, and there is nothing to add up."""
        return {"batches": len(list(refused or [])), "refused": sum(refused or [])}

    summarise(validate.expand(batch=new_batches()))


stage_orders()
