"""The pool *sections*: a small transformer that names the section of a Debian package, fine-tuned 16 times.

The texts are the one-line descriptions of packages, one from each source package, the classes the 20 largest sections
of the archive. The network is trained from random weights, so nothing but the texts is needed.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import pad

from benchmarks import zoos
from benchmarks.zoos import debian
from benchmarks.zoos.bert import Encoder
from radin.common.progress import SILENT, Progress
from radin.demo.sweep import Ranges, Sweep, train_pool
from radin.demo.training import Settings
from radin.errors import DataError
from radin.tasks import Task

#: The classes, in label order: the largest sections of Debian 12, by their number of source packages.
SECTIONS = (
    "admin",
    "devel",
    "doc",
    "games",
    "gnu-r",
    "golang",
    "haskell",
    "java",
    "javascript",
    "libdevel",
    "libs",
    "net",
    "perl",
    "python",
    "ruby",
    "rust",
    "science",
    "sound",
    "utils",
    "x11",
)

#: Descriptions of one section at most, so that no class is more than four times as large as another.
MOST = 2_000

#: Texts that select, and that report; the rest train.
SELECTION, TEST = 5_000, 11_000

#: Words that the network tells apart: 0 is padding, 1 any other word, the rest are the most frequent in training.
VOCABULARY = 4_000

#: Words of a text; what is longer is cut off. 12 hold nine of ten descriptions whole.
WORDS = 12


class Classifier(nn.Module):
    """Embeddings, one transformer layer, the mean over a text's words, and a linear head: 218 k parameters."""

    def __init__(self, width: int = 48, heads: int = 4, hidden: int = 96, layers: int = 1) -> None:
        super().__init__()
        self.encoder = Encoder(VOCABULARY, WORDS, width, heads, hidden, layers)
        self.head = nn.Linear(width, len(SECTIONS))

    def forward(self, words: Int64[Tensor, "b t"]) -> Float[Tensor, "b C"]:
        """Logits from the numbers of words; 0 is padding."""
        there = (words != 0)[..., None]
        seen = self.encoder(words)
        logits: Tensor = self.head((seen * there).sum(1) / there.sum(1))
        return logits


SWEEP = Sweep(
    name="sections",
    build_network=Classifier,
    pretraining=Settings(learning_rate=3e-3, weight_decay=1e-2, epochs=5, part=0.6),
    ranges=Ranges(
        learning_rate=(3e-4, 5e-3),
        weight_decay=(1e-4, 1e-1),
        epochs=(1, 2, 4),
        part=(0.3, 0.6),
        final_rate=(0.0, 0.1, 0.3),
        label_smoothing=(0.0, 0.05, 0.1),
    ),
    batch_size=32,
    classes=SECTIONS,
)


@dataclass(frozen=True)
class Texts:
    """Labelled texts as numbers of words: `int64[m, t]` and `int64[m]`."""

    words: Int64[np.ndarray, "m t"]
    labels: Int64[np.ndarray, " m"]

    def fingerprint(self) -> str:
        """A fingerprint of words and labels."""
        return hashlib.sha256(self.words.tobytes() + self.labels.tobytes()).hexdigest()[:16]

    def batch(
        self, rows: Int64[np.ndarray, " b"], settings: Settings, rng: np.random.Generator
    ) -> Int64[Tensor, "b t"]:
        """Some texts; none of the augmentations of images applies to them."""
        return torch.from_numpy(self.words[rows])

    def tensors(self) -> tuple[Int64[Tensor, "m t"], Int64[Tensor, " m"]]:
        """Words and labels, as a task takes them."""
        return torch.from_numpy(self.words), torch.from_numpy(self.labels)


def select(known: str) -> list[tuple[str, str]]:
    """Sections and descriptions, in random order; one of each source package, since those of one source are much alike.

    Arguments:
        known: paragraphs of `apt-cache dumpavail`.

    Raises:
        DataError: a section has no package; most often apt's lists are empty.
    """
    first: dict[str, tuple[str, str]] = {}
    for source, section, text in debian.packages(known):
        first.setdefault(source, (section, text))
    texts = {text: section for section, text in sorted(first.values())}  # the last section of equal descriptions
    rng = np.random.default_rng(0)
    chosen: list[tuple[str, str]] = []
    for section in SECTIONS:
        ordered = [text for text, of in texts.items() if of == section]
        if not ordered:
            raise DataError(f"apt knows no package in the section {section!r}; run `apt-get update` first")
        chosen += [(section, ordered[i]) for i in rng.permutation(len(ordered))[:MOST]]
    return [chosen[i] for i in rng.permutation(len(chosen))]


def words_of(text: str) -> list[str]:
    """Lower-case words and numbers of a text, `c++` and `c#` among them."""
    return re.findall(r"[a-z0-9+#]+", text.lower())


def numbered(texts: Sequence[str], vocabulary: Iterable[str]) -> Int64[np.ndarray, "m t"]:
    """Numbers of each text's words, cut off or padded with 0; an empty text is one unknown word."""
    numbers = {word: number for number, word in enumerate(vocabulary, 2)}
    rows = [torch.tensor([numbers.get(word, 1) for word in words_of(text)[:WORDS]] or [1]) for text in texts]
    return np.stack([pad(row, (0, WORDS - len(row))).numpy() for row in rows])


def parts(path: Path) -> tuple[Texts, Texts, Texts]:
    """The texts that train, that select and that report; the vocabulary is that of the training texts.

    Raises:
        MissingFileError, DataError: see `benchmarks.zoos.debian.kept`; or too few texts are left to train on.
    """
    found = debian.kept(path, SECTIONS, select)
    if len(found) <= TEST + SELECTION:
        raise DataError(f"{path} holds {len(found)} descriptions, expected more than {TEST + SELECTION}")
    texts, labels = [text for _, text in found], np.array([SECTIONS.index(section) for section, _ in found])
    counts = Counter(word for text in texts[TEST + SELECTION :] for word in words_of(text))
    vocabulary = sorted(counts, key=lambda word: (-counts[word], word))[: VOCABULARY - 2]
    words = numbered(texts, vocabulary)
    ends = [0, TEST, TEST + SELECTION, len(labels)]
    reporting, selecting, training = (Texts(words[a:b], labels[a:b]) for a, b in pairwise(ends))
    return training, selecting, reporting


def build(
    out: Path, n: int = 16, *, sweep: Sweep = SWEEP, seed: int = 0, jobs: int = 2, progress: Progress = SILENT
) -> list[Path]:
    """Trains the pool, or what is missing of it.

    The descriptions are kept in `data/sections.tsv`: those of the archive change from month to month.

    Arguments:
        out: where `run-00.safetensors` and on go.
        n: fine-tunings.
        sweep: what is trained.
        seed: of everything that is random.
        jobs: fine-tunings at a time, one thread each.
        progress: is told of epochs.

    Raises:
        MissingFileError, DataError: there are no descriptions, or too few.
    """
    training = parts(out / "data" / "sections.tsv")[0]
    return train_pool(sweep, out, training, n, seed=seed, jobs=jobs, progress=progress)


def task(metric: str = "accuracy", folder: str | Path | None = None) -> Task:
    """The task of the pool: texts that trained nothing; 5 000 select, 11 000 report.

    Arguments:
        metric: what is selected for.
        folder: of the pool, in which the texts lie; where `build` puts it by default.
    """
    kept = Path(folder) if folder else zoos.get("sections").folder()
    _, select, report = parts(kept / "data" / "sections.tsv")
    return Task(Classifier, select.tensors(), metric=metric, test=report.tensors())
