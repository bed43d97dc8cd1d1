"""The kind of an evaluation and its place follow from what is run."""

import pytest

from radin.evaluation.evaluation import Evaluation
from radin.recipe import Recipe

NAMES = ("a", "b", "c")
SINGLE, SOUP = Recipe.subset(NAMES, [1]), Recipe.subset(NAMES, [0, 2])
KEY = "0123456789abcdef0123"


@pytest.mark.parametrize(
    ("evaluation", "kind", "stored", "said"),
    [
        (Evaluation(SINGLE), "pass", "b", "pass, 1 averaged"),
        (Evaluation(SOUP), "soup", "soup-0123456789abcdef", "soup, 2 averaged"),
        (Evaluation(SOUP, "recomputed"), "soup", "soup-0123456789abcdef", "soup, 2 averaged"),
        (Evaluation(SINGLE, "recomputed"), "control", "control-0123456789abcdef", "control, 1 averaged"),
        (Evaluation(SINGLE, test="test"), "test", "b", "test, 1 averaged"),
        (Evaluation(SOUP, test="sketch"), "test", "soup-0123456789abcdef", "test sketch, 2 averaged"),
        (
            Evaluation(SINGLE, "recomputed", "sketch"),
            "control",
            "control-0123456789abcdef",
            "control sketch, 1 averaged",
        ),
    ],
)
def test_kind_and_place_of_each_evaluation(evaluation: Evaluation, kind: str, stored: str, said: str) -> None:
    assert (evaluation.kind, evaluation.stored_as(KEY), str(evaluation)) == (kind, stored, said)


def test_messages_name_ingredients_and_the_members_of_soups() -> None:
    assert (Evaluation(SINGLE).network, Evaluation(SOUP, "recomputed", "sketch").network) == ("b", "the soup a + c")
    assert Evaluation(SINGLE, "recomputed").network == "b with recomputed BatchNorm statistics"
