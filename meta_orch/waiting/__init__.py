"""For the code of DAGs and flows: wait at their head until a gate lets them run.

Each module needs its own orchestrator and nothing else of meta_orch, which need not be installed
there with what it depends on: `pip install --no-deps meta_orch`, or copy the one file.
"""
