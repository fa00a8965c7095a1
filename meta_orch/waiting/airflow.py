"""A sensor for the head of an Airflow DAG: it waits until meta_orch's gate lets the DAG run.

    from meta_orch.waiting.airflow import GateSensor

    with DAG("billing", ...):
        GateSensor(task_id="gate", pipeline="airflow_prod/billing") >> first_task

It asks the Dagster webserver for the check `upstreams_are_ready` of the pipeline. Needs Airflow 2.7
or later and Python's standard library, and works as a copy.
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

try:
    from airflow.sdk import BaseSensorOperator
    from airflow.sdk.exceptions import AirflowSkipException
except ImportError:  # Airflow 2
    from airflow.exceptions import AirflowSkipException
    from airflow.sensors.base import BaseSensorOperator

URL_VARIABLE = "META_ORCH_WEBSERVER_URL"
CHECK = "upstreams_are_ready"
_QUERY = """
query gate($asset: AssetKeyInput!) {
  assetNodeOrError(assetKey: $asset) { ... on AssetNode {
    assetChecksOrError { ... on AssetChecks { checks { name } } }
  } }
  assetCheckExecutions(assetKey: $asset, checkName: "upstreams_are_ready", limit: 1) {
    evaluation { success description metadataEntries {
      label ... on TextMetadataEntry { text } } } } }
"""


class GateSensor(BaseSensorOperator):
    """Succeeds once the gate lets the pipeline run, and is skipped with all that follows where the
    gate says to skip this run. A pipeline that no gate names runs at once.

    Args:
        pipeline: `INSTANCE/PIPELINE`, as meta_orch calls the DAG.
        webserver_url: of the Dagster that meta_orch runs in; else `$META_ORCH_WEBSERVER_URL`.
        header_variables: headers to send, with the environment variables that hold their values.
        settle: how long after the run began it is asked first. Gates are worked out anew once in
            each `poll_interval` of meta_orch's: take twice that.
        sensor_options: those of any sensor. It pokes every half minute, for six hours at most, and
            frees its worker in between.
    """

    template_fields = ("pipeline", "webserver_url")

    def __init__(
        self,
        *,
        pipeline: str,
        webserver_url: str | None = None,
        header_variables: Mapping[str, str] | None = None,
        settle: timedelta = timedelta(seconds=90),
        **sensor_options: Any,
    ) -> None:
        defaults = {"poke_interval": 30, "timeout": 6 * 3600, "mode": "reschedule"}
        super().__init__(**{**defaults, **sensor_options})
        self.pipeline = pipeline
        self.webserver_url = webserver_url
        self.header_variables = dict(header_variables or {})
        self.settle = settle

    def poke(self, context: Any) -> bool:
        began = context["dag_run"].start_date
        if datetime.now(timezone.utc) < began + self.settle:  # noqa: UP017  # Airflow 2 runs on 3.10 too
            self.log.info("The gate is asked %s after the run began", self.settle)
            return False
        disposition, description = self._ask()
        self.log.info("%s: %s", self.pipeline, description)
        if disposition == "skip":
            raise AirflowSkipException(description)
        return disposition.startswith("run")

    def _ask(self) -> tuple[str, str]:
        """What the gate says, as `meta-orch gate` has it, and why."""
        url = self.webserver_url or os.environ.get(URL_VARIABLE)
        if not url:
            raise ValueError(f"GateSensor needs a webserver_url, or ${URL_VARIABLE}")
        try:
            data = _post(url, self.pipeline, self.header_variables)
        except OSError as error:
            return "wait", f"Dagster does not answer: {error}"
        checks = data["assetNodeOrError"].get("assetChecksOrError")
        if checks is None:
            raise LookupError(
                f"Dagster knows no pipeline {self.pipeline}: write it as INSTANCE/PIPELINE"
            )
        if CHECK not in {check["name"] for check in checks.get("checks", [])}:
            return "run", "no gate names it"
        evaluations = [each["evaluation"] for each in data["assetCheckExecutions"]]
        if not evaluations or evaluations[0] is None:
            return "wait", "its gate has not been worked out yet"
        evaluation = evaluations[0]
        said = {entry["label"]: entry.get("text") for entry in evaluation["metadataEntries"]}
        disposition = said.get("meta_orch/disposition") or "wait"
        if evaluation["success"] and disposition != "skip":
            disposition = "run"
        return disposition, evaluation["description"] or disposition


def _post(url: str, pipeline: str, header_variables: Mapping[str, str]) -> dict[str, Any]:
    body = {"query": _QUERY, "variables": {"asset": {"path": pipeline.split("/")}}}
    headers = {name: os.environ[variable] for name, variable in header_variables.items()}
    request = urllib.request.Request(  # noqa: S310  # the URL is the deployment's own
        f"{url.rstrip('/')}/graphql",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **headers},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # as above
        content = json.loads(answer.read())
    if not content.get("data"):
        raise OSError(f"it gives no data: {content.get('errors')}")
    return content["data"]
