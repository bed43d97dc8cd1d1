"""Benchmarks: comparisons on real pools, times and memory, and studies; run from the repository, not installed."""
