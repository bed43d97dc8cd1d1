"""From what a user says of data to what a task runs on, for each kind of head."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from radin.errors import InputError
from radin.tasks.hugging_face.encoding import ByLength, EncodedTexts
from radin.tasks.hugging_face.glue import glue_task, read_glue
from radin.tasks.hugging_face.language import batch_size
from radin.tasks.hugging_face.pictures import Preparation, class_folders_of
from radin.tasks.hugging_face.sounds import Hearing, open_sounds
from radin.tasks.hugging_face.texts import Encoder, open_tokenizer
from radin.tasks.readers import open_sets
from radin.tasks.readers.sets import parse_tests
from radin.tasks.readers.tables import read_table

#: Kinds of language models.
LANGUAGE = ("causal", "masked")

#: A test set, or several by name.
TestSpec = str | os.PathLike[str] | Mapping[str, str]

#: A place of data.
Place = str | os.PathLike[str]


@dataclass(frozen=True)
class Sources:
    """Data, and how they become inputs of networks.

    Arguments:
        model, data, test, text, label, choices, max_length, tokenizer, glue, split, corrupt, trust_remote_code: as for
            `radin.tasks.transformers`.

    Raises:
        InputError: columns beside a task of GLUE, which has its own.
    """

    model: Place
    data: Place
    test: TestSpec | None
    text: str | None
    label: str | None
    choices: str | None
    max_length: int | None
    tokenizer: str | None
    glue: str | None
    split: str | None
    corrupt: str
    trust_remote_code: bool

    def __post_init__(self) -> None:
        if self.glue is not None and (self.text or self.label or self.choices):
            raise InputError("a task of GLUE has columns of its own; leave out text=, label= and choices=, or glue=")

    def prepared(self, kind: str, config: Any) -> dict[str, Any]:
        """Arguments of `Task`: `data`, `test`, `outputs`, `forward`, and the `metric` that these data are usually
        scored by, if any.

        Arguments:
            kind: of the head, see `kind_of`.
            config: of the model.

        Raises:
            InputError, MissingFileError, DataError, TaskError: as `radin.tasks.transformers` raises them.
        """
        if self.glue is not None and kind not in ("classes", "values"):
            raise InputError(f"{self.model}: tasks of GLUE classify texts, but the head of this model gives {kind}")
        if kind == "images":
            return self._images(config)
        return self._sounds(config) if kind == "sounds" else self._texts(kind, config)

    def _images(self, config: Any) -> dict[str, Any]:
        prepare = Preparation.of(self.model, trust_remote_code=self.trust_remote_code)
        classes = class_folders_of(self.data, config)
        sets = open_sets(self.data, self.test, prepare, split=self.split, classes=classes, corrupt=self.corrupt)
        return {"data": sets.data, "test": sets.test, "outputs": "classes", "forward": _on_pixels}

    def _sounds(self, config: Any) -> dict[str, Any]:
        hear = Hearing.of(self.model, self.max_length, trust_remote_code=self.trust_remote_code)
        columns: dict[str, Any] = {"file": self.text, "label": self.label}
        data = open_sounds(self.data, config, hear, split=self.split, **columns)
        test = self._tests(lambda spec: open_sounds(spec, config, hear, chosen=False, **columns))
        forward = ByLength(masked=hear.masked) if data.are_waves else None
        return {"data": data, "test": test, "outputs": "classes", "forward": forward}

    def _texts(self, kind: str, config: Any) -> dict[str, Any]:
        encode = Encoder(
            open_tokenizer(self.model, self.tokenizer, trust_remote_code=self.trust_remote_code),
            config,
            kind,
            text=self.text,
            label=self.label,
            choices=self.choices,
            max_length=self.max_length,
        )
        forward = ByLength(left=encode.left, by_token=kind in ("positions", *LANGUAGE))
        found: dict[str, Any] = {"outputs": "tokens" if kind in LANGUAGE else kind, "forward": forward}
        if self.glue is None:
            data = encode(read_table(self.data, self.split))
            test = self._tests(lambda spec: encode(read_table(spec)))
            if kind in LANGUAGE:
                found |= {"groups": _groups(data, test), "batch_size": batch_size(data.length, config.vocab_size)}
            return found | {"data": data, "test": test}
        glue = glue_task(self.glue)

        def encoded(spec: Place, split: str | None = None) -> EncodedTexts:
            table, texts, label = read_glue(spec, glue, split)
            return encode(table, texts, label)

        data, test = encoded(self.data, self.split), self._tests(encoded)
        return found | {"data": data, "test": test, "metric": glue.metric}

    def _tests(self, opened: Callable[[Place], Any]) -> Any:
        """The test set, or several by name."""
        if self.test is None:
            return None
        specs = parse_tests(self.test)
        return opened(specs) if isinstance(specs, str) else {name: opened(spec) for name, spec in specs.items()}


def _groups(data: EncodedTexts, test: Any) -> dict[str, Any] | None:
    """The texts that pieces belong to, of each set in which a text has several; None where none has."""
    tests = test if isinstance(test, dict) else {"test": test}
    found = {name: one.groups for name, one in {"data": data, **tests}.items() if one is not None and one.groups}
    return found or None


def _on_pixels(network: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    logits: torch.Tensor = network(pixel_values=inputs).logits
    return logits
