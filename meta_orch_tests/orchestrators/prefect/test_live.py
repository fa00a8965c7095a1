"""What only a real Prefect can show: its own login, and its death in the middle of a reading."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from meta_orch.config.models import InstanceConfig
from meta_orch.demo.servers import PrefectServer
from meta_orch.orchestrators.base import LoginRefused, Unreachable
from meta_orch.orchestrators.prefect import PrefectOrchestrator

pytestmark = pytest.mark.live

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PASSWORD = "correct-horse"
VARIABLE = "PREFECT_LIVE_PASSWORD"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect with a password."""
    with PrefectServer(tmp_path_factory.mktemp("prefect"), password=PASSWORD) as server:
        yield server


def connect(server: PrefectServer, *, username: str | None = None) -> PrefectOrchestrator:
    login = {"type": "basic", "username": username, "password": f"${{{VARIABLE}}}"}
    config = {"name": "guarded", "type": "prefect", "url": server.url}
    return PrefectOrchestrator(
        InstanceConfig.model_validate({**config, "login": login} if username else config)
    )


def test_the_right_password_opens_a_real_server(
    guarded: PrefectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)
    with connect(guarded, username=guarded.username) as prefect:
        assert prefect.read_server().version.startswith("3.")
        assert prefect.read_catalogue({}).pipelines == ()
        assert prefect.read_pools() == ()


def test_a_wrong_password_is_refused_by_a_real_server_and_not_told(
    guarded: PrefectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "wrong-horse")
    with (
        connect(guarded, username=guarded.username) as prefect,
        pytest.raises(LoginRefused, match="check `login`") as raised,
    ):
        prefect.read_server()
    assert "wrong-horse" not in str(raised.value)


def test_no_password_is_refused_by_a_real_server(guarded: PrefectServer) -> None:
    with connect(guarded) as prefect, pytest.raises(LoginRefused):
        list(prefect.read_changes(None, (), since=LONG_AGO))


def test_a_server_that_dies_is_unreachable_and_read_on_from_the_cursor_when_it_is_back(
    guarded: PrefectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)
    with connect(guarded, username=guarded.username) as prefect:
        (page,) = prefect.read_changes(None, (), since=LONG_AGO)
        guarded.kill()
        with pytest.raises(Unreachable):
            list(prefect.read_changes(page.cursor, (), since=LONG_AGO))
        guarded.start()
        assert list(prefect.read_changes(page.cursor, (), since=LONG_AGO))
