"""Environments are installed once, never left half done, and a failure says whose fault it is.

uv and the disk here are the real ones; what is installed is one small package made on the spot.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import psutil
import pytest

from meta_orch.demo.environments import (
    AIRFLOW,
    CACHE_VARIABLE,
    PREFECT,
    EnvironmentSpec,
    cache_folder,
    ensure_environment,
)
from meta_orch.demo.errors import EnvironmentFailed
from meta_orch.demo.processes import LOOPBACK, free_port, wait_until

ENSURE = """
import signal
import sys
from pathlib import Path
from meta_orch.demo.environments import EnvironmentSpec, ensure_environment
# A shell that starts the tests in the background has them, and what they start, ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
ensure_environment(EnvironmentSpec("tiny", Path(sys.argv[1]).read_text()), progress=print)
"""

# A package whose build never ends.
NEVER_BUILT = """
[project]
name = "tiny"
version = "1.0"
[build-system]
requires = []
build-backend = "never"
backend-path = ["."]
"""
NEVER = """
import os, time
from pathlib import Path
def build_wheel(*_, **__):
    Path("builder.partial").write_text(str(os.getpid()))
    Path("builder.partial").rename("builder.pid")
    time.sleep(600)
"""


def _wheel(folder: Path, *, size: int = 0) -> Path:
    """A package that holds one module and `size` bytes beside it."""
    file = folder / "tiny-1.0-py3-none-any.whl"
    info = "tiny-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr("tiny.py", "answer = 42\n")
        wheel.writestr("tiny_ballast", b"\0" * size)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return file


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and uv kept from everything else on this machine and on the network."""
    for name in [name for name in os.environ if name.startswith("UV_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "cache"
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    monkeypatch.setenv("UV_OFFLINE", "1")
    return folder


@pytest.fixture
def spec(tmp_path: Path) -> EnvironmentSpec:
    return EnvironmentSpec("tiny", f"tiny @ {_wheel(tmp_path).as_uri()}\n")


def _environments(cache: Path) -> list[str]:
    return [path.name for path in (cache / "environments").iterdir() if path.is_dir()]


def _answer(environment: Path) -> str:
    command = [environment / "bin" / "python", "-c", "import tiny; print(tiny.answer)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_an_environment_is_installed_once_and_reused(cache: Path, spec: EnvironmentSpec) -> None:
    said: list[str] = []
    first = ensure_environment(spec, progress=said.append)
    second = ensure_environment(spec, progress=said.append)
    assert first == second == cache / "environments" / spec.folder_name
    assert _answer(first) == "42"
    assert len(said) == 1
    assert said[0].startswith("installing 1 packages for tiny")


def test_other_pins_are_another_environment(spec: EnvironmentSpec) -> None:
    other = EnvironmentSpec(spec.name, spec.pins + "# changed\n")
    assert other.folder_name != spec.folder_name
    assert spec.folder_name.startswith("tiny-py3.")


def test_a_half_installed_environment_is_made_anew(cache: Path, spec: EnvironmentSpec) -> None:
    # What a machine that lost its power leaves: a folder with some files, and no marker.
    half = cache / "environments" / spec.folder_name
    (half / "bin").mkdir(parents=True)
    (half / "bin" / "python").symlink_to(sys.executable)
    (half / "rubbish").touch()
    said: list[str] = []

    environment = ensure_environment(spec, progress=said.append)

    assert said[0] == "removing a half-installed tiny"
    assert _answer(environment) == "42"
    assert not (environment / "rubbish").exists()


def test_an_environment_whose_python_was_uninstalled_is_made_anew(
    cache: Path, spec: EnvironmentSpec
) -> None:
    environment = ensure_environment(spec)
    python = environment / "bin" / "python"
    python.unlink()
    python.symlink_to("/no/such/python")
    assert _answer(ensure_environment(spec)) == "42"


def test_two_processes_at_once_install_once(cache: Path, spec: EnvironmentSpec) -> None:
    pins = cache.parent / "pins.txt"
    pins.write_text(spec.pins)
    both = [
        subprocess.Popen(
            [sys.executable, "-c", ENSURE, str(pins)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = "".join(process.communicate(timeout=60)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said.count("installing 1 packages") == 1
    assert _environments(cache) == [spec.folder_name]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_installation_that_is_broken_off_ends_its_builds_and_is_not_taken_for_complete(
    cache: Path, number: signal.Signals
) -> None:
    source = cache.parent / "source"
    source.mkdir()
    (source / "pyproject.toml").write_text(NEVER_BUILT)
    (source / "never.py").write_text(NEVER)
    pins = cache.parent / "pins.txt"
    pins.write_text(f"tiny @ {source.as_uri()}\n")
    started = source / "builder.pid"

    with subprocess.Popen([sys.executable, "-c", ENSURE, pins], stderr=subprocess.PIPE) as process:
        wait_until(started.exists, what="the build to start", timeout=20)
        builder = psutil.Process(int(started.read_text()))
        assert len(_environments(cache)) == 1
        process.send_signal(number)

    wait_until(lambda: not builder.is_running(), what="the build to end", timeout=20)
    assert len(_environments(cache)) == (0 if number == signal.SIGINT else 1)
    (source / "never.py").write_text(NEVER.replace("time.sleep(600)", "raise SystemExit('again')"))
    with pytest.raises(EnvironmentFailed, match="again"):
        ensure_environment(EnvironmentSpec("tiny", pins.read_text()))


@pytest.mark.parametrize(
    ("pins", "message"),
    [
        ("click==0.0.99\n", "UV_OFFLINE"),
        ("click=8\n", "the pinned packages cannot be had"),
        ("tiny @ file:///no/such/tiny-1.0-py3-none-any.whl\n", r"(?s)uv failed.*/no/such/tiny-1"),
    ],
    ids=["offline", "not a requirement", "no such file"],
)
def test_what_cannot_be_installed_is_explained_and_leaves_nothing(
    cache: Path, pins: str, message: str
) -> None:
    with pytest.raises(EnvironmentFailed, match=message):
        ensure_environment(EnvironmentSpec("tiny", pins))
    assert _environments(cache) == []


@pytest.mark.parametrize("host", [LOOPBACK, "no-such-host.invalid"], ids=["refused", "no name"])
def test_without_a_network_the_index_is_said_to_be_out_of_reach(
    cache: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.delenv("UV_OFFLINE")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://{host}:{free_port()}/simple")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(EnvironmentFailed, match="the package index cannot be reached"):
        ensure_environment(EnvironmentSpec("tiny", "click==8.1.8\n"))
    assert _environments(cache) == []


def test_a_version_that_the_index_does_not_have_is_named(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache.parent / "index").mkdir()
    monkeypatch.setenv("UV_FIND_LINKS", str(cache.parent / "index"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.delenv("UV_OFFLINE")
    with pytest.raises(EnvironmentFailed, match=r"(?s)pinned packages cannot be had.*tiny==9"):
        ensure_environment(EnvironmentSpec("tiny", "tiny==9\n"))


def test_a_full_disk_is_named_and_leaves_nothing(cache: Path) -> None:
    pins = cache.parent / "pins.txt"
    pins.write_text(f"tiny @ {_wheel(cache.parent, size=20_000_000).as_uri()}\n")
    cache.mkdir()
    # A disk of two megabytes that only this one command sees.
    script = (
        'mount -t tmpfs -o size=2m tmpfs "$1" && shift && "$@"; status=$?; ls "$0"; exit $status'
    )
    own = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*own, cache, cache, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("this machine does not let us mount a small disk")

    done = subprocess.run(
        [*own, cache / "environments", cache, sys.executable, "-c", ENSURE, pins],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert f"the disk is full. Make room, or set {CACHE_VARIABLE}" in done.stderr
    assert "No space left on device" in done.stderr
    assert [name for name in done.stdout.split() if re.fullmatch(r"tiny-py[\d.]+-\w+", name)] == []


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: EnvironmentSpec
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(EnvironmentFailed, match=f"Not a directory. Set {CACHE_VARIABLE} to a"):
        ensure_environment(spec)


def test_the_cache_lies_in_the_users_cache_folder_unless_moved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    assert cache_folder().name == "meta_orch"
    assert cache_folder().is_relative_to(Path.home())
    monkeypatch.setenv(CACHE_VARIABLE, "~/elsewhere")
    assert cache_folder() == Path.home() / "elsewhere"


@pytest.mark.parametrize("spec", [AIRFLOW, PREFECT], ids=lambda spec: spec.name)
def test_every_package_of_an_orchestrator_is_pinned_exactly(spec: EnvironmentSpec) -> None:
    lines = spec.pins.splitlines()
    assert len(lines) > 100
    for line in lines:
        assert re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; .+)?", line), line
    names = {line.partition("==")[0] for line in lines}
    for requirement in spec.requirements:
        assert re.match(r"[\w-]+", requirement)[0] in names  # type: ignore[index]
