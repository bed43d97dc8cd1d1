"""Every searcher that is installed keeps the contract."""

import sys

import pytest

import radin
from radin.testing import check_searcher

#: What a searcher need not pass, and why.
EXEMPT = {
    "greedy": {"best-subset": "it never takes an ingredient out again, so it may end in a local optimum"},
    "backward": {"best-subset": "it never takes an ingredient in again, so it may end in a local optimum"},
    "windows": {"best-subset": "it proposes consecutive ingredients alone"},
    "last-k": {"best-subset": "it proposes the last ingredients alone"},
    "exhaustive": {"proposals at n = 1000": "it refuses pools of more than 24; tested in test_exhaustive"},
}


def test_none_is_broken():
    assert radin.searchers().broken == ()
    shipped = {"monte-carlo", "greedy", "optuna-tpe", "deap-ga"}
    shipped |= {"local-search", "forward", "caruana", "exhaustive", "mixing", "backward", "windows", "last-k"}
    assert shipped <= set(radin.searchers())


@pytest.mark.parametrize("name", list(radin.searchers()))
def test_searcher_keeps_the_contract(name, capsys):
    report = check_searcher(name, exempt=EXEMPT.get(name))
    if report.exempt:
        with capsys.disabled():
            sys.stdout.write(f"\n{report}\n")
