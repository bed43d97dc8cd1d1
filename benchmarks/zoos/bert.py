"""BERT's encoder and tokenizer (Devlin et al. 2019, arXiv 1810.04805) as small as inference on plain text allows.

They read the files of `sentence-transformers/all-MiniLM-L6-v2` without any library of transformers.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int64
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention


class Layer(nn.Module):
    """A post-norm transformer layer: self-attention, then a two-layer perceptron."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width, eps=1e-12)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.norm2 = nn.LayerNorm(width, eps=1e-12)

    def forward(self, tokens: Float[Tensor, "b t d"], mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        """The tokens, each having seen those of its text that the mask says are there."""
        batch, count, width = tokens.shape
        q, k, v = self.qkv(tokens).view(batch, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        tokens = self.norm1(tokens + self.proj(mixed.transpose(1, 2).reshape(batch, count, width)))
        seen: Tensor = self.norm2(tokens + self.mlp(tokens))
        return seen


class Encoder(nn.Module):
    """Embeddings of word pieces and places, then transformer layers; token 0 is padding."""

    def __init__(self, vocabulary: int, places: int, width: int, heads: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(places, width)
        self.kind = nn.Parameter(torch.zeros(width))
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(Layer(width, heads, hidden) for _ in range(layers))

    def forward(self, tokens: Int64[Tensor, "b t"], depth: int | None = None) -> Float[Tensor, "b t d"]:
        """The tokens after the first `depth` layers, all of them by default."""
        there = tokens != 0
        seen = self.norm(self.words(tokens) + self.places.weight[: tokens.shape[1]] + self.kind)
        for layer in self.layers[:depth]:
            seen = layer(seen, there)
        return seen

    @classmethod
    def from_file(cls, path: Path, heads: int = 12) -> Encoder:
        """The encoder whose weights a file of Hugging Face's layout (`BertModel`) holds."""
        given = load_file(path)
        words, places = (given[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position"))
        depth = sum(name.endswith("attention.self.query.weight") for name in given)
        hidden = len(given["encoder.layer.0.intermediate.dense.bias"])
        encoder = cls(len(words), len(places), words.shape[1], heads, hidden, depth)
        state = {
            "words.weight": words,
            "places.weight": places,
            "kind": given["embeddings.token_type_embeddings.weight"][0],
            **{f"norm.{part}": given[f"embeddings.LayerNorm.{part}"] for part in ("weight", "bias")},
        }
        for i in range(depth):
            state |= {f"layers.{i}.{name}": tensor for name, tensor in layer_state(given, i).items()}
        encoder.load_state_dict(state)
        return encoder


def layer_state(given: dict[str, Tensor], i: int) -> dict[str, Tensor]:
    """The state of one `Layer` from the tensors of a `BertModel`."""
    layer, state = f"encoder.layer.{i}", {}
    names = {
        "proj": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "mlp.0": "intermediate.dense",
        "mlp.2": "output.dense",
        "norm2": "output.LayerNorm",
    }
    for part in ("weight", "bias"):
        three = [given[f"{layer}.attention.self.{name}.{part}"] for name in ("query", "key", "value")]
        state[f"qkv.{part}"] = torch.cat(three)
        state |= {f"{ours}.{part}": given[f"{layer}.{theirs}.{part}"] for ours, theirs in names.items()}
    return state


class WordPiece:
    """BERT's tokenizer, uncased: words and signs, each cut into the longest pieces that the vocabulary knows.

    Arguments:
        vocabulary: the file `vocab.txt`, one piece a line.
    """

    def __init__(self, vocabulary: Path) -> None:
        pieces = vocabulary.read_text(encoding="utf-8").splitlines()
        self.numbers = {piece: number for number, piece in enumerate(pieces)}

    def encode(self, texts: Sequence[str], length: int) -> Int64[Tensor, "m t"]:
        """Numbers of the pieces, enclosed in [CLS] and [SEP], cut off or padded with 0 to a length."""
        first, last = self.numbers["[CLS]"], self.numbers["[SEP]"]
        rows = [[first, *self._pieces(text)[: length - 2], last] for text in texts]
        return torch.stack([pad(torch.tensor(row), (0, length - len(row))) for row in rows])

    def _pieces(self, text: str) -> list[int]:
        plain = "".join(sign for sign in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(sign))
        apart = "".join(f" {sign} " if _is_punctuation(sign) else sign for sign in plain)
        return [number for word in apart.split() for number in self._cut(word)]

    def _cut(self, word: str) -> list[int]:
        numbers, start = [], 0
        while start < len(word):
            prefix = "##" if start else ""
            ends = (end for end in range(len(word), start, -1) if prefix + word[start:end] in self.numbers)
            end = next(ends, None)
            if end is None:
                return [self.numbers["[UNK]"]]
            numbers.append(self.numbers[prefix + word[start:end]])
            start = end
        return numbers


def _is_punctuation(sign: str) -> bool:
    """As BERT has it: all signs of ASCII that are no letters, and what Unicode calls punctuation."""
    return unicodedata.category(sign)[0] == "P" or (sign.isascii() and sign.isprintable() and not sign.isalnum())
