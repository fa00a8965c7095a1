"""A flow with a subflow, by an interval: it serves what the warehouse computed."""

from html import escape

import shop
from prefect import flow, task
from prefect.states import Completed, State


@task
def read_revenue() -> list[dict[str, str]]:
    return shop.read_mart("revenue_by_region")


@task
def render_table(rows: list[dict[str, str]]) -> str:
    head = "".join(f"<th>{escape(column)}" for column in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(value)}" for value in row.values()) for row in rows
    )
    return f"<table><tr>{head}{body}</table>"


@flow
def render_page(rows: list[dict[str, str]]) -> str:
    """The page as HTML; a flow of its own, as other flows render pages too."""
    return f"<!doctype html><title>Revenue by region</title>{render_table(rows)}"


@task
def upload(page: str, rows: list[dict[str, str]]) -> None:
    shop.serve("dashboard.html", page)
    shop.serve("dashboard.json", {"orders": sum(int(row["orders"]) for row in rows)})


@flow
def publish_dashboard() -> State | None:
    """Publish the revenue of each region as a page."""
    if not shop.has_mart("revenue_by_region"):
        return Completed(name="Skipped", message="the warehouse has published nothing yet")
    rows = read_revenue()
    upload(render_page(rows), rows)
    return None
