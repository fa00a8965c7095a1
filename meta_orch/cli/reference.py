"""`docs/cli.md`, written from the commands themselves: `python -m meta_orch.cli.reference`."""

from __future__ import annotations

import sys

import click

from meta_orch.cli.app import COMMANDS, main

_WIDTH = 96


def render() -> str:
    """The page: what each command's `--help` says."""
    context = main.make_context("meta-orch", [], resilient_parsing=True, terminal_width=_WIDTH)
    parts = [
        "# Command line\n",
        "What `meta-orch COMMAND --help` says. This page is written by `make docs`.\n",
        _block(main.get_help(context)),
    ]
    for name in COMMANDS:
        command = main.get_command(context, name)
        if command is None:
            raise LookupError(name)
        inner = command.make_context(
            name, [], parent=context, resilient_parsing=True, terminal_width=_WIDTH
        )
        parts += [f"## meta-orch {name}\n", _block(command.get_help(inner))]
        for part in command.commands.values() if isinstance(command, click.Group) else ():
            innermost = part.make_context(
                part.name, [], parent=inner, resilient_parsing=True, terminal_width=_WIDTH
            )
            parts += [f"### meta-orch {name} {part.name}\n", _block(part.get_help(innermost))]
    return "\n".join(parts)


def _block(text: str) -> str:
    return f"```text\n{text.strip()}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(render())
