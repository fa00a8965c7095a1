"""`load_config`: what it finds, what it makes of it, and all that it says is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from meta_orch.config import ConfigError, MetaOrchConfig, load_config
from meta_orch.config.models import TokenLogin

Write = Callable[[str], Path]

WHOLE = """\
version: 1
instances:
  - name: airflow_prod
    type: airflow
    url: https://airflow.example.com/
    login:
      type: token
      username: meta_orch
      password: ${AIRFLOW_PASSWORD}
    tls:
      ca_file: certificates/ca.pem
    timeouts: {connect: 2s, read: 1m}
    include: [daily_*]
    exclude: ["*_test"]
    read_only: false
    poll_interval: 15s
    lookback: 30d
    environment: production
  - name: dagster
    type: dagster
edges:
  - {upstream: airflow_prod/daily_orders, downstream: serving/orders}
store:
  path: state/store.duckdb
dagster:
  webserver_url: http://localhost:3000
  history_per_pipeline: 50
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write `meta_orch.yaml` in the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        Path("meta_orch.yaml").write_text(dedent(text), encoding="utf-8")
        return Path("meta_orch.yaml")

    return write


def test_every_key_arrives_in_its_model(write: Write) -> None:
    config = load_config(write(WHOLE))

    airflow, dagster = config.instances
    assert airflow.url == "https://airflow.example.com"
    assert isinstance(airflow.login, TokenLogin)
    assert airflow.login.password.variable == "AIRFLOW_PASSWORD"
    assert airflow.timeouts.read == timedelta(minutes=1)
    assert airflow.lookback == timedelta(days=30)
    assert (airflow.include, airflow.exclude) == (("daily_*",), ("*_test",))
    assert not airflow.read_only
    assert dagster.url is None
    assert dagster.read_only
    assert config.edges[0].upstream == "airflow_prod/daily_orders"
    assert config.dagster.history_per_pipeline == 50
    assert config.instance("dagster") is dagster


def test_relative_paths_are_taken_from_the_folder_of_the_file(write: Write, tmp_path: Path) -> None:
    config = load_config(write(WHOLE))

    assert config.store.path == tmp_path / "state/store.duckdb"
    assert config.instances[0].tls.ca_file == tmp_path / "certificates/ca.pem"
    assert config.instances[0].tls.client_key is None


def test_absolute_paths_and_the_home_folder_are_kept(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")

    assert load_config(write("store: {path: /var/s.duckdb}")).store.path == Path("/var/s.duckdb")
    assert load_config(write("store: {path: ~/s.duckdb}")).store.path == Path(
        "/home/somebody/s.duckdb"
    )


def test_the_file_is_found_by_argument_then_variable_then_name(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("dagster: {history_per_pipeline: 1}")
    by_variable = tmp_path / "variable.yaml"
    by_variable.write_text("dagster: {history_per_pipeline: 2}")
    by_argument = tmp_path / "argument.yaml"
    by_argument.write_text("dagster: {history_per_pipeline: 3}")

    assert load_config().dagster.history_per_pipeline == 1
    monkeypatch.setenv("META_ORCH_CONFIG", str(by_variable))
    assert load_config().dagster.history_per_pipeline == 2
    assert load_config(by_argument).dagster.history_per_pipeline == 3


def test_an_empty_file_is_a_configuration_without_instances(write: Write) -> None:
    assert load_config(write("# nothing yet\n")).instances == ()


def test_a_missing_variable_does_not_stop_the_file_from_loading(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_PASSWORD", raising=False)

    (secret,) = load_config(write(WHOLE)).instances[0].secrets

    assert secret.variable == "AIRFLOW_PASSWORD"
    assert not secret.is_set


def test_what_was_loaded_can_be_written_and_loaded_again(write: Write) -> None:
    config = load_config(write(WHOLE))

    assert MetaOrchConfig.model_validate(config.model_dump(mode="json")) == config
    assert load_config(write(config.model_dump_json())) == config


FAULTS = {
    "unknown keys": """\
        instnces: []
        instances:
          - {name: a, type: dagster, pol_interval: 30s}
          - name: b
            type: airflow
            url: http://localhost:8080
            login: {type: token, usernme: me, password: "${P}"}
            zzz: 1
        """,
    "wrong kinds of value": """\
        version: 2
        instances:
          - name: 1
            type: dagster
            read_only: maybe
            include: daily_*
            poll_interval: 30
            lookback: a while
            tls: true
            environment: 2026-01-01
          - only text
        edges: none
        store: here
        dagster: {history_per_pipeline: 0}
        """,
    "orchestrators": """\
        instances:
          - {name: a, type: airlfow, url: http://localhost}
          - {name: b, type: airflow}
          - {name: c, type: prefect, url: ~}
          - {name: d, type: dagster}
          - {type: dagster}
          - {name: e}
        """,
    "names": """\
        instances:
          - {name: airflow-prod, type: dagster}
          - {name: twice, type: dagster}
          - {name: twice, type: dagster}
          - {name: twice, type: airflow, read_only: maybe}
        """,
    "logins": """\
        instances:
          - name: a
            type: prefect
            url: http://localhost:4200/api
            login: {username: me, password: hunter2}
          - name: b
            type: prefect
            url: http://localhost:4200/api
            login: {type: saml, password: hunter2}
          - name: c
            type: prefect
            url: http://me:hunter2@localhost:4200/api
            login: {type: basic, username: "${USER}", password: hunter2}
          - name: d
            type: prefect
            url: http://${HOST}:4200/api
            login: {type: api_key, api_key: 20260101}
        """,
    "keys that stand twice": """\
        instances:
          - name: a
            type: dagster
            name: b
        instances: []
        """,
    "globs": """\
        instances:
          - {name: a, type: dagster, include: [], exclude: ["[ab", "", " x"]}
        """,
    "edges": """\
        edges:
          - {upstream: a/b, downstream: a/b}
          - {upstream: a//b, downstream: /c}
          - {upstream: a/b}
        """,
    "tls": """\
        instances:
          - {name: a, type: dagster, tls: {client_key: key.pem, verify: 2}}
        """,
    "not yaml": """\
        instances: [
          - name: a
        """,
    "a list": "- name: a\n",
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_told_with_its_line_its_key_and_what_to_write(
    name: str, write: Write, snapshot: SnapshotAssertion
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(FAULTS[name]))

    assert str(caught.value) == snapshot
    assert "hunter2" not in str(caught.value)


def test_faults_can_be_read_one_by_one(write: Write) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write("\nstore:\n  path: [a]\n"))

    (fault,) = caught.value.faults
    assert (fault.file, fault.line, fault.key) == (Path("meta_orch.yaml"), 3, "store.path")


def test_a_file_that_is_not_there_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^meta_orch\.yaml: is not there; `meta-orch init`"):
        load_config()


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path)

    latin = tmp_path / "latin.yaml"
    latin.write_bytes("environment: größe".encode("latin-1"))
    with pytest.raises(ConfigError, match="is not text in UTF-8"):
        load_config(latin)


SECRET = "hunter2"
LOGIN_KEYS = ("type", "username", "password", "token", "api_key", "name", "value", "url", "tls")
anything_with_a_secret = st.recursive(
    st.sampled_from([SECRET, f"*{SECRET}", f"!{SECRET}", f"${{{SECRET}", f"http://a:{SECRET}@b"])
    | st.sampled_from([None, True, 3, "token", "airflow", "${A}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(LOGIN_KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    login=anything_with_a_secret,
    rest=st.dictionaries(st.sampled_from(LOGIN_KEYS), anything_with_a_secret, max_size=4),
    top=st.dictionaries(
        st.sampled_from(["version", "edges", "store", "dagster"]), anything_with_a_secret
    ),
)
def test_a_secret_in_the_wrong_place_never_reaches_an_error(
    login: object,
    rest: dict[str, object],
    top: dict[str, object],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    text = _as_flow({"instances": [{**rest, "login": login}], **top})
    file = tmp_path_factory.mktemp("config") / "meta_orch.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    error: BaseException | None = caught.value
    assert error.__cause__ is None
    assert error.__suppress_context__
    assert SECRET not in str(error)


def _as_flow(value: object) -> str:
    """YAML whose texts stand unquoted, so that `*x` is an alias and `!x` a tag."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_as_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_as_flow, value)) + "]"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
