"""How good the predictions are, as an asset."""

from collections.abc import Callable, Sequence
from datetime import datetime
from statistics import mean
from typing import Final

from dagster import AssetExecutionContext, AssetKey, AssetsDefinition, MaterializeResult, asset

from meta_orch.analytics.predictions.quality import Assessment, refresh_quality
from meta_orch.config import MetaOrchConfig
from meta_orch.defs import metadata
from meta_orch.defs.analytics.group import GROUP, watermark
from meta_orch.domain.words import describe_duration
from meta_orch.store import Store

PREDICTIONS_KEY: Final = AssetKey(["meta_orch", "predictions"])
_LISTED = 20


def build_predictions(
    config: MetaOrchConfig, store: Store, clock: Callable[[], datetime]
) -> AssetsDefinition:
    """Args:
    clock: gives the time as aware UTC.
    """

    @asset(
        key=PREDICTIONS_KEY,
        group_name=GROUP,
        kinds={"duckdb"},
        description=(
            "How far the predictions of when runs end would have been right, each made from the "
            "runs before it: of pipelines that an SLA or `analytics.watched` names. The view "
            "`prediction_quality` has all of it, `meta-orch predict` what is predicted now."
        ),
    )
    def predictions(context: AssetExecutionContext) -> MaterializeResult:
        begun = clock()
        read_until = watermark(store)
        found = refresh_quality(store, config, begun)
        context.log.info("%s pipelines were replayed", len(found))
        covers_from = min((each.since for each in found), default=None)
        runs = sum(each.quality.runs for each in found)
        covered = sum(each.quality.coverage * each.quality.runs for each in found)
        return MaterializeResult(
            metadata=metadata.present(
                {
                    metadata.COVERS_FROM: covers_from and metadata.timestamp(covers_from),
                    metadata.COVERS_TO: metadata.timestamp(begun),
                    metadata.PIPELINES_REFRESHED: len(found),
                    metadata.RUNS_ANALYSED: runs,
                    metadata.COVERAGE: round(covered / runs, 4) if runs else None,
                    metadata.ERROR: _mean([each.quality.error for each in found]),
                    metadata.NAIVE_ERROR: _mean([each.quality.naive_error for each in found]),
                    metadata.WATERMARK: read_until,
                    metadata.SECONDS: round((clock() - begun).total_seconds(), 3),
                    metadata.WORST_PREDICTED: metadata.table(
                        (
                            *("pipeline", "runs", "depends on", "within the range", "error"),
                            *("error of the median", "at risk: precision", "recall", "lead"),
                        ),
                        map(_row, sorted(found, key=lambda each: -each.quality.error)),
                        most=_LISTED,
                    ),
                }
            )
        )

    return predictions


def _mean(values: Sequence[float]) -> float | None:
    return round(mean(values), 4) if values else None


def _row(found: Assessment) -> tuple[object, ...]:
    quality, alarms = found.quality, found.quality.warnings.alarms
    return (
        str(found.pipeline),
        quality.runs,
        found.factor.value,
        f"{quality.coverage:.0%}",
        f"{quality.error:.0%}",
        f"{quality.naive_error:.0%}",
        _share(alarms.precision),
        _share(alarms.recall),
        describe_duration(alarms.lead) if alarms.lead else None,
    )


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.0%}"
