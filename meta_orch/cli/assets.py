"""Pipelines and assets as people type them."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from meta_orch.domain.edges import AssetPath, Edge, parse_path, path_text

if TYPE_CHECKING:
    from meta_orch.store import StoreReader


def known_asset(text: str, reader: StoreReader, edges: Iterable[Edge] = ()) -> AssetPath:
    """The pipeline of that name, or the asset that an edge ends at. The instance may be left out
    where only one has such a pipeline.

    Raises:
        click.ClickException: there is none; the text names the nearest.
    """
    path = parse_path(text)
    pipelines = {pipeline.key.path for pipeline in reader.pipelines()}
    known = pipelines | {end for edge in edges for end in edge.step}
    if path in known:
        return path
    without_instance = [found for found in pipelines if found[1:] == path]
    if len(without_instance) == 1:
        return without_instance[0]
    names = sorted(map(path_text, known))
    if without_instance:
        which = ", ".join(sorted(map(path_text, without_instance)))
        raise click.ClickException(f"{text} is a pipeline of several instances: {which}")
    near = get_close_matches(text, names, n=3) or [n for n in names if text in n][:3]
    meant = (
        f"did you mean {' or '.join(near)}?"
        if near
        else '`meta-orch sql "FROM pipelines"` lists all'
    )
    raise click.ClickException(f"no pipeline is known as {text}; {meant}")
