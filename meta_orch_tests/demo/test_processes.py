"""Processes end with what started them, whatever they do and however it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from meta_orch.demo.errors import NotReady, PortBusy, ProcessDied, RequestFailed
from meta_orch.demo.processes import (
    LOOPBACK,
    Process,
    check_port,
    clean_environment,
    free_port,
    signals_as_exceptions,
    stop_all,
    wait_until,
)

# A tree of three: the command; a child in a session of its own that ignores SIGTERM; and a
# grandchild whose parent has died, in a session of its own too. Each writes its id into a file.
FAMILY = """
import os, signal, sys, time
from pathlib import Path

def appear(name):
    Path(name + ".partial").write_text(str(os.getpid()))
    Path(name + ".partial").rename(name)

if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    appear("stubborn.pid")
    time.sleep(600)
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    appear("orphan.pid")
    time.sleep(600)
appear("command.pid")
time.sleep(600)
"""
FAMILY_NAMES = ("stubborn", "orphan", "command")
# A program that starts the family as the demonstration starts its servers, and then waits.
OWNER = """
import sys, time
from pathlib import Path
from meta_orch.demo.processes import Process, clean_environment, signals_as_exceptions
folder = Path(sys.argv[1])
family = Process("family", [sys.executable, "-c", sys.argv[2]], log=folder / "family.log",
                 folder=folder, environment=clean_environment(), grace=0.2)
with signals_as_exceptions(), family:
    time.sleep(600)
"""


def _python(folder: Path, program: str, *, grace: float = 0.2) -> Process:
    return Process(
        "the program",
        [sys.executable, "-c", program],
        log=folder / "program.log",
        folder=folder,
        environment=clean_environment(),
        grace=grace,
    )


def _family(folder: Path) -> list[psutil.Process]:
    files = [folder / f"{name}.pid" for name in FAMILY_NAMES]
    wait_until(lambda: all(f.exists() for f in files), what="the family", timeout=10)
    return [psutil.Process(int(file.read_text())) for file in files]


def _has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _wait_for_the_end_of(family: list[psutil.Process]) -> None:
    wait_until(lambda: all(map(_has_ended, family)), what="the family to end", timeout=10)


@pytest.mark.parametrize("end", [Process.stop, Process.kill], ids=["stop", "kill"])
def test_stubborn_children_and_orphans_in_other_sessions_end_too(
    tmp_path: Path, end: Callable[[Process], None]
) -> None:
    process = _python(tmp_path, FAMILY)
    process.start()
    family = _family(tmp_path)
    assert not any(_has_ended(each) for each in family)

    end(process)

    assert all(_has_ended(each) for each in family)
    assert not process.is_running


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_everything_ends_when_a_signal_ends_the_program_that_started_it(
    tmp_path: Path, number: signal.Signals
) -> None:
    # A script's shell starts a background program with SIGINT ignored.
    in_background = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]
    owner = subprocess.Popen(
        [*in_background, sys.executable, "-c", OWNER, str(tmp_path), FAMILY],
        stderr=subprocess.PIPE,
    )
    with owner:
        family = _family(tmp_path)
        owner.send_signal(number)
        owner.communicate(timeout=10)
    assert owner.returncode != 0
    _wait_for_the_end_of(family)


def test_everything_ends_when_the_supervisor_is_asked_to_end(tmp_path: Path) -> None:
    with _python(tmp_path, FAMILY) as process:
        family = _family(tmp_path)
        assert process.pid
        os.kill(process.pid, signal.SIGTERM)
        _wait_for_the_end_of(family)


def test_a_command_that_ends_takes_its_children_with_it(tmp_path: Path) -> None:
    ends = FAMILY.replace('appear("command.pid")\ntime.sleep(600)', 'appear("command.pid")')
    with _python(tmp_path, ends) as process:
        wait_until(lambda: not process.is_running, what="the command to end", timeout=10)
        assert process.exit_status == 0
        assert all(_has_ended(each) for each in _family_that_may_have_ended(tmp_path))


def _family_that_may_have_ended(folder: Path) -> list[psutil.Process]:
    pids = [int(file.read_text()) for file in folder.glob("*.pid")]
    return [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]


def test_a_program_that_cleans_up_is_given_the_time_to(tmp_path: Path) -> None:
    tidy = (
        "import signal, sys, time\n"
        "def leave(*_):\n    time.sleep(0.3); print('tidy', flush=True); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, leave)\nprint('up', flush=True)\ntime.sleep(600)\n"
    )
    with _python(tmp_path, tidy, grace=10) as process:
        wait_until(lambda: "up" in process.tail(), what="it to start", timeout=10)
    assert process.tail() == "up\ntidy"
    assert process.exit_status == 0


def test_what_dies_is_reported_with_its_exit_status_and_the_end_of_its_log(tmp_path: Path) -> None:
    with (
        _python(tmp_path, "import sys; print('out of luck'); sys.exit(3)") as process,
        pytest.raises(ProcessDied, match=r"(?s)the program .* status 3.*program\.log.*out of luck"),
    ):
        wait_until(lambda: False, what="nothing", timeout=10, processes=[process])


def test_the_log_of_an_earlier_start_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    process = _python(tmp_path, "import os; print(os.getpid())")
    tails = set()
    for _ in range(2):
        with process:
            wait_until(lambda: not process.is_running, what="the command to end", timeout=10)
            tails.add(process.tail())
    assert len(tails) == 2
    assert all(tail.isdigit() for tail in tails)


def test_a_command_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    process = Process(
        "nothing", ["/no/such/program"], log=tmp_path / "log", folder=tmp_path, environment={}
    )
    with process, pytest.raises(ProcessDied, match="cannot start /no/such/program: No such file"):
        wait_until(lambda: False, what="nothing", timeout=10, processes=[process])


def test_what_does_not_come_about_is_reported_with_the_reason() -> None:
    with pytest.raises(NotReady, match="waited 0 seconds for the moon: it is cloudy"):
        wait_until(lambda: False, what="the moon", timeout=0, why_not=lambda: "it is cloudy")


def test_a_request_that_fails_is_made_again_and_told_when_the_time_is_over() -> None:
    answers = iter([RequestFailed("503"), True])

    def ask() -> bool:
        answer = next(answers, RequestFailed("connection reset"))
        if isinstance(answer, RequestFailed):
            raise answer
        return answer

    wait_until(ask, what="an answer", timeout=10)
    with pytest.raises(NotReady, match="for an answer: connection reset"):
        wait_until(ask, what="an answer", timeout=0)


def test_several_processes_are_stopped_side_by_side(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    processes = [_python(tmp_path, deaf, grace=0.2) for _ in range(3)]
    for process in processes:
        process.start()
    stop_all(processes)
    assert not any(process.is_running for process in processes)


def test_a_stopped_process_can_be_stopped_again_and_one_never_started_too(tmp_path: Path) -> None:
    process = _python(tmp_path, "pass")
    process.stop()
    with process:
        process.kill()
        process.stop()
    assert not process.is_running


def test_a_busy_port_is_named_and_a_free_one_passes() -> None:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortBusy, match=f"port {port} cannot be used .*choose another port"):
            check_port(port)
    check_port(port)
    check_port(free_port())


def test_settings_of_the_users_own_orchestrators_do_not_leak_into_the_demonstrations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", "/theirs")
    monkeypatch.setenv("PREFECT_API_URL", "https://theirs.example")
    monkeypatch.setenv("DAGSTER_HOME", "/theirs")
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("NO_PROXY", "intranet.example")

    environment = clean_environment(DAGSTER_HOME="/ours")

    assert not [name for name in environment if name.startswith(("AIRFLOW", "PREFECT"))]
    assert environment["DAGSTER_HOME"] == "/ours"
    assert environment["LANG"] == "C.UTF-8"
    assert environment["NO_PROXY"] == f"intranet.example,{LOOPBACK}"


def test_sigterm_leaves_every_context_in_order() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"), signals_as_exceptions():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before
