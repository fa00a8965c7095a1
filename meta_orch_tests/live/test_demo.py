"""`meta-orch demo` itself: it shows what it should, and it leaves no process behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from meta_orch.demo.processes import wait_until

pytestmark = pytest.mark.live

DEMO = [Path(sysconfig.get_path("scripts")) / "meta-orch", "demo"]
UP = "✓ Start Airflow and Prefect"
MANY = 12
"""Airflow and Prefect are this many processes, with their supervisors and workers, or more."""


@contextmanager
def _demo(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The command, running, and the file of what it prints."""
    log = folder / "output.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*DEMO, "--folder", folder / "demo", *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        yield process, log
    finally:
        process.kill()
        process.wait()


def _wait_for(text: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    wait_until(
        lambda: text in log.read_text() or process.poll() is not None,
        what=f"{text!r} in the output",
        timeout=400,
    )
    assert text in log.read_text(), log.read_text()


def _wait_for_many(process: subprocess.Popen[bytes], log: Path) -> list[psutil.Process]:
    """Its processes, once most of them have been started."""
    wait_until(
        lambda: process.poll() is not None or len(_all_of(process)) >= MANY,
        what=f"{MANY} processes",
        timeout=400,
    )
    assert process.poll() is None, log.read_text()
    return _all_of(process)


def _all_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def _left_over(started: list[psutil.Process], folder: Path) -> list[psutil.Process]:
    """What still runs of `started`, and whatever else works in the demonstration's folder."""
    left = [each for each in started if each.is_running() and not _is_zombie(each)]
    for each in psutil.process_iter(["cwd", "cmdline"]):
        told = [each.info["cwd"] or "", *(each.info["cmdline"] or [])]
        if any(str(folder / "demo") in text for text in told) and not _is_zombie(each):
            left.append(each)
    return left


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_until_ready_ends_well_once_dagster_shows_everything(tmp_path: Path) -> None:
    with _demo(tmp_path, "--until-ready") as (process, log):
        _wait_for("Start Dagster …", log, process)
        started = _all_of(process)
        status = process.wait(timeout=900)
        output = log.read_text()
        assert status == 0, output
    assert "✓ Dagster shows every pipeline, run and edge" in output
    assert "How long it took" in output
    assert _left_over(started, tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_in_the_middle_ends_every_process(tmp_path: Path, number: signal.Signals) -> None:
    with _demo(tmp_path) as (process, log):
        started = _wait_for_many(process, log)
        process.send_signal(number)
        assert process.wait(timeout=60) != 0
        # Of SIGKILL it learns nothing: its supervisors do, and take their time to end the rest.
        wait_until(
            lambda: _left_over(started, tmp_path) == [], what="every process to end", timeout=30
        )


def test_a_full_disk_is_named_and_ends_every_process(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    # A disk of one megabyte that only this one command sees: Airflow's empty database takes more.
    script = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'
    own = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, folder]
    if shutil.which("unshare") is None or subprocess.run([*own, "true"], check=False).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    done = subprocess.run(
        [*own, *DEMO, "--folder", folder], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr or "the disk is full" in done.stderr
    assert _left_over([], tmp_path) == []


def test_a_failure_in_the_middle_ends_every_process_and_is_explained(tmp_path: Path) -> None:
    with _demo(tmp_path) as (process, log):
        _wait_for(UP, log, process)
        started = _all_of(process)
        [scheduler] = [
            each
            for each in started
            if each.cmdline()[-2:] == ["scheduler", "--skip-serve-logs"]
            and "supervisor.py" not in " ".join(each.cmdline())
        ]
        scheduler.kill()
        assert process.wait(timeout=60) == 1
        assert _left_over(started, tmp_path) == []
    assert "Error: Airflow scheduler ended with exit status 137" in log.read_text()
