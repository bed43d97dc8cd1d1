"""The options of a searcher, read from the signature of its function."""

from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Lt
from pydantic import Field

import radin
from radin.errors import PluginError
from radin.searching.plugins import Searcher


def probe(
    problem: radin.Problem,
    *,
    rate: Annotated[float, Ge(0), Lt(1), "how fast"] = 0.5,
    mode: Literal["up", "down"] = "up",
    count: Annotated[int, Field(ge=1, description="how many")] = 3,
    limit: int | None = None,
    loud: bool = False,
) -> radin.Proposals:
    """Proposes at random.

    Not shown in a list.
    """
    yield problem.random_subsets(count)


def test_options_come_from_the_signature():
    searcher = Searcher.of(probe)
    assert (searcher.name, searcher.summary, searcher.owner) == ("probe", "Proposes at random.", f"module {__name__}")
    assert [(o.name, o.type, o.default, o.description) for o in searcher.options.values()] == [
        ("rate", "float ≥ 0, < 1", 0.5, "how fast"),
        ("mode", "'up' | 'down'", "up", ""),
        ("count", "int ≥ 1", 3, "how many"),
        ("limit", "int | null", None, ""),
        ("loud", "bool", False, ""),
    ]


def test_strings_of_the_command_line_become_what_they_mean():
    given = {"rate": "0.25", "mode": "down", "count": "7", "limit": "null", "loud": "true"}
    expected = {"rate": 0.25, "mode": "down", "count": 7, "limit": None, "loud": True}
    assert Searcher.of(probe).validate(given) == expected
    assert Searcher.of(probe).validate({"limit": "12"})["limit"] == 12
    assert Searcher.of(probe).validate({}) == {"rate": 0.5, "mode": "up", "count": 3, "limit": None, "loud": False}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ratio": 1}, r"'probe' has no option 'ratio' \(did you mean 'rate'\?\); its options: rate, mode, count"),
        ({"rate": "fast"}, r"'probe': option 'rate' must be float ≥ 0, < 1, got 'fast'"),
        ({"rate": 1.0}, r"option 'rate' must be float ≥ 0, < 1, got 1.0 .*less than 1"),
        ({"mode": "Up"}, r"option 'mode' must be 'up' \| 'down', got 'Up'"),
        ({"count": 2.5}, "option 'count' must be int ≥ 1, got 2.5"),
        ({"limit": "none"}, r"option 'limit' must be int \| null, got 'none'"),
    ],
)
def test_options_that_are_unknown_or_of_another_type(options, says):
    with pytest.raises(PluginError, match=says):
        Searcher.of(probe).validate(options)


@pytest.mark.parametrize(
    "signature", ["", "problem, other", "problem, **more", "problem, *, a: int", "problem, *, a=1"]
)
def test_a_signature_that_is_no_searcher_s(signature):
    scope = {}
    exec(f"def odd({signature}):\n    yield", scope)
    with pytest.raises(PluginError, match=r"expected a signature `\(problem, \*, option: type = default"):
        Searcher.of(scope["odd"])
