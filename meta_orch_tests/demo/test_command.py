"""What `meta-orch demo` says before it starts anything."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from filelock import FileLock

from meta_orch.cli import main
from meta_orch.demo.processes import LOOPBACK

WITHOUT_PSUTIL = (
    "import sys; sys.modules['psutil'] = None; from meta_orch.cli import main; main(['demo'])"
)


def test_a_busy_port_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("META_ORCH_CACHE", str(tmp_path / "cache"))
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        result = CliRunner().invoke(main, ["demo", "--port", port, "--folder", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: port {port} cannot be used (Address already in use).")
    assert not (tmp_path / "cache").exists()


def test_a_folder_that_another_demonstration_uses_is_refused(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"):
        result = CliRunner().invoke(main, ["demo", "--folder", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: another demonstration runs in {tmp_path}")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(main, ["demo", "--folder", str(tmp_path / "file" / "demo")])
    assert result.exit_code == 1
    assert result.stderr == f"Error: Not a directory: {tmp_path / 'file' / 'demo'}\n"


def test_without_its_extra_it_says_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PSUTIL],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "Error: the demonstration needs its extra: pip install 'meta_orch[demo]'\n"
    )
