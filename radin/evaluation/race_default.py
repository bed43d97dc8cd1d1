"""The default of racing, in a module that imports nothing: the command line names it in its help."""

#: Whether ingredients race by default: in `benchmarks/studies/racing.py` the default race is not inferior to all passes
#: on any pool, see `docs/results.md`.
RACE = True
