"""For the head of a Prefect flow: it waits until meta_orch's gate lets the deployment run.

    from meta_orch.waiting.prefect import wait_for_gate

    @flow
    def publish() -> None:
        if not wait_for_gate("prefect_prod/publish/hourly"):
            return  # the gate says to skip this run
        ...

It asks the Dagster webserver for the check `upstreams_are_ready` of the pipeline. Needs Prefect 3
and Python's standard library, and works as a copy.
"""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from prefect import get_run_logger
from prefect.runtime import flow_run

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


class GateTimeout(TimeoutError):
    """The gate did not let it run in time. The text says what it waits for."""


def wait_for_gate(
    pipeline: str,
    *,
    webserver_url: str | None = None,
    header_variables: Mapping[str, str] | None = None,
    settle: timedelta = timedelta(seconds=90),
    timeout: timedelta = timedelta(hours=6),
    poll: timedelta = timedelta(seconds=30),
) -> bool:
    """True once the gate lets the pipeline run, False where it says to skip this run. A pipeline
    that no gate names runs at once.

    Args:
        pipeline: `INSTANCE/PIPELINE`, as meta_orch calls the deployment.
        webserver_url: of the Dagster that meta_orch runs in; else `$META_ORCH_WEBSERVER_URL`.
        header_variables: headers to send, with the environment variables that hold their values.
        settle: how long after the run was due it is asked first. Gates are worked out anew once in
            each `poll_interval` of meta_orch's: take twice that.
        timeout: how long it waits.
        poll: how often it asks.

    Raises:
        GateTimeout: it waited for as long as it may.
    """
    log = get_run_logger()
    url = webserver_url or os.environ.get(URL_VARIABLE)
    if not url:
        raise ValueError(f"wait_for_gate needs a webserver_url, or ${URL_VARIABLE}")
    due_at = flow_run.scheduled_start_time or _now()
    time.sleep(max(0.0, (due_at + settle - _now()).total_seconds()))
    deadline = _now() + timeout
    while True:
        disposition, description = _ask(url, pipeline, header_variables or {})
        log.info("%s: %s", pipeline, description)
        if disposition == "skip":
            return False
        if disposition.startswith("run"):
            return True
        if _now() > deadline:
            raise GateTimeout(f"{pipeline} waited for {timeout}: {description}")
        time.sleep(poll.total_seconds())


def _ask(url: str, pipeline: str, header_variables: Mapping[str, str]) -> tuple[str, str]:
    """What the gate says, as `meta-orch gate` has it, and why."""
    try:
        data = _post(url, pipeline, header_variables)
    except OSError as error:
        return "wait", f"Dagster does not answer: {error}"
    checks = data["assetNodeOrError"].get("assetChecksOrError")
    if checks is None:
        raise LookupError(f"Dagster knows no pipeline {pipeline}: write it as INSTANCE/PIPELINE")
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


def _now() -> datetime:
    return datetime.now(timezone.utc)  # noqa: UP017  # flows run on 3.10 too
