"""`meta-orch predict`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meta_orch.cli.common import config_option, format_option, open_store, print_rows
from meta_orch.config import load_config
from meta_orch.domain.edges import path_text

if TYPE_CHECKING:
    from meta_orch.analytics.predictions.outlooks import Outlook

_COLUMNS = (
    *("sla", "pipeline", "deadline", "risk", "expected", "likely from", "likely to"),
    "decided by",
)
_QUALITY = """
SELECT
  instance || '/' || pipeline AS pipeline, runs, depends_on, coverage, error, naive_error,
  risk_precision, risk_recall, risk_lead_seconds, median_precision, median_recall, p95_precision,
  p95_recall
FROM prediction_quality
ORDER BY error DESC
"""


@click.command()
@config_option
@click.option("--quality", is_flag=True, help="How far such predictions would have been right.")
@format_option
def predict(config_path: Path | None, style: str, *, quality: bool) -> None:
    """When what SLAs promise for the next day will likely be done, the most at risk first.

    `risk` is the probability that the deadline is missed; four times of five the end lies between
    `likely from` and `likely to`. Delays of what a pipeline waits for go on to it.
    """
    config = load_config(config_path)
    with open_store(config.store.path).read() as reader:
        if quality:
            answer = reader.answer(_QUALITY)
            print_rows(answer.columns, answer.rows, style)
            return
        from meta_orch.analytics.predictions.outlooks import Seer
        from meta_orch.analytics.slas.promises import kept_promises
        from meta_orch.dependencies.gates import GateMap

        now = datetime.now(UTC)
        if not config.slas:
            raise click.ClickException(
                "nothing is promised: write some `slas`, or see `meta-orch sla suggest`"
            )
        promises = kept_promises(reader, config.slas, now)
        found = Seer().outlooks(reader, GateMap(reader, config), promises, now)
    print_rows(_COLUMNS, [_row(outlook) for outlook in found], style)


def _row(outlook: Outlook) -> Sequence[Any]:
    return (
        outlook.promise.sla.name,
        str(outlook.pipeline),
        outlook.deadline,
        round(outlook.risk, 2),
        outlook.expected,
        outlook.low,
        outlook.high,
        " → ".join(map(path_text, outlook.because)),
    )
