"""Image classifiers of timm and torchvision as tasks, by the names that the libraries give them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from torch import nn

from radin.common.files import fingerprint_of
from radin.errors import InputError
from radin.tasks.labelled import Corrupt
from radin.tasks.libraries import import_library, unknown_architecture
from radin.tasks.prompts import read_lines
from radin.tasks.readers import open_sets
from radin.tasks.task import Task

#: Fingerprint of the networks and preparations that this module makes: the SHA-256 of its file when first released. It
#: changes only when the logits of a task would.
FINGERPRINT = "fac23b4fbc4af7e462eda1debe3ab4a2dc192dd796a86f100b8e505f4c2f72f7"

#: A test set, or several by name.
TestSpec = str | os.PathLike[str] | Mapping[str, str]

#: Numbers for the three channels, or one for all of them; as text with commas between.
Channels = str | Sequence[float]


def timm_classification(
    arch: str,
    data: str | os.PathLike[str],
    test: TestSpec | None = None,
    *,
    image_size: int | None = None,
    mean: Channels | None = None,
    std: Channels | None = None,
    crop_pct: float | None = None,
    interpolation: str | None = None,
    num_classes: int | None = None,
    model_args: str | Mapping[str, Any] | None = None,
    split: str | None = None,
    classes: str | None = None,
    corrupt: Corrupt = "stop",
    metric: str = "accuracy",
    loaders: int = 0,
) -> Task:
    """Image classification with a model of timm: `--task timm` on the command line.

    Nothing is downloaded. Images are prepared as timm does it for evaluation, by the model's own config.

    Arguments:
        arch: a name that timm knows, with or without the tag of pretrained weights; the tag says how images are
            prepared, `vit_base_patch16_224.augreg_in21k` for one.
        data: what selects: a folder that holds a folder of images for each class, or `KIND:PATH`; see
            `radin.tasks.readers.open_sets`.
        test: what reports and selects nothing: another one, or several as `NAME=SPEC,NAME=SPEC`.
        image_size: of square images in pixels, where the checkpoints were fine-tuned at another than the config's.
        mean, std: of the channels, where they are not the config's: `0.5` or `0.5,0.5,0.5`.
        crop_pct: share of the shorter side that the central crop keeps.
        interpolation: `bilinear`, `bicubic`, ...
        num_classes: outputs of the head; by default as many as the data have classes.
        model_args: more arguments of `timm.create_model`, as JSON: `{"global_pool": "avg"}`.
        split: which part of `data`, where its kind has several.
        classes: a file with the names of the class folders, one a line, in the order of the head's outputs.
        corrupt: `stop` at an image that cannot be read, or `skip` it for all models.
        metric: see `Task`.
        loaders: processes that load images.

    Returns:
        the task. The keys of its network are those of `timm.create_model(arch, num_classes=...)`.

    Raises:
        InputError: unknown names, or arguments that cannot be.
        MissingFileError: a folder or file that is not there.
        DataError: a folder without images, or with a class that is not among the classes.
        TaskError: timm cannot be imported.
    """
    timm, module = import_library("timm", "timm"), import_library("timm.data", "timm")
    if not timm.is_model(arch):
        hub = "; models of a hub are not fetched" if ":" in arch else ""
        hint = unknown_architecture("timm", arch, timm.list_models())
        raise InputError(f"timm knows no architecture {arch!r}{hub}; {hint}")
    known = _preparation(timm, arch)
    given = {"img_size": image_size, "crop_pct": crop_pct, "interpolation": interpolation}
    config = module.resolve_data_config(
        given | {"mean": _channels(mean, "mean"), "std": _channels(std, "std")}, pretrained_cfg=known
    )
    arguments = _arguments(model_args)
    if image_size is not None and known.get("fixed_input_size"):
        arguments.setdefault("img_size", image_size)
    return _task(
        partial(timm.create_model, arch, pretrained=False, **arguments),
        module.create_transform(**config, is_training=False),
        ["timm", timm.__version__, arch, arguments],
        {"data": data, "test": test, "split": split, "classes": classes, "corrupt": corrupt},
        {"metric": metric, "loaders": loaders},
        num_classes,
    )


def torchvision_classification(
    arch: str,
    data: str | os.PathLike[str],
    test: TestSpec | None = None,
    *,
    weights: str | None = None,
    image_size: int | None = None,
    resize_size: int | None = None,
    mean: Channels | None = None,
    std: Channels | None = None,
    num_classes: int | None = None,
    model_args: str | Mapping[str, Any] | None = None,
    split: str | None = None,
    classes: str | None = None,
    corrupt: Corrupt = "stop",
    metric: str = "accuracy",
    loaders: int = 0,
) -> Task:
    """Image classification with a model of torchvision: `--task torchvision` on the command line.

    Nothing is downloaded. Images are prepared by the transforms that come with the pretrained weights.

    Arguments:
        arch: a name in `torchvision.models.list_models(module=torchvision.models)`.
        data, test: see `timm_classification`.
        weights: name of the pretrained weights that fine-tuning started from, `IMAGENET1K_V1` for one; it says how
            images are prepared. By default torchvision's own default for this architecture.
        image_size: side of the central crop in pixels, where it is not that of `weights`.
        resize_size: what the shorter side is brought to before; by default in the proportion that `weights` have.
        mean, std: of the channels, where they are not those of `weights`: `0.5` or `0.5,0.5,0.5`.
        num_classes: outputs of the head; by default as many as the data have classes.
        model_args: more arguments of `torchvision.models.get_model`, as JSON: `{"aux_logits": false}`.
        split, classes, corrupt, metric, loaders: see `timm_classification`.

    Returns:
        the task. The keys of its network are those of `torchvision.models.get_model(arch, num_classes=...)`.

    Raises:
        InputError: unknown names, or arguments that cannot be.
        MissingFileError: a folder or file that is not there.
        DataError: a folder without images, or with a class that is not among the classes.
        TaskError: torchvision cannot be imported.
    """
    library = import_library("torchvision", "torchvision")
    models = import_library("torchvision.models", "torchvision")
    known = models.list_models(module=models)
    if arch not in known:
        raise InputError(
            f"torchvision knows no classifier {arch!r}; {unknown_architecture('torchvision', arch, known)}"
        )
    channels = {"mean": _channels(mean, "mean"), "std": _channels(std, "std")}
    arguments = _arguments(model_args)
    if arch in ("googlenet", "inception_v3"):  # their own slow initialisation warns, and would be written over
        arguments.setdefault("init_weights", False)
    return _task(
        partial(models.get_model, arch, weights=None, **arguments),
        _torchvision_transform(models.get_model_weights(arch), arch, weights, image_size, resize_size, channels),
        ["torchvision", library.__version__, arch, arguments],
        {"data": data, "test": test, "split": split, "classes": classes, "corrupt": corrupt},
        {"metric": metric, "loaders": loaders},
        num_classes,
    )


def _task(
    build: Callable[..., nn.Module],
    transform: Callable[[Any], Any],
    about: list[Any],
    data: dict[str, Any],
    settings: dict[str, Any],
    num_classes: int | None,
) -> Task:
    """A task of networks that `build(num_classes=...)` makes, on images that `transform` prepares."""
    classes = read_lines(data["classes"], "class folders") if data["classes"] else None
    sets = open_sets(**data | {"transform": transform, "classes": classes})
    outputs = len(sets.classes) if num_classes is None else num_classes
    if outputs < len(sets.classes):
        raise InputError(f"num_classes={num_classes} are fewer than the {len(sets.classes)} classes of the data")
    code = fingerprint_of(FINGERPRINT, about, sets.classes, outputs)
    return Task(partial(build, num_classes=outputs), data=sets.data, test=sets.test, source=code, **settings)


def _preparation(timm: Any, arch: str) -> dict[str, Any]:
    """Preparation of images that timm states for an architecture, or for the weights that its tag names."""
    try:
        config = timm.get_pretrained_cfg(arch)
    except RuntimeError as error:  # of a tag that it does not know
        name = arch.partition(".")[0]
        tags = [one.partition(".")[2] for one in timm.list_pretrained(f"{name}.*")]
        raise InputError(
            f"timm knows no weights {arch!r}; the tags of {name} are: {', '.join(tags) or 'none'}"
        ) from error
    return config.to_dict() if config is not None else {}


def _torchvision_transform(
    known: Any,
    arch: str,
    weights: str | None,
    image_size: int | None,
    resize_size: int | None,
    channels: Mapping[str, Sequence[float] | None],
) -> Callable[[Any], Any]:
    """The transform of some weights, with what differs."""
    if weights is not None and weights not in known.__members__:
        raise InputError(
            f"torchvision knows no weights {weights!r} of {arch}; it knows: {', '.join(known.__members__)}"
        )
    preset = (known[weights] if weights else known.DEFAULT).transforms
    usual = preset()
    crop, resize = usual.crop_size[0], usual.resize_size[0]
    size = image_size or crop
    changes = {"crop_size": size, "resize_size": resize_size or round(size * resize / crop)}
    made: Callable[[Any], Any] = preset(**changes | {name: value for name, value in channels.items() if value})
    return made


def _channels(given: Channels | None, name: str) -> tuple[float, ...] | None:
    """Numbers for the three channels."""
    if given is None:
        return None
    try:
        numbers = tuple(float(one) for one in (given.split(",") if isinstance(given, str) else given))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3):
        raise InputError(
            f"expected {name} as one number or three with commas between, such as 0.5,0.5,0.5; got {given!r}"
        )
    return numbers * 3 if len(numbers) == 1 else numbers


def _arguments(given: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """Arguments of a network's builder."""
    try:
        made = json.loads(given) if isinstance(given, str) else dict(given or {})
    except ValueError:
        made = None
    if not isinstance(made, dict):
        raise InputError(f'expected model_args as a JSON object, such as {{"global_pool": "avg"}}; got {given!r}')
    return made
