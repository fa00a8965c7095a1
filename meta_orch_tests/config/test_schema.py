"""The JSON schema that editors check `meta_orch.yaml` with."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from meta_orch.config.schema import json_schema, schema_text
from meta_orch_tests.config.test_loading import FAULTS, WHOLE

SCHEMA = Path(__file__).parents[2] / "docs/meta_orch.schema.json"


def test_the_schema_in_the_docs_is_the_one_of_the_models() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), (
        "write it again: meta-orch schema > docs/meta_orch.schema.json"
    )


def test_the_schema_is_a_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_the_schema_takes_what_the_loader_takes() -> None:
    jsonschema.validate(yaml.safe_load(WHOLE), json_schema())


@pytest.mark.parametrize(
    "name", ["unknown keys", "wrong kinds of value", "logins", "names", "a list"]
)
def test_the_schema_refuses_what_it_can_see_is_wrong(name: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(FAULTS[name]), json_schema())


def test_the_defaults_in_the_schema_are_written_as_in_the_file() -> None:
    instance = json_schema()["$defs"]["InstanceConfig"]["properties"]
    assert instance["poll_interval"]["default"] == "30s"
    assert instance["lookback"]["default"] == "7d"


def test_every_key_is_described_to_the_person_who_hovers_over_it() -> None:
    definitions = {"": json_schema(), **json_schema()["$defs"]}
    undescribed = [
        f"{name}.{key}"
        for name, section in definitions.items()
        for key, schema in section.get("properties", {}).items()
        if "description" not in schema and "$ref" not in schema and key != "type"
    ]
    assert undescribed == []


def test_a_literal_secret_is_refused_by_the_editor_too() -> None:
    document = yaml.safe_load(WHOLE)
    document["instances"][0]["login"]["password"] = "hunter2"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(json.dumps(document)), json_schema())
