"""A soup is loaded as `from_pretrained` loads its folder, whatever the names in the files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

transformers = pytest.importorskip("transformers")

from radin import Pool, Recipe, average  # noqa: E402
from radin.errors import IncompatibleError  # noqa: E402
from radin.tasks.hugging_face.networks import Builder, load_through_library, stored_dtype  # noqa: E402
from radin.weights.filler import soup_tensors  # noqa: E402
from tests.helpers import tiny_models  # noqa: E402

SMALL: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
TEXT = torch.tensor([[2, 4, 5, 3], [2, 7, 3, 0]])
LANGUAGE = SMALL | {"vocab_size": 32, "num_key_value_heads": 1, "pad_token_id": 0}
SPEECH = {
    "vocab_size": 32,
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "num_mel_bins": 4,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "max_source_positions": 8,
    "max_target_positions": 8,
    "pad_token_id": 0,
    "decoder_start_token_id": 1,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "suppress_tokens": [],
    "begin_suppress_tokens": [],
}


def vit() -> Any:
    return transformers.ViTForImageClassification(transformers.ViTConfig(**SMALL, image_size=8, patch_size=4))


def convnext() -> Any:
    config = transformers.ConvNextConfig(hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], image_size=32, patch_size=2)
    return transformers.ConvNextForImageClassification(config)


def llama() -> Any:
    config = transformers.LlamaConfig(**LANGUAGE, tie_word_embeddings=True)
    return transformers.LlamaForCausalLM(config)


def mixture() -> Any:
    return transformers.MixtralForCausalLM(transformers.MixtralConfig(**LANGUAGE, num_local_experts=3))


def whisper() -> Any:
    return transformers.WhisperForConditionalGeneration(transformers.WhisperConfig(**SPEECH))


#: A network of each family, and inputs for it.
FAMILIES: dict[str, tuple[Callable[[], Any], dict[str, torch.Tensor]]] = {
    "bert": (tiny_models.bert, {"input_ids": TEXT}),
    "vit": (vit, {"pixel_values": torch.linspace(-1, 1, 3 * 64).reshape(1, 3, 8, 8)}),
    "convnext": (convnext, {"pixel_values": torch.linspace(-1, 1, 3 * 1024).reshape(1, 3, 32, 32)}),
    "llama": (llama, {"input_ids": TEXT}),
    "mixture": (mixture, {"input_ids": TEXT}),
    "whisper": (whisper, {"input_features": torch.ones(1, 4, 16), "decoder_input_ids": TEXT[:1]}),
}


@pytest.mark.parametrize("family", list(FAMILIES))
def test_the_network_that_is_scored_is_the_one_that_a_user_would_load(family: str, tmp_path: Path) -> None:
    build, inputs = FAMILIES[family]
    torch.manual_seed(0)
    pool = Pool(tiny_models.save_pool(tmp_path / "runs", build(), 2, with_tokenizer=False))
    recipe = Recipe.of(pool.names, [0.25, 0.75])
    opened = type(build()).from_pretrained(average(pool, recipe, tmp_path / "soup")).eval()

    network: Any = Builder(type(opened), opened.config, torch.float32)().eval()
    load_through_library(network, soup_tensors(pool, recipe))
    with torch.inference_mode():
        assert torch.equal(network(**inputs).logits, opened(**inputs).logits)
    if family == "llama":
        assert network.lm_head.weight is network.model.embed_tokens.weight
        assert "lm_head.weight" not in pool.tensors
    if family == "mixture":  # the experts have one tensor in memory, and one each in the file
        assert not pool.tensors.keys() <= network.state_dict().keys()


@pytest.mark.parametrize("change", ["missing", "strange"])
def test_weights_of_another_network_are_refused(change: str) -> None:
    network = tiny_models.bert()
    tensors = {name: value.clone() for name, value in network.state_dict().items()}
    if change == "missing":
        del tensors["classifier.bias"]
    else:
        tensors["strange"] = torch.ones(1)
    with pytest.raises(IncompatibleError, match=r"classifier\.bias" if change == "missing" else "strange"):
        load_through_library(network, tensors)


def test_networks_have_the_dtype_of_their_config() -> None:
    config = tiny_models.bert().config
    assert stored_dtype(config) is torch.float32
    config.dtype = torch.bfloat16
    assert stored_dtype(config) is torch.bfloat16
    built = Builder(transformers.BertForSequenceClassification, config, torch.bfloat16)()
    assert {parameter.dtype for parameter in built.parameters()} == {torch.bfloat16}
