"""Banks of tokens from files of logits over a whole vocabulary.

Such files are read a few rows at a time, of all models together. Of each position are kept the label's logit, those of
`k` other tokens, and the logarithm of the sum over all the rest, as `radin.scoring.kinds.tokens` has it. No soup can be
run here, so the reference that chooses the k tokens is the average of the given logits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64, Shaped

from radin.common.wording import shown_shape
from radin.errors import DataError
from radin.scoring.kinds import Asked, Tokens
from radin.scoring.logit_bank import LogitBank
from radin.scoring.stored_outputs import OnProbabilities, are_probabilities, logarithms, numbers
from radin.scoring.stored_rows import StoredRows

#: Logits of all models that are held at once: 32 MiB of float32.
VALUES = 1 << 23


def bank_of_vocabulary(
    models: Mapping[str, StoredRows],
    labels: Shaped[np.ndarray, ...],
    alternatives: int | None = None,
    *,
    probabilities: OnProbabilities = "refuse",
) -> LogitBank:
    """A bank of tokens from logits of the whole vocabulary.

    Arguments:
        models: for each its logits `[m, ..., V]`, one row for each label.
        labels: the token of each position, `int[m, ...]`, and −100 where none counts. In `[m]` each is a sample of its
            own; in `[m, P]` the P positions of a sample are its group.
        alternatives: tokens that are kept of a position beside the label's, 64 by default.
        probabilities: see `LogitBank.from_arrays`; they cannot be averaged as they are.

    Raises:
        DataError: no labels, shapes that differ, labels beyond the vocabulary, probabilities, or logits that are not
            finite.
    """
    raw = numbers(np.asarray(labels))
    if not raw.size:
        raise DataError("expected at least one labelled sample, got no data")
    raw = raw.reshape(len(raw), -1)
    kind = Asked(Tokens.name, alternatives=alternatives).kind([raw], "labels")
    assert isinstance(kind, Tokens)
    samples = np.arange(len(raw))
    kept = kind.keep(raw, "labels", samples)
    vocabulary = _checked(models, labels.shape, raw)
    reading = _Reading(models, raw.reshape(-1), kind, min(kind.alternatives, vocabulary - 1), probabilities)
    found = reading.reduced(max(1, VALUES // (len(models) * vocabulary)))
    places = kind.places(raw, samples)
    arrays = [_kept_places(one.reshape(*raw.shape, -1), places) for one in found]
    return LogitBank.from_arrays(arrays, kept, list(models), outputs=Tokens.name)


def _checked(
    models: Mapping[str, StoredRows], shape: tuple[int, ...], raw: Int64[np.ndarray, "m p"] | np.ndarray
) -> int:
    """The size of the vocabulary.

    Raises:
        DataError: logits of another shape than the labels, or than those of the first model; or a label beyond them.
    """
    if not models:
        raise DataError("a logit bank needs the logits of at least one ingredient, got none")
    (first, logits), *_ = models.items()
    if not logits.shape:
        raise DataError(f"{first}: expected logits, a row over the vocabulary for each label, got a single number")
    vocabulary = logits.shape[-1]
    for name, one in models.items():
        if one.shape != (*shape, vocabulary):
            raise DataError(
                f"{name}: expected logits of shape {shown_shape((*shape, vocabulary))}, a row over the vocabulary for "
                f"each label, got {shown_shape(one.shape)}"
            )
    if raw.max() >= vocabulary:
        sample = int(raw.max(axis=1).argmax())
        raise DataError(
            f"label {raw.max()} of sample {sample} is out of range: there are logits of {vocabulary} tokens, so labels "
            f"must be between 0 and {vocabulary - 1}. Logits of the whole vocabulary are expected here, and of what "
            "radin keeps of them the folder of the run"
        )
    return int(vocabulary)


@dataclass(frozen=True)
class _Reading:
    """Logits of all models that are read together.

    Attributes:
        models: for each its rows.
        labels: of the rows.
        kind: of the outputs.
        k: tokens that are kept beside the label.
        probabilities: what to do with them.
    """

    models: Mapping[str, StoredRows]
    labels: Int64[np.ndarray, " r"]
    kind: Tokens
    k: int
    probabilities: OnProbabilities

    def reduced(self, step: int) -> list[Float32[np.ndarray, "r c"]]:
        """What is kept of each row, by model; 0 in rows that do not count.

        Arguments:
            step: rows that are read at once.
        """
        import torch

        counts = self.labels != self.kind.ignored
        found = [np.zeros((len(self.labels), self.k + 2), dtype=np.float32) for _ in self.models]
        taken: set[str] | None = None
        for start in range(0, len(self.labels), step):
            rows = start + np.flatnonzero(counts[start : start + step])
            if not len(rows):
                continue
            blocks = {
                name: one.rows(start, min(start + step, len(self.labels)))[rows - start]
                for name, one in self.models.items()
            }
            taken = self._probabilities(blocks) if taken is None else taken
            logits = [
                torch.from_numpy((logarithms(one) if name in taken else one).astype(np.float32))
                for name, one in blocks.items()
            ]
            own = torch.from_numpy(self.labels[rows].astype(np.int64))[:, None]
            reference = logits[0] / len(logits)
            for one in logits[1:]:
                reference += one / len(logits)
            others = self.kind.choosing.reduced(reference, own, None, self.k).nan_to_num().long()
            for place, one in enumerate(logits):
                found[place][rows] = self.kind.reduced(one, own, others, self.k).numpy()
        return found

    def _probabilities(self, blocks: Mapping[str, np.ndarray]) -> set[str]:
        """The models that give probabilities, of which logarithms are taken.

        Raises:
            DataError: they are not wanted.
        """
        found = [name for name, one in blocks.items() if np.isfinite(one).all() and are_probabilities(one)]
        if found and self.probabilities != "log":
            raise DataError(
                f"{found[0]}: expected logits, got what look like probabilities (rows in [0, 1] that sum to 1), whose "
                "averages and losses mean something else; give the logits, or the logarithms of the probabilities."
            ).mended_by(probabilities="log")
        return set(found)


def _kept_places(
    rows: Float32[np.ndarray, "m p c"], places: Int64[np.ndarray, "m width"]
) -> Float32[np.ndarray, "m width c"]:
    """The positions that are taken of each sample; 0 where there is none."""
    taken = np.take_along_axis(rows, np.maximum(places, 0)[:, :, None], axis=1)
    return np.where(places[:, :, None] < 0, np.float32(0), taken)
