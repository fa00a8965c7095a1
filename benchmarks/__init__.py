"""Benchmarks: what meta_orch costs beside a yardstick that is measured in the same run.

`python -m benchmarks` runs them all and writes `docs/benchmarks.md` anew. Each module with a `run`
is one benchmark. Figures of different machines cannot be compared, ratios can, roughly; so nothing
here is a test that fails when a machine is slow.
"""
