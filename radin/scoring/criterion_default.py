"""The names of criteria and the default, in a module that imports nothing: the command line names them in its help."""

#: In words, what ranks candidates and chooses among verified soups; `metric` is the metric that is reported.
CRITERIA = {
    "metric": "the metric",
    "likelihood": "log-likelihood",
    "tempered": "tempered log-likelihood",
    "one-se": "tempered log-likelihood",
}

#: Of these, the ones that choose only among the networks whose metric is within one standard error of the best.
_LIMITED_BY_METRIC = frozenset({"one-se"})

#: The default, as measured by `benchmarks/studies/criteria.py`, see `docs/results.md`.
CRITERION = "one-se"


def limited_by_metric(name: str) -> bool:
    """Whether a criterion lets win only networks whose metric is within one standard error of the best."""
    return name in _LIMITED_BY_METRIC
