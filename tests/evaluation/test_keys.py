"""Keys change with everything that a stored result depends on, and with nothing else."""

import torch
from helpers.small import clouds, task

from radin.evaluation.evaluation import Evaluation
from radin.evaluation.keys import Keys, data_key, verification_scope
from radin.recipe import Recipe

NAMES, PRINTS = ("a", "b", "c"), ("1", "2", "3")
SINGLE, SOUP = Recipe.subset(NAMES, [1]), Recipe.subset(NAMES, [0, 1])


def keys(prints: tuple[str, ...] = PRINTS, batchnorm: str = "average", **settings) -> Keys:
    return Keys(task(source="code", **settings), prints, batchnorm)


def test_logits_depend_on_members_data_code_and_for_soups_on_the_policy() -> None:
    soup = Evaluation(SOUP)
    known = keys().logits(soup, 32)
    assert keys().logits(soup, 64) == keys(("1", "2", "other")).logits(soup, 32) == known
    others = [
        keys(("1", "other", "3")).logits(soup, 32),
        keys(batchnorm="keep").logits(soup, 32),
        keys(samples=299).logits(soup, 32),
        keys().logits(Evaluation(Recipe.subset(NAMES, [0, 2])), 32),
        keys().logits(Evaluation(SOUP, "recomputed"), 32),
        Keys(task(source="other code"), PRINTS, "average").logits(soup, 32),
    ]
    assert len({known, *others}) == 1 + len(others)
    single = Evaluation(SINGLE)
    assert keys(batchnorm="keep").logits(single, 32) == keys().logits(single, 32)


def test_the_key_of_data_changes_with_code_rows_and_precision() -> None:
    one = task(source="code", test=clouds(40, 2))
    keys_of = [
        data_key(one, one.rows),
        data_key(one, one.tests["test"]),
        data_key(task(source="other code"), one.rows),
        data_key(task(source="code", autocast="bfloat16"), one.rows),
    ]
    assert len(set(keys_of)) == len(keys_of)
    assert data_key(task(source="code", batch_size=7), one.rows) == keys_of[0]


def test_the_key_of_data_changes_with_what_float32_is_rounded_to() -> None:
    one = task(source="code")
    known = data_key(one, one.rows)
    torch.set_float32_matmul_precision("medium")
    try:
        assert data_key(one, one.rows) != known
    finally:
        torch.set_float32_matmul_precision("highest")
    assert data_key(one, one.rows) == known


def test_recomputed_statistics_depend_on_the_number_of_batches() -> None:
    recomputed = Evaluation(SOUP, "recomputed")
    assert keys().statistics(recomputed, 32) != keys().statistics(recomputed, 64)
    assert keys().statistics(recomputed, 32) != keys().logits(recomputed, 32)


def test_a_search_depends_on_the_whole_pool_and_on_what_selects() -> None:
    scopes = [keys().scope, keys(("1", "2")).scope, keys(split_seed=1).scope, keys(holdback=0.5).scope]
    assert len(set(scopes)) == len(scopes)
    assert keys(batchnorm="keep").scope == keys().scope
    assert keys(split_seed=1).weight_gram == keys().weight_gram
    assert keys(split_seed=1).logit_gram != keys().logit_gram


def test_a_verification_depends_on_its_shortlist_in_order_and_on_the_prior() -> None:
    scopes = [
        verification_scope("s", ["x", "y"], None),
        verification_scope("s", ["y", "x"], None),
        verification_scope("s", ["x", "y"], 0.0),
        verification_scope("t", ["x", "y"], None),
    ]
    assert len(set(scopes)) == len(scopes)
