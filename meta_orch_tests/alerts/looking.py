"""A process that looks and sends until it is killed: `python -m meta_orch_tests.alerts.looking
CONFIG`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from meta_orch.alerts.alerting import Alerter
from meta_orch.alerts.delivery.outbox import Outbox
from meta_orch.alerts.watching import Watch
from meta_orch.config import load_config
from meta_orch.dependencies.gates import KnownGates
from meta_orch.store import Store


def now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    config = load_config(Path(sys.argv[1]))
    store = Store(config.store.path)
    alerter = Alerter(config, store, Watch(config, KnownGates(config)), None, now)
    outbox = Outbox(config.alerts, store, now)
    print("looking", flush=True)  # noqa: T201  # for the program that started this one
    while True:
        alerter.look()
        outbox.send(now() + timedelta(seconds=5))


if __name__ == "__main__":
    main()
