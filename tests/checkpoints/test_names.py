"""Wrappers' prefixes and tied names."""

import pytest

from radin.checkpoints.names import LORA, network_names, normalise, ties
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


def test_the_counter_of_an_averaged_model_is_left_out() -> None:
    assert normalise(["n_averaged", "module.a", "module.b"], "file") == {"module.a": "a", "module.b": "b"}
    assert set(normalise(["n_averaged", "a"], "file")) == {"n_averaged", "a"}
    assert set(normalise(["n_averaged"], "file")) == {"n_averaged"}


@pytest.mark.parametrize(
    "names, lightning, expected, prefix",
    [
        (["model.a", "model.b"], True, ["a", "b"], "model."),
        (["net._orig_mod.a", "net._orig_mod.b"], True, ["a", "b"], "net."),
        (["network.module.a"], True, ["a"], "network."),
        (["model.a", "criterion.weight"], True, ["model.a", "criterion.weight"], ""),
        (["backbone.a", "backbone.b"], True, ["backbone.a", "backbone.b"], ""),
        (["model.a", "model.b"], False, ["model.a", "model.b"], ""),
        ([], True, [], ""),
    ],
)
def test_prefixes_of_lightning_go_where_all_have_them(
    names: list[str], lightning: bool, expected: list[str], prefix: str
) -> None:
    short, taken = network_names(names, "file", lightning=lightning)
    assert (list(short.values()), taken) == (expected, prefix)


@pytest.mark.parametrize("prefix", ["model", "model."])
def test_a_prefix_that_is_given_leaves_out_the_rest(prefix: str) -> None:
    names = ["model.module.a", "model.module.b._orig_mod.c", "teacher.a", "modeling.a"]
    short, taken = network_names(names, "file", prefix=prefix)
    assert short == {"model.module.a": "a", "model.module.b._orig_mod.c": "b.c"}
    assert taken == "model."
    with pytest.raises(CheckpointError, match=r"run\.ckpt.*prefix 'net\.'; they begin with: model, modeling, teacher"):
        network_names(names, "run.ckpt", prefix="net")
