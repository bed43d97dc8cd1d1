"""From a table to encoded texts: single ones, pairs, words with tags, and choices."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from radin.common.wording import shown
from radin.errors import DataError, InputError
from radin.tasks.hugging_face import answers
from radin.tasks.hugging_face.encoding import MASK, EncodedTexts
from radin.tasks.hugging_face.language import PIECE, language_texts
from radin.tasks.hugging_face.library import import_transformers
from radin.tasks.readers.tables import Table
from radin.weights.configs import TOKENS

#: Columns of texts by their usual names, in the order in which they are looked for.
USUAL_TEXTS = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("question", "passage"),
    ("text",),
    ("sentence",),
    ("review",),
    ("content",),
)

#: The same for single texts alone.
SINGLE_TEXTS = tuple(names for names in USUAL_TEXTS if len(names) == 1)

#: The same for words with tags, for contexts of choices, and for labels.
USUAL_WORDS = (("tokens",), ("words",))
USUAL_CONTEXTS = (("sent1", "sent2"), ("question",), ("context",), ("prompt",))
USUAL_LABELS = ("label", "labels", "score", "target", "class")
USUAL_TAGS = ("ner_tags", "tags", "labels", "pos_tags")
USUAL_CHOICES = ("choices", "options", "endings")

#: Files that a tokenizer is made of, one of which every tokenizer has.
TOKENIZERS = ("tokenizer_config.json", *TOKENS)

#: Models whose positions count from the number of the padding on, so that their tables have so many more rows.
BEHIND_PADDING = (
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "camembert", "longformer", "ibert", "mpnet"),
    *("data2vec-text", "luke", "xmod", "esm", "lilt", "layoutlmv3", "markuplm"),
)

#: A tokenizer's limit that is no limit.
ENDLESS = 1_000_000


def open_tokenizer(
    model: str | os.PathLike[str], tokenizer: str | os.PathLike[str] | None, *, trust_remote_code: bool
) -> Any:
    """The tokenizer of a model's folder, or another one that is on this machine.

    Raises:
        InputError: there is none; `Trainer` saves none unless it is given one.
    """
    where = Path(model).expanduser() if tokenizer is None else Path(tokenizer).expanduser()
    if where.is_dir() and not any((where / name).is_file() for name in TOKENIZERS):
        # The library would make an empty one up, by the model's type, which knows no word.
        raise _no_tokenizer(where, "expected a tokenizer.json or a vocabulary in it")
    try:
        found = import_transformers().AutoTokenizer.from_pretrained(
            where if where.is_dir() else str(tokenizer), local_files_only=True, trust_remote_code=trust_remote_code
        )
    except Exception as error:  # each tokenizer fails in a way of its own
        first = next(iter(str(error).strip().splitlines()), "")
        raise _no_tokenizer(where, f"{type(error).__name__}: {first}") from error
    return found


def _no_tokenizer(where: Path, why: str) -> InputError:
    return InputError(
        f"there is no tokenizer in {where} ({why}). Name the folder of the one that the models were fine-tuned with."
    ).mended_by(tokenizer="FOLDER")


class Encoder:
    """Makes data of tables, as one model takes them.

    Arguments:
        tokenizer: of transformers.
        config: of the model.
        kind: of outputs: `classes`, `values`, `several-labels`, `positions` or `choices`; of language models `causal`
            or `masked`.
        text: columns with the text, with commas between; by default usual names are looked for.
        label: the column with the label; likewise.
        choices: columns with the choices, or one with lists of them.
        max_length: tokens at most; longer texts are cut, for language models into pieces. By default as many as model
            and tokenizer take, and at most 1 024 for language models.

    Raises:
        InputError: a length below 1.
    """

    def __init__(
        self,
        tokenizer: Any,
        config: Any,
        kind: str,
        *,
        text: str | None = None,
        label: str | None = None,
        choices: str | None = None,
        max_length: int | None = None,
    ) -> None:
        if max_length is not None and max_length < 1:
            raise InputError(f"max_length must be at least 1, got {max_length}")
        self.tokenizer, self.config, self.kind, self._asked = tokenizer, config, kind, max_length
        self._text, self._label, self._choices = _names(text), _names(label), _names(choices)
        most = [tokenizer.model_max_length, _positions(config)]
        self.max_length = max_length or (None if min(most) >= ENDLESS else min(most))
        in_front = tokenizer.padding_side == "left"
        self.left = in_front and kind not in ("causal", "masked")  # where it would move the positions
        self.padding = next(
            (one for one in (tokenizer.pad_token_id, getattr(config, "pad_token_id", None)) if one is not None), 0
        )

    def __call__(self, table: Table, texts: Sequence[str] | None = None, label: str | None = None) -> EncodedTexts:
        """The data in a table.

        Arguments:
            table: of samples.
            texts, label: its columns of texts to classify and their labels, where they are known for this table.

        Raises:
            InputError: columns that are not there, or that cannot be guessed.
            DataError: entries of another kind.
        """
        if self.kind == "positions":
            return self._words(table)
        if self.kind == "choices":
            return self._alternatives(table)
        if self.kind in ("causal", "masked"):
            (column,) = self._columns(table, SINGLE_TEXTS, most=1)
            most = min(self.max_length or PIECE, PIECE if self._asked is None else self._asked)
            how: dict[str, Any] = {"masked": self.kind == "masked", "max_length": most, "padding": self.padding}
            return language_texts(_texts(table, column), self.tokenizer, **how)
        texts = texts or self._columns(table, USUAL_TEXTS, most=2)
        encoded = self._encoded(*(_texts(table, name) for name in texts))
        columns = (label,) if label else self._label or (self._usual(table, USUAL_LABELS, "label"),)
        if self.kind == "values":
            labels = answers.values(table, columns)
        elif self.kind == "several-labels":
            labels = answers.several_labels(table, columns, self.config)
        else:
            labels = answers.class_numbers(table, columns[0], self.config)
        return self._dataset(encoded, labels)

    def _dataset(
        self, encoded: dict[str, list[list[int]]], labels: np.ndarray, choices: Sequence[int] | None = None
    ) -> EncodedTexts:
        return EncodedTexts(encoded, labels, padding=self.padding, left=self.left, choices=choices)

    def _encoded(self, *texts: Sequence[Any], words: bool = False) -> dict[str, list[list[int]]]:
        found = self.tokenizer(
            *(list(one) for one in texts),
            truncation=self.max_length is not None,
            max_length=self.max_length,
            is_split_into_words=words,
        )
        encoded = {name: value for name, value in found.items() if name in (*self.tokenizer.model_input_names, MASK)}
        if MASK not in encoded:
            encoded[MASK] = [[1] * len(one) for one in encoded["input_ids"]]
        self._words_of = found
        return encoded

    def _words(self, table: Table) -> EncodedTexts:
        """Words with a tag each: the tag stands at a word's first token, and all other tokens do not count."""
        (column,) = self._columns(table, USUAL_WORDS, most=1)
        if not self.tokenizer.is_fast:
            raise InputError(
                f"{type(self.tokenizer).__name__} does not tell which token belongs to which word; use a fast one, "
                "with a tokenizer.json"
            )
        words = table.column(column, "text")
        tags = answers.word_labels(table, (self._label or (self._usual(table, USUAL_TAGS, "label"),))[0], self.config)
        for i, (sentence, own) in enumerate(zip(words, tags, strict=True)):
            if not isinstance(sentence, list) or len(sentence) != len(own):
                count = f"{len(sentence)} words" if isinstance(sentence, list) else f"{shown(str(sentence))}, no list"
                raise DataError(f"{table.path}: sample {i} has {len(own)} tags, but {count}")
        encoded = self._encoded(words, words=True)
        dataset = self._dataset(encoded, np.zeros((len(words), 1), dtype=np.int64))
        labels = np.full((len(words), dataset.length), answers.IGNORED, dtype=np.int64)
        for i, own in enumerate(tags):
            places = self._words_of.word_ids(i)
            firsts = [k for k, word in enumerate(places) if word is not None and word not in places[:k]]
            shift = dataset.length - len(places) if self.left else 0
            labels[i, [k + shift for k in firsts]] = [own[places[k]] for k in firsts]
        dataset.labels = labels
        return dataset

    def _alternatives(self, table: Table) -> EncodedTexts:
        """A context with choices: each is encoded with the context; a second column begins the choices."""
        contexts = self._columns(table, USUAL_CONTEXTS, most=2)
        first = _texts(table, contexts[0])
        begins = _texts(table, contexts[1]) if len(contexts) > 1 else [""] * len(first)
        lists = self._choice_lists(table)
        counts = [len(one) for one in lists]
        flat = [
            choice if not begin else f"{begin} {choice}"
            for begin, own in zip(begins, lists, strict=True)
            for choice in own
        ]
        repeated = [context for context, count in zip(first, counts, strict=True) for _ in range(count)]
        labels = answers.choice_numbers(table, (self._label or (self._usual(table, USUAL_LABELS, "label"),))[0], counts)
        return self._dataset(self._encoded(repeated, flat), labels, counts)

    def _choice_lists(self, table: Table) -> list[list[str]]:
        usual = tuple(name for name in table.columns if name.removeprefix("ending").isdigit())
        names = self._choices or usual or (self._usual(table, USUAL_CHOICES, "choices"),)
        if len(names) > 1:
            return [list(row) for row in zip(*(_texts(table, name) for name in names), strict=True)]
        lists = table.column(names[0], "choices")
        for i, one in enumerate(lists):
            if not isinstance(one, list) or not one or not all(isinstance(choice, str) for choice in one):
                raise DataError(
                    f"{table.path}: sample {i} has {shown(str(one))} as its choices; expected a list of texts"
                )
        return lists

    def _columns(self, table: Table, usual: Sequence[tuple[str, ...]], most: int) -> tuple[str, ...]:
        if self._text:
            if len(self._text) > most:
                raise InputError(f"expected at most {most} columns of text, got {', '.join(self._text)}")
            return self._text
        found = next((names for names in usual if all(name in table.columns for name in names)), None)
        if found is None:
            raise InputError(
                f"{table.path} has no column of text with a usual name; it has: {', '.join(table.columns)}. Say which "
                "one it is, of pairs both with a comma between."
            ).mended_by(text="COLUMN")
        return found

    def _usual(self, table: Table, usual: Sequence[str], option: str) -> str:
        found = answers.labels_by_default(table.columns, usual)
        if found is None:
            raise InputError(
                f"{table.path} has no column {' or '.join(usual)}; it has: {', '.join(table.columns)}. Say which it is."
            ).mended_by(**{option: "COLUMN"})
        return found


def _positions(config: Any) -> int:
    """Tokens that a model has positions for."""
    most = getattr(config, "max_position_embeddings", None) or ENDLESS
    return most - (config.pad_token_id or 0) - 1 if config.model_type in BEHIND_PADDING else most


def _names(given: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in given.split(",")) if given else ()


def _texts(table: Table, name: str) -> list[str]:
    """A column of texts."""
    column = table.column(name, "text")
    bad = next((i for i, one in enumerate(column) if not isinstance(one, str)), None)
    if bad is not None:
        raise DataError(f"{table.path}: sample {bad} has {shown(str(column[bad]))} in {name!r}, which is no text")
    return column
