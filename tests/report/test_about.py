"""The facts of a run: fingerprints, data, versions, command, and the classes that changed."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small import Network, clouds, task

import radin
from radin.report.about import changed_classes, command_line, versions


def test_a_run_names_its_ingredients_data_and_versions(finished: Path, checkpoints: list[Path]) -> None:
    about = json.loads((finished / "leaderboard.json").read_text())["about"]
    pool = radin.Pool(checkpoints)
    assert about["ingredients"] == {name: pool.fingerprint(i) for i, name in enumerate(pool.names)}
    assert about["data"] | {"fingerprints": 0} == {
        "selecting": 300,
        "held_back": 0,
        "tests": {"test": 80},
        "fingerprints": 0,
    }
    assert (finished / "grams" / f"{about['distances']}.npy").exists()
    assert about["versions"] == versions()
    assert about["versions"]["radin"] == radin.__version__
    assert about["threads"] == torch.get_num_threads()


def test_classes_are_counted_as_a_plain_loop_counts_them(
    finished: Path, checkpoints: list[Path], tmp_path: Path
) -> None:
    one, names = task(test=clouds(80, 5)), ["run0", "run1", "run2", "run3", "run4"]
    with radin.Verifier(radin.Pool(checkpoints), one, tmp_path) as verifier:
        recipes = radin.Recipe.uniform(names), radin.Recipe.subset(names, [0])
        found = changed_classes(verifier, *recipes)
        _, labels, ours = verifier.unseen_logits(recipes[0])
        _, _, theirs = verifier.unseen_logits(recipes[1])
    assert found is not None
    rows = {row["class"]: row for row in found["rows"]}
    for i in range(3):
        mine, other = (
            sum(a.argmax() == b == i for a, b in zip(logits, labels, strict=True)) for logits in (ours, theirs)
        )
        assert (str(i) in rows) == (mine != other)
        if mine != other:
            assert (rows[str(i)]["winner"], rows[str(i)]["best_ingredient"]) == (mine, other)
            assert rows[str(i)]["samples"] == int(np.sum(labels == i))
    assert (found["of"], found["changed"], found["data"]) == (3, len(rows), "test")


def test_columns_that_stand_for_no_class_are_not_counted_as_classes(checkpoints: list[Path], tmp_path: Path) -> None:
    """The scores of choices, and the tokens that are kept of a vocabulary, have another meaning in every row."""
    choices = radin.Task(Network, clouds(120, 3), outputs="choices")
    with radin.Verifier(radin.Pool(checkpoints), choices, tmp_path) as verifier:
        recipes = [radin.Recipe.subset(verifier.names, members) for members in ([0, 1], [0])]
        assert changed_classes(verifier, *recipes) is None


def test_the_command_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = {
        ("/usr/bin/radin", "soup", "runs/a b.pt"): "radin soup 'runs/a b.pt'",
        ("/lib/radin/__main__.py", "soup"): "python -m radin soup",
        ("my script.py",): "'my script.py'",
        ("/x/ipykernel_launcher.py", "-f", "kernel.json"): "",
        ("",): "",
    }
    for words, said in cases.items():
        monkeypatch.setattr(sys, "argv", list(words))
        assert command_line() == said
