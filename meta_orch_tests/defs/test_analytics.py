"""What the history tells, as assets of Dagster's."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from meta_orch.defs import metadata
from meta_orch.defs.analytics import JOB_NAME
from meta_orch.defs.analytics.critical_paths import PATHS_KEY
from meta_orch.domain.pipelines import Task
from meta_orch.testing.builders import make_run, make_task_run
from meta_orch_tests.defs.support import World


def test_the_asset_lists_the_tasks_whose_speed_would_change_most(world: World) -> None:
    orders = world.fake.add_pipeline(
        "orders", tasks=(Task("load"), Task("mail", upstream=("load",)))
    )
    began, between = world.now() - timedelta(minutes=30), world.now() - timedelta(minutes=10)
    run = make_run("run", orders, started_at=began, ended_at=world.now())
    world.fake.add_run(
        run,
        [
            make_task_run("load", run, started_at=began, ended_at=between),
            make_task_run("mail", run, started_at=between, ended_at=world.now()),
        ],
    )
    world.tick()

    job = world.load().resolve_job_def(JOB_NAME)
    result = job.execute_in_process(instance=world.dagster)

    (made,) = result.asset_materializations_for_node(PATHS_KEY.to_python_identifier())
    assert made.metadata[metadata.PIPELINES_REFRESHED].value == 1
    assert made.metadata[metadata.RUNS_ANALYSED].value == 1
    table = str(made.metadata[metadata.WORST_TASKS].value)
    assert "| fake/orders | load | 6 min | 30 min | 100% of 1 runs |" in table
    assert table.index("load") < table.index("mail")


def test_it_is_in_a_group_of_its_own_and_its_schedule_runs(world: World) -> None:
    definitions = world.load()
    assert definitions.resolve_asset_graph().get(PATHS_KEY).group_name == "analytics"
    schedule = definitions.resolve_schedule_def(JOB_NAME)
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.cron_schedule == "15 5 * * *"
