"""Tiny models of transformers with random weights, as folders; nothing is downloaded."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, PreTrainedModel, PreTrainedTokenizerFast
from transformers import BertForSequenceClassification as Bert
from transformers.utils import logging

logging.disable_progress_bar()

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "fine", "great", "bad", "poor", "awful", "a", "very", "film", "it"]
SIZES: dict[str, Any] = {
    "vocab_size": len(WORDS),
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 24,
}


def tokenizer() -> PreTrainedTokenizerFast:
    """One word, one token."""
    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    named = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=inner, model_input_names=inputs, **named)


def bert(kind: type[PreTrainedModel] = Bert, **settings: Any) -> PreTrainedModel:
    """A network with a head of any kind."""
    torch.manual_seed(0)
    return kind(BertConfig(**SIZES, **settings)).eval()


def nudged(network: PreTrainedModel, seed: int, size: float = 0.2) -> PreTrainedModel:
    """The same network with all weights moved a little, as another fine-tuning would."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += size * torch.randn(parameter.shape, generator=draw)
    return network


def save_pool(folder: Path, network: PreTrainedModel, n: int = 3, *, with_tokenizer: bool = True) -> list[Path]:
    """Folders of several fine-tunings of one network."""
    start = {name: value.clone() for name, value in network.state_dict().items()}
    paths = []
    for seed in range(n):
        network.load_state_dict(start)
        path = folder / f"run-{seed}"
        nudged(network, seed).save_pretrained(path)
        if with_tokenizer:
            tokenizer().save_pretrained(path)
        paths.append(path)
    return paths


def sentences(n: int, seed: int = 0) -> list[tuple[str, int]]:
    """Texts of several lengths, and whether each is kind."""
    draw = torch.Generator().manual_seed(seed)
    found = []
    for i in range(n):
        length = int(torch.randint(1, 9, (1,), generator=draw))
        filler = [WORDS[10 + int(torch.randint(4, (1,), generator=draw))] for _ in range(length)]
        word = WORDS[4 + 3 * (i % 2) + int(torch.randint(3, (1,), generator=draw))]
        found.append((" ".join([*filler, word]), 1 - i % 2))
    return found


def write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """A JSONL file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
