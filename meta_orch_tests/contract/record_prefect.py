"""Make `recordings/prefect-3.8.8.json` anew, from a real server:

    python -m meta_orch_tests.contract.record_prefect
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from meta_orch.demo.servers import PrefectServer
from meta_orch_tests.conftest import DEPLOYMENTS, LIVE
from meta_orch_tests.contract.prefect import PrefectStudio

NAME = "prefect-3.8.8"


class _Recording:
    """Puts the studio where the subject looks for it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(PrefectStudio(NAME, self._url), "studio")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        flows = LIVE / "flows" / "basics.py"
        with PrefectServer(Path(folder) / "server", flows=flows) as server:
            server.wait_for_deployments(DEPLOYMENTS)
            arguments = [str(Path(__file__).parent), "-k", f"{NAME}-recorded", "-p", "no:xdist"]
            return pytest.main(arguments, plugins=[_Recording(server.url)])


if __name__ == "__main__":
    sys.exit(main())
