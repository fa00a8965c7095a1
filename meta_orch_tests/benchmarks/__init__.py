"""What the benchmarks are made of, and that they run."""
