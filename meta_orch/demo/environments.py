"""Virtual environments for the orchestrators, installed once and kept in the user's cache folder.

Airflow and Prefect pin much of what they need, so each lives in an environment of its own, outside
any checkout. Which packages is in `pins/NAME.txt`: every one, exactly, for every Python in
`EnvironmentSpec.pythons`. `make pins` writes those files anew (see `refresh_pins`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from meta_orch.demo.errors import EnvironmentFailed
from meta_orch.demo.processes import Process, wait_until

CACHE_VARIABLE = "META_ORCH_CACHE"
_PINS = Path(__file__).parent / "pins"
_UV_SECONDS = 3600
_MARKER = ".installed"
"""Written last: an environment without it was left half done."""

Progress = Callable[[str], None]
"""Is told, in a few words, what is being done now."""


@dataclass(frozen=True, slots=True)
class EnvironmentSpec:
    """What an environment holds."""

    name: str
    pins: str
    """A requirements file: every package with its exact version."""
    requirements: tuple[str, ...] = ()
    """What the pins were resolved from."""
    pythons: tuple[str, ...] = ("3.13", "3.12", "3.11")
    """The Python versions that the pins are for, the preferred one first."""

    @property
    def python(self) -> str:
        """The version of the environment's Python: this process's where the pins are for it."""
        own = f"{sys.version_info.major}.{sys.version_info.minor}"
        return own if own in self.pythons else self.pythons[0]

    @property
    def folder_name(self) -> str:
        digest = hashlib.sha256(self.pins.encode()).hexdigest()[:10]
        return f"{self.name}-py{self.python}-{digest}"


def _packaged(name: str, *requirements: str, **settings: tuple[str, ...]) -> EnvironmentSpec:
    return EnvironmentSpec(name, (_PINS / f"{name}.txt").read_text(), requirements, **settings)


AIRFLOW = _packaged("airflow-3.3", "apache-airflow==3.3.*")
AIRFLOW_2 = _packaged("airflow-2.11", "apache-airflow==2.11.*", pythons=("3.12", "3.11"))
PREFECT = _packaged(
    "prefect-3",
    "prefect==3.8.*",
    "fastapi==0.139.0",  # Prefect 3.8 starts with no newer one
    "sqlalchemy<2.1",  # with 2.1 the Prefect 3.8.8 server cannot insert scheduled runs
)


def cache_folder() -> Path:
    """`$META_ORCH_CACHE`, or a folder of ours in the user's cache folder."""
    moved = os.environ.get(CACHE_VARIABLE)
    return Path(moved).expanduser().absolute() if moved else user_cache_path("meta_orch")


def ensure_environment(spec: EnvironmentSpec, *, progress: Progress = lambda text: None) -> Path:
    """The folder of a complete environment for `spec`, installed first where it is not there yet.

    Safe to call from several processes at once: one installs, the others wait for it. An
    installation that fails, or was killed earlier, is removed.

    Raises:
        EnvironmentFailed: the text says whether the network, the disk or the pins are at fault.
    """
    environments = cache_folder() / "environments"
    folder = environments / spec.folder_name
    if _is_complete(folder):
        return folder
    try:
        environments.mkdir(parents=True, exist_ok=True)
        lock = FileLock(environments / f"{spec.folder_name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress(f"waiting for another process that installs {spec.name}")
            lock.acquire()
        try:
            if not _is_complete(folder):
                _install(spec, folder, progress)
        finally:
            lock.release()
    except OSError as error:
        raise EnvironmentFailed(
            f"cannot install {spec.name} into {folder}: {error.strerror or error}. "
            f"Set {CACHE_VARIABLE} to a folder that you may write to and that has room."
        ) from error
    return folder


def refresh_pins(spec: EnvironmentSpec) -> None:
    """Resolve `spec.requirements` anew and write the package's own pins file.

    Raises:
        EnvironmentFailed: the requirements cannot be resolved.
    """
    resolve = ["pip", "compile", "--universal", "--python-version", spec.pythons[-1], "--upgrade"]
    bare = ["--no-header", "--no-annotate", "--no-emit-index-url", "--quiet"]
    with NamedTemporaryFile("w", suffix=".in") as asked:
        asked.write("\n".join(spec.requirements))
        asked.flush()
        _uv(
            [*resolve, *bare, "--output-file", str(_PINS / f"{spec.name}.txt"), asked.name],
            what=f"resolve the requirements of {spec.name}",
        )


def _is_complete(folder: Path) -> bool:
    # The link to the interpreter dangles once that Python is uninstalled.
    return (folder / _MARKER).exists() and (folder / "bin" / "python").exists()


def _install(spec: EnvironmentSpec, folder: Path, progress: Progress) -> None:
    """Install in place, as the scripts of an environment name its folder; mark it last."""
    if folder.exists():
        progress(f"removing a half-installed {spec.name}")
        shutil.rmtree(folder)
    count = sum(1 for line in spec.pins.splitlines() if line and not line.startswith("#"))
    progress(f"installing {count} packages for {spec.name}; the first time takes a minute or more")
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    python = sys.executable if own == spec.python else spec.python
    install = ["pip", "sync", "--quiet", "--compile-bytecode"]
    what = f"install {spec.name} into {folder}"
    try:
        _uv(["venv", "--quiet", "--python", python, str(folder)], what=what)
        pins = folder / "pins.txt"
        pins.write_text(spec.pins)
        _uv([*install, "--python", str(folder), str(pins)], what=what)
        (folder / _MARKER).touch()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _uv(arguments: Sequence[str], *, what: str) -> None:
    """Run uv under a supervisor: it ends with this program, however that ends."""
    environment = dict(os.environ)
    if os.environ.get(CACHE_VARIABLE):
        # Who moves our cache wants the downloads there too, and uv can hard-link within a disk.
        environment.setdefault("UV_CACHE_DIR", str(cache_folder() / "uv"))
    with TemporaryDirectory(prefix="meta_orch_") as folder:
        process = Process(
            "uv",
            [_find_uv(), *arguments],
            log=Path(folder) / "uv.log",
            folder=Path(folder),  # uv reads a uv.toml or pyproject.toml of its working directory
            environment=environment,
        )
        with process:
            wait_until(
                lambda: process.exit_status is not None, what=f"uv to {what}", timeout=_UV_SECONDS
            )
        if process.exit_status:
            raise EnvironmentFailed(f"cannot {what}: {_explain(process.tail())}")


def _find_uv() -> str:
    try:
        import uv
    except ImportError:
        raise EnvironmentFailed(
            "the demonstration needs its extra: pip install 'meta_orch[demo]'"
        ) from None
    return str(uv.find_uv_bin())


_CAUSES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("No space left on device", "Disk quota exceeded", "os error 28", "os error 122"),
        f"the disk is full. Make room, or set {CACHE_VARIABLE} to a folder on another disk.",
    ),
    (
        ("network was disabled",),
        "uv was told to stay offline (UV_OFFLINE) and its cache lacks a package.",
    ),
    (
        ("dns error", "tcp connect error", "client error (Connect)", "error sending request"),
        "the package index cannot be reached: check the network, HTTPS_PROXY, UV_DEFAULT_INDEX.",
    ),
    (
        ("No solution found", "Couldn't parse requirement", "not found in the package registry"),
        "the pinned packages cannot be had from this package index.",
    ),
    (("Permission denied", "Read-only file system"), "the folder cannot be written to."),
)


def _explain(said: str) -> str:
    """uv's own words, below ours where the cause is a known one."""
    quoted = "\n".join(f"  {line}" for line in said.strip().splitlines())
    for signs, meaning in _CAUSES:
        if any(sign in said for sign in signs):
            return f"{meaning} uv said:\n{quoted}"
    return f"uv failed:\n{quoted}"


if __name__ == "__main__":
    for each in (AIRFLOW, AIRFLOW_2, PREFECT):
        refresh_pins(each)
