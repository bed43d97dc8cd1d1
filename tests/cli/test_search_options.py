"""The search that options describe."""

import pytest

from radin.cli.search_options import SearchOptions
from radin.errors import InputError


def test_options_of_a_searcher_are_read_from_pairs() -> None:
    assert SearchOptions("greedy", ("accept=ties", "a=b=c"), 10, 0.0, 0).options == {"accept": "ties", "a": "b=c"}
    with pytest.raises(InputError, match="expected -p KEY=VALUE, got 'accept'"):
        _ = SearchOptions("greedy", ("accept",), 10, 0.0, 0).options
