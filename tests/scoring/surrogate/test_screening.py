"""Screening of a block: rivals that no recipe lets win, or lets lose, against their definition."""

import numpy as np
import pytest
from helpers.surrogate_oracle import CASES, hard

from radin.scoring.logit_bank import LogitBank
from radin.scoring.surrogate.screening import Settler


@pytest.mark.parametrize("top", [1, 2])
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_rivals_are_harmless_fatal_or_kept(name, dtype, top):
    _, logits, labels = hard(name, dtype, (5, 12, 4))
    settler = Settler(LogitBank.from_arrays(logits, labels), labels, top, 9)
    right = np.zeros(12, dtype=bool)
    found = settler.settle(3, 12, right)
    kept, expected_right, places = {}, [], {}
    for sample in range(3, 12):
        label, rivals, fatal = labels[sample], [], 0
        for c in range(4):
            below = logits[:, sample, label] >= logits[:, sample, c]
            strictly = logits[:, sample, label] > logits[:, sample, c]
            above = logits[:, sample, label] < logits[:, sample, c]
            if c == label or strictly.all() or (below.all() and c > label):
                continue
            if above.all() or ((above | ~strictly).all() and c < label):
                fatal += 1
            else:
                rivals.append(c)
        settled = fatal >= top or len(rivals) < top - fatal
        expected_right.append(settled and fatal < top)
        if not settled:
            kept[sample], places[sample] = rivals, top - fatal
    assert right[3:].tolist() == expected_right
    assert not right[:3].any()
    assert found.samples.tolist() == list(kept)
    assert found.places.tolist() == list(places.values())
    assert [found.classes[found.owner == i].tolist() for i in range(len(kept))] == list(kept.values())
    np.testing.assert_array_equal(found.own, logits[:, found.samples, labels[found.samples]])
    np.testing.assert_array_equal(found.rivals, logits[:, found.samples[found.owner], found.classes])


def test_memory_is_used_again_for_a_shorter_block():
    _, logits, labels = hard("correlated", np.float32, (5, 12, 4))
    settler = Settler(LogitBank.from_arrays(logits, labels), labels, 1, 8)
    right = np.zeros(12, dtype=bool)
    settler.settle(0, 8, right)
    last = settler.settle(8, 12, right)
    again = Settler(LogitBank.from_arrays(logits, labels), labels, 1, 4).settle(8, 12, np.zeros(12, dtype=bool))
    assert last.samples.tolist() == again.samples.tolist()
    np.testing.assert_array_equal(last.rivals, again.rivals)
