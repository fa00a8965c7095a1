"""What benchmarks run in processes of its own: fresh interpreters, code locations, DAG files."""
