"""What holds for every test: no network but loopback, no settings from outside, no silent skip in
CI. A pytest plugin, named in `conftest.py`."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Generator
from typing import Any

import pytest
from hypothesis import settings

# Two busy cores are no fault of the code.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skip is a failure: what could not run there was not tested."""
    report = yield
    is_expected_failure = hasattr(report, "wasxfail")
    if report.skipped and not is_expected_failure and os.environ.get("CI"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which CI does not allow: {reason}"
    return report


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails a test that opens a connection to another machine."""

    def guard(connect: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(connection: socket.socket, address: Any) -> Any:
            is_internet = connection.family in {socket.AF_INET, socket.AF_INET6}
            if is_internet and not _is_loopback(address[0]):
                pytest.fail(f"the test opened a connection to {address[0]}: loopback only")
            return connect(connection, address)

        return guarded

    monkeypatch.setattr(socket.socket, "connect", guard(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guard(socket.socket.connect_ex))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own `meta_orch.yaml` and Dagster instance stay out of the tests."""
    for variable in ("META_ORCH_CONFIG", "DAGSTER_HOME"):
        monkeypatch.delenv(variable, raising=False)
