"""What all kinds share."""

import numpy as np
import pytest

from radin.scoring.kinds import CLASSES, KINDS
from radin.scoring.metrics import FAMILIES, get_metric


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_says_what_it_is_and_has_a_metric_of_its_own(name: str) -> None:
    kind = KINDS[name]
    assert kind.name == name and kind.labels and kind.gives
    assert get_metric(None, kind) is FAMILIES[kind.metrics][kind.metric]


def test_stored_outputs_of_classes_depend_on_nothing_else() -> None:
    assert CLASSES.key == KINDS["one-logit"].key == ()
    keys = [KINDS[name].key for name in ("several-labels", "values", "positions", "choices")]
    assert all(keys) and len(set(keys)) == 4


def test_batches_follow_one_another() -> None:
    parts = [np.zeros((2, 3)), np.ones((1, 3))]
    assert CLASSES.join(parts).tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 1]]
    assert list(CLASSES.batches(iter(parts))) == parts
