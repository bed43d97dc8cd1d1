"""A small CLIP that is trained on scikit-learn's digits in seconds, and fine-tunings of it, for tests."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import radin
from radin.tasks.clip import Architecture
from radin.tasks.open_clip import classification, zero_shot_classifier

try:
    import open_clip
except Exception as error:  # a torchvision made for another torch raises RuntimeError
    pytest.skip(f"open_clip cannot be imported: {error}", allow_module_level=True)

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NAMES = tuple(f"digit {word}" for word in sorted(DIGITS))  # in label order: that of the folders digit_eight, ...
TEMPLATE = "a photo of a {}."
CONFIG: dict[str, Any] = {
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2},
}


@dataclass
class Lab:
    """Images in folders, the small CLIP, and its fine-tunings of both kinds."""

    arch: Path
    data: Path
    test: Path
    clip: torch.nn.Module
    tokenizer: Any
    classifiers: list[Path]
    clips: list[Path]

    def task(self, **options: Any) -> radin.Task:
        return replace(classification(str(self.arch), self.data, **options), device="cpu")


def make_lab(root: Path) -> Lab:
    """Draws the images and trains everything."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    for part, rows in {"train": slice(0, 500), "data": slice(500, 620), "test": slice(620, 680)}.items():
        for i, (pixels, label) in enumerate(zip(digits.images[rows], digits.target[rows], strict=True)):
            folder = root / part / f"digit_{DIGITS[label]}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray((pixels * 15.9).astype(np.uint8)).save(folder / f"{i:03}.png")
    arch = root / "tiny.json"
    arch.write_text(json.dumps(CONFIG))
    torch.manual_seed(0)
    architecture = Architecture.read(arch)
    made = Lab(arch, root / "data", root / "test", architecture.build(), architecture.tokenizer(), [], [])
    images, labels = read_folder(root / "train", architecture.transform())
    tokens = made.tokenizer([TEMPLATE.format(name) for name in NAMES])
    train(made.clip, lambda model, x: model.get_logits(x, tokens)[0], images, labels, steps=160, lr=1e-3, seed=0)
    for seed, lr in enumerate([3e-4, 5e-4, 8e-4]):
        classifier = zero_shot_classifier(made.clip, made.tokenizer, NAMES, [TEMPLATE])
        train(classifier, lambda model, x: model(x), images, labels, steps=20, lr=lr, seed=seed)
        made.classifiers.append(root / f"classifier{seed}.pt")
        torch.save(classifier.state_dict(), made.classifiers[-1])
        clip = architecture.build()
        clip.load_state_dict(made.clip.state_dict())
        train(clip, lambda model, x: model.get_logits(x, tokens)[0], images, labels, steps=20, lr=lr, seed=seed)
        made.clips.append(root / f"clip{seed}.safetensors")
        save_file(clip.state_dict(), made.clips[-1])
    return made


def train(
    model: torch.nn.Module,
    logits: Callable[..., Any],
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    steps: int,
    lr: float,
    seed: int,
) -> None:
    """A few steps of AdamW on random batches."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    for _ in range(steps):
        rows = torch.randint(len(y), (64,), generator=generator)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits(model, x[rows]), y[rows]).backward()
        optimizer.step()
    model.eval()


def read_folder(root: Path, transform: Callable[..., Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels of a folder, read with Pillow alone."""
    folders = sorted(root.iterdir())
    images, labels = [], []
    for label, folder in enumerate(folders):
        for path in sorted(folder.iterdir()):
            images.append(transform(Image.open(path).convert("RGB")))
            labels.append(label)
    return torch.stack(images), torch.tensor(labels)


@contextmanager
def registered(name: str, folder: Path) -> Iterator[None]:
    """Lets open_clip know the small CLIP by a name, and forget it again."""
    factory, file = open_clip.factory, folder / f"{name}.json"
    file.write_text(json.dumps(CONFIG))
    known = list(factory._MODEL_CONFIG_PATHS), dict(factory._MODEL_CONFIGS)
    open_clip.add_model_config(file)
    try:
        yield
    finally:
        factory._MODEL_CONFIG_PATHS, factory._MODEL_CONFIGS = known


def plain_model(folder: Path, config: dict[str, Any] = CONFIG) -> Any:
    """The CLIP of a config, made by open_clip's own factory."""
    folder.mkdir(exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    return open_clip.create_model(f"local-dir:{folder}")


def plain_accuracy(soup: Path, data: Path, head: str, folder: Path, classnames: Sequence[str]) -> float:
    """Accuracy of a saved soup with open_clip and PyTorch alone."""
    images, labels = read_folder(data, open_clip.image_transform(32, is_train=False))
    if head == "zero-shot":
        with registered("small-clip", data.parent), torch.inference_mode():
            model = open_clip.create_model("small-clip", pretrained=str(soup)).eval()
            tokenizer = open_clip.get_tokenizer("small-clip")
            weights = open_clip.build_zero_shot_classifier_legacy(model, tokenizer, classnames, [TEMPLATE])
            logits = model.logit_scale.exp() * model.encode_image(images, normalize=True) @ weights
    else:
        model, state = plain_model(folder).eval(), load_file(soup)
        weight, bias = state.pop("classification_head.weight"), state.pop("classification_head.bias")
        loaded = model.load_state_dict({name.removeprefix("model."): state[name] for name in state}, strict=False)
        assert not loaded.unexpected_keys
        assert all(name.startswith("transformer.") for name in loaded.missing_keys)
        with torch.inference_mode():
            logits = model.encode_image(images, normalize=True) @ weight.T + bias
    return float((logits.argmax(1) == labels).double().mean())
