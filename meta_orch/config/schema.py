"""The JSON schema of `meta_orch.yaml`, for editors."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from meta_orch.config.models import MetaOrchConfig
from meta_orch.config.values import format_duration


class _Schema(GenerateJsonSchema):
    """Pydantic's schema, with defaults as one writes them in the file and no made-up titles."""

    def encode_default(self, dft: Any) -> Any:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def json_schema() -> dict[str, Any]:
    """The schema, in the 2020-12 dialect."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **MetaOrchConfig.model_json_schema(schema_generator=_Schema),
        "title": "meta_orch.yaml",
    }


def schema_text() -> str:
    """The schema as `docs/meta_orch.schema.json` holds it and `meta-orch schema` prints it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
