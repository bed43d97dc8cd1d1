"""The default of racing, in a module that imports nothing: the command line names it in its help."""

#: Whether ingredients race by default. Off until the measurements of `benchmarks/studies/racing.py` show that racing
#: is not inferior on any pool.
RACE = False
