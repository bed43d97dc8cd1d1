"""Folders as Hugging Face's libraries save models, of a few numbers, made without these libraries."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

CONFIG = {"model_type": "bert", "architectures": ["BertForSequenceClassification"], "hidden_size": 4}


def tensors(seed: int) -> dict[str, Tensor]:
    """A tiny network: an embedding and a head of two classes."""
    draw = torch.Generator().manual_seed(seed)
    return {
        "bert.embeddings.weight": torch.randn(6, 4, generator=draw),
        "classifier.bias": torch.randn(2, generator=draw),
        "classifier.weight": torch.randn(2, 4, generator=draw),
    }


def save(folder: Path, seed: int = 0, *, config: Mapping[str, Any] = CONFIG, name: str = "model.safetensors") -> Path:
    """One folder, with what `Trainer` leaves beside the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    if name.endswith(".bin"):
        torch.save(tensors(seed), folder / name)
    else:
        save_file(tensors(seed), folder / name, {"format": "pt"})
    for beside in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"):
        (folder / beside).write_bytes(b"no weights")
    (folder / "trainer_state.json").write_text('{"global_step": 3, "log_history": []}')
    return folder
