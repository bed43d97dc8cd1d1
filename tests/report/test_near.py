"""What is far worse than the rest is left out of the range of a picture, whichever direction is better."""

from radin.report.near import near_best


def test_those_far_worse_are_left_out() -> None:
    own = [0.9, 0.89, 0.88, 0.1]
    assert near_best(own, own, higher_is_better=True) == own[:3]
    assert near_best([0.95, 0.83, 0.7], own, higher_is_better=True) == [0.95, 0.83]
    losses = [1.0, 1.1, 1.2, 9.0]
    assert near_best([*losses, 0.2], losses, higher_is_better=False) == [1.0, 1.1, 1.2, 0.2]


def test_what_is_not_finite_is_left_out() -> None:
    perplexities = [10.0, float("inf")]
    assert near_best(perplexities, perplexities, higher_is_better=False) == [10.0]


def test_nothing_is_left_out_where_half_of_them_are_equal() -> None:
    assert near_best([0.5, 0.1], [0.5, 0.5, 0.5, 0.1], higher_is_better=True) == [0.5, 0.1]
