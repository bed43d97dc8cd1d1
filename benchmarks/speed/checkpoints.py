"""Random checkpoints of real shapes, for benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from radin.checkpoints import TensorInfo
from radin.checkpoints.output import Output
from radin.checkpoints.safetensors import encode_header
from radin.weights.tiling import tiles

Shapes = dict[str, tuple[int, ...]]


def vit_b32() -> Shapes:
    """OpenAI's CLIP ViT-B/32 with its text tower: 302 tensors, 151 277 313 parameters, 605 MB in float32."""
    shapes: Shapes = {
        "positional_embedding": (77, 512),
        "text_projection": (512, 512),
        "logit_scale": (),
        "visual.class_embedding": (768,),
        "visual.positional_embedding": (50, 768),
        "visual.proj": (768, 512),
        "visual.conv1.weight": (768, 3, 32, 32),
        "token_embedding.weight": (49_408, 512),
    }
    shapes |= _tower("visual.transformer", 768, 12) | _tower("transformer", 512, 12)
    for norm, width in {"visual.ln_pre": 768, "visual.ln_post": 768, "ln_final": 512}.items():
        shapes |= {f"{norm}.weight": (width,), f"{norm}.bias": (width,)}
    return shapes


#: The config of a small Llama, as its folder holds it: 111 tensors, 134 105 856 parameters, 536 MB in float32.
LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 768,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_key_value_heads": 12,
    "vocab_size": 32_000,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
    "dtype": "float32",
}


def llama(config: Mapping[str, Any]) -> Shapes:
    """The tensors in the file of a Llama without grouped heads."""
    width, inner, words = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    shapes: Shapes = {"model.embed_tokens.weight": (words, width), "lm_head.weight": (words, width)}
    for i in range(config["num_hidden_layers"]):
        layer = f"model.layers.{i}"
        shapes |= {f"{layer}.self_attn.{name}_proj.weight": (width, width) for name in "qkvo"}
        shapes |= {f"{layer}.mlp.{name}_proj.weight": (inner, width) for name in ("gate", "up")}
        shapes |= {f"{layer}.mlp.down_proj.weight": (width, inner)}
        shapes |= {f"{layer}.{name}_layernorm.weight": (width,) for name in ("input", "post_attention")}
    return shapes | {"model.norm.weight": (width,)}


def transformer(megabytes: int) -> Shapes:
    """A plain transformer of about so many MB in float32."""
    return _tower("transformer", 512, max(1, round(megabytes * 1e6 / 4 / (12 * 512 * 512))))


def _tower(prefix: str, width: int, layers: int) -> Shapes:
    block = {
        "attn.in_proj_weight": (3 * width, width),
        "attn.in_proj_bias": (3 * width,),
        "attn.out_proj.weight": (width, width),
        "attn.out_proj.bias": (width,),
        "ln_1.weight": (width,),
        "ln_1.bias": (width,),
        "mlp.c_fc.weight": (4 * width, width),
        "mlp.c_fc.bias": (4 * width,),
        "mlp.c_proj.weight": (width, 4 * width),
        "mlp.c_proj.bias": (width,),
        "ln_2.weight": (width,),
        "ln_2.bias": (width,),
    }
    return {f"{prefix}.resblocks.{i}.{name}": shape for i in range(layers) for name, shape in block.items()}


def write_safetensors(path: Path, shapes: Shapes, seed: int) -> None:
    """Writes float32 tensors of small random numbers, tile by tile."""
    infos = {name: TensorInfo("float32", shape) for name, shape in shapes.items()}
    header, offsets, size = encode_header(infos, {"format": "pt"})
    rng = np.random.default_rng(seed)
    with path.open("wb") as file:
        output = Output(file, path, size)
        output.write(header, 0)
        for name, info in infos.items():
            for start, stop in tiles(info.numel):
                values = rng.standard_normal(stop - start, dtype=np.float32)
                values *= np.float32(0.02)
                output.write(values.data.cast("B"), offsets[name] + 4 * start)


def write_pt(source: Path, path: Path) -> None:
    """Writes the tensors of a safetensors file as a state dict of PyTorch."""
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(source), path)
