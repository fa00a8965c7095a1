"""The same alerts and an equivalent tree take the same routes in the real Alertmanager: the same
receivers, groups, inhibitions and silences."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random  # the same trees each time
from typing import Any, Self

import httpx
import pytest
import yaml

from meta_orch.alerts.muting import Muting
from meta_orch.alerts.routing import build_routes, matching
from meta_orch.config.alerts import AlertsConfig
from meta_orch.demo.processes import Process, clean_environment, free_port, wait_until
from meta_orch.domain.alerts import Alert, Condition, Severity
from meta_orch.domain.incidents import Incident, IncidentState, Silence
from meta_orch.domain.matchers import Matcher

pytestmark = pytest.mark.live

PROGRAM = "prometheus-alertmanager"
"""As Debian calls it."""
TREES = 20
VALUES: Mapping[str, Sequence[str]] = {
    "severity": ("critical", "error", "warning", "info"),
    "instance": ("airflow", "prefect"),
    "team": ("data", "web", "finance"),
    "condition": ("failed", "late", "at risk"),
    "tags": (",nightly,", ",finance,nightly,"),
}
ALERTS: Sequence[Mapping[str, str]] = [
    {
        "incident": str(number),
        "pipeline": f"{'airflow' if number % 2 else 'prefect'}/p{number}",
        # Now and then a label is not there.
        **{
            name: Random(f"{number} {name}").choice(values)
            for name, values in VALUES.items()
            if Random(f"{name} {number}").random() < 0.9 or name == "severity"
        },
    }
    for number in range(1, 41)
]


class Alertmanager:
    """The real one, on loopback."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "alertmanager.yml"
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        self._process = Process(
            "Alertmanager",
            [
                PROGRAM,
                f"--config.file={self._file}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            log=folder / "alertmanager.log",
            folder=folder,
            environment=clean_environment(),
        )

    def __enter__(self) -> Self:
        self.load(AlertsConfig(), [])
        self._process.start()
        try:
            wait_until(self._is_ready, what="Alertmanager", timeout=30, processes=[self._process])
        except BaseException:
            self._process.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()

    def _is_ready(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self._url}/-/ready").is_success
        return False

    def load(self, config: AlertsConfig, receivers: Sequence[str]) -> None:
        """Take the same tree, with receivers that do nothing."""
        route = config.route.model_dump(
            mode="json", by_alias=True, exclude_defaults=True, exclude={"escalate"}
        )
        content = {
            "route": {"receiver": "nobody", "group_wait": "1h", **route},
            "receivers": [{"name": name} for name in ("nobody", *receivers)],
            "inhibit_rules": [
                {
                    "source_matchers": [str(m) for m in rule.source_matchers],
                    "target_matchers": [str(m) for m in rule.target_matchers],
                    "equal": list(rule.equal),
                }
                for rule in config.inhibit_rules
            ],
        }
        self._file.write_text(yaml.safe_dump(content))
        if receivers:
            httpx.post(f"{self._url}/-/reload").raise_for_status()

    def send(self, alerts: Sequence[Mapping[str, str]]) -> None:
        ends_at = datetime.now(UTC) + timedelta(hours=1)
        body = [{"labels": labels, "endsAt": ends_at.isoformat()} for labels in alerts]
        httpx.post(f"{self._url}/api/v2/alerts", json=body).raise_for_status()

    def groups(self) -> set[tuple[str, str, frozenset[str]]]:
        """Receiver, labels of the group, and the alerts in it."""
        found: list[Any] = httpx.get(f"{self._url}/api/v2/alerts/groups").json()
        return {
            (
                group["receiver"]["name"],
                repr(sorted(group["labels"].items())),
                frozenset(alert["labels"]["incident"] for alert in group["alerts"]),
            )
            for group in found
        }

    def suppressed(self) -> Mapping[str, set[str]]:
        """The alerts that are inhibited, and those that are silenced."""
        found: list[Any] = httpx.get(f"{self._url}/api/v2/alerts").json()
        return {
            kind: {a["labels"]["incident"] for a in found if a["status"][kind]}
            for kind in ("inhibitedBy", "silencedBy")
        }

    def silence(self, silence: Silence) -> None:
        read = map(Matcher.parse, silence.matchers)
        body = {
            "matchers": [
                {
                    "name": m.label,
                    "value": m.value,
                    "isRegex": "~" in m.operator,
                    "isEqual": m.operator in {"=", "=~"},
                }
                for m in read
            ],
            "startsAt": silence.starts_at.isoformat(),
            "endsAt": silence.ends_at.isoformat(),
            "createdBy": silence.author,
            "comment": silence.comment,
        }
        httpx.post(f"{self._url}/api/v2/silences", json=body).raise_for_status()


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    if shutil.which(PROGRAM) is None:
        pytest.skip(f"there is no Alertmanager here; Debian has it: {PROGRAM}")
    with Alertmanager(tmp_path) as server:
        yield server


def matcher(random: Random) -> str:
    name = random.choice([*VALUES])
    value = random.choice(VALUES[name])
    match random.choice(["=", "!=", "=~", "!~"]):
        case "=~" | "!~" as operator:
            pattern = random.choice([f"{value[:3]}.*", f"{value}|data", ".+", ""])
            return f'{name}{operator}"{pattern}"'
        case operator:
            return f'{name}{operator}"{random.choice([value, ""])}"'


def route(random: Random, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "matchers": [matcher(random) for _ in range(random.randint(1, 2))],
        "continue": random.random() < 0.4,
    }
    if random.random() < 0.7:
        found["receiver"] = random.choice(["a", "b", "c"])
    if random.random() < 0.4:
        found["group_by"] = random.sample([*VALUES, "incident"], random.randint(0, 2))
    if depth:
        found["routes"] = [route(random, depth - 1) for _ in range(random.randint(0, 3))]
    return found


def tree(random: Random) -> AlertsConfig:
    names = ("a", "b", "c")
    return AlertsConfig.model_validate(
        {
            "receivers": [{"name": n, "type": "file", "path": n} for n in names],
            "route": {
                "receiver": "a",
                "group_by": random.sample([*VALUES], random.randint(0, 2)),
                "routes": [route(random, 2) for _ in range(random.randint(1, 4))],
            },
            "inhibit_rules": [
                {
                    "source_matchers": [matcher(random)],
                    "target_matchers": [matcher(random)],
                    "equal": random.sample(["instance", "team"], random.randint(0, 2)),
                }
                for _ in range(2)
            ],
        }
    )


def our_groups(config: AlertsConfig) -> set[tuple[str, str, frozenset[str]]]:
    groups: dict[tuple[str, str, str], set[str]] = {}
    top = build_routes(config.route)
    for labels in ALERTS:
        for taken in matching(top, labels):
            group = repr(sorted(taken.group_labels(labels).items()))
            key = (taken.place, taken.receiver or "", group)
            groups.setdefault(key, set()).add(labels["incident"])
    return {(receiver, group, frozenset(of)) for (_, receiver, group), of in groups.items()}


def incidents() -> list[Incident]:
    now = datetime.now(UTC)
    return [
        Incident(
            int(labels["incident"]),
            IncidentState.OPEN,
            Alert(Condition.FAILED, "x", now, "", labels=labels),
            Severity(labels["severity"]),
            now,
            now,
        )
        for labels in ALERTS
    ]


def test_random_trees_route_group_and_inhibit_as_alertmanager_does(
    alertmanager: Alertmanager,
) -> None:
    alertmanager.send(ALERTS)
    inhibited_ever = 0
    for seed in range(TREES):
        config = tree(Random(seed))
        alertmanager.load(config, ["a", "b", "c"])
        ours = our_groups(config)
        wait_until(
            lambda ours=ours: alertmanager.groups() == ours,
            what=f"the groups of tree {seed}",
            timeout=10,
            why_not=lambda ours=ours: repr(alertmanager.groups() ^ ours),
        )
        every = incidents()
        muting = Muting(config, (), every, datetime.now(UTC))
        inhibited = {str(i.id) for i in every if muting.reason(i) is not None}
        assert alertmanager.suppressed()["inhibitedBy"] == inhibited, seed
        inhibited_ever += len(inhibited)
    assert inhibited_ever > 0


def test_random_silences_silence_what_alertmanager_does(alertmanager: Alertmanager) -> None:
    alertmanager.send(ALERTS)
    random, now = Random(1), datetime.now(UTC)
    silences: list[Silence] = []
    silenced: set[str] = set()
    for number in range(1, 13):
        # Alertmanager wants one matcher at least that does not match the empty text.
        matchers = (f'severity="{random.choice(VALUES["severity"])}"', matcher(random))
        begins = now - timedelta(minutes=1) if number % 4 else now + timedelta(hours=1)
        silence = Silence(number, matchers, begins, begins + timedelta(hours=2), "ana", "x")
        silences.append(silence)
        alertmanager.silence(silence)
        every = incidents()
        muting = Muting(AlertsConfig(), silences, every, datetime.now(UTC))
        silenced = {str(i.id) for i in every if muting.reason(i) is not None}
        wait_until(
            lambda silenced=silenced: alertmanager.suppressed()["silencedBy"] == silenced,
            what=f"silence {number}",
            timeout=10,
            why_not=lambda silenced=silenced: repr(
                alertmanager.suppressed()["silencedBy"] ^ silenced
            ),
        )
    assert silenced
