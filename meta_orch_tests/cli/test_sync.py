"""`meta-orch sync`: what reaches the store, and what it says."""

from __future__ import annotations

from pathlib import Path

from meta_orch.domain.states import RunState
from meta_orch.orchestrators.base import ServerFailed
from meta_orch.store import Store
from meta_orch.testing.builders import make_run
from meta_orch.testing.fake import FakeOrchestrator
from meta_orch_tests.cli.conftest import Run

Servers = dict[str, FakeOrchestrator]
STORE = Path(".meta_orch/store.duckdb")


def add_runs(server: FakeOrchestrator, number: int) -> None:
    pipeline = server.add_pipeline("orders")
    for index in range(number):
        server.add_run(make_run(f"run{index}", pipeline, RunState.RUNNING))


def test_pipelines_and_runs_of_every_instance_reach_the_store(run: Run, servers: Servers) -> None:
    add_runs(servers["east"], 3)
    servers["west"].add_pipeline("serve")

    result = run("sync")

    assert result.exit_code == 0
    assert "east: 3 runs" in result.stdout
    with Store(STORE).read() as reader:
        assert [str(pipeline.key) for pipeline in reader.pipelines()] == [
            "east/orders",
            "west/serve",
        ]
        assert len(reader.latest_runs()) == 1
    assert servers["east"].is_closed


def test_an_instance_that_fails_does_not_keep_the_others_from_being_collected(
    run: Run, servers: Servers
) -> None:
    servers["east"].fail_with(ServerFailed("east", "it answered 500"))
    servers["west"].add_pipeline("serve")

    result = run("sync")

    assert result.exit_code == 1
    assert "east: it answered 500" in result.stdout
    with Store(STORE).read() as reader:
        assert [pipeline.key.instance for pipeline in reader.pipelines()] == ["west"]


def test_a_time_limit_stops_it_and_the_next_time_goes_on(run: Run, servers: Servers) -> None:
    server = servers["east"]
    server.page_size = 1
    add_runs(server, 3)

    first = run("sync", "east", "--for", "0s")
    second = run("sync", "east")

    assert "east: 1 runs" in first.stdout
    assert "more is left: run it again" in first.stdout
    assert "east: 2 runs" in second.stdout


def test_a_limit_that_is_no_duration_is_refused(run: Run, servers: Servers) -> None:
    result = run("sync", "--for", "ages")
    assert result.exit_code == 2
    assert "write it as 30s, 5m, 2h, 7d or 1h30m" in " ".join(result.stderr.split())


def test_events_of_openlineage_are_read_and_what_is_none_is_told(
    run: Run, servers: Servers
) -> None:
    servers["west"].add_pipeline("serve")
    with Path("meta_orch.yaml").open("a") as config:
        config.write("openlineage: [{file: 'lineage/*.jsonl', namespaces: {prod: west}}]\n")
    Path("lineage").mkdir()
    Path("lineage/1.jsonl").write_text(
        '{"eventTime": "2026-03-01T06:00:00Z", "job": {"namespace": "prod", "name": "serve"}, '
        '"inputs": [{"namespace": "s3://lake", "name": "orders"}]}\noh no\n'
    )

    result = run("sync")

    assert result.exit_code == 0
    said = "".join(result.stdout.split())  # however it is wrapped
    assert "lineage/*.jsonl:1events" in said
    assert "lineage/1.jsonl:2:isnotJSON" in said
    with Store(STORE).read() as reader:
        (row,) = reader.answer("SELECT job, uri, is_written FROM dataset_uses").rows
    assert row == ("serve", "s3://lake/orders", False)
