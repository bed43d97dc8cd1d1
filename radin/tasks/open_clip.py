"""CLIP models of open_clip as tasks: fine-tuned classifiers, and whole CLIPs with a zero-shot head."""

from __future__ import annotations

import os
from collections.abc import Sequence
from copy import deepcopy
from functools import cache, partial
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import nn

from radin.errors import InputError
from radin.files import digest_of, file_digest
from radin.tasks.clip import Architecture, Tokenizer, import_open_clip
from radin.tasks.images import ImageFolder
from radin.tasks.prompts import read_classnames, read_lines, read_templates
from radin.tasks.task import Task

#: `checkpoint`: the head is a layer of the fine-tuned classifier. `zero-shot`: the checkpoint is a whole CLIP.
Head = Literal["checkpoint", "zero-shot"]

#: What a fine-tuned classifier keeps of CLIP beside its head: all but the text transformer, as the repository
#: model-soups saves it; the image tower alone; or everything.
Layout = Literal["model-soups", "image", "whole"]

#: Prompts that go through the text tower together, rounded down to whole classes.
PROMPTS_AT_ONCE = 256


def classification(
    arch: str,
    data: str | os.PathLike[str],
    test: str | os.PathLike[str] | None = None,
    *,
    head: Head = "checkpoint",
    layout: Layout | None = None,
    normalize: bool | None = None,
    classes: str | None = None,
    classnames: str | None = None,
    templates: str | None = None,
    pretrained: str | None = None,
    quickgelu: bool | None = None,
    image_size: int | None = None,
    metric: str = "accuracy",
    workers: int = 0,
) -> Task:
    """Image classification with a CLIP of open_clip: `--task open_clip` on the command line.

    Arguments:
        arch: an architecture that open_clip knows by name, a config file, or a folder with an `open_clip_config.json`.
        data: a folder that holds a folder of images for each class.
        test: another one, which selects nothing.
        head: `checkpoint` for fine-tuned classifiers, with keys `model.*` and `classification_head.*`; `zero-shot` for
            state dicts of whole CLIPs, whose head is built from prompts by each checkpoint's own text tower.
        layout: what the classifiers keep of CLIP beside the head: `model-soups`, all but the text transformer (the
            default, as that repository saves them), `image` or `whole`. Only with `head="checkpoint"`.
        normalize: whether the classifiers' head sees features of length 1, as in model-soups (the default). Only with
            `head="checkpoint"`; zero-shot features always have length 1.
        classes: a file with the names of the class folders, one a line, in the order of the head's outputs. By default
            the folders in `data`, sorted by name, are all there are.
        classnames: what prompts call the classes, in that same order: a file with one a line, or `imagenet`. By
            default the folders' names, underscores read as blanks. Only with `head="zero-shot"`.
        templates: prompt templates: `photo` (the default), `cifar`, `imagenet`, `imagenet-simple`, or a file with one
            a line, `{}` standing for the class. Only with `head="zero-shot"`.
        pretrained: tag of the weights that fine-tuning started from, which says how images are prepared (mean, standard
            deviation, interpolation). Nothing is downloaded. By default the config's own, or open_clip's usual ones.
        quickgelu: whether the network has OpenAI's approximation of GELU. By default as the config says.
        image_size: of square images in pixels, where the checkpoints were fine-tuned at another than the config's.
        metric: see `Task`.
        workers: processes that load images.

    Returns:
        the task. The keys of its network are exactly those of the checkpoints.

    Raises:
        InputError: unknown names, options that do not go together, a wrong number of class names.
        MissingFileError: a folder or file that is not there.
        DataError: a folder without images, or with a class that is not among the classes.
        TaskError: open_clip cannot be imported.
    """
    _refuse(head, "zero-shot", classnames=classnames, templates=templates)
    _refuse(head, "checkpoint", layout=layout, normalize=normalize)
    architecture = Architecture.read(arch, pretrained=pretrained, quickgelu=quickgelu, image_size=image_size)
    transform = architecture.transform()
    listed = read_lines(classes, "class folders") if classes else None
    selection = ImageFolder(data, transform, classes=listed)
    names = selection.classes
    settings: dict[str, Any] = {"metric": metric, "workers": workers}
    if head == "zero-shot":
        prompts = _classnames(classnames, names), read_templates(templates or "photo")
        tokenizer = _remembered(architecture.tokenizer())
        settings["build_model"] = partial(_zero_shot_network, architecture, len(names))
        settings["prepare"] = partial(_set_head, tokenizer, *prompts)
        settings["forward"] = zero_shot_logits
        kind: list[Any] = [head, *prompts]
    else:
        built = layout or "model-soups", normalize is not False
        settings["build_model"] = partial(_classifier, architecture, len(names), *built)
        kind = [head, *built]
    return Task(
        data=selection,
        test=ImageFolder(test, transform, classes=names) if test is not None else None,
        source=_digest(architecture, names, kind),
        **settings,
    )


class Classifier(nn.Module):
    """A CLIP image tower and a linear head, with the keys of the repository model-soups (Wortsman et al. 2022).

    Arguments:
        model: a CLIP of open_clip. It becomes a part of the classifier and loses what `layout` leaves out.
        n_features: length of an image's features: `embed_dim` of the model's config.
        n_classes: outputs of the head.
        layout: what is kept of CLIP: all but the text transformer (`model-soups`; a text tower that is a module of its
            own, as in SigLIP, is kept, as that repository would), the `image` tower alone, or the `whole`.
        normalize: whether the head sees features of length 1.
    """

    def __init__(
        self,
        model: nn.Module,
        n_features: int,
        n_classes: int,
        *,
        layout: Layout = "model-soups",
        normalize: bool = True,
    ) -> None:
        super().__init__()
        self.normalize = normalize
        self.model = model
        self.classification_head = nn.Linear(n_features, n_classes)
        if layout == "model-soups" and hasattr(model, "transformer"):
            del model.transformer
        if layout == "image":
            left_out = [name for name, _ in model.named_children() if name != "visual"]
            for name in [*left_out, *(name for name, _ in model.named_parameters(recurse=False))]:
                delattr(model, name)

    def forward(self, images: Float[torch.Tensor, "b 3 h w"]) -> Float[torch.Tensor, "b C"]:
        """Logits of a batch of images."""
        model: Any = self.model
        logits: torch.Tensor = self.classification_head(model.encode_image(images, normalize=self.normalize))
        return logits


def zero_shot_classifier(
    model: nn.Module,
    tokenizer: Tokenizer,
    classnames: Sequence[str],
    templates: Sequence[str],
    *,
    layout: Layout = "model-soups",
) -> Classifier:
    """A classifier to fine-tune from, whose head starts as the zero-shot one (Wortsman et al. 2022).

    Before any training it gives the logits of CLIP's zero-shot classification: the head's weights are the class
    embeddings, scaled by the model's logit scale, its bias is zero, and features have length 1.

    Arguments:
        model: a CLIP of open_clip, with its text tower. It is copied, so several fine-tunings can start from one.
        tokenizer: what `open_clip.get_tokenizer` gives for it.
        classnames: as prompts call the classes, in label order.
        templates: prompt templates with `{}` for the class, see `radin.tasks.prompts.read_templates`.
        layout: what of CLIP is kept beside the head, and so saved with every checkpoint.

    Returns:
        the classifier, all of it trainable; its `state_dict()` is what `--task open_clip` reads.
    """
    embeddings = class_embeddings(model, tokenizer, classnames, templates)
    classifier = Classifier(deepcopy(model), *embeddings.shape, layout=layout)
    clip: Any = model
    with torch.no_grad():
        classifier.classification_head.to(embeddings.device)
        classifier.classification_head.weight.copy_(clip.logit_scale.exp() * embeddings.T)
        classifier.classification_head.bias.zero_()
    return classifier


def class_embeddings(
    model: nn.Module, tokenizer: Tokenizer, classnames: Sequence[str], templates: Sequence[str]
) -> Float[torch.Tensor, "d C"]:
    """The zero-shot head: for each class the mean of its prompts' embeddings of length 1, scaled to length 1."""
    head: torch.Tensor = import_open_clip().build_zero_shot_classifier(
        model,
        tokenizer,
        classnames,
        templates,
        num_classes_per_batch=max(1, PROMPTS_AT_ONCE // len(templates)),
        device=next(model.parameters()).device,
    )
    return head


def zero_shot_logits(model: nn.Module, images: Float[torch.Tensor, "b 3 h w"]) -> Float[torch.Tensor, "b C"]:
    """Scaled cosines between images and classes. SigLIP's bias, one number for all classes, is left out."""
    clip: Any = model
    logits: torch.Tensor = clip.logit_scale.exp() * clip.encode_image(images, normalize=True) @ clip.class_embeddings
    return logits


def _classifier(architecture: Architecture, n_classes: int, layout: Layout, normalize: bool) -> Classifier:
    features = architecture.config["embed_dim"]
    return Classifier(architecture.build(), features, n_classes, layout=layout, normalize=normalize)


def _zero_shot_network(architecture: Architecture, n_classes: int) -> nn.Module:
    model = architecture.build()
    # Not persistent: the head follows from the weights, and the network is to have the checkpoint's keys alone.
    empty = torch.zeros(architecture.config["embed_dim"], n_classes)
    model.register_buffer("class_embeddings", empty, persistent=False)
    return model


def _set_head(tokenizer: Tokenizer, classnames: Sequence[str], templates: Sequence[str], model: Any) -> None:
    model.class_embeddings.copy_(class_embeddings(model, tokenizer, classnames, templates))


def _remembered(tokenizer: Tokenizer) -> Tokenizer:
    """Tokenises each batch of prompts once, not once for every network: it takes longer than a small text tower."""
    tokens = cache(lambda prompts: tokenizer(list(prompts)))
    return lambda prompts: tokens(tuple(prompts))


def _classnames(source: str | None, folders: Sequence[str]) -> tuple[str, ...]:
    if source is None:
        return tuple(name.replace("_", " ") for name in folders)
    names = read_classnames(source)
    if len(names) != len(folders):
        raise InputError(
            f"classnames={source} has {len(names)} names, but there are {len(folders)} classes. Give one name for each "
            "class folder, in sorted order; where the data lack some classes, list all class folders with classes=FILE"
        )
    return names


def _refuse(head: Head, needed: Head, **options: Any) -> None:
    given = [name for name, value in options.items() if value is not None]
    if head != needed and given:
        raise InputError(f"{given[0]}={options[given[0]]!r} goes with head={needed}, but head is {head!r}")


def _digest(architecture: Architecture, classes: Sequence[str], kind: list[Any]) -> str:
    """What the logits depend on beside weights and images: the architecture, classes and prompts, and the code."""
    code = [file_digest(__file__), import_open_clip().__version__]
    return digest_of(code, architecture.config, architecture.preprocess, classes, kind)
