"""A process that looks and sends is killed by SIGKILL, again and again."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import yaml

from meta_orch.demo.processes import wait_until
from meta_orch.domain.readings import Catalogue, Changes
from meta_orch.domain.states import RunState
from meta_orch.store import CollectorStatus, Store
from meta_orch.testing.builders import make_pipeline, make_run
from meta_orch_tests.alerts.servers import serving
from meta_orch_tests.alerts.support import MINUTE

KILLS = 8


def fail(store: Store, number: int) -> None:
    """One more pipeline fails, just now."""
    now = datetime.now(UTC)
    keys = [make_pipeline(f"core_{n}", "airflow", tags=("tier:1",)) for n in range(number + 1)]
    run = make_run(
        "run",
        keys[number],
        RunState.FAILED,
        scheduled_at=now - MINUTE,
        queued_at=now - MINUTE,
        started_at=now - MINUTE,
        ended_at=now,
    )
    with store.write() as writer:
        writer.save_catalogue("airflow", Catalogue(tuple(keys), str(number)), now)
        writer.save_changes("airflow", Changes("1", (run,)), now)
        writer.save_collector(CollectorStatus("airflow", now, now, True, None, "3", now))


def test_nothing_critical_is_lost_and_an_incident_keeps_its_number(tmp_path: Path) -> None:
    with serving() as endpoint:
        config = tmp_path / "meta_orch.yaml"
        config.write_text(
            yaml.safe_dump(
                {
                    "instances": [{"name": "airflow", "type": "airflow", "url": "http://a"}],
                    "store": {"path": "store.duckdb"},
                    "alerts": {
                        "receivers": [{"name": "hook", "type": "webhook", "url": endpoint.url}],
                        "route": {"receiver": "hook", "group_wait": "1s", "group_interval": "1s"},
                    },
                }
            )
        )
        store = Store(tmp_path / "store.duckdb")
        chance = random.Random(7)
        program = [sys.executable, "-m", "meta_orch_tests.alerts.looking", str(config)]
        wanted = set[str]()
        for number in range(KILLS + 1):
            fail(store, number)
            wanted.add(f"[CRITICAL] airflow/core_{number} failed")
            with subprocess.Popen(program, stdout=subprocess.PIPE) as process:
                assert process.stdout is not None
                process.stdout.readline()
                if number < KILLS:
                    time.sleep(chance.uniform(0, 1.5))
                else:
                    wait_until(
                        lambda: wanted <= {body["data"]["title"] for body in endpoint.bodies},
                        what="every message",
                        timeout=60,
                        why_not=lambda: repr([b["data"]["title"] for b in endpoint.bodies]),
                    )
                process.kill()
    sent = [(headers["webhook-id"], body) for headers, body in endpoint.requests]
    assert len(dict(sent)) == len(wanted), "what is sent twice has the same id"
    numbers = {b["data"]["title"]: b["data"]["incidents"][0]["incident"] for b in endpoint.bodies}
    assert sorted(numbers.values()) == list(range(1, KILLS + 2))
