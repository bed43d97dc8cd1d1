"""Wrappers' prefixes and tied names."""

import pytest

from radin.checkpoints.names import adapter_of, check_names, network_names, normalise, ties
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
        (["_fsdp_wrapped_module.a.w", "_fsdp_wrapped_module.b._checkpoint_wrapped_module.w"], ["a.w", "b.w"]),
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
    "name, kind",
    [
        ("base.q.lora_A.default.weight", "LoRA"),
        ("base.q.lora_B.weight", "LoRA"),
        ("emb.lora_embedding_A.default", "LoRA"),
        ("q.lora_magnitude_vector.default.weight", "DoRA"),
        ("q.dora_scale", "DoRA"),
        ("lora_unet_down_blocks_0_attentions_0.lora_down.weight", "LoRA"),
        ("lora_te_layers_0.lora_up.weight", "LoRA"),
        ("layers.0.attn.q_proj.lora_a.weight", "LoRA"),
        ("model.layers.0.self_attn.q_proj.lora_b", "LoRA"),
        ("unet.attn1.to_q.lora.up.weight", "LoRA"),
        ("unet.to_q_lora.down.weight", "LoRA"),
        ("q.lora_linear_layer.up.weight", "LoRA"),
        ("blk.lora_U.weight", "LoRA"),
        ("blk.lora_matrix_B", "LoRA"),
        ("adapter.lora1.weight", "LoRA"),
        ("q_proj.lora_a_weight", "LoRA"),
        ("loralib.weight", None),
        ("explora_head.weight", None),
        ("base_model.model.q.hada_w1_a", "LoHa"),
        ("lora_unet_x.hada_t2", "LoHa"),
        ("q.lokr_w1", "LoKr"),
        ("q.lokr_w2_b", "LoKr"),
        ("q.oft_r", "OFT"),
        ("q.oft_R.default", "OFT"),
        ("q.oft_blocks", "OFT"),
        ("q.boft_R.default", "OFT"),
        ("base_model.vera_A.default", "VeRA"),
        ("q.vera_lambda_b.default", "VeRA"),
        ("k.ia3_l.default", "(IA)³"),
        ("q.glora_Ad.default", "GLoRA"),
        ("q.gralora_A.default", "another of PEFT's"),
        ("k.hira_embedding_B.default", "another of PEFT's"),
        ("lily_layer.weight", None),
        ("explora_A.weight", None),
        ("flora_Bloom.weight", None),
        ("lora_alphabet.weight", None),
        ("softmax.left.weight", None),
    ],
)
def test_parts_of_adapters_are_recognised(name: str, kind: str | None) -> None:
    assert adapter_of(name) == kind


def test_the_counter_of_an_averaged_model_is_left_out() -> None:
    assert normalise(["n_averaged", "module.a", "module.b"], "file") == {"module.a": "a", "module.b": "b"}
    assert set(normalise(["n_averaged", "a"], "file")) == {"n_averaged", "a"}
    assert set(normalise(["n_averaged"], "file")) == {"n_averaged"}
    assert normalise(["module.a", "steps"], "file") == {"module.a": "a"}
    assert set(normalise(["a", "steps"], "file")) == {"a", "steps"}


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


@pytest.mark.parametrize(
    "name", ["__metadata__", "module.__metadata__", "_orig_mod.__metadata__", "model.__metadata__"]
)
def test_the_name_that_safetensors_keeps_for_itself_is_no_tensors(name: str) -> None:
    with pytest.raises(CheckpointError, match=r"run\.pt.*__metadata__"):
        check_names(["a.weight", name], "run.pt")


def test_names_that_only_look_like_it_are_taken() -> None:
    check_names(["__metadata__.weight", "metadata", "a.__metadata"], "run.pt")
