"""The held one: the DAG that finds out about refunds fails, so it must not run."""

import shop
from prefect import flow, get_run_logger, task


@task
def read() -> list[dict[str, str]]:
    return shop.read_mart("refunds") if shop.has_mart("refunds") else []


@flow
def notify_refunds() -> int:
    """Tell every customer whose refund the bank has made."""
    refunds = read()
    shop.serve("refund_notices.json", refunds)
    get_run_logger().info("told of %d refunds", len(refunds))
    return len(refunds)
