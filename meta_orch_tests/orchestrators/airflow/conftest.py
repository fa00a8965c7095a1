from __future__ import annotations

import pytest

from meta_orch_tests.orchestrators.airflow.servers import PASSWORD, PASSWORD_VARIABLE


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> str:
    """The right password is in the environment."""
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    return PASSWORD
