"""The file that `meta-orch init` writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from syrupy.assertion import SnapshotAssertion

from meta_orch.config import MetaOrchConfig, load_config
from meta_orch.config.models import ApiKeyLogin, BasicLogin, HeaderLogin, NoLogin, TokenLogin
from meta_orch.config.template import NewInstance, render
from meta_orch.config.values import Url

AIRFLOW = NewInstance("airflow_prod", "airflow", "https://airflow.example.com", "meta_orch")
EVERY_KIND = (
    AIRFLOW,
    NewInstance("prefect", "prefect", "http://localhost:4200/api"),
    NewInstance("cloud", "prefect", "https://api.prefect.cloud/api/accounts/a/workspaces/w"),
    NewInstance("plus", "dagster", "https://acme.dagster.cloud/prod"),
    NewInstance("dagster", "dagster"),
)


def load(text: str, folder: Path) -> MetaOrchConfig:
    file = folder / "meta_orch.yaml"
    file.write_text(text, encoding="utf-8")
    return load_config(file)


def test_the_file_reads_as_a_person_would_write_it(snapshot: SnapshotAssertion) -> None:
    assert render(EVERY_KIND, with_schema=True) == snapshot


def test_each_kind_gets_its_login_and_no_instance_may_act(tmp_path: Path) -> None:
    config = load(render(EVERY_KIND), tmp_path)

    logins = [type(instance.login) for instance in config.instances]
    assert logins == [TokenLogin, NoLogin, ApiKeyLogin, HeaderLogin, NoLogin]
    assert [secret.variable for i in config.instances for secret in i.secrets] == [
        "AIRFLOW_PROD_PASSWORD",
        "CLOUD_API_KEY",
        "PLUS_TOKEN",
    ]
    assert all(instance.read_only for instance in config.instances)


def test_every_setting_that_is_commented_out_can_be_let_in(tmp_path: Path) -> None:
    text = re.sub(r"(?m)^( *)# (?=(?: *- | *)\w+:)", r"\1", render(EVERY_KIND[:2]))

    config = load(text, tmp_path)

    airflow, prefect = config.instances
    assert isinstance(prefect.login, BasicLogin)
    assert airflow.environment == "production"
    assert not airflow.read_only
    assert config.edges[0].upstream == "airflow/daily_orders"
    assert config.dagster.webserver_url == "http://localhost:3000"


@pytest.mark.parametrize("key", ["poll_interval", "lookback", "timeouts"])
def test_what_is_commented_out_as_a_default_is_the_default(key: str, tmp_path: Path) -> None:
    commented = render([AIRFLOW])
    let_in = re.sub(rf"(?m)^( *)# ({key}:)", r"\1\2", commented)

    assert let_in != commented
    assert load(let_in, tmp_path) == load(commented, tmp_path)


@settings(max_examples=30)
@given(
    name=st.from_regex(r"[A-Za-z][A-Za-z0-9_]*", fullmatch=True),
    username=st.text(min_size=1).filter(lambda text: "${" not in text),
    host=st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True),
)
def test_whatever_a_person_names_is_read_back(
    name: str, username: str, host: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = TypeAdapter(Url).validate_python(f"https://{host}")
    text = render([NewInstance(name, "airflow", url, username)])

    (instance,) = load(text, tmp_path_factory.mktemp("config")).instances

    assert isinstance(instance.login, TokenLogin)
    assert (instance.name, instance.url, instance.login.username) == (name, url, username)
