"""Make `recordings/airflow.jsonl` anew, from a real Airflow with its OpenLineage provider:

uv venv FOLDER
uv pip install --python FOLDER apache-airflow apache-airflow-providers-openlineage
python -m meta_orch_tests.openlineage.record_airflow FOLDER
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from meta_orch.demo.processes import wait_until
from meta_orch.demo.servers import AirflowServer

RECORDING = Path(__file__).parent / "recordings" / "airflow.jsonl"
_DAGS = """\
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Asset, TaskGroup

RAW = Asset("file://localhost/lake/raw/orders.csv")
STAGED = Asset("file://localhost/lake/staged/orders.csv")

with DAG("lineage_load", schedule=None), TaskGroup("steps"):
    PythonOperator(task_id="load", python_callable=print, inlets=[RAW], outlets=[STAGED])
with DAG("lineage_report", schedule=None):
    PythonOperator(task_id="report", python_callable=print, inlets=[STAGED])
"""


class _TellingServer(AirflowServer):
    def _variables(self) -> Mapping[str, str]:
        transport = {"type": "file", "log_file_path": str(self.folder / "events"), "append": True}
        return {
            **super()._variables(),
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
            "AIRFLOW__OPENLINEAGE__NAMESPACE": "lineage",
        }


@click.command()
@click.argument("environment", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(environment: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        dags = Path(folder) / "dags"
        dags.mkdir()
        (dags / "lineage.py").write_text(_DAGS)
        with _TellingServer(Path(folder) / "server", dags=dags, environment=environment) as server:
            server.wait_for_dags(["lineage_load", "lineage_report"])
            for dag in ("lineage_load", "lineage_report"):
                run = server.start_run(dag)
                wait_until(
                    lambda dag=dag, run=run: server.run_state(dag, run) == "success",
                    what=f"{dag} to succeed",
                    timeout=120,
                )
            events = server.folder / "events"

            def is_told() -> bool:
                text = events.read_text() if events.exists() else ""
                return text.count('"eventType": "COMPLETE"') >= 4

            wait_until(is_told, what="the events of both", timeout=60)
            RECORDING.parent.mkdir(exist_ok=True)
            RECORDING.write_text(events.read_text().replace(folder, ""))


if __name__ == "__main__":
    main()
