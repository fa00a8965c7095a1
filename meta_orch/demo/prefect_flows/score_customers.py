"""A task mapped over many inputs, by a cron schedule."""

import shop
from prefect import flow, task, unmapped


@task
def read_customers() -> list[dict[str, str]]:
    return shop.read_mart("customer_value")


@task
def score(segment: str, customers: list[dict[str, str]]) -> dict[str, float]:
    """Each customer of the segment by revenue, from 0 to 1."""
    revenue = {
        row["customer_id"]: float(row["revenue_eur"])
        for row in customers
        if row["segment"] == segment
    }
    highest = max(revenue.values(), default=0.0) or 1.0
    return {customer: round(value / highest, 3) for customer, value in revenue.items()}


@task
def publish(scores: list[dict[str, float]]) -> int:
    merged = {customer: value for part in scores for customer, value in part.items()}
    shop.serve("customer_scores.json", merged)
    return len(merged)


@flow
def score_customers() -> int:
    """Score the customers of every segment side by side."""
    customers = read_customers()
    segments = sorted({row["segment"] for row in customers})
    return publish(score.map(segments, unmapped(customers)))
