"""What the pages tell people to type works, and what they link to is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from meta_orch.cli import main
from meta_orch.config import MetaOrchConfig, load_config

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")

page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"))


def _commands(page: Path) -> list[list[str]]:
    return [
        shlex.split(line, comments=True)
        for block in _blocks(page, "sh")
        for line in block.replace("\\\n", "").splitlines()
        if line.strip()
    ]


@page
def test_every_configuration_on_a_page_loads(page: Path, tmp_path: Path) -> None:
    for text in _blocks(page, "yaml"):
        document = yaml.safe_load(text)
        configuration = document.get("attributes", document)  # a component holds one
        if configuration.keys() & MetaOrchConfig.model_fields.keys():
            file = tmp_path / "meta_orch.yaml"
            file.write_text(yaml.safe_dump(configuration), encoding="utf-8")
            load_config(file)


@page
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [
        target
        for target in targets
        if not target.startswith("http") and not (page.parent / target).exists()
    ]
    assert missing == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    pages = {page.name for page in PAGES if page.parent.name == "docs"} - {"README.md"}
    assert {name for name in pages if f"]({name})" not in index} == set()


@page
def test_every_meta_orch_command_on_a_page_is_one(page: Path) -> None:
    for command in _commands(page):
        if Path(command[0]).name == "meta-orch":
            with main.make_context("meta-orch", command[1:]) as context:
                name, subcommand, rest = main.resolve_command(context, command[1:])
            assert subcommand is not None
            words = [word for word in rest if word != ">"]
            with subcommand.make_context(name, words, parent=context):
                pass


@page
def test_every_target_of_make_on_a_page_is_one(page: Path) -> None:
    for command in _commands(page):
        if command[0] == "make":
            target = command[1]
            assert re.search(rf"(?m)^{target}:", MAKEFILE), target


def test_what_the_readme_lets_people_type_is_what_make_runs() -> None:
    recipes = MAKEFILE.replace("$(BIN)", ".venv/bin").replace("$(PYTHON)", "python3")
    recipes = recipes.replace("\tnice ", "\t")
    typed = [
        line
        for block in _blocks(ROOT / "README.md", "sh")
        for line in block.splitlines()
        if line.startswith((".venv/bin/", ".ci/", "python3 -m venv"))
    ]
    for line in typed:
        recipe = re.sub(r"-e '\.\[\w+\]'", "-e '.[$*]'", line)
        recipe = recipe.replace("pip install", "pip install --disable-pip-version-check")
        assert re.search(rf"(?m)^\t{re.escape(recipe)}( \$\(ARGS\))?$", recipes), line


def test_every_check_that_make_test_runs_is_one_that_people_can_type() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lint = MAKEFILE.partition("\nlint:")[2].partition("\n\n")[0].splitlines()[1:]
    assert lint
    for line in lint:
        assert line.removeprefix("\tnice ").replace("$(BIN)", ".venv/bin") in readme
