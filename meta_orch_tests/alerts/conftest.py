from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from meta_orch_tests.alerts.support import Company, CompanyStore
from meta_orch_tests.store.memory import fresh_store


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    """Its store is in memory."""
    with fresh_store() as writer:
        yield Company(tmp_path, CompanyStore(writer))


@pytest.fixture
def kept_company(tmp_path: Path) -> Company:
    """Its store is a file: for what happens to it when a process is killed."""
    return Company(tmp_path)
