"""`meta_orch.yaml`: read, validated and kept as frozen models. Secrets stay references."""

from meta_orch.config.faults import ConfigError, Fault
from meta_orch.config.loading import config_file, load_config
from meta_orch.config.models import (
    DagsterConfig,
    EdgeConfig,
    EnvironmentReference,
    InstanceConfig,
    MetaOrchConfig,
    MissingSecret,
    StoreConfig,
)

__all__ = [
    "ConfigError",
    "DagsterConfig",
    "EdgeConfig",
    "EnvironmentReference",
    "Fault",
    "InstanceConfig",
    "MetaOrchConfig",
    "MissingSecret",
    "StoreConfig",
    "config_file",
    "load_config",
]
