"""The library transformers, which need not be there, and what it says of a model's folder."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from radin.checkpoints import is_model_folder
from radin.common.suggestions import nearest
from radin.common.wording import installing
from radin.errors import InputError, TaskError

#: The command that installs what is needed.
INSTALL = installing("transformers")


def import_transformers() -> Any:
    """The library.

    Raises:
        TaskError: it cannot be imported; says what to install.
    """
    try:
        return importlib.import_module("transformers")
    except Exception as error:  # broken binaries raise whatever they like
        raise TaskError(
            f"transformers cannot be imported ({type(error).__name__}: {error}). Install it with {INSTALL}."
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Switches off the library's own progress bars, which would mix with radin's."""
    logging = import_transformers().utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def open_config(model: str | os.PathLike[str], *, trust_remote_code: bool) -> Any:
    """The config of a model's folder, as the library reads it.

    Raises:
        InputError: it is no such folder, or the library does not know the model.
    """
    folder = Path(model).expanduser()
    if not is_model_folder(folder):
        raise InputError(f"{model}: expected the folder of a model, with a config.json and weights")
    try:
        return import_transformers().AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=trust_remote_code
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder}: transformers does not know this model ({_first_line(error)})") from error


def open_processor(kind: str, what: str, model: str | os.PathLike[str], *, trust_remote_code: bool) -> tuple[Any, str]:
    """The object that prepares inputs, from a model's folder, and its settings as text, which tell one from another.

    Arguments:
        kind: the library's class, such as `AutoImageProcessor`.
        what: how messages call it, such as `image processor`.
        model: the folder.
        trust_remote_code: run code that lies beside the model.

    Raises:
        InputError: the folder has none.
    """
    try:
        processor = getattr(import_transformers(), kind).from_pretrained(
            Path(model).expanduser(), local_files_only=True, trust_remote_code=trust_remote_code
        )
    except Exception as error:  # each processor fails in a way of its own
        name = what.rpartition(" ")[2]
        raise InputError(
            f"there is no {what} in {model} ({type(error).__name__}: {str(error)[:200]}). Save the one that the models "
            f"were fine-tuned with there: {name}.save_pretrained(folder)."
        ) from error
    known = {name: value for name, value in processor.to_dict().items() if name != "transformers_version"}
    return processor, json.dumps(known, sort_keys=True, default=str)


def architecture(config: Any, folder: object) -> str:
    """The class that a config names.

    Raises:
        InputError: it names none.
    """
    named = getattr(config, "architectures", None) or []
    if not named:
        raise InputError(
            f"{folder}: its config names no class under 'architectures', so its network cannot be built. Save the "
            "model with save_pretrained."
        )
    return str(named[0])


def class_of(config: Any, folder: object, *, trust_remote_code: bool) -> Any:
    """The network's class, by the name in its config.

    Raises:
        InputError: the library has no such class, and code beside the model is not trusted.
    """
    transformers, name = import_transformers(), architecture(config, folder)
    found = getattr(transformers, name, None)
    if found is not None:
        return found
    places = getattr(config, "auto_map", None) or {}
    place = next((where for where in places.values() if str(where).rpartition(".")[2] == name), None)
    if place is None:
        raise InputError(
            f"{folder}: transformers {transformers.__version__} has no class {name!r}; "
            f"{nearest(name, [one for one in dir(transformers) if one[:1].isupper()])}"
        )
    if not trust_remote_code:
        raise InputError(
            f"{folder}: the class {name!r} is in code beside the model, which runs only where it is trusted."
        ).mended_by(trust_remote_code=True)
    module = importlib.import_module("transformers.dynamic_module_utils")
    return module.get_class_from_dynamic_module(place, str(folder), local_files_only=True)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
