"""The asset that stands for the edges: what is in effect, what is proposed, and checks of all."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSelection,
    MaterializeResult,
    MetadataValue,
    ScheduleDefinition,
    asset,
)

from meta_orch.config import MetaOrchConfig
from meta_orch.defs import metadata
from meta_orch.defs.schedules import schedule_job
from meta_orch.dependencies.lint import RULES, Rule, Violation
from meta_orch.dependencies.reading import EdgeReport, read_report, renew_suggestions
from meta_orch.domain.edges import Edge, EdgeKind, path_text
from meta_orch.store import Store

EDGES_KEY: Final = AssetKey(["meta_orch", "edges"])
JOB_NAME: Final = "meta_orch__check_edges"
GROUP: Final = "meta_orch"
_ERRORS = frozenset({Rule.NO_CYCLES, Rule.ENDS_EXIST})


def build_edges(
    config: MetaOrchConfig, store: Store, clock: Callable[[], datetime]
) -> tuple[AssetsDefinition, ScheduleDefinition]:
    """The asset, and the schedule of the job that renews it.

    Args:
        clock: gives the time as aware UTC.
    """

    @asset(
        key=EDGES_KEY,
        group_name=GROUP,
        kinds={"duckdb"},
        description=(
            "Which pipeline depends on which, across orchestrators. Materializing it looks through "
            "the history for edges that nothing states, lists them as proposals, and checks all "
            "edges. A proposal counts once it is accepted: `meta-orch edges accept`."
        ),
        check_specs=[
            AssetCheckSpec(rule.value, asset=EDGES_KEY, description=text)
            for rule, text in RULES.items()
        ],
    )
    def edges(context: AssetExecutionContext) -> MaterializeResult:
        now = clock()
        suggested = renew_suggestions(store, config, now)
        with store.read() as reader:
            report = read_report(reader, config, now)
        context.log.info("%s edges are suggested by the history", len(suggested))
        return MaterializeResult(
            metadata=_metadata(report),
            check_results=[_evaluate(rule, report.violations) for rule in Rule],
        )

    schedule = schedule_job(
        JOB_NAME,
        AssetSelection.assets(EDGES_KEY),
        does="Looks for edges in the history, and checks all edges.",
        cron=config.suggestions.cron,
        timezone=config.suggestions.timezone,
        key="suggestions.cron",
    )
    return edges, schedule


def _metadata(report: EdgeReport) -> dict[str, Any]:
    return metadata.present(
        {
            metadata.EDGES: len(report.edges),
            **{
                f"{metadata.EDGES}_{kind.value}": sum(e.kind is kind for e in report.edges)
                for kind in EdgeKind
            },
            metadata.EDGES_PROPOSED: len(report.proposals),
            metadata.PROPOSALS: _table(report.proposals),
        }
    )


def _evaluate(rule: Rule, violations: Iterable[Violation]) -> AssetCheckResult:
    broken = [violation for violation in violations if violation.rule is rule]
    return AssetCheckResult(
        check_name=rule.value,
        passed=not broken,
        severity=AssetCheckSeverity.ERROR if rule in _ERRORS else AssetCheckSeverity.WARN,
        description=f"{len(broken):,} found." if broken else "None found.",
        metadata=metadata.present(
            {
                metadata.VIOLATIONS: metadata.table(
                    ("what", "why", "what to do"),
                    ((v.subject, v.message, v.fix) for v in broken),
                    most=20,
                )
            }
        ),
    )


def _table(edges: Iterable[Edge]) -> MetadataValue | None:
    return metadata.table(
        ("upstream", "downstream", "confidence", "evidence"),
        (
            (
                path_text(edge.upstream),
                path_text(edge.downstream),
                f"{edge.confidence:.0%}",
                edge.evidence,
            )
            for edge in edges
        ),
    )
