"""Deploy the shop's flows and run them here: `python deploy.py`, with PREFECT_API_URL set."""

from datetime import timedelta

from export_feed import export_feed
from notify_refunds import notify_refunds
from prefect import serve
from prefect.schedules import RRule
from prune_exports import prune_exports
from publish_dashboard import publish_dashboard
from score_customers import score_customers
from send_invoices import send_invoices
from sync_crm import sync_crm

if __name__ == "__main__":
    serve(
        publish_dashboard.to_deployment(
            "live-dashboard", interval=timedelta(minutes=3), tags=["serving"]
        ),
        score_customers.to_deployment("hourly-scores", cron="10 * * * *", tags=["serving"]),
        sync_crm.to_deployment(
            "weekday-sync",
            schedule=RRule(
                "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=7;BYMINUTE=45;BYSECOND=0",
                timezone="Europe/Berlin",
            ),
            tags=["crm"],
        ),
        send_invoices.to_deployment("nightly-invoices", cron="15 2 * * *", tags=["finance"]),
        notify_refunds.to_deployment("every-other-minute", cron="*/2 * * * *", tags=["finance"]),
        export_feed.to_deployment(
            "partner-feed", parameters={"region": "north"}, tags=["partners"]
        ),
        prune_exports.to_deployment(
            "weekly-pruning", cron="0 3 * * 0", paused=True, tags=["partners"]
        ),
        limit=2,
        pause_on_shutdown=False,
    )
