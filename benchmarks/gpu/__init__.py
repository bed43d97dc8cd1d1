"""Checks of radin on a GPU, one file an idea: `python -m benchmarks.gpu`."""
