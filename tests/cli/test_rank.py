"""The command rank: recipes ranked from logits alone."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.command_line import SMALL, refused, run
from helpers.small import CLASSES, FEATURES, task
from torch import nn


def test_rank_takes_logits_from_anywhere(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=200)
    for i in range(6):
        np.save(tmp_path / f"model{i}.npy", np.eye(4)[labels] + rng.normal(scale=1.0, size=(200, 4)))
    np.save(tmp_path / "truth.npy", labels)
    elsewhere = tmp_path / "truth.npy"
    code, out, _ = run(capsys, "rank", "--logits", tmp_path, "--labels", elsewhere, "--top", 3, "--json")
    assert code == 0
    document = json.loads(out)
    assert len(document["shortlist"]) == 3
    assert document["shortlist"][0]["accuracy"] > document["best_ingredient"]["accuracy"]
    code, out, _ = run(capsys, "rank", "--logits", tmp_path, "--labels", elsewhere, "--searcher", "monte-carlo")
    assert code == 0
    assert "63 candidates scored" in out  # all subsets of six


def test_rank_says_by_what_it_ranked(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=200)
    for i in range(4):
        np.save(tmp_path / f"model{i}.npy", np.eye(4)[labels] + rng.normal(scale=1.0, size=(200, 4)))
    np.save(tmp_path / "labels.npy", labels)
    code, out, _ = run(capsys, "rank", "--logits", tmp_path, "--criterion", "tempered")
    assert code == 0
    assert "shortlist, by tempered log-likelihood" in " ".join(out.split())
    code, out, _ = run(capsys, "rank", "--logits", tmp_path, "--criterion", "metric")
    assert "tempered" not in out


def test_rank_reduces_logits_of_a_vocabulary_and_says_so(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(500, size=(12, 7))
    for i in range(3):
        logits = rng.normal(size=(12, 7, 500)) + 4 * np.eye(500)[labels]
        np.save(tmp_path / f"run{i}.npy", logits.astype(np.float16))
    np.save(tmp_path / "labels.npy", labels)
    command = ["rank", "--logits", tmp_path, "--outputs", "tokens", "--alternatives", 16, "--metric", "perplexity"]
    code, out, _ = run(capsys, *command, "--holdback", 0.3)
    said = " ".join(out.split())
    assert code == 0 and "perplexity of averaged logits" in said and "is too high by at most" in said
    assert "the likeliest of the average of all these models; no soup was run" in said
    code, out, _ = run(capsys, *command, "--json")
    document = json.loads(out)
    assert (code, document["samples"]) == (0, 84) and document["excess"] > 0
    assert document["shortlist"][0]["perplexity"] < document["best_ingredient"]["perplexity"]
    assert "alternatives=2 are for files with logits of a whole" in refused(capsys, *command[:3], "--alternatives", 2)


LINEAR = """
import radin
from helpers.small import CLASSES, FEATURES, SAMPLES, clouds
from torch import nn


def network():
    return nn.Sequential(nn.Linear(FEATURES, CLASSES))


def task():
    return radin.Task(network, clouds(SAMPLES, seed=1), device="cpu")
"""


def test_architectures_are_ranked_together(
    capsys: pytest.CaptureFixture, checkpoints: list[Path], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    torch.save(nn.Sequential(nn.Linear(FEATURES, CLASSES)).state_dict(), tmp_path / "run0.pt")
    code, _, err = run(capsys, "inspect", checkpoints[0], tmp_path / "run0.pt")
    assert (code, "must be fine-tunings of one architecture" in err) == (2, True)
    assert "radin rank" in err
    logits = ["--logits-only", "--json"]
    given = ["--task", f"{SMALL}:task", "--run-dir", tmp_path / "deep", *logits]
    document = json.loads(run(capsys, "soup", *checkpoints, *given)[1])
    assert Path(document["logits"]) == tmp_path / "deep" / "logits"
    assert document["passes"] == len(checkpoints)
    assert not (tmp_path / "deep" / "soup.safetensors").exists()
    script = tmp_path / "linear_task.py"
    script.write_text(LINEAR)
    given = ["--task", f"{script}:task", "--run-dir", tmp_path / "flat", *logits]
    assert run(capsys, "soup", tmp_path / "run0.pt", *given)[0] == 0
    code, _, err = run(capsys, "soup", tmp_path / "run0.pt", *given, "--plan")
    assert (code, "--logits-only builds no soup" in err) == (2, True)
    both = ["rank", "--logits", tmp_path / "deep" / "logits", "--logits", tmp_path / "flat" / "logits"]
    document = json.loads(run(capsys, *both, "--json")[1])
    assert document["models"] == len(checkpoints) + 1
    assert document["samples"] == len(task().split[0])
    assert "samples that select in that run" in run(capsys, *both)[1]
    code, _, err = run(capsys, *both, "--samples", "all")
    assert (code, "With a holdback of 0 all samples select" in err) == (2, True)
    for folder, source, files in (("deep", SMALL, checkpoints), ("flat", script, [tmp_path / "run0.pt"])):
        given = ["--task", f"{source}:task", "--run-dir", tmp_path / folder, *logits, "--holdback", 0]
        assert run(capsys, "soup", *files, *given)[0] == 0
    document = json.loads(run(capsys, *both, "--json", "--samples", "all", "--searcher", "exhaustive", "--top", 99)[1])
    assert document["samples"] == 300
    assert any("flat/run0" in row["recipe"] and "deep/run0" in row["recipe"] for row in document["shortlist"])
    assert "all 300 samples of a run" in run(capsys, *both, "--samples", "all")[1]
    labels = tmp_path / "deep" / "logits" / "labels.npy"
    assert json.loads(run(capsys, *both, "--json", "--labels", labels)[1])["models"] == len(checkpoints) + 1


def test_logits_that_cannot_be_ranked(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    assert "found none" in refused(capsys, "rank", "--logits", tmp_path)
    np.save(tmp_path / "a.npy", np.zeros((4, 3)))
    assert "labels" in refused(capsys, "rank", "--logits", tmp_path)
    np.save(tmp_path / "labels.npy", np.array([0, 1, 2, 3]))
    assert "label 3 of sample 3" in refused(capsys, "rank", "--logits", tmp_path)
    np.save(tmp_path / "labels.npy", np.array([0, 1, 2, 2]))
    np.save(tmp_path / "b.npy", np.full((4, 3), np.nan))
    assert "b: its logits for sample 0 are not finite" in refused(capsys, "rank", "--logits", tmp_path)
    np.save(tmp_path / "b.npy", np.zeros((4, 4)))
    assert "b: expected logits of shape [4, 3]" in refused(capsys, "rank", "--logits", tmp_path)
    (tmp_path / "b.npy").write_bytes(b"nothing")
    assert "b.npy" in refused(capsys, "rank", "--logits", tmp_path)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_table_fits_and_has_no_column_without_a_prior(
    capsys: pytest.CaptureFixture, tmp_path: Path, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, names = np.random.default_rng(0), [f"vit-base-finetuned-on-clouds-with-mixup-run-{i}" for i in range(8)]
    labels = rng.integers(3, size=60)
    np.save(tmp_path / "labels.npy", labels)
    for name in names:
        np.save(tmp_path / f"{name}.npy", (np.eye(3)[labels] + rng.normal(size=(60, 3))).astype(np.float32))
    monkeypatch.setenv("COLUMNS", str(width))
    for lam in (0, 1):
        _, out, _ = run(capsys, "rank", "--logits", tmp_path, "--criterion", "metric", "--lam", lam)
        assert max(map(len, out.splitlines())) <= width
        assert ("prior" in out) == bool(lam)
        _, out, _ = run(capsys, "rank", "--logits", tmp_path, "--criterion", "tempered", "--lam", lam)
        assert "tempered" in out and ("prior" in out) == bool(lam)
        assert "…" in out and f"{names[0]} +" not in out


def test_rank_takes_files_and_runs(capsys: pytest.CaptureFixture, tmp_path: Path, finished: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=200)
    logits = {f"run{i}": np.eye(4)[labels] + rng.normal(size=(200, 4)) for i in range(4)}
    np.savez(tmp_path / "vits.npz", **logits)
    np.save(tmp_path / "all.npy", np.stack([*logits.values()]))
    (tmp_path / "labels.csv").write_text("label\n" + "\n".join(map(str, labels)))
    first = json.loads(run(capsys, "rank", "--logits", tmp_path / "vits.npz", "--json")[1])
    other = json.loads(run(capsys, "rank", "--logits", tmp_path / "all.npy", "--json")[1])
    assert [one["accuracy"] for one in first["shortlist"]] == [one["accuracy"] for one in other["shortlist"]]
    whole = json.loads(run(capsys, "rank", "--logits", finished, "--json")[1])
    assert whole == json.loads(run(capsys, "rank", "--logits", finished / "logits", "--json")[1])


def test_the_first_recipe_is_reported_on_held_back_samples_and_averaged(
    capsys: pytest.CaptureFixture, tmp_path: Path, finished: Path, checkpoints: list[Path]
) -> None:
    recipe = tmp_path / "recipe.json"
    given = ["rank", "--logits", finished, "--searcher", "exhaustive", "--holdback", 0.5, "--output", recipe]
    document = json.loads(run(capsys, *given, "--json")[1])
    assert document["report"]["data"] == "held-back"
    assert json.loads(recipe.read_text()) == document["shortlist"][0]["recipe"]
    out = " ".join(run(capsys, *given)[1].split())
    assert f"on the held-back data, {document['report']['n_samples']} samples" in out
    assert "exact McNemar test" in out
    code, out, _ = run(capsys, "average", *checkpoints, "--recipe", recipe, "-o", tmp_path / "a.safetensors", "--json")
    assert (code, json.loads(out)["recipe"]) == (0, document["shortlist"][0]["recipe"])


def test_a_recipe_that_cannot_be_read_or_written(
    capsys: pytest.CaptureFixture, tmp_path: Path, checkpoints: list[Path]
) -> None:
    recipe = tmp_path / "recipe.json"
    given = ["average", *checkpoints, "--recipe", recipe, "-o", tmp_path / "a.safetensors"]
    assert "no such file" in refused(capsys, *given)
    for text in ("{", "[1]", "{}", '{"run0": "much"}'):
        recipe.write_text(text)
        assert "recipe.json: expected" in refused(capsys, *given)
    recipe.write_text('{"nobody": 1.0}')
    assert "no ingredient is called 'nobody'" in refused(capsys, *given)
    assert "got both" in refused(capsys, *given, "--mix", "1")
    np.savez(tmp_path / "one.npz", a=np.eye(3), labels=np.arange(3))
    told = refused(capsys, "rank", "--logits", tmp_path / "one.npz", "-o", tmp_path / "none.json")
    assert "expected a recipe to write, got none" in told
    assert "is a folder" in refused(capsys, "rank", "--logits", tmp_path / "one.npz", "-o", tmp_path)


def test_samples_of_lm_eval_are_ranked_by_its_metrics(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        lines = []
        for i in range(40):
            scores = rng.normal(size=2) - 5 + np.array([1.0, 0.0])
            requests = [["Q", f" {'short' if j else 'a long answer'}"] for j in range(2)]
            row = {"doc_id": i, "doc_hash": str(i), "prompt_hash": "p", "target": "0", "arguments": requests}
            lines.append(json.dumps(row | {"filtered_resps": [[score, False] for score in scores.tolist()]}))
        (tmp_path / name / "samples_quiz.jsonl").write_text("\n".join(lines))
    found = {}
    for metric in ("acc", "acc_norm"):
        document = json.loads(run(capsys, "rank", "--logits", tmp_path, "--metric", metric, "--json")[1])
        assert (document["models"], document["samples"]) == (3, 40)
        found[metric] = document["best_ingredient"]["accuracy"]
    assert found["acc"] < found["acc_norm"]  # the longer answer is right
    np.savez(tmp_path / "other.npz", a=np.eye(3), labels=np.arange(3))
    told = refused(capsys, "rank", "--logits", tmp_path / "other.npz", "--metric", "acc_norm")
    assert "expected samples of lm-eval" in told


def test_probabilities_are_refused_logarithms_or_averaged(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=200)
    chances = torch.from_numpy(np.eye(4)[labels] + rng.normal(size=(5, 200, 4))).softmax(2).numpy()
    np.savez(tmp_path / "chances.npz", labels=labels, **{f"model{i}": one for i, one in enumerate(chances)})
    command = ["rank", "--logits", tmp_path / "chances.npz", "--metric", "nll", "--searcher", "backward"]
    assert "look like probabilities" in refused(capsys, *command)
    found = {}
    for way in ("log", "average"):
        code, out, _ = run(capsys, *command, "--probabilities", way, "--holdback", 0.4, "--json")
        assert code == 0
        found[way] = json.loads(out)
    single = found["average"]["best_ingredient"]["nll"]
    assert single == pytest.approx(found["log"]["best_ingredient"]["nll"]), "one network's loss is the same"
    first = found["average"]["report"]["winner"]
    assert first["low"] < first["value"] < first["high"]
    _, out, _ = run(capsys, *command, "--probabilities", "average", "--top", 1, "--json")
    (best,) = json.loads(out)["shortlist"]
    mean = np.mean([chances[int(name.removeprefix("model"))] for name in best["recipe"]], axis=0)
    assert best["nll"] == pytest.approx(-np.log(mean[np.arange(200), labels]).mean())
