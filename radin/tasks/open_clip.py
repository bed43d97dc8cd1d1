"""CLIP models of open_clip as tasks: fine-tuned classifiers, and whole CLIPs with a zero-shot head."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import nn

from radin.common.files import fingerprint_of
from radin.errors import IncompatibleError, InputError
from radin.tasks import zero_shot
from radin.tasks.clip import Architecture, Tokenizer, Weights, import_open_clip, keep_image_tower
from radin.tasks.labelled import Corrupt
from radin.tasks.prompts import read_classnames, read_lines, read_templates
from radin.tasks.readers import Sets, open_sets
from radin.tasks.task import Task
from radin.tasks.zero_shot import ZeroShot, class_embeddings

#: Fingerprint of the networks that this module makes: the SHA-256 of its file when first released. It changes only
#: when the logits of a task would.
FINGERPRINT = "375c3dd74df9b695e09be9ab0b5e2e1dbd9a6ac1e80336d4dca20c89487c3080"

#: `checkpoint`: the head is a layer of the fine-tuned classifier. `zero-shot`: it is made from class names.
Head = Literal["checkpoint", "zero-shot"]

#: What checkpoints keep of CLIP: all but the text transformer, as the repository model-soups saves it; the image tower
#: alone; or everything.
Layout = Literal["model-soups", "image", "whole"]


def classification(
    arch: str,
    data: str | os.PathLike[str],
    test: str | Mapping[str, str] | os.PathLike[str] | None = None,
    *,
    head: Head = "checkpoint",
    layout: Layout | None = None,
    normalize: bool | None = None,
    split: str | None = None,
    classes: str | None = None,
    classnames: str | None = None,
    templates: str | None = None,
    pretrained: str | None = None,
    quickgelu: bool | None = None,
    image_size: int | None = None,
    corrupt: Corrupt = "stop",
    metric: str = "accuracy",
    loaders: int = 0,
) -> Task:
    """Image classification with a CLIP of open_clip: `--task open_clip` on the command line.

    Arguments:
        arch: an architecture that open_clip knows by name, a config file, or a folder with an `open_clip_config.json`.
        data: what selects: a folder that holds a folder of images for each class, or `KIND:PATH`, such as
            `cifar10:data/` or `imagenet:data/imagenet`; see `radin.tasks.readers.open_sets`.
        test: what reports and selects nothing: another one, or several as `NAME=SPEC,NAME=SPEC`.
        head: `checkpoint` for fine-tuned classifiers, with keys `model.*` and `classification_head.*`; `zero-shot` for
            whole CLIPs, whose head is made from prompts by each checkpoint's own text tower.
        layout: what the checkpoints keep of CLIP. Of classifiers, beside the head: `model-soups`, all but the text
            transformer (the default, as that repository saves them), `image` or `whole`. With `head="zero-shot"`:
            `whole` (the default), or `image` for keys `visual.*` alone; one head is then made for all of them by the
            text tower of `pretrained`.
        normalize: whether the classifiers' head sees features of length 1, as in model-soups (the default). Only with
            `head="checkpoint"`; zero-shot features always have length 1.
        split: which part of `data`, where its kind has several.
        classes: a file with the names of the class folders, one a line, in the order of the head's outputs. By default
            the order is the data's own; that of folders is by name.
        classnames: what prompts call the classes, in that same order: a file with one a line, or `imagenet`, `cifar10`
            or `cifar100`. By default what the data call them: folders by their names, underscores read as blanks,
            ImageNet's as OpenAI did. Only with `head="zero-shot"`.
        templates: prompt templates: `photo` (the default), `cifar`, `imagenet`, `imagenet-simple`, or a file with one
            a line, `{}` standing for the class. Only with `head="zero-shot"`.
        pretrained: the weights that fine-tuning started from. Their tag says how images are prepared (mean, standard
            deviation, interpolation), by default as the config says, or as is usual. The weights themselves, fetched by
            the tag or read from a file, are used only where checkpoints lack the text tower.
        quickgelu: whether the network has OpenAI's approximation of GELU. By default as the config says.
        image_size: of square images in pixels, where the checkpoints were fine-tuned at another than the config's.
        corrupt: `stop` at an image that cannot be read, or `skip` it for all models.
        metric: see `Task`.
        loaders: processes that load images.

    Returns:
        the task. The keys of its network are exactly those of the checkpoints.

    Raises:
        InputError: unknown names, options that do not go together, a wrong number of class names.
        MissingFileError: a folder or file that is not there.
        DataError: a folder without images, or with a class that is not among the classes.
        TaskError: open_clip cannot be imported, or weights do not load.
    """
    architecture = Architecture.read(arch, pretrained=pretrained, quickgelu=quickgelu, image_size=image_size)
    _refuse(head, "zero-shot", classnames=classnames, templates=templates)
    _refuse(head, "checkpoint", normalize=normalize)
    text = _text_tower(architecture, head, layout, pretrained)
    listed = read_lines(classes, "class folders") if classes else None
    sets = open_sets(data, test, architecture.transform(), split=split, classes=listed, corrupt=corrupt)
    settings: dict[str, Any] = {"metric": metric, "loaders": loaders, "load": load_weights}
    if head == "zero-shot":
        made = ZeroShot(architecture, _classnames(classnames, sets), read_templates(templates or "photo"), text)
        settings |= {"build_model": made.network, "prepare": made.set_head, "forward": made.logits}
        kind: list[Any] = [head, made.classnames, made.templates, text.fingerprint if text else None]
    else:
        built = layout or "model-soups", normalize is not False
        settings["build_model"] = partial(_classifier, architecture, len(sets.classes), *built)
        kind = [head, *built]
    source = _source(architecture, sets.classes, kind)
    return Task(data=sets.data, test=sets.test, source=source, **settings)


def load_weights(network: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Loads a checkpoint into a network of this task.

    Raises:
        IncompatibleError: the checkpoint keeps another part of CLIP than the network, with the options that fit it.
    """
    there, here = _options_of(tensors), _options_of(network.state_dict())
    if there and here and there != here:
        raise IncompatibleError(
            f"the checkpoints have the names of open_clip models with {_written(there)}, the network has those of one "
            f"with {_written(here)}."
        ).mended_by(**there)
    network.load_state_dict(dict(tensors), strict=True)


def _written(options: Mapping[str, str]) -> str:
    return " and ".join(f"{name}={value!r}" for name, value in options.items())


def _options_of(names: Collection[str]) -> dict[str, str]:
    """The `head` and `layout` with which this task builds a network of such names; empty if it builds none."""
    clip = {name for name in names if not name.startswith("classification_head.")}
    head, top = ("zero-shot", "") if len(clip) == len(names) else ("checkpoint", "model.")
    if not any(name.startswith(f"{top}visual.") for name in clip):
        return {}
    if all(name.startswith(f"{top}visual.") for name in clip):
        return {"head": head, "layout": "image"}
    partial = top and not any(name.startswith(f"{top}transformer.") for name in clip)
    return {"head": head, "layout": "model-soups" if partial else "whole"}


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
            keep_image_tower(model)

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


def _classifier(architecture: Architecture, n_classes: int, layout: Layout, normalize: bool) -> Classifier:
    features = architecture.config["embed_dim"]
    return Classifier(architecture.build(), features, n_classes, layout=layout, normalize=normalize)


def _classnames(source: str | None, sets: Sets) -> tuple[str, ...]:
    if source is None:
        return sets.titles
    names = read_classnames(source)
    if len(names) != len(sets.classes):
        raise InputError(
            f"classnames={source} has {len(names)} names, but there are {len(sets.classes)} classes. Give one name for "
            "each class folder, in sorted order; where the data lack some classes, list all class folders with "
            "classes=FILE"
        )
    return names


def _text_tower(
    architecture: Architecture, head: Head, layout: Layout | None, pretrained: str | None
) -> Weights | None:
    """The weights of the text tower, where checkpoints have none and need one."""
    weights = architecture.weights
    if head == "zero-shot" and layout == "image":
        if weights is None:
            raise InputError(
                "head=zero-shot with layout=image needs pretrained=TAG or pretrained=FILE: checkpoints of the image "
                "tower alone bring no text tower to make the head with"
            )
        return weights
    if head == "zero-shot" and layout == "model-soups":
        raise InputError("layout='model-soups' goes with head=checkpoint, but head is 'zero-shot'; say whole or image")
    if weights is not None and weights.arch is None:
        raise InputError(
            f"pretrained={pretrained} is a file, which is of use only with head=zero-shot and layout=image: other "
            "checkpoints hold all their weights. To have images prepared as for some weights, give their tag"
        )
    return None


def _refuse(head: Head, needed: Head, **options: Any) -> None:
    given = [name for name, value in options.items() if value is not None]
    if head != needed and given:
        raise InputError(f"{given[0]}={options[given[0]]!r} goes with head={needed}, but head is {head!r}")


def _source(architecture: Architecture, classes: Sequence[str], kind: list[Any]) -> str:
    """Fingerprint of all that logits depend on beside weights and images: architecture, classes, prompts and code."""
    code = [FINGERPRINT, zero_shot.FINGERPRINT, import_open_clip().__version__]
    return fingerprint_of(code, architecture.config, architecture.preprocess, classes, kind)
