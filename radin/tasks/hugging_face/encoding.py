"""Texts as a tokenizer encodes them, and the running of networks on texts and sounds in batches of like length."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from radin.common.files import fingerprint_of

#: Share of tokens in a forward pass that may be padding; chosen by hand: smaller batches cost more than some padding.
PADDING = 0.15

#: Samples that are run together whatever their lengths.
LEAST = 8

#: What stands for padding in each input beside the tokens themselves.
FILLING = {"attention_mask": 0, "token_type_ids": 0}

MASK = "attention_mask"


class EncodedTexts(Dataset[Any]):
    """Encoded texts with labels; every sample has the length of the longest one, so that batches are one tensor.

    Arguments:
        encoded: `{input: one sequence of numbers for each text}`, with an `attention_mask`.
        labels: one entry for each sample.
        padding: the token that fills up.
        left: whether it does so in front.
        choices: of each sample the number of its texts, which follow one another; None where each has one.
        groups: for each sample the text that it is a piece of; None where each is one of its own.
    """

    def __init__(
        self,
        encoded: Mapping[str, Sequence[Sequence[int]]],
        labels: np.ndarray,
        *,
        padding: int,
        left: bool = False,
        choices: Sequence[int] | None = None,
        groups: Sequence[int] | None = None,
    ) -> None:
        self.labels, self.groups = labels, groups
        self.left = left
        self._filling = {name: FILLING.get(name, padding) for name in encoded}
        self._flat = {
            name: np.concatenate([np.asarray(one, dtype=np.int32) for one in texts]) for name, texts in encoded.items()
        }
        self._ends = np.cumsum([len(one) for one in encoded[MASK]])
        self.length = int(np.diff(self._ends, prepend=0).max())
        self._texts = None if choices is None else np.cumsum(choices)
        self._most = 0 if choices is None else max(choices)

    def fingerprint(self) -> str:
        """Fingerprint of all encoded texts and their labels."""
        parts = {name: hashlib.sha256(flat.tobytes()).hexdigest() for name, flat in self._flat.items()}
        known = hashlib.sha256(np.ascontiguousarray(self.labels).tobytes()).hexdigest()
        texts = None if self._texts is None else self._texts.tolist()
        about = [self._filling, self.left, str(self.labels.dtype), list(self.labels.shape), known]
        return fingerprint_of("texts-1", parts, self._ends.tolist(), texts, *about)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[dict[str, torch.Tensor], Any]:
        if self._texts is None:
            return self._text(index), self.labels[index]
        last = int(self._texts[index])
        first = int(self._texts[index - 1]) if index else 0
        rows = [self._text(i) for i in range(first, last)]
        made = {}
        for name, filling in self._filling.items():
            whole = torch.full((self._most, self.length), filling, dtype=torch.int64)
            for place, row in enumerate(rows):
                whole[place] = row[name]
            made[name] = whole
        return made, self.labels[index]

    def _text(self, index: int) -> dict[str, torch.Tensor]:
        start, stop = int(self._ends[index - 1]) if index else 0, int(self._ends[index])
        made = {}
        for name, flat in self._flat.items():
            whole = np.full(self.length, self._filling[name], dtype=np.int64)
            place = slice(self.length - (stop - start), None) if self.left else slice(stop - start)
            whole[place] = flat[start:stop]
            made[name] = torch.from_numpy(whole)
        return made


Run = Callable[[nn.Module, dict[str, torch.Tensor]], torch.Tensor]


class ByLength:
    """Runs a network on a batch in parts of like length, without most of the padding.

    The parts depend on the lengths of the batch's samples alone, so the same batch gives the same logits each time.

    Arguments:
        left: whether padding stands in front.
        by_token: whether a network gives logits of each token.
        masked: whether a network is told what is padding; where it is not, samples of one length alone run together.
    """

    def __init__(self, *, left: bool = False, by_token: bool = False, masked: bool = True) -> None:
        self.left, self.by_token, self.masked = left, by_token, masked

    def __call__(self, network: nn.Module, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The logits of a batch, `[b, ...]`; those of padding are 0, and those of absent choices -inf."""
        mask = inputs[MASK]
        lengths = mask.sum(dim=-1).reshape(len(mask), -1)
        longest = lengths.max(dim=1).values.tolist()
        found: list[torch.Tensor] = []
        order: list[int] = []
        for rows in parts_of_like_length(longest) if self.masked else parts_of_like_length(longest, 0.0, 1):
            length = max(1, max(longest[i] for i in rows))
            index = torch.tensor(rows, device=mask.device)
            columns = slice(mask.shape[-1] - length, None) if self.left else slice(length)
            taken = {name: value for name, value in inputs.items() if self.masked or name != MASK}
            part = {name: value.index_select(0, index)[..., columns] for name, value in taken.items()}
            logits: torch.Tensor = network(**part).logits
            if self.by_token:
                logits = self._widened(logits, mask.shape[-1])
            found.append(logits)
            order += rows
        joined = torch.cat(found)
        made = torch.empty_like(joined)
        made[torch.tensor(order, device=joined.device)] = joined
        return made.masked_fill(lengths == 0, -torch.inf) if mask.ndim == 3 else made

    def _widened(self, logits: torch.Tensor, length: int) -> torch.Tensor:
        missing = length - logits.shape[1]
        return nn.functional.pad(logits, (0, 0, missing, 0) if self.left else (0, 0, 0, missing))


def parts_of_like_length(lengths: Sequence[int], padding: float = PADDING, least: int = LEAST) -> list[list[int]]:
    """Places of samples, the longest first, in parts of which a share of at most `padding` is filled up.

    Parts of up to `least` samples may have more of it.
    """
    parts: list[list[int]] = []
    tokens = 0
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if parts:
            padded = (len(parts[-1]) + 1) * lengths[parts[-1][0]]
            if len(parts[-1]) < least or padded - tokens - lengths[i] <= padding * padded:
                parts[-1].append(i)
                tokens += lengths[i]
                continue
        parts.append([i])
        tokens = lengths[i]
    return parts
