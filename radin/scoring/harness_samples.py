"""Banks of choices from the samples of lm-eval, the harness for language models: `samples_*.jsonl`, version 0.4."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from radin.common.natural_order import natural
from radin.common.wording import counted, enumerated, shown
from radin.errors import DataError
from radin.scoring.logit_bank import LogitBank

PATTERN = "samples_*.jsonl"

#: The time at the end of a file's name.
TIME = re.compile(r"_\d{4}-\d\d-\d\dT[\d.+-]+$")

#: What stands before a choice in a request, unless the task says otherwise.
DELIMITER = " "


@dataclass(frozen=True)
class Sample:
    """A row of a file: a question with choices, and one model's log-likelihood of each.

    Attributes:
        where: file and line, for messages.
        question: fingerprint of the document.
        prompt: fingerprint of the prompt and of all choices.
        target: the right choice, its number or its text.
        scores: log-likelihoods.
        choices: the texts, without what stands before them.
        recorded: the harness's own `acc` and `acc_norm`, where they are there.
    """

    where: str
    question: str
    prompt: str
    target: str
    scores: tuple[float, ...]
    choices: tuple[str, ...]
    recorded: dict[str, float]


def sample_files(source: Path) -> dict[str, list[Path]]:
    """The files of samples of each model, by its name: of its folder. Empty where there are none.

    Arguments:
        source: such a file, the folder of a model, or the harness's `--output_path` with a folder for each model.
    """
    if source.is_file():
        return {source.parent.resolve().name: [source]} if source.suffix == ".jsonl" else {}
    found: dict[str, list[Path]] = {}
    for file in sorted(source.rglob(PATTERN), key=natural):
        inside = file.parent.relative_to(source).as_posix()
        found.setdefault(source.resolve().name if inside == "." else inside, []).append(file)
    return found


def read_samples(source: Path, *, length_normalised: bool = False) -> LogitBank:
    """A bank of choices: the log-likelihoods of all models on the same questions, matched by their hashes.

    Of several files of one task the latest counts; questions of several tasks come one after the other.

    Arguments:
        source: see `sample_files`.
        length_normalised: divides each log-likelihood by the number of characters of its choice, so that the accuracy
            is the harness's `acc_norm`; otherwise it is `acc`.

    Raises:
        DataError: a file that is no such file, or of generated text; other questions or prompts than the first model's;
            or scores whose accuracy is not the one that the harness recorded. The message names file and line.
    """
    models = {name: _by_question(_latest(files)) for name, files in sample_files(source).items()}
    (first, asked), *others = models.items()
    for name, answered in others:
        _check_same(asked, answered, first, name)
    labels = np.array(_right_choices(list(asked.values())), dtype=np.int64)
    arrays = []
    for answered in models.values():
        rows = [answered[question] for question in asked]
        scores = _scores(rows, length_normalised)
        _check_recorded(rows, scores, labels, "acc_norm" if length_normalised else "acc")
        arrays.append(scores)
    bank = LogitBank.from_arrays(arrays, labels, list(models), outputs="choices")
    places = [hashlib.sha256("".join([*question[:2], one.prompt]).encode()).digest() for question, one in asked.items()]
    return bank.placed(np.array([int.from_bytes(place[:7], "little") for place in places]))


def _latest(files: Sequence[Path]) -> dict[str, Path]:
    """The last file of each task, by the time in its name."""
    return {TIME.sub("", file.stem).removeprefix("samples_"): file for file in sorted(files, key=lambda one: one.name)}


def _by_question(files: dict[str, Path]) -> dict[tuple[str, str, int], Sample]:
    """The samples of one model by task, fingerprint, and how often the same document came before."""
    found: dict[tuple[str, str, int], Sample] = {}
    for task, file in sorted(files.items()):
        before: Counter[str] = Counter()
        for _, sample in sorted(_samples(file), key=lambda one: one[0]):
            found[task, sample.question, before[sample.question]] = sample
            before[sample.question] += 1
    return found


def _samples(file: Path) -> Iterable[tuple[int, Sample]]:
    """The samples in a file with the numbers of their documents."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")  # texts may hold other ends of lines
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: expected samples of lm-eval, could not read it: {error}") from error
    found = [(i, line) for i, line in enumerate(lines, start=1) if line.strip()]
    if not found:
        raise DataError(f"{file}: expected samples of lm-eval, a JSON object on each line, found none")
    return [_sample(line, f"{file}, line {i}") for i, line in found]


def _sample(line: str, where: str) -> tuple[int, Sample]:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: expected a JSON object (truncated?), could not read it: {error}") from error
    needed = ("doc_id", "doc_hash", "prompt_hash", "target", "arguments")
    missing = [name for name in needed if not isinstance(row, dict) or name not in row]
    if missing:
        raise DataError(
            f"{where}: expected a sample as lm-eval 0.4 writes it with --log_samples, it lacks {enumerated(missing)}"
        )
    pairs = row.get("filtered_resps") or [one[0] for one in row.get("resps", []) if one]
    try:
        scores = tuple(float(score) for score, _ in pairs)
        requests = [tuple(_values(one)) for one in _values(row["arguments"])]
        choices = tuple(str(one[1]).removeprefix(DELIMITER) for one in requests)
        number = int(row["doc_id"])
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise DataError(
            f"{where}: expected a log-likelihood for each choice, as tasks of the type multiple_choice give them, got "
            f"{shown(str(pairs))}; tasks that generate text have none, and need a scorer"
        ) from error
    if len(scores) != len(choices) or np.isnan(scores).any():
        raise DataError(
            f"{where}: expected one log-likelihood for each of {counted(len(choices), 'choice')}, got {list(scores)}"
        )
    if "acc_mutual_info" in row:  # the second half are the choices without their question
        half = len(choices) // 2
        scores, choices, requests = scores[:half], choices[:half], requests[:half]
    prompt = hashlib.sha256(json.dumps([row["prompt_hash"], requests], default=str).encode()).hexdigest()
    recorded = {name: float(row[name]) for name in ("acc", "acc_norm") if isinstance(row.get(name), int | float)}
    return number, Sample(where, str(row["doc_hash"]), prompt, str(row["target"]), scores, choices, recorded)


def _values(given: Any) -> list[Any]:
    """The entries of a list, or of the object that lm-eval writes in its place: `arg_0`, `arg_1`, ..."""
    return list(given.values()) if isinstance(given, dict) else list(given)


def _check_same(asked: dict[Any, Sample], answered: dict[Any, Sample], first: str, name: str) -> None:
    """Refuses other questions or prompts than those of the first model."""
    lacking, more = asked.keys() - answered.keys(), answered.keys() - asked.keys()
    if lacking or more:
        tasks = sorted({question[0] for question in (*lacking, *more)})
        raise DataError(
            f"{name}: expected the {len(asked):,} questions of {first}, lacks {len(lacking):,} of them and has "
            f"{len(more):,} others (in {enumerated(tasks)}); run all models on the same tasks, with the same --limit"
        )
    differing = [question for question in asked if asked[question].prompt != answered[question].prompt]
    if differing:
        one = differing[0]
        raise DataError(
            f"{answered[one].where}: expected the prompt and choices that {first} was given "
            f"({asked[one].where}), got others, as of {len(differing):,} of {len(asked):,} questions; run all models "
            "with the same --num_fewshot, seed and chat template"
        )


def _right_choices(samples: Sequence[Sample]) -> list[int]:
    """The number of the right choice of each question. A target is this number, or else the choice's text."""
    by_number = [_number(one) for one in samples]
    by_text = [one.choices.index(one.target) if one.target in one.choices else None for one in samples]
    found = [of for of in (by_number, by_text) if None not in of]
    fitting = [of for of in found if all(_agrees(one, i) for one, i in zip(samples, of, strict=True))]
    if not found:
        neither = next(i for i, pair in enumerate(zip(by_number, by_text, strict=True)) if None in pair)
        one = samples[neither]
        raise DataError(
            f"{one.where}: expected the target as the number or the text of one of {len(one.choices)} choices, got "
            f"{shown(one.target)}; questions with several right choices are not read"
        )
    return [i for i in (fitting or found)[0] if i is not None]


def _number(sample: Sample) -> int | None:
    target = sample.target
    return int(target) if target.isdecimal() and int(target) < len(sample.choices) else None


def _agrees(sample: Sample, right: int | None) -> bool:
    """Whether the harness's `acc` is that of a right choice."""
    return "acc" not in sample.recorded or sample.recorded["acc"] == float(np.argmax(sample.scores) == right)


def _scores(samples: Sequence[Sample], length_normalised: bool) -> Float64[np.ndarray, "M k"]:
    """Scores of the choices, −inf for those that a question does not have."""
    scores = np.full((len(samples), max(len(one.scores) for one in samples)), -np.inf)
    for row, one in zip(scores, samples, strict=True):
        lengths = [max(len(choice), 1) for choice in one.choices] if length_normalised else 1
        row[: len(one.scores)] = np.array(one.scores) / lengths
    return scores


def _check_recorded(
    samples: Sequence[Sample], scores: Float64[np.ndarray, "M k"], labels: np.ndarray, metric: str
) -> None:
    """Refuses scores whose accuracy is not the one that the harness recorded: they would mean something else."""
    right = scores.argmax(axis=1) == labels
    wrong = [
        one
        for one, found in zip(samples, right, strict=True)
        if metric in one.recorded and one.recorded[metric] != float(found)
    ]
    if wrong:
        raise DataError(
            f"{wrong[0].where}: expected {metric} {wrong[0].recorded[metric]:g} as recorded, got another from its "
            f"log-likelihoods, as of {len(wrong):,} of {len(samples):,} questions; this task computes {metric} in "
            "a way of its own, which averages of its scores do not follow"
        )
