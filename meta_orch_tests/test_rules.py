"""The rules that every test is under hold."""

from __future__ import annotations

import socket

import pytest

pytest_plugins = ["pytester"]

SKIPPING = """
    import pytest

    def test_passes(): pass

    @pytest.mark.skip(reason="no browser here")
    def test_is_skipped(): pass

    @pytest.mark.xfail(strict=True)
    def test_is_known_to_fail(): assert False
"""


def test_a_connection_to_another_machine_fails_the_test() -> None:
    with (
        pytest.raises(pytest.fail.Exception, match=r"192\.0\.2\.1: loopback only"),
        socket.socket() as connection,
    ):
        connection.connect(("192.0.2.1", 80))


def test_a_connection_to_this_machine_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def test_a_skip_is_a_skip_on_a_persons_machine(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    pytester.makepyfile(SKIPPING)
    pytester.runpytest_inprocess("-p", "meta_orch_tests.rules").assert_outcomes(
        passed=1, skipped=1, xfailed=1
    )


def test_a_skip_is_a_failure_in_ci(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    pytester.makepyfile(SKIPPING)
    result = pytester.runpytest_inprocess("-p", "meta_orch_tests.rules")
    result.assert_outcomes(passed=1, errors=1, xfailed=1)
    result.stdout.fnmatch_lines(["*was skipped, which CI does not allow: *no browser here*"])
