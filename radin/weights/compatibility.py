"""Whether checkpoints can be averaged with one another, as far as their headers say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar

from radin.checkpoints import Checkpoint
from radin.checkpoints.names import adapter_of, is_counter
from radin.common.error_list import Complaints
from radin.common.wording import shown, shown_shape
from radin.errors import IncompatibleError

C = TypeVar("C", bound=Checkpoint)

#: The remedy for models that are no pool.
ENSEMBLES = "collect the logits of each group by itself, then rank all together (radin.collect_logits, `radin rank`)."


def check_compatible(checkpoints: Sequence[C], complaints: Complaints) -> list[C]:
    """Compares every checkpoint with what most of them have; of equally many, with the first.

    Arguments:
        checkpoints: at least one.
        complaints: take note of IncompatibleErrors: names, shapes or dtypes of tensors that differ, and factors of
            low-rank adapters.

    Returns:
        the checkpoints that fit.
    """
    headers = [frozenset((name, _decisive(name, one)) for name in one.names) for one in checkpoints]
    usual = checkpoints[headers.index(Counter(headers).most_common(1)[0][0])]
    fitting = []
    for checkpoint in checkpoints:
        with complaints.noting():
            _refuse_adapters(checkpoint)
            _compare(usual, checkpoint)
            fitting.append(checkpoint)
    return fitting


def _decisive(name: str, checkpoint: Checkpoint) -> object:
    """The part of a tensor's header that all files must share: shape and dtype; of counters the shape alone."""
    info = checkpoint.info(name)
    return info.shape if is_counter(name) else info


def _refuse_adapters(checkpoint: Checkpoint) -> None:
    for name in checkpoint.names:
        if kind := adapter_of(name):
            raise IncompatibleError(
                f"{checkpoint.path}: tensor {shown(name)} is a factor of an adapter ({kind}). Factors cannot be "
                f"averaged one by one: the average of A times the average of B is not the average of B·A. Give the "
                f"folder of PEFT with its adapter_config.json, which says their scale, or merge each adapter into its "
                f"base weights first (PEFT: model.merge_and_unload()) and give the merged checkpoints."
            )


def _compare(first: Checkpoint, other: Checkpoint) -> None:
    here, there = set(first.names), set(other.names)
    for lacking, holding, names in ((other, first, here - there), (first, other, there - here)):
        if names:
            name = min(names)
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise IncompatibleError(
                f"tensor {shown(name)}{more}: in {holding.path}, but not in {lacking.path}. All ingredients must be "
                f"fine-tunings of one architecture, saved alike. Models of several are ranked as ensembles: {ENSEMBLES}"
            )
    for name in first.names:
        expected, got = first.info(name), other.info(name)
        if expected.shape != got.shape:
            raise IncompatibleError(
                f"tensor {shown(name)}: shape {shown_shape(expected.shape)} in {first.path}, "
                f"but {shown_shape(got.shape)} in {other.path}. "
                f"All ingredients must have one architecture and the same classes. Models of several architectures are "
                f"ranked as ensembles: {ENSEMBLES}"
            )
        if expected.dtype != got.dtype and not is_counter(name):
            raise IncompatibleError(
                f"tensor {shown(name)}: dtype {expected.dtype} in {first.path}, but {got.dtype} in {other.path}. "
                f"Save all ingredients in one precision."
            )


def common_classes(checkpoints: Sequence[Checkpoint]) -> tuple[str, ...] | None:
    """The order of classes that the files state, which must be one."""
    stating = [checkpoint for checkpoint in checkpoints if checkpoint.class_names is not None]
    for other in stating[1:]:
        here, there = stating[0].class_names or (), other.class_names or ()
        if here != there:
            at = next(
                (i for i, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), min(map(len, (here, there)))
            )
            how = "in another order" if sorted(here) == sorted(there) else "others"
            raise IncompatibleError(
                f"the classes of {other.path} are {how} than those of {stating[0].path}: class {at} is "
                f"{_class(there, at)} there and {_class(here, at)} here. Heads with other classes cannot be averaged."
            )
    return stating[0].class_names if stating else None


def common_extra_state(checkpoints: Sequence[Checkpoint]) -> dict[str, Any]:
    """The extra state of modules, which must be the same in all files: it cannot be averaged.

    Raises:
        IncompatibleError: it differs.
    """
    first, *others = checkpoints
    for other in others:
        for name in {**first.extra, **other.extra}:
            if _frozen(first.extra.get(name)) != _frozen(other.extra.get(name)):
                raise IncompatibleError(
                    f"extra state {shown(name)} of a module differs between {first.path} and {other.path}. It is no "
                    f"tensor and cannot be averaged: save the ingredients with equal extra state, or without."
                )
    return dict(first.extra)


def common_versions(checkpoints: Sequence[Checkpoint]) -> dict[str, dict[str, Any]]:
    """The versions of modules that all files state that state any; none where they differ."""
    stated = [{name: dict(held) for name, held in one.versions.items()} for one in checkpoints if one.versions]
    return stated[0] if stated and all(one == stated[0] for one in stated) else {}


def _frozen(value: Any) -> str:
    """A value as text that differs where the value does, as far as it is plain data."""
    try:
        text = json.dumps(value, sort_keys=True, allow_nan=False)
        if not _is_plain(value):
            raise TypeError("JSON would give another value back")
        return text
    except (ValueError, TypeError, RecursionError) as error:
        raise IncompatibleError(
            "extra state of a module holds more than numbers, text, lists and dicts, so it cannot be compared. Save "
            "the ingredients without it."
        ) from error


def _is_plain(value: Any) -> bool:
    """Whether JSON gives back a value as it is; what JSON cannot hold at all aside."""
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(one) for name, one in value.items())
    return all(map(_is_plain, value)) if isinstance(value, list) else not isinstance(value, tuple)


def _class(names: Sequence[str], index: int) -> str:
    return repr(names[index]) if index < len(names) else "none"
