"""Samples of lm-eval: the same accuracies as the harness, and nothing averaged that does not belong together."""

import json
from pathlib import Path

import numpy as np
import pytest

import radin
from radin.errors import DataError
from radin.scoring.harness_samples import read_samples, sample_files
from radin.scoring.logit_bank import LogitBank

CHOICES = [["yes", "no"], ["a long answer", "b", "none of it"], ["red", "gr\u2028een", "blue"], ["one", "two"]]
RIGHT = [0, 2, 1, 1]


def rows(seed: int = 0, *, target=str, prompt: str = "p") -> list[dict]:
    """Rows as lm-eval 0.4 writes them, with the accuracies that its own code computes."""
    rng, found = np.random.default_rng(seed), []
    for i, (choices, right) in enumerate(zip(CHOICES, RIGHT, strict=True)):
        scores = -rng.uniform(1, 20, size=len(choices))
        requests = {f"gen_args_{j}": {"arg_0": f"Q{i}", "arg_1": f" {one}"} for j, one in enumerate(choices)}
        pairs = [[str(score), "False"] for score in scores]
        found.append(
            {
                "doc_id": i,
                "target": target(right),
                "arguments": requests,
                "resps": [[pair] for pair in pairs],
                "filtered_resps": pairs,
                "doc_hash": f"d{i}",
                "prompt_hash": f"{prompt}{i}",
                "acc": float(scores.argmax() == right),
                "acc_norm": float((scores / np.array([float(len(one)) for one in choices])).argmax() == right),
            }
        )
    return found


def write(folder: Path, content: list[dict], name: str = "samples_quiz_2026-01-01T10-00-00.5.jsonl") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content), encoding="utf-8")


def accuracies(bank: LogitBank) -> list[float]:
    return [float((bank.logits(i).argmax(axis=1) == bank.labels).mean()) for i in range(len(bank))]


@pytest.mark.parametrize("metric", ["acc", "acc_norm"])
def test_accuracies_are_those_of_the_harness(tmp_path: Path, metric: str) -> None:
    for seed in range(6):
        write(tmp_path / f"org__run{seed}", rows(seed))
    bank = radin.scoring.open_bank(tmp_path, length_normalised=metric == "acc_norm")
    assert bank.names == tuple(f"org__run{seed}" for seed in range(6))
    np.testing.assert_array_equal(bank.labels, RIGHT)
    assert accuracies(bank) == [float(np.mean([row[metric] for row in rows(seed)])) for seed in range(6)]
    assert (bank.kind.name, bank.n_classes) == ("choices", 3)
    assert radin.rank(bank, "exhaustive").n_samples == 4


def test_rows_are_matched_by_their_hashes(tmp_path: Path) -> None:
    write(tmp_path / "a", rows(0))
    write(tmp_path / "b", [{**row, "doc_id": 3 - row["doc_id"]} for row in rows(1)][::-1])
    bank = read_samples(tmp_path)
    assert accuracies(bank) == [float(np.mean([row["acc"] for row in rows(seed)])) for seed in (0, 1)]


def test_a_document_that_comes_twice_is_two_rows(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, [*rows(0), {**rows(1)[0], "doc_id": 9}])
    assert read_samples(tmp_path).n_samples == 5


def test_of_a_task_the_latest_file_counts_and_tasks_come_one_after_the_other(tmp_path: Path) -> None:
    write(tmp_path / "a", rows(1), "samples_quiz_2026-01-01T10-00-00.5.jsonl")
    write(tmp_path / "a", rows(2), "samples_quiz_2026-02-01T09-00-00.5.jsonl")
    write(tmp_path / "a", rows(3), "samples_exam_2026-01-01T10-00-00.5.jsonl")
    bank = read_samples(tmp_path)
    assert bank.n_samples == 8
    np.testing.assert_allclose(
        bank.logits(0)[4, :2], [float(one) for one, _ in rows(2)[0]["filtered_resps"]], rtol=1e-6
    )


def test_the_target_may_be_the_text_of_a_choice_and_numbers_texts(tmp_path: Path) -> None:
    texts = rows(0)
    for row, choices, right in zip(texts, CHOICES, RIGHT, strict=True):
        row["target"] = choices[right]
    write(tmp_path / "words" / "a", texts)
    np.testing.assert_array_equal(read_samples(tmp_path / "words").labels, RIGHT)
    digits = rows(0)
    for row, right in zip(digits, RIGHT, strict=True):
        for j, request in enumerate(row["arguments"].values()):
            request["arg_1"] = f" {(j + 1) % len(row['arguments'])}"
        row["target"] = str((right + 1) % len(row["arguments"]))
        row["acc"] = float(np.argmax([float(one) for one, _ in row["filtered_resps"]]) == right)
    write(tmp_path / "digits" / "a", digits)
    np.testing.assert_array_equal(read_samples(tmp_path / "digits").labels, RIGHT)


def test_answers_without_their_question_are_no_choices(tmp_path: Path) -> None:
    content = rows(0)
    for row in content:
        more = {f"{name}b": one | {"arg_0": ""} for name, one in row["arguments"].items()}
        row |= {"arguments": row["arguments"] | more, "acc_mutual_info": 0.0}
        row["filtered_resps"] = row["filtered_resps"] + [["-0.1", "False"]] * len(more)
    write(tmp_path / "a", content)
    bank = read_samples(tmp_path)
    assert (bank.n_classes, accuracies(bank)) == (3, [float(np.mean([row["acc"] for row in rows(0)]))])


def test_a_file_and_a_folder_of_one_model_are_called_after_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "run", rows(0))
    (file,) = (tmp_path / "run").iterdir()
    assert [*sample_files(file)] == [*sample_files(tmp_path / "run")] == ["run"]
    assert read_samples(file).names == ("run",)


def test_models_with_other_questions_or_prompts_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "one" / "a", rows(0))
    write(tmp_path / "one" / "b", rows(1)[:3])
    with pytest.raises(DataError, match="lacks 1 of them and has 0 others"):
        read_samples(tmp_path / "one")
    write(tmp_path / "two" / "a", rows(0))
    write(tmp_path / "two" / "b", rows(1, prompt="q"))
    with pytest.raises(DataError, match="line 1: expected the prompt and choices that a was given"):
        read_samples(tmp_path / "two")
    with pytest.raises(DataError, match="other samples"):
        LogitBank.join({name: read_samples(tmp_path / "two" / name) for name in ("a", "b")})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"filtered_resps": ["a text"], "resps": [["a text"]]}, "tasks that generate text have none"),
        ({"filtered_resps": [["-1", "False"]]}, "one log-likelihood for each of 2 choices"),
        ({"filtered_resps": [["nan", "False"], ["-1", "False"]]}, "one log-likelihood for each of 2 choices"),
        ({"target": "[0, 1]"}, "several right choices are not read"),
        ({"acc": 7.0}, "expected acc 7 as recorded"),
        ({"doc_hash": None, "prompt_hash": None}, ""),
    ],
)
def test_rows_that_cannot_be_read_are_named(tmp_path: Path, change: dict, said: str) -> None:
    content = rows(0)
    content[0] |= change
    if not said:
        del content[0]["doc_hash"]
        said = "it lacks doc_hash"
    write(tmp_path, content)
    with pytest.raises(DataError) as error:
        read_samples(tmp_path)
    assert said in str(error.value) and "line 1" in str(error.value)


def test_a_file_cut_short_is_named(tmp_path: Path) -> None:
    write(tmp_path, rows(0))
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text()[:-20])
    with pytest.raises(DataError, match=r"line 4: expected a JSON object \(truncated\?\)"):
        read_samples(tmp_path)
    file.write_text("\n")
    with pytest.raises(DataError, match="found none"):
        read_samples(tmp_path)
