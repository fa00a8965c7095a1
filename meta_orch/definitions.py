"""The code location: point a `workspace.yaml` or `dagster dev -m meta_orch.definitions` at it.

It reads `meta_orch.yaml` from the working directory, or the file that `META_ORCH_CONFIG` names.
"""

from __future__ import annotations

from dagster import Definitions, definitions

from meta_orch.config import load_config
from meta_orch.defs import build_definitions


@definitions
def defs() -> Definitions:
    return build_definitions(load_config())
