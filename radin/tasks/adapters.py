"""Names of tasks, resolved before anything is imported."""

from __future__ import annotations

from pathlib import Path

from radin.common.suggestions import nearest
from radin.errors import InputError, MissingFileError

#: Adapters that ship with radin, by the name that stands for `module:function`.
ADAPTERS = {
    "open_clip": "radin.tasks.open_clip:classification",
    "timm": "radin.tasks.vision:timm_classification",
    "torchvision": "radin.tasks.vision:torchvision_classification",
    "transformers": "radin.tasks.hugging_face.task:transformers_task",
}

#: Expressions that give the architectures of each adapter.
LISTINGS = {
    "open_clip": "open_clip.list_models()",
    "timm": "timm.list_models()",
    "torchvision": "torchvision.models.list_models(module=torchvision.models)",
}


def parse_task(spec: str) -> tuple[str, str]:
    """Module, or file, and function that a task's name stands for.

    Arguments:
        spec: `FILE.py:function`, `package.module:function`, or a key of `ADAPTERS`.

    Raises:
        InputError: it is neither.
        MissingFileError: no such file.
    """
    module, _, function = ADAPTERS.get(spec, spec).rpartition(":")
    if not module or not function:
        hint = f"; {nearest(spec, ADAPTERS)}" if ":" not in spec and not spec.endswith(".py") else ""
        raise InputError(
            f"expected a task as FILE.py:FUNCTION, MODULE:FUNCTION or one of: {', '.join(ADAPTERS)}; got {spec!r}{hint}"
        )
    if module.endswith(".py") and not Path(module).is_file():
        raise MissingFileError(f"{module}: no such file; a task is FILE.py:FUNCTION")
    return module, function


def listing(adapter: str) -> str:
    """The command that lists the architectures of an adapter."""
    return f'`python -c "import {adapter}; print(*{LISTINGS[adapter]})"` lists all'
