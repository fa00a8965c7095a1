"""Ready-made automation conditions for assets of your own that depend on pipelines."""

from __future__ import annotations

from dagster import AutomationCondition


def when_upstreams_are_ready() -> AutomationCondition:
    """Materialize when an upstream has been, as `eager` does, and not before every blocking check
    of every upstream passes.

    A pipeline's are `last_run_succeeded` and, where a gate names it, `upstreams_are_ready`: so
    nothing is built on a run that failed, or that should not have been.

        @dg.asset(
            deps=[dg.AssetKey(["airflow_prod", "billing"])],
            automation_condition=when_upstreams_are_ready(),
        )
        def invoices(): ...
    """
    return (
        AutomationCondition.eager() & AutomationCondition.all_deps_blocking_checks_passed()
    ).with_label("when_upstreams_are_ready")
