"""The names of criteria and the default, in a module that imports nothing: the command line names them in its help."""

#: In words, what ranks candidates and chooses among verified soups; `metric` is the metric that is reported.
CRITERIA = {
    "metric": "the metric",
    "likelihood": "log-likelihood",
    "tempered": "tempered log-likelihood",
    "one-se": "tempered log-likelihood",
}

#: The default, as measured by `benchmarks/studies/criteria.py`, see `docs/results.md`.
CRITERION = "one-se"
