"""The failing one: the mail server that it needs is not there."""

import smtplib

import shop
from prefect import flow, task


@task
def collect() -> list[str]:
    return [row["customer_id"] for row in shop.read_mart("customer_value")]


@task(retries=1, retry_delay_seconds=2)
def send(customers: list[str], host: str, port: int) -> None:
    with smtplib.SMTP(host, port, timeout=5) as server:
        for customer in customers:
            server.sendmail("invoices@shop.example", f"{customer}@example.com", "Your invoice")


@flow
def send_invoices(host: str = "127.0.0.1", port: int = 9) -> None:
    """Send every customer an invoice. Nothing listens on the port that it is given."""
    send(collect(), host, port)
