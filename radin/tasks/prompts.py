"""Class names and prompt templates for zero-shot heads."""

from __future__ import annotations

import os
from pathlib import Path

from radin.errors import InputError, MissingFileError

#: One plain prompt, for when nothing is known of the data.
PHOTO = ("a photo of a {}.",)

#: The 18 templates for CIFAR-10 and CIFAR-100 of Radford et al. 2021, from `data/prompts.md` of github.com/openai/CLIP
#: (MIT licence).
CIFAR = tuple(
    pattern.format(article, "{}")
    for article in ("a", "the")
    for pattern in (
        "a photo of {} {}.",
        "a blurry photo of {} {}.",
        "a black and white photo of {} {}.",
        "a low contrast photo of {} {}.",
        "a high contrast photo of {} {}.",
        "a bad photo of {} {}.",
        "a good photo of {} {}.",
        "a photo of {} small {}.",
        "a photo of {} big {}.",
    )
)

#: The classes of CIFAR-10, in label order, as the same page calls them.
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

#: Those of CIFAR-100.
CIFAR100 = tuple(
    name.replace("_", " ")
    for name in """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
    caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant
    flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
    motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate
    poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider
    squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
    wardrobe whale willow_tree wolf woman worm
    """.split()  # noqa: SIM905 -- a hundred quoted names would fill a page
)

#: What `templates` may name instead of a file; those of ImageNet come with open_clip.
TEMPLATES = ("photo", "cifar", "imagenet", "imagenet-simple")


def read_templates(name: str | os.PathLike[str]) -> tuple[str, ...]:
    """Prompt templates, each with `{}` where the class's name goes.

    Arguments:
        name: `photo` (one plain prompt), `cifar` (OpenAI's 18 for CIFAR), `imagenet` (OpenAI's 80), `imagenet-simple`
            (the best 7 of them), or a text file with one template a line.

    Raises:
        MissingFileError: neither a known name nor a file.
        InputError: a line without `{}`.
        TaskError: `imagenet` where open_clip cannot be imported.
    """
    if name == "photo":
        return PHOTO
    if name == "cifar":
        return CIFAR
    if name in ("imagenet", "imagenet-simple"):
        from radin.tasks.clip import import_open_clip

        library = import_open_clip()
        known = library.OPENAI_IMAGENET_TEMPLATES if name == "imagenet" else library.SIMPLE_IMAGENET_TEMPLATES
        return tuple(fill("{}") for fill in known)
    templates = read_lines(name, f"prompt templates ({', '.join(TEMPLATES)}, or a file)")
    for template in templates:
        if template.count("{}") != 1 or template.count("{") != 1 or template.count("}") != 1:
            raise InputError(f"{name}: expected {{}} once in every template, for the class's name; got {template!r}")
    return templates


def read_classnames(name: str | os.PathLike[str]) -> tuple[str, ...]:
    """Names of classes as prompts call them.

    Arguments:
        name: a text file with one name a line, `cifar10`, `cifar100`, or `imagenet` (OpenAI's names of the 1000
            classes, in the order of their WordNet folders, from open_clip).

    Raises:
        MissingFileError: neither one of these names nor a file.
        TaskError: `imagenet` where open_clip cannot be imported.
    """
    if name == "imagenet":
        from radin.tasks.clip import import_open_clip

        return tuple(import_open_clip().IMAGENET_CLASSNAMES)
    if name in ("cifar10", "cifar100"):
        return CIFAR10 if name == "cifar10" else CIFAR100
    return read_lines(name, "class names (imagenet, cifar10, cifar100, or a file)")


def read_lines(path: str | os.PathLike[str], what: str) -> tuple[str, ...]:
    """The lines of a text file, without blank ones and the blanks around them.

    Arguments:
        path: the file, in UTF-8.
        what: what the lines are, for error messages.

    Raises:
        MissingFileError: no such file.
        InputError: no line in it, or not UTF-8.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise MissingFileError(f"{path}: no such file; expected {what}, one a line")
    try:
        lines = tuple(line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected {what} as UTF-8 text: {error}") from error
    if not lines:
        raise InputError(f"{path}: expected {what}, one a line; the file is empty")
    return lines
