"""A login by a class of somebody's own, on Airflow and on Prefect."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from meta_orch.config.models import InstanceConfig
from meta_orch.orchestrators import connect
from meta_orch.orchestrators.base import LoginRefused, OrchestratorError
from meta_orch_tests.orchestrators.airflow.servers import empty_airflow
from meta_orch_tests.orchestrators.prefect.server import PrefectInMemory
from meta_orch_tests.support.loopback import LoopbackServer, Reply, Request

SECRET = "META_ORCH_OWN_SECRET"


class Counting:
    """Another token each time that one is made."""

    made = 0

    def __init__(self, url: str, secret: str, team: str) -> None:
        assert url.startswith("http://127.0.0.1")
        type(self).made += 1
        self._token = f"{team}-{secret}-{self.made}"

    def headers(self) -> dict[str, str]:
        return {"X-Own": self._token}


class Broken:
    def __init__(self, url: str) -> None:
        raise RuntimeError("the secret is hunter2")

    def headers(self) -> dict[str, str]:
        return {}


class WithoutHeaders:
    pass


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET, "hunter2")
    Counting.made = 0


def instance(url: str, kind: str, **login: Any) -> InstanceConfig:
    return InstanceConfig.model_validate(
        {
            "name": "own",
            "type": kind,
            "url": url,
            "login": {
                "type": "custom",
                "login_class": f"{__name__}:Counting",
                "options": {"secret": f"${{{SECRET}}}", "team": "data"},
                **login,
            },
        }
    )


SERVERS = {"airflow": empty_airflow, "prefect": PrefectInMemory(None).answer}


@pytest.mark.parametrize("kind", SERVERS)
def test_its_headers_go_with_every_request(kind: str) -> None:
    with LoopbackServer(SERVERS[kind]) as server:
        with connect(instance(server.url, kind)) as orchestrator:
            orchestrator.read_fingerprint()
            orchestrator.read_server()
        sent = {request.headers.get("x-own") for request in server.requests}
        assert "data-hunter2-1" in sent
        assert sent <= {"data-hunter2-1", None}  # the version is asked for by anybody


@pytest.mark.parametrize("kind", SERVERS)
def test_where_the_server_refuses_them_another_object_is_asked_once(kind: str) -> None:
    def answer(request: Request) -> Reply:
        if request.headers.get("x-own") == "data-hunter2-1":
            return Reply({"detail": "expired"}, status=401)
        return SERVERS[kind](request)

    with LoopbackServer(answer) as server:
        with connect(instance(server.url, kind)) as orchestrator:
            orchestrator.read_fingerprint()
    assert Counting.made == 2


@pytest.mark.parametrize("kind", SERVERS)
def test_what_it_raises_is_a_refused_login_that_tells_no_secret(kind: str) -> None:
    with LoopbackServer(SERVERS[kind]) as server:
        config = instance(server.url, kind, login_class=f"{__name__}:Broken", options={})
        with connect(config) as orchestrator, pytest.raises(LoginRefused) as refused:
            orchestrator.read_fingerprint()
    assert "Broken gave no login (RuntimeError)" in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no_such_package.logins:Mine", "there is no no_such_package.logins:Mine"),
        (f"{__name__}:Missing", f"there is no {__name__}:Missing"),
        (f"{__name__}:WithoutHeaders", "is no class with a method `headers`"),
    ],
)
@pytest.mark.parametrize("kind", SERVERS)
def test_a_class_that_is_not_there_is_named_with_its_key(kind: str, path: str, said: str) -> None:
    config = instance("http://127.0.0.1:9", kind, login_class=path)
    with pytest.raises(OrchestratorError, match=r"login\.login_class") as error:
        with connect(config) as orchestrator:
            orchestrator.read_fingerprint()
    assert said in str(error.value)


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SECRET)
    with LoopbackServer(empty_airflow) as server:
        config = instance(server.url, "airflow")
        assert [secret.variable for secret in config.secrets] == [SECRET]
        with connect(config) as orchestrator, pytest.raises(LoginRefused, match=SECRET):
            orchestrator.read_fingerprint()


def test_an_instance_with_options_may_be_a_key() -> None:
    config, same = (instance("http://127.0.0.1:9", "airflow") for _ in range(2))
    assert hash(config) == hash(same)
    assert config == same


@pytest.mark.parametrize("path", ["Mine", "package.module", "package:", ":Mine", "a b:C", "a:b.c"])
def test_what_is_no_place_of_a_class_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="is not where a class is"):
        instance("http://127.0.0.1:9", "airflow", login_class=path)


def test_an_option_that_is_a_list_is_refused() -> None:
    with pytest.raises(ValidationError, match="is no text, number"):
        instance("http://127.0.0.1:9", "airflow", options={"teams": ["a", "b"]})
