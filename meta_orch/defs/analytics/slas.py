"""How SLAs are kept, as an asset."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from dagster import AssetExecutionContext, AssetKey, AssetsDefinition, MaterializeResult, asset

from meta_orch.analytics.slas.promises import Promise
from meta_orch.analytics.slas.refreshing import refresh_promises
from meta_orch.config import MetaOrchConfig
from meta_orch.defs import metadata
from meta_orch.defs.analytics.group import GROUP, watermark
from meta_orch.store import Store

SLAS_KEY: Final = AssetKey(["meta_orch", "slas"])


def build_slas(
    config: MetaOrchConfig, store: Store, clock: Callable[[], datetime]
) -> AssetsDefinition:
    """Args:
    clock: gives the time as aware UTC.
    """

    @asset(
        key=SLAS_KEY,
        group_name=GROUP,
        kinds={"duckdb"},
        description=(
            "How pipelines keep the SLAs in meta_orch.yaml, and what is at risk (the views "
            "`sla_attainment`, `sla_misses` and `outlooks`; `meta-orch sla`, `meta-orch predict`)."
        ),
    )
    def slas(context: AssetExecutionContext) -> MaterializeResult:
        begun = clock()
        read_until = watermark(store)
        promises, outlooks = refresh_promises(store, config, begun)
        risky = sum(outlook.risk >= config.analytics.risk_from for outlook in outlooks)
        context.log.info("%s promises looked at, %s are at risk", len(promises), risky)
        broken = [promise for promise in promises if promise.attainment.budget < 0]
        met = sum(promise.attainment.met for promise in promises)
        decided = met + sum(promise.attainment.missed for promise in promises)
        return MaterializeResult(
            metadata=metadata.present(
                {
                    metadata.COVERS_FROM: metadata.timestamp(
                        begun - max((sla.window for sla in config.slas), default=timedelta())
                    ),
                    metadata.COVERS_TO: metadata.timestamp(begun),
                    metadata.PROMISES: len(promises),
                    metadata.PROMISES_BROKEN: len(broken),
                    metadata.PROMISES_AT_RISK: risky,
                    metadata.SLA_SHARE: round(met / decided, 4) if decided else None,
                    metadata.WATERMARK: read_until,
                    metadata.SECONDS: round((clock() - begun).total_seconds(), 3),
                    metadata.KEPT: metadata.table(
                        ("sla", "pipeline", "share", "target", "missed", "budget", "streak"),
                        map(_row, _worst_first(promises)),
                    ),
                }
            )
        )

    return slas


def _worst_first(promises: Iterable[Promise]) -> list[Promise]:
    return sorted(promises, key=lambda promise: promise.attainment.budget)


def _row(promise: Promise) -> tuple[object, ...]:
    kept = promise.attainment
    return (
        promise.sla.name,
        str(promise.pipeline),
        None if kept.share is None else f"{kept.share:.1%}",
        f"{kept.target:.1%}",
        kept.missed,
        f"{kept.budget:.1f}",
        kept.streak,
    )
