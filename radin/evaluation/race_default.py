"""The default of racing, in a module that imports nothing: the command line names it in its help."""

#: Ingredients from which on a pool races by default: the smallest pools of `benchmarks/studies/racing.py` have so many.
#: On none of them the default race is inferior to all passes, see `docs/results.md`.
RACES_FROM = 9
