"""`meta-orch schema`."""

from __future__ import annotations

import click

from meta_orch.config.schema import schema_text


@click.command()
def schema() -> None:
    """Print the JSON schema of meta_orch.yaml, for an editor.

    \b
    Editors with the YAML language server take it from a line in meta_orch.yaml:
      meta-orch schema > meta_orch.schema.json
      # yaml-language-server: $schema=meta_orch.schema.json
    """
    click.echo(schema_text(), nl=False)
