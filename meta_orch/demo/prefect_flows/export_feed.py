"""No schedule, and parameters: people start it."""

import shop
from prefect import flow, get_run_logger, task


@task
def select(region: str) -> list[dict[str, str]]:
    rows = shop.read_mart("revenue_by_region")
    return [row for row in rows if region in ("all", row["region"])]


@flow
def export_feed(region: str = "all") -> int:
    """Export the revenue of a region, or of all, for a partner."""
    rows = select(region)
    file = shop.serve(f"feed_{region}.json", rows)
    get_run_logger().info("wrote %d rows to %s", len(rows), file)
    return len(rows)
