"""The models when code makes them, without a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from meta_orch.config import InstanceConfig, MetaOrchConfig
from meta_orch.config.models import BasicLogin, OpenLineageConfig, Tls, TriggerConfig


def test_an_error_of_a_model_never_shows_its_input() -> None:
    login: dict[str, Any] = {"type": "basic", "username": "me", "password": "hunter2"}

    for make in (
        lambda: BasicLogin(**login),
        lambda: InstanceConfig.model_validate({"name": "a", "type": "dagster", "login": login}),
        lambda: MetaOrchConfig.model_validate(
            {"instances": [{"name": "a", "type": "prefect", "login": login}]}
        ),
    ):
        with pytest.raises(ValidationError) as caught:
            make()
        assert "hunter2" not in f"{caught.value} {caught.value!r}"


def test_a_model_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        InstanceConfig(name="a", type="dagster").read_only = False  # type: ignore[misc]  # that it is an error is the point


def test_an_adapter_need_not_be_installed_for_a_model_to_be_made() -> None:
    assert InstanceConfig(name="a", type="cron_on_a_shelf").type == "cron_on_a_shelf"


def test_two_instances_of_one_name_are_refused() -> None:
    twin = InstanceConfig(name="a", type="dagster")
    with pytest.raises(ValidationError, match="is the name of an instance above"):
        MetaOrchConfig(instances=(twin, twin))


def trigger(**settings: Any) -> TriggerConfig:
    return TriggerConfig.model_validate(
        {"name": "t", "when": {"any": ["a/orders"]}, "run": "a/report", **settings}
    )


def test_two_triggers_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="is the name of a trigger above"):
        MetaOrchConfig(triggers=(trigger(), trigger()))


def test_a_trigger_starts_what_an_instance_has() -> None:
    instances = (InstanceConfig(name="a", type="dagster", url="http://dagster"),)
    assert MetaOrchConfig(instances=instances, triggers=(trigger(),)).triggers
    with pytest.raises(ValidationError, match=r"is in no instance; .* with one of: a"):
        MetaOrchConfig(instances=instances, triggers=(trigger(run="b/report"),))


@pytest.mark.parametrize("when", [{}, {"all": ["a/orders"], "any": ["a/rates"]}])
def test_a_trigger_waits_for_all_or_for_any(when: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="write either `all` or `any`"):
        trigger(when=when)


def test_parameters_of_a_trigger_refer_to_what_there_is() -> None:
    with pytest.raises(ValidationError, match="refers to upstrem"):
        trigger(parameters={"day": "{{ upstrem.due_at }}"})


def test_a_trigger_starts_jobs_of_a_dagster_whose_webserver_is_known() -> None:
    instances = (InstanceConfig(name="a", type="dagster"),)
    with pytest.raises(ValidationError, match="needs the webserver's `url` at the instance a"):
        MetaOrchConfig(instances=instances, triggers=(trigger(),))


def test_a_secret_does_not_stand_among_the_parameters_of_a_trigger() -> None:
    with pytest.raises(ValidationError, match="a secret must not stand in this file") as refused:
        MetaOrchConfig.model_validate(
            {
                "triggers": [
                    {
                        "name": "t",
                        "when": {"any": ["a/orders"]},
                        "run": "a/report",
                        "parameters": {"api_key": "hunter2"},
                    }
                ]
            }
        )
    assert "hunter2" not in f"{refused.value} {refused.value!r}"


def test_an_instance_is_found_by_its_name() -> None:
    config = MetaOrchConfig(instances=(InstanceConfig(name="a", type="dagster"),))
    assert config.instance("a") is config.instances[0]
    with pytest.raises(KeyError, match="b"):
        config.instance("b")


def test_absolute_paths_stay_where_they_are() -> None:
    tls = Tls(ca_file=Path("/etc/ca.pem"), client_certificate=Path("me.pem"))
    assert tls.within(Path("/srv")) == Tls(
        ca_file=Path("/etc/ca.pem"), client_certificate=Path("/srv/me.pem")
    )


@pytest.mark.parametrize("settings", [{}, {"file": "x", "url": "http://x"}])
def test_a_source_of_events_is_a_file_or_a_server(settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="write either `file` or `url`"):
        OpenLineageConfig.model_validate(settings)


def test_a_source_of_events_needs_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meta_orch.config.openlineage.find_spec", lambda _: None)
    with pytest.raises(ValidationError, match=r"install `meta_orch\[openlineage\]`"):
        OpenLineageConfig.model_validate({"file": "x"})


def test_a_namespace_of_jobs_is_an_instance_that_there_is() -> None:
    instances = (InstanceConfig(name="a", type="dagster"),)
    source = OpenLineageConfig.model_validate({"file": "x", "namespaces": {"prod": "b"}})
    with pytest.raises(ValidationError, match="is no instance; write one of: a"):
        MetaOrchConfig(instances=instances, openlineage=(source,))
