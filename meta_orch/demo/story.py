"""What happens in the demonstration: orders come in (Airflow), are modelled (Dagster), are served
(Prefect)."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from meta_orch.demo.errors import RequestFailed
from meta_orch.demo.processes import wait_until
from meta_orch.demo.readiness import (
    AssetPath,
    read_airflow,
    read_prefect,
    read_shown,
    what_is_missing,
)
from meta_orch.demo.servers import AirflowServer, DagsterServer, PrefectServer
from meta_orch.demo.steps import Steps

AIRFLOW, PREFECT, DAGSTER = "airflow", "prefect", "dagster"
"""The instances' names in `meta_orch.yaml`."""

HELD = "notify-refunds/every-other-minute"
"""The deployment that a gate holds, as the DAG before it fails."""
DECLARED_EDGES = (
    ("revenue_by_region", f"{PREFECT}/publish-dashboard/live-dashboard"),
    ("revenue_by_region", f"{PREFECT}/export-feed/partner-feed"),
    ("customer_value", f"{PREFECT}/score-customers/hourly-scores"),
    ("customer_value", f"{PREFECT}/send-invoices/nightly-invoices"),
    (f"{PREFECT}/score-customers/hourly-scores", f"{PREFECT}/sync-crm/weekday-sync"),
    (f"{AIRFLOW}/settle_refunds", f"{PREFECT}/{HELD}"),
    ("refunds", f"{PREFECT}/{HELD}"),
)
"""For `meta_orch.yaml`: Prefect does not know what a flow reads."""
GATES = ({"downstream": f"{PREFECT}/{HELD}"},)
TRIGGERS = (
    {
        "name": "feed_the_partner",
        "when": {"any": ["revenue_by_region"]},
        "run": f"{PREFECT}/export-feed/partner-feed",
        "parameters": {"region": "north"},
        "debounce": "5s",
    },
)
SLAS = (
    {"name": "refunds_are_settled", "pipelines": f"{AIRFLOW}/settle_refunds", "succeeds": True},
    {
        "name": "orders_are_staged",
        "chain": [f"{AIRFLOW}/ingest_orders", f"{AIRFLOW}/stage_orders"],
        "duration_below": "15m",
        "target": 0.9,
    },
)
RESOURCES = (
    {
        "name": "landing_disk",
        "capacity": 2,
        "uses": [{"pipelines": f"{AIRFLOW}/*"}, {"pipelines": f"{PREFECT}/*", "units": 0.5}],
    },
)
ALERTS = {
    "rules": [{"keep_firing_for": "20s"}],
    "receivers": [{"name": "team", "type": "file", "path": "messages.jsonl"}],
    "route": {"receiver": "team", "group_wait": "20s", "group_interval": "20s"},
}
"""What the team is told is in a file beside the configuration."""
WATCHED = (f"{PREFECT}/score-customers/*",)

_OTHER_EDGES = (
    (f"{AIRFLOW}/ingest_orders", f"{AIRFLOW}/stage_orders"),  # by an asset of Airflow's
    (f"{AIRFLOW}/stage_orders", "staged_orders"),  # as the warehouse says
    (f"{AIRFLOW}/ingest_customers", "customers"),
    (f"{AIRFLOW}/exchange_rates", "orders"),
    (f"{AIRFLOW}/settle_refunds", "refunds"),
)
_FIRST_DAGS = ("ingest_customers", "exchange_rates", "ingest_orders")
_BYSTANDING_DAGS = ("settle_refunds", "restate_day", "index_catalogue")
_WAREHOUSE = ("staged_orders", "customers", "orders", "revenue_by_region", "customer_value")
_FIRST_FLOWS = ("publish-dashboard/live-dashboard", "score-customers/hourly-scores")
_LATER_FLOWS = ("sync-crm/weekday-sync", "send-invoices/nightly-invoices")
_TRIGGERED_FLOWS = ("export-feed/partner-feed",)
DEPLOYMENTS = (
    *_FIRST_FLOWS,
    *_LATER_FLOWS,
    *_TRIGGERED_FLOWS,
    HELD,
    "prune-exports/weekly-pruning",
)
_HELD_CHECK = """
query held($asset: AssetKeyInput!) {
  assetCheckExecutions(assetKey: $asset, checkName: "upstreams_are_ready", limit: 1) { status } }
"""
_REFUNDS = "order_id,amount\n1,12.50\n2,7.90\n"
_STEP_SECONDS = 600
_POLL_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Story:
    """The servers that it happens on."""

    airflow: AirflowServer
    prefect: PrefectServer
    dagster: DagsterServer
    steps: Steps

    def begin(self) -> None:
        """Let orders come in. The DAG that stages them is started by the asset they land in."""
        for dag in (*_FIRST_DAGS, *_BYSTANDING_DAGS):
            self.airflow.start_run(dag)

    def go_on(self) -> None:
        """Return once the Dagster UI shows all that came of it.

        Raises:
            NotReady: the text says what is missing.
            ProcessDied: a process of a server ended.
        """
        with self.steps.step("Dagster shows what Airflow ran") as say:
            ingested = [(AIRFLOW, dag) for dag in ("ingest_customers", "stage_orders")]
            self._wait_for_materializations(ingested, say)
        with self.steps.step("Dagster models what Airflow staged") as say:
            self._wait_for_materializations([(table,) for table in _WAREHOUSE], say)
        with self.steps.step("Prefect serves what Dagster modelled") as say:
            # A run that a schedule started earlier found nothing to serve.
            since = time.time()
            for flow in _FIRST_FLOWS:
                self.prefect.start_run(flow)
            served = [(PREFECT, *flow.split("/")) for flow in _FIRST_FLOWS]
            self._wait_for_materializations(served, say, since=since)
            for flow in _LATER_FLOWS:
                self.prefect.start_run(flow)
        with self.steps.step("Dagster holds what must not run") as say:
            self._wait(self._what_is_not_held, say)
        with self.steps.step("Dagster shows every pipeline, run and edge") as say:
            self._wait(self._what_is_missing, say)

    def deliver_refunds(self, data: Path) -> None:
        """The bank delivers: the DAG that failed runs again. Return once what was held has run.

        Args:
            data: the folder that the pipelines share.
        """
        since = time.time()
        (data / "landing" / "refunds.csv").write_text(_REFUNDS)
        self.airflow.start_run("settle_refunds")
        with self.steps.step("Dagster models the refunds, and Prefect tells of them") as say:
            settled = [(AIRFLOW, "settle_refunds"), ("refunds",), (PREFECT, *HELD.split("/"))]
            self._wait_for_materializations(settled, say, since=since)

    def is_held(self) -> bool:
        """Whether Prefect has it paused."""
        return self.prefect.request("GET", f"/api/deployments/name/{HELD}")["paused"]

    def _what_is_not_held(self) -> list[str]:
        missing = [] if self.is_held() else [f"{HELD} to be paused"]
        asset = {"path": [PREFECT, *HELD.split("/")]}
        executions = self.dagster.graphql(_HELD_CHECK, asset=asset)["assetCheckExecutions"]
        if [execution["status"] for execution in executions] != ["FAILED"]:
            missing.append("its check to fail")
        return missing

    def _wait_for_materializations(
        self, paths: Collection[AssetPath], say: Callable[[str], None], *, since: float = 0
    ) -> None:
        def missing() -> list[str]:
            shown = read_shown(self.dagster)
            times = {path: asset.materialized_at or 0 for path, asset in shown.items()}
            return ["/".join(path) for path in paths if times.get(path, 0) <= since]

        self._wait(missing, say)

    def _what_is_missing(self) -> list[str]:
        ran = {**read_airflow(self.airflow, AIRFLOW), **read_prefect(self.prefect, PREFECT)}
        edges = [
            (tuple(upstream.split("/")), tuple(downstream.split("/")))
            for upstream, downstream in (*DECLARED_EDGES, *_OTHER_EDGES)
        ]
        started = [
            *((AIRFLOW, dag) for dag in (*_FIRST_DAGS, *_BYSTANDING_DAGS)),
            *(
                (PREFECT, *flow.split("/"))
                for flow in (*_FIRST_FLOWS, *_LATER_FLOWS, *_TRIGGERED_FLOWS)
            ),
        ]
        return what_is_missing(ran, read_shown(self.dagster), edges, started)

    def _wait(self, missing: Callable[[], list[str]], say: Callable[[str], None]) -> None:
        """Until nothing is missing; says what is."""
        last: list[str] = []

        def is_complete() -> bool:
            try:
                now = missing()
            except RequestFailed as error:  # a busy machine's server, which may answer next time
                now = [str(error)]
            if now and now != last:
                say(f"waits for {', '.join(now[:3])}{' …' if now[3:] else ''}")
            last[:] = now
            return not now

        servers = (self.airflow, self.prefect, self.dagster)
        wait_until(
            is_complete,
            what="it to show in Dagster",
            timeout=_STEP_SECONDS,
            processes=[process for server in servers for process in server.processes],
            why_not=lambda: "missing: " + ", ".join(last),
            every=_POLL_SECONDS,
        )
