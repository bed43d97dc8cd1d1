"""Images as the processor of a model's folder prepares them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from radin.errors import InputError
from radin.tasks.hugging_face.library import open_processor
from radin.tasks.images import class_folders

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Preparation:
    """Turns one image into the pixels that a network takes.

    Arguments:
        about: the processor's settings, as text; it tells one preparation from another.
        processor: of transformers.
    """

    about: str
    processor: Any = field(repr=False, compare=False)

    @classmethod
    def of(cls, model: str | os.PathLike[str], *, trust_remote_code: bool) -> Preparation:
        """That of a model's folder.

        Raises:
            InputError: the folder has none.
        """
        how = {"trust_remote_code": trust_remote_code}
        processor, about = open_processor("AutoImageProcessor", "image processor", model, **how)
        return cls(about, processor)

    def __call__(self, image: Image) -> torch.Tensor:
        """The pixels, `[3, h, w]`."""
        pixels: torch.Tensor = self.processor(images=image, return_tensors="pt")["pixel_values"][0]
        return pixels


def class_folders_of(data: str | os.PathLike[str], config: Any) -> Sequence[str] | None:
    """The class folders in the order of a head's outputs, where the model's classes are called as the folders.

    Arguments:
        data: a folder with one folder for each class, or another kind of data, which brings an order of its own.
        config: of the model: `id2label` and `num_labels`.

    Raises:
        InputError: folders of other names, and of another number than the model's classes.
    """
    place = Path(data).expanduser()
    if not place.is_dir():
        return None
    folders = class_folders(place)
    names = [str(config.id2label[i]) for i in range(config.num_labels)]
    if set(folders) <= set(names):
        return names
    if len(folders) != len(names):
        raise InputError(
            f"{place} holds {len(folders)} folders ({', '.join(folders[:4])}, ...), but the model has {len(names)} "
            f"classes ({', '.join(names[:4])}, ...). Call the folders as the model calls its classes."
        )
    return None
