"""Wrappers' prefixes and tied names."""

import pytest

from radin.checkpoints.names import LORA, normalise, ties
from radin.errors import CheckpointError


@pytest.mark.parametrize(
    "names, expected",
    [
        (["module.a", "module.b.c"], ["a", "b.c"]),
        (["module.module.a"], ["a"]),
        (["module.a", "b"], ["module.a", "b"]),
        (["_orig_mod.a", "b._orig_mod.c"], ["a", "b.c"]),
        (["module._orig_mod.a", "module._orig_mod.b"], ["a", "b"]),
        (["_orig_mod.module.a"], ["a"]),
        (["_orig_mod.module._orig_mod.module.x.weight"], ["x.weight"]),
        (["modules.a", "my_module.b"], ["modules.a", "my_module.b"]),
        ([], []),
    ],
)
def test_prefixes(names: list[str], expected: list[str]) -> None:
    assert list(normalise(names, "file").values()) == expected


def test_names_that_become_one_are_refused() -> None:
    with pytest.raises(CheckpointError, match=r"run\.pt.*'a\.w'.*'a\._orig_mod\.w'"):
        normalise(["a.w", "a._orig_mod.w"], "run.pt")


def test_ties_keep_the_first_name_when_sorted() -> None:
    assert ties({"head": 1, "emb": 1, "other": 2}) == {"head": "emb"}


@pytest.mark.parametrize(
    "name, factor",
    [
        ("base.q.lora_A.default.weight", True),
        ("base.q.lora_B.weight", True),
        ("emb.lora_embedding_A.default", True),
        ("q.lora_magnitude_vector.default.weight", True),
        ("lora_unet_down_blocks_0_attentions_0.lora_down.weight", True),
        ("lora_te_layers_0.lora_up.weight", True),
        ("explora_A.weight", False),
        ("flora_Bloom.weight", False),
        ("lora_alphabet.weight", False),
    ],
)
def test_adapter_factors_are_recognised(name: str, factor: bool) -> None:
    assert bool(LORA.search(name)) is factor
