"""meta_orch within a Dagster project: a component with the keys of `meta_orch.yaml`.

    # defs/orchestrators/defs.yaml
    type: meta_orch.defs.MetaOrchComponent
    attributes:
      instances:
        - name: airflow_prod
          type: airflow
          url: https://airflow.example.com
          login: {type: token, username: dagster, password: "${AIRFLOW_PASSWORD}"}

Relative paths are taken from the project's folder.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from dagster import Component, ComponentLoadContext, Definitions
from dagster.components import Scaffolder, ScaffoldRequest, scaffold_component, scaffold_with
from pydantic import BaseModel, ConfigDict, ValidationError

from meta_orch.config import ConfigError, MetaOrchConfig
from meta_orch.config.faults import find_faults
from meta_orch.config.source import Malformed, Source, read_yaml
from meta_orch.defs.build import build_definitions
from meta_orch.orchestrators import adapter_names

FILE = "defs.yaml"
_ATTRIBUTES = "attributes"
_EXAMPLE: dict[str, Any] = {
    "instances": [
        {
            "name": "airflow_prod",
            "type": "airflow",
            "url": "https://airflow.example.com",
            "login": {
                "type": "token",
                "username": "dagster",
                "password": "${AIRFLOW_PASSWORD}",
            },
        }
    ]
}


class MetaOrchScaffolder(Scaffolder):
    """Writes a `defs.yaml` with one instance to be changed."""

    def scaffold(self, request: ScaffoldRequest) -> None:
        scaffold_component(request, _EXAMPLE)


class Attributes(BaseModel):
    """The keys as they stand. They are validated by `MetaOrchComponent.load` and not by Dagster,
    whose error would repeat what was written, and that may be a secret in the wrong place."""

    model_config = ConfigDict(extra="allow")

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """For editors: that of `meta_orch.yaml`."""
        return MetaOrchConfig.model_json_schema(*args, **kwargs)


@scaffold_with(MetaOrchScaffolder)
class MetaOrchComponent(Component):
    """The pipelines of other orchestrators as assets, checks, jobs and sensors.

    Its attributes are the keys of `meta_orch.yaml`.
    """

    def __init__(self, config: MetaOrchConfig) -> None:
        self.config = config

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return Attributes

    @classmethod
    def load(cls, attributes: BaseModel | None, context: ComponentLoadContext) -> Self:
        """
        Raises:
            ConfigError: attributes are wrong; every fault is told with its line and key.
        """
        keys = attributes.model_extra if attributes else None
        try:
            config = MetaOrchConfig.model_validate(
                keys or {}, context={"adapters": adapter_names()}
            )
        except ValidationError as error:
            raise _explain(error, context.path / FILE) from None
        return cls(config.within(context.project_root))

    def build_defs(self, context: ComponentLoadContext) -> Definitions:
        return build_definitions(self.config)


def _explain(error: ValidationError, file: Path) -> ConfigError:
    try:
        source = read_yaml(file.read_text(encoding="utf-8"))
    except (OSError, Malformed):  # several documents in one file: which is ours is not known
        return ConfigError(tuple(replace(f, line=None) for f in find_faults(file, Source(), error)))
    inner = {at[1:]: line for at, line in source.lines.items() if at[:1] == (_ATTRIBUTES,)}
    return ConfigError(find_faults(file, Source(lines=inner), error))
