"""Texts for language models: in pieces, each token of which is guessed from those before it, or from all others.

A causal model guesses each token from those before. A masked model guesses tokens that are hidden: as in training with
`DataCollatorForLanguageModeling` 15 % of them are drawn, and of these 80 % become the mask, 10 % a random token, and
10 % stay. Here they are drawn once, by the text alone, so that all models guess the same tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64

from radin.errors import DataError, InputError
from radin.tasks.hugging_face.answers import IGNORED
from radin.tasks.hugging_face.encoding import MASK, EncodedTexts

#: Tokens of a piece where nothing else is asked for, as in transformers' `run_clm.py`.
PIECE = 1024

#: Share of tokens that a masked model guesses, and of these the shares that become the mask, or any token.
GUESSED, HIDDEN, STRANGE = 0.15, 0.8, 0.1

#: Draws them.
SEED = 0

#: Logits of a batch at most; chosen by hand: they are in memory three times while a batch is put together.
LOGITS = 2**26


def language_texts(
    texts: Sequence[str], tokenizer: Any, *, masked: bool, max_length: int, padding: int
) -> EncodedTexts:
    """Texts in pieces, with the tokens to guess as labels; longer texts go on in further pieces, of one group.

    Arguments:
        texts: of the data.
        tokenizer: of transformers.
        masked: whether tokens are hidden, or each is guessed from those before.
        max_length: tokens of a piece at most.
        padding: the token that fills up.

    Raises:
        DataError: not one token can be guessed.
        InputError: a masked model whose tokenizer has no mask.
    """
    pieces, owners, special = _pieces(texts, tokenizer, max_length)
    if masked:
        if tokenizer.mask_token_id is None:
            raise InputError(f"{type(tokenizer).__name__} has no mask token, so a masked model cannot be scored by it")
        shown, guessed = _hidden(pieces, special, tokenizer.mask_token_id, len(tokenizer))
    else:
        shown, guessed = pieces, [[*one[1:], IGNORED] for one in pieces]
    labels = _filled(guessed, max(map(len, pieces)))
    if (labels == IGNORED).all():
        raise DataError("the texts hold no token to guess: each is of one token, or empty")
    encoded = {"input_ids": shown, MASK: [[1] * len(one) for one in shown]}
    groups = owners if len({*owners}) < len(owners) else None
    return EncodedTexts(encoded, labels, padding=padding, groups=groups)


def batch_size(length: int, vocabulary: int) -> int:
    """Pieces of a batch, so that its logits stay within `LOGITS`."""
    return max(1, LOGITS // (length * vocabulary))


def _pieces(texts: Sequence[str], tokenizer: Any, most: int) -> tuple[list[list[int]], list[int], list[list[int]]]:
    """Tokens of each piece, the place of its text, and for each token whether it is none of the text's own."""
    found = tokenizer(list(texts), return_special_tokens_mask=True, verbose=False)
    pieces, owners, special = [], [], []
    for i, (tokens, marks) in enumerate(zip(found["input_ids"], found["special_tokens_mask"], strict=True)):
        for start in range(0, len(tokens), most):
            pieces.append(tokens[start : start + most])
            special.append(marks[start : start + most])
            owners.append(i)
    if not pieces:
        raise DataError("the texts hold no token to guess: all are empty")
    return pieces, owners, special


def _hidden(
    pieces: Sequence[list[int]], special: Sequence[list[int]], mask: int, vocabulary: int
) -> tuple[list[list[int]], list[list[int]]]:
    """Pieces with some tokens hidden, and these tokens as labels; at least one of each piece that has any."""
    shown, guessed = [], []
    for tokens, marks in zip(pieces, special, strict=True):
        ids, own = np.array(tokens), np.flatnonzero(np.array(marks) == 0)
        draw = np.random.default_rng((SEED, len(tokens), *tokens))
        chosen = draw.permutation(own)[: max(1, round(GUESSED * len(own)))] if len(own) else own
        labels = np.full(len(tokens), IGNORED, dtype=np.int64)
        labels[chosen] = ids[chosen]
        fate = draw.random(len(chosen))
        ids[chosen[fate < HIDDEN]] = mask
        strange = chosen[(fate >= HIDDEN) & (fate < HIDDEN + STRANGE)]
        ids[strange] = draw.integers(vocabulary, size=len(strange))
        shown.append(ids.tolist())
        guessed.append(labels.tolist())
    return shown, guessed


def _filled(rows: Sequence[Sequence[int]], length: int) -> Int64[np.ndarray, "m t"]:
    """Labels of pieces, those behind the end not counted."""
    made = np.full((len(rows), length), IGNORED, dtype=np.int64)
    for i, row in enumerate(rows):
        made[i, : len(row)] = row
    return made
