"""`docs/configuration.md` names every key, with the default that it has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from meta_orch.config import alerts, models, receivers, selecting

PAGE = (Path(__file__).parents[2] / "docs/configuration.md").read_text(encoding="utf-8")
SECTIONS = {
    "meta_orch.yaml": models.MetaOrchConfig,
    "instances[]": models.InstanceConfig,
    "instances[].tls": models.Tls,
    "instances[].timeouts": models.Timeouts,
    "edges[]": models.EdgeConfig,
    "gates[]": models.GateConfig,
    "triggers[]": models.TriggerConfig,
    "triggers[].when": models.WhenConfig,
    "slas[]": models.SlaConfig,
    "resources[]": models.ResourceConfig,
    "resources[].uses[]": models.UseConfig,
    "suggestions": models.SuggestionsConfig,
    "openlineage[]": models.OpenLineageConfig,
    "store": models.StoreConfig,
    "store.retention": models.Retention,
    "reconciliation": models.ReconciliationConfig,
    "analytics": models.AnalyticsConfig,
    "reports": models.ReportsConfig,
    "alerts": alerts.AlertsConfig,
    "alerts.rules[]": alerts.RuleConfig,
    "alerts.route": alerts.RouteConfig,
    "alerts.route.escalate[]": alerts.EscalationConfig,
    "alerts.receivers[]": receivers.ReceiverSection,
    "alerts.inhibit_rules[]": alerts.InhibitConfig,
    "alerts.maintenance[]": alerts.MaintenanceConfig,
    "alerts.time_intervals[]": selecting.TimeIntervalConfig,
    "alerts.time_intervals[].time_intervals[]": selecting.CalendarRange,
    "alerts.time_intervals[].time_intervals[].times[]": selecting.ClockRange,
    "dagster": models.DagsterConfig,
}


def _rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, less the table's own head."""
    section = PAGE.partition(f"## `{heading}`\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _default(section: type[BaseModel], key: str) -> str:
    field = section.model_fields[key]
    if field.is_required():
        return "required"
    if isinstance(field.default, BaseModel):
        return "see below"
    empty = section.model_construct()
    return f"`{json.dumps(json.loads(empty.model_dump_json(include={key}))[key])}`"


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_stands_in_its_table_with_its_default(heading: str) -> None:
    section = SECTIONS[heading]
    documented = {row[0].strip("`"): row[1] for row in _rows(heading)}
    assert documented == {
        field.alias or key: _default(section, key) for key, field in section.model_fields.items()
    }


def test_every_section_of_the_file_has_its_table() -> None:
    sections = {
        value
        for module in (models, alerts, selecting)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, models.Section)
    }
    logins = {model for model in sections if model.__name__.endswith("Login")}
    shared = {models.Section, models.EnvironmentReference, selecting.Selection}
    assert sections - logins - shared == set(SECTIONS.values()) - {receivers.ReceiverSection}


def test_every_type_of_receiver_stands_in_the_table_with_its_keys() -> None:
    documented = {
        row[0].strip("`"): set(re.findall(r"`(\w+)`:", row[2]))
        for row in _rows("alerts.receivers[].type")
    }
    kinds = get_args(get_args(receivers.ReceiverConfig)[0])
    assert documented == {
        get_args(kind.model_fields["type"].annotation)[0]: set(kind.model_fields)
        - set(receivers.ReceiverSection.model_fields)
        - {"type"}
        for kind in kinds
    }


def test_every_login_stands_in_the_table_with_its_keys() -> None:
    documented = {
        row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in _rows("instances[].login")
    }
    logins = get_args(get_args(models.Login)[0])
    assert documented == {
        get_args(login.model_fields["type"].annotation)[0]: set(login.model_fields) - {"type"}
        for login in logins
    }
    assert set(documented) == set(models.LOGIN_TYPES)
