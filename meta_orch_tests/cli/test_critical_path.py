"""`meta-orch critical-path`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from meta_orch.domain.pipelines import Task
from meta_orch.domain.states import RunTrigger
from meta_orch.testing.builders import make_pipeline, make_run, make_task_run
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.cli.conftest import Run

Servers = dict[str, FakeOrchestrator]


def add_orders(server: FakeOrchestrator) -> None:
    tasks = (Task("extract"), Task("load", upstream=("extract",)))
    orders = server.add_pipeline("orders", tasks=tasks)
    now = datetime.now(UTC)  # what is long past is not read
    began = now - timedelta(minutes=30)
    between, later = began + timedelta(minutes=20), began + timedelta(minutes=24)
    run = make_run("run", orders, started_at=began, ended_at=now)
    server.add_run(
        run,
        [
            make_task_run("extract", run, started_at=began, ended_at=between, queued_at=None),
            make_task_run("load", run, started_at=later, ended_at=now, queued_at=between),
        ],
    )


def test_it_says_where_the_time_goes_and_what_a_faster_task_would_save(
    run: Run, servers: Servers
) -> None:
    add_orders(servers["east"])
    run("sync")
    result = run("critical-path", "orders")
    assert result.exit_code == 0
    said = " ".join(result.stdout.split())
    assert "east/orders took 30 min on average over 1 runs" in said
    assert "26 min executing (87%), 4 min queued (13%), 0 s waiting (0%)" in said
    assert "│ extract │ 6 min │ 100% │ 20 min │ 0 s │ 0 s │ 1 │" in said

    (extract, load) = json.loads(run("critical-path", "east/orders", "--format", "json").stdout)
    assert (extract["task"], load["task"]) == ("extract", "load")
    assert (extract["on_path"], extract["runs"]) == (1.0, 1)
    assert (extract["saves_seconds"], load["held_up_seconds"]) == (360, 240)


def test_a_pipeline_without_runs_is_told_to_have_none(run: Run, servers: Servers) -> None:
    servers["east"].add_pipeline("orders")
    run("sync")
    result = run("critical-path", "orders")
    assert result.exit_code == 1
    assert "no successful run of east/orders" in " ".join(result.stderr.split())


def test_across_orchestrators_it_says_which_pipelines_decide_and_what_earlier_schedules_bring(
    run: Run, servers: Servers
) -> None:
    with Path("meta_orch.yaml").open("a") as config:
        config.write("\nedges: [{upstream: east/extract, downstream: west/report}]\n")
    now = datetime.now(UTC).replace(microsecond=0)
    for server, name, ago, minutes in (("east", "extract", 50, 20), ("west", "report", 20, 10)):
        pipeline = make_pipeline(name, server)
        servers[server].add_pipeline(pipeline)
        at = now - timedelta(minutes=ago)
        servers[server].add_run(
            make_run(
                "run",
                pipeline,
                trigger=RunTrigger.SCHEDULE,
                scheduled_at=at,
                queued_at=at,
                started_at=at,
                ended_at=at + timedelta(minutes=minutes),
            )
        )
    run("sync")
    asked = ("critical-path", "west/report", "--across", "--earlier", "15m")
    report, extract = json.loads(run(*asked, "--format", "json").stdout)
    assert (report["pipeline"], extract["pipeline"]) == ("west/report", "east/extract")
    # The report is due ten minutes after its data is there.
    assert report["earlier_saves_seconds"] == 600
    assert (extract["earlier_saves_seconds"], extract["slack_seconds"]) == (0, 600)
    table = " ".join(run(*asked).stdout.split())
    assert "west/report took 40 min on average over 1 runs" in table
    assert "15m earlier saves" in table
    assert "is not a duration" in run(*asked[:-1], "soon").stderr
