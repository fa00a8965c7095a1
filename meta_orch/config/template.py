"""A new `meta_orch.yaml` with comments, for a person to go on from."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import yaml

SCHEMA_FILE = "meta_orch.schema.json"


@dataclass(frozen=True, slots=True)
class NewInstance:
    """What a person says of an orchestrator at the start."""

    name: str
    type: str
    url: str | None = None
    username: str | None = None
    """Of an Airflow user."""

    @property
    def variable(self) -> str | None:
        """The environment variable that is to hold its secret; None where it needs none."""
        if self.type == "airflow":
            return f"{self.name.upper()}_PASSWORD"
        if self.type == "prefect" and self._is_at("prefect.cloud"):
            return f"{self.name.upper()}_API_KEY"
        if self.type == "dagster" and self._is_at("dagster.cloud"):
            return f"{self.name.upper()}_TOKEN"
        return None

    def _is_at(self, domain: str) -> bool:
        host = urlsplit(self.url or "").hostname or ""
        return host == domain or host.endswith(f".{domain}")


def render(instances: Iterable[NewInstance], *, with_schema: bool = False) -> str:
    """The text of the file. A line that begins `# key:` is a setting with its default or an
    example, to be let in by taking the `# ` away."""
    parts = [_HEAD, "\n".join(map(_instance, instances)), _TAIL]
    if with_schema:
        parts.insert(0, f"# yaml-language-server: $schema={SCHEMA_FILE}\n")
    return "".join(parts)


_HEAD = """\
# The orchestrators that meta_orch shows in Dagster. What each key means: docs/configuration.md.
# Try it: meta-orch check
version: 1

instances:
"""

_TAIL = """\

# Dependencies that no orchestrator knows of: INSTANCE/PIPELINE, or the key of a Dagster asset.
# edges:
#   - upstream: airflow/daily_orders
#     downstream: prefect/serve-orders/nightly

# What pipelines promise; what they could, their history says: meta-orch sla suggest
# slas:
#   - name: orders_by_seven
#     pipelines: airflow/daily_orders
#     finish_by: "0 7 * * *"

analytics:
  watched: ["*"]  # globs: pipelines whose durations and starts are checked against what is usual

store:
  path: .meta_orch/store.duckdb  # from this file's folder

dagster:
  history_per_pipeline: 20  # finished runs of each pipeline that Dagster shows
  # webserver_url: http://localhost:3000  # is asked to reload when a pipeline comes or goes
"""

_OPTIONS = """\
    # environment: production  # a label
    # include: ["*"]  # globs: the pipelines to show
    # exclude: ["*_test"]
    # read_only: false  # let people start its runs from Dagster
    # poll_interval: 30s
    # lookback: 7d  # how far back the first reading of runs goes
    # timeouts: {connect: 5s, read: 30s}
    # tls: {ca_file: ca.pem}
"""

_PREFECT_LOGIN = """\
    # login: {type: basic, username: admin, password: "${PREFECT_PASSWORD}"}  # where it asks"""


def _instance(instance: NewInstance) -> str:
    lines = [f"  - name: {_scalar(instance.name)}", f"    type: {_scalar(instance.type)}"]
    if instance.url is None:
        lines[-1] += "  # without a url: the Dagster that meta_orch itself runs in"
        return "\n".join(lines) + "\n"
    lines += [f"    url: {_scalar(instance.url)}", *_login(instance)]
    return "\n".join(lines) + "\n" + _OPTIONS


def _scalar(text: str) -> str:
    """The text as YAML reads it back: quoted where it would be a number, a null or a comment."""
    try:
        is_plain = yaml.safe_load(f"- {text}") == [text]
    except yaml.YAMLError:
        is_plain = False
    if is_plain:
        return text
    return yaml.safe_dump(text, default_style='"', width=sys.maxsize).rstrip()


def _login(instance: NewInstance) -> list[str]:
    secret = f"${{{instance.variable}}}  # from the environment: a secret never stands here"
    if instance.type == "airflow":
        return [
            "    login:",
            "      type: token  # Airflow 3: a token for username and password",
            f"      username: {_scalar(instance.username or 'admin')}",
            f"      password: {secret}",
        ]
    if instance.variable is None:
        return [_PREFECT_LOGIN] if instance.type == "prefect" else []
    if instance.type == "prefect":
        return ["    login:", "      type: api_key", f"      api_key: {secret}"]
    return [
        "    login:",
        "      type: header",
        "      name: Dagster-Cloud-Api-Token",
        f"      value: {secret}",
    ]
