"""What `pyproject.toml`, `constraints.txt`, the Makefile and the checkout say of each other."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path, PurePath
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = {"dev", "demo", "openlineage"}
_OURS = {
    "meta_orch",
    "dagster_shared",  # a part of Dagster, of the very same version
}


def _pins() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines]


def _pinned_names() -> set[str]:
    return {canonicalize_name(pin.name) for pin in _pins()}


_ELSEWHERE = {"airflow_dags", "prefect_flows", "waiting"}


def test_every_pin_is_one_version_and_nothing_else() -> None:
    for pin in _pins():
        assert re.fullmatch(r"==[^*,]+", str(pin.specifier)), pin
        assert not pin.extras, pin  # pip refuses extras in constraints
        assert pin.url is None, pin


def test_every_requirement_is_pinned_within_its_range() -> None:
    optional = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *optional["demo"], *optional["dev"]]
    for requirement in map(Requirement, wanted):
        if requirement.name == PROJECT["project"]["name"]:
            continue
        name = canonicalize_name(requirement.name)
        versions = [
            str(pin.specifier).removeprefix("==")
            for pin in _pins()
            if canonicalize_name(pin.name) == name
        ]
        assert versions, f"{name} is not pinned: make constraints"
        assert all(map(requirement.specifier.contains, versions)), f"{name}: make constraints"


def test_every_package_that_they_need_is_pinned() -> None:
    assert set(_closure("meta_orch", EXTRAS)) - _pinned_names() == set(), "make constraints"


def _closure(name: str, extras: set[str]) -> Iterator[str]:
    """The installed packages that a package needs here, directly or not."""
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(name, frozenset(extras))]
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            lines = requires(name) or []
        except PackageNotFoundError:
            lines = []
        for requirement in map(Requirement, lines):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in (*wanted, "")):
                needed = canonicalize_name(requirement.name)
                waiting.append((needed, frozenset(requirement.extras)))
                if needed != "meta-orch":
                    yield needed


def test_every_package_that_is_imported_is_required_by_name() -> None:
    """What comes along with another package goes when that one no longer needs it."""
    distributions = packages_distributions()
    always = _names(PROJECT["project"]["dependencies"])
    for module in (ROOT / "meta_orch").rglob("*.py"):
        if any(folder.name in _ELSEWHERE for folder in module.parents):
            continue  # they run in the servers' environments
        allowed = set(always)
        if module.is_relative_to(ROOT / "meta_orch" / "demo"):
            allowed |= _names(PROJECT["project"]["optional-dependencies"]["demo"])
        if module.is_relative_to(ROOT / "meta_orch" / "openlineage"):
            allowed |= _names(PROJECT["project"]["optional-dependencies"]["openlineage"])
        if module.is_relative_to(ROOT / "meta_orch" / "analytics" / "staggering"):
            allowed |= _names(PROJECT["project"]["optional-dependencies"]["staggering"])
        for name in _imported(module) - _OURS - sys.stdlib_module_names:
            needed = {canonicalize_name(found) for found in distributions[name]}
            assert needed & allowed, f"{module.relative_to(ROOT)} imports {name}"


def _names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in requirements}


def _imported(module: Path) -> set[str]:
    """The first parts of the names of what a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name.partition(".")[0] for name in found}


def test_every_file_of_the_package_is_in_the_wheel() -> None:
    """Modules are found by setuptools; of other files only what `package-data` names is."""
    listed = subprocess.run(
        ["git", "ls-files", "meta_orch"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    globs = PROJECT["tool"]["setuptools"]["package-data"]["meta_orch"]
    names = [name.removeprefix("**/") for name in globs]
    left_out = [
        path
        for path in map(PurePath, listed)
        if path.suffix != ".py" and not any(path.match(name) for name in names)
    ]
    assert left_out == []


def test_no_file_names_a_machine_or_a_package_registry() -> None:
    forbidden = r"/(w[o]rk|r[o]ot)/|p[y]pi\.org|p[y]thonhosted|registry\.n[p]mjs|[-/]{2}lab/"
    found = subprocess.run(
        ["git", "grep", "-nIE", forbidden],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,  # 1 is "found nothing"
    )
    assert found.stdout == ""


@pytest.mark.parametrize("script", [*ROOT.glob(".ci/*")])
def test_scripts_can_be_run_and_are_valid_shell(script: Path) -> None:
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", script], check=True)


def test_each_way_to_wait_within_an_orchestrator_has_an_extra_of_its_own() -> None:
    """One file each, which imports that orchestrator and nothing else that must be installed."""
    extras = PROJECT["project"]["optional-dependencies"]
    distributions = {"airflow": "apache-airflow", "prefect": "prefect"}
    modules = {m.stem: m for m in (ROOT / "meta_orch" / "waiting").glob("[a-z]*.py")}
    assert modules.keys() == distributions.keys()
    for name, module in modules.items():
        assert _names(extras[name]) == {distributions[name]}
        assert _imported(module) - sys.stdlib_module_names <= {name}
