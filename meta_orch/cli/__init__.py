"""The command line: `meta-orch`. One module a command, each imported when it is called for."""

from meta_orch.cli.app import main

__all__ = ["main"]
