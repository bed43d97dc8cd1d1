"""Writes a soup's tensors to safetensors files, tile by tile and in any order, in memory that no size changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from radin.checkpoints.output import Output
from radin.checkpoints.safetensors import MODULES, encode_header
from radin.common.files import written_aside
from radin.common.version import VERSION
from radin.errors import InputError
from radin.recipe import Recipe
from radin.weights.merge_plan import Step
from radin.weights.mixer import Mixer
from radin.weights.pool import Pool
from radin.weights.tiling import Workspace, share_out, spans

#: `{name in the file: name in the pool}` of the tensors of each file.
Layout = Mapping[Path, Mapping[str, str]]


def write_soup_files(mixer: Mixer, layout: Layout, notes: Mapping[str, str], stack: ExitStack) -> None:
    """Writes the soup that a mixer gives; files appear under their names when `stack` is closed without error.

    Arguments:
        mixer: of the soup; checked to be unchanged after the last byte was read.
        layout: what goes where; each tensor of the soup once.
        notes: strings to keep in each file.
        stack: what is entered here is left, and so renamed, by the caller.

    Raises:
        CheckpointError, IncompatibleError: as the mixer raises them.
        StorageError: the disk is full, or writing failed otherwise.
    """
    places: dict[str, tuple[Output, int]] = {}
    infos = {step.name: step.info for step in mixer.steps}
    for path, names in layout.items():
        tensors = {stored: infos[name] for stored, name in names.items()}
        header, offsets, size = encode_header(tensors, notes)
        # Waiting for the disk takes as long as all the rest, and a soup can be built again from its recipe.
        output = Output(stack.enter_context(written_aside(path, durable=False)), path, size)
        output.write(header, 0)
        places |= {names[stored]: (output, offset) for stored, offset in offsets.items()}
    share_out([(step, span) for step in mixer.steps for span in spans(step.info.numel)], _Writer(mixer, places))
    mixer.check_unchanged()


class _Writer:
    def __init__(self, mixer: Mixer, places: Mapping[str, tuple[Output, int]]) -> None:
        self._mixer = mixer
        self._places = places

    def __call__(self, job: tuple[Step, list[tuple[int, int]]], space: Workspace) -> None:
        step, pieces = job
        output, offset = self._places[step.name]
        for start, stop in pieces:
            result = self._mixer.tile(step, start, stop, space)
            output.write(result.data, offset + start * step.info.kind.itemsize)


def soup_notes(recipe: Recipe, batchnorm: str, more: Mapping[str, str], pool: Pool) -> dict[str, str]:
    """The strings that a soup's files keep beside its tensors: what all ingredients have there, the recipe, and more.

    Raises:
        InputError: `more` are no strings, or have a name that radin itself writes.
    """
    own = {
        "format": "pt",
        "radin.recipe": recipe.dumps(),
        "radin.version": VERSION,
        "radin.batchnorm": batchnorm,
        **pool.aliases,
    }
    if pool.extra_state or pool.versions:
        own[MODULES] = json.dumps({"extra_state": dict(pool.extra_state), "versions": dict(pool.versions)})
    for key, value in more.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InputError(f"metadata are strings by name, got {key!r}: {value!r}")
        if key in own:
            raise InputError(f"metadata: {key!r} is written by radin itself; choose another name")
    return {**pool.metadata, **own, **more}
