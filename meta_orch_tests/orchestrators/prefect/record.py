"""Record what a live Prefect server answers, for the tests that replay it:

    python -m meta_orch_tests.orchestrators.prefect.record http://127.0.0.1:4200/api > FILE

The rows are kept as they came, sorted by id, so that a newer server's can be compared.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import httpx

LISTS = {
    "flows": "/flows/filter",
    "deployments": "/deployments/filter",
    "flow_runs": "/flow_runs/filter",
    "task_runs": "/task_runs/filter",
    "work_pools": "/work_pools/filter",
    "concurrency_limits": "/v2/concurrency_limits/filter",
}


def record(url: str) -> dict[str, Any]:
    with httpx.Client(base_url=url) as client:

        def ask(path: str, body: dict[str, Any]) -> Any:
            return client.post(path, json=body).raise_for_status().json()

        rows = {name: ask(path, {"limit": 200}) for name, path in LISTS.items()}
        told = {"event": {"prefix": ["prefect.flow-run.", "prefect.asset."]}}
        events = ask("/events/filter", {"filter": told, "limit": 50})
        rows["events"] = events["events"]
        while next_page := events["next_page"]:
            events = client.get(next_page).raise_for_status().json()
            rows["events"] += events["events"]
        return {
            "version": client.get("/admin/version").raise_for_status().json(),
            **{name: sorted(found, key=lambda row: row["id"]) for name, found in rows.items()},
        }


def write(recorded: dict[str, Any]) -> str:
    """One row a line: short enough to keep, and its differences readable."""
    parts = [f'"version": {json.dumps(recorded["version"])}']
    for name, rows in recorded.items():
        if name != "version":
            lines = ",\n".join(json.dumps(row) for row in rows)
            parts.append(f'"{name}": [\n{lines}\n]')
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    sys.stdout.write(write(record(sys.argv[1])))
