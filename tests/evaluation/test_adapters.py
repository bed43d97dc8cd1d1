"""A pool of adapters the whole way: collected, ranked, verified, written, resumed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.lora import make_adapters, start, task
from helpers.small import Network, clouds
from safetensors.torch import load_file, save_file

import radin
from radin.errors import IncompatibleError, RunDirError, TaskError
from radin.searching.budget import Budget
from radin.tasks.task import Task

peft = pytest.importorskip("peft")

#: Of what PEFT asks transformers for.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


def soup_of(pool: radin.Pool, run: Path, **settings) -> radin.Result:
    return radin.make_soup(pool, task(), run_dir=run, budget=Budget(candidates=20, soups=1), race=False, **settings)


def accuracy(network: torch.nn.Module, rows: np.ndarray) -> float:
    x, y = clouds(200, seed=1)
    with torch.inference_mode():
        return float((network.eval()(x).argmax(dim=1) == y)[rows].double().mean())


def check_score(result: radin.Result) -> None:
    """Reopens the written soup, and holds its score to the reported one."""
    network = start()
    if result.soup.suffix == ".safetensors":
        network.load_state_dict(load_file(result.soup))
    else:
        network = peft.PeftModel.from_pretrained(network, result.soup)
    assert accuracy(network, task().split[0]) == pytest.approx(result.leaderboard[0].value, abs=1e-12)


@pytest.mark.parametrize("options", [{"rank": 1}, {"merge": True}], ids=["cut", "merged"])
def test_the_reported_score_is_that_of_the_written_soup(tmp_path: Path, options) -> None:
    folders = make_adapters(tmp_path / "runs", 3, base=tmp_path / "base", use_rslora=True)
    check_score(soup_of(radin.Pool(folders, **options), tmp_path / "run", lam=5.0))


def test_soups_of_adapters_are_filled_in_place_and_score_as_when_loaded(tmp_path: Path) -> None:
    pool = radin.Pool(make_adapters(tmp_path / "runs", 3))
    with radin.Verifier(pool, task(), tmp_path / "run") as verifier:
        assert not verifier.remarks  # one base served all
        logits = verifier.logits(radin.Recipe.uniform(pool.names))
    soup = radin.average(pool, list(pool.names), tmp_path / "soup")
    network = peft.PeftModel.from_pretrained(start(), soup)
    with torch.inference_mode():
        expected = network(clouds(200, seed=1)[0]).numpy()
    np.testing.assert_allclose(logits, expected, atol=1e-6)


def test_a_run_is_resumed_and_another_rank_is_another_run(tmp_path: Path) -> None:
    folders = make_adapters(tmp_path / "runs", 3)
    result = soup_of(radin.Pool(folders), tmp_path / "run")
    check_score(result)
    again = soup_of(radin.Pool(folders), tmp_path / "run")
    assert again.spent.passes == 3 and again.spent.soups == result.spent.soups
    assert [one.value for one in again.leaderboard] == [one.value for one in result.leaderboard]
    with pytest.raises(RunDirError, match="rank"):
        soup_of(radin.Pool(folders, rank=1), tmp_path / "run")


def test_a_network_without_the_bases_weights_is_told(tmp_path: Path) -> None:
    pool = radin.Pool(make_adapters(tmp_path / "runs", 2))
    with pytest.raises(TaskError, match="another network each time"):
        radin.make_soup(pool, Task(Network, clouds(60, seed=1), device="cpu"), run_dir=tmp_path / "run")
    with pytest.raises(IncompatibleError, match="base"):
        radin.make_soup(
            pool, Task(lambda: torch.nn.Linear(6, 3), clouds(60, seed=1), device="cpu"), run_dir=tmp_path / "other"
        )
    assert not (tmp_path / "other" / "soup").exists()


def test_adapters_that_lack_modules_are_told_in_the_result(tmp_path: Path) -> None:
    folders = make_adapters(tmp_path / "runs", 3)
    file = folders[2] / "adapter_model.safetensors"
    save_file({name: one for name, one in load_file(file).items() if "layers.0" not in name}, file)
    config = folders[2] / "adapter_config.json"
    config.write_text(config.read_text().replace('"layers.0", ', ""))
    pool = radin.Pool(folders)
    with radin.Verifier(pool, task(), tmp_path / "run") as verifier:
        assert verifier.remarks == pool.notes and "layers.0" in verifier.remarks[0]


@pytest.mark.parametrize("options", [{}, {"merge": True}], ids=["adapter", "merged"])
def test_adapters_of_a_model_of_transformers(tmp_path: Path, options) -> None:
    """From folders as PEFT saves them to a folder that the libraries load and that gives the reported score."""
    transformers = pytest.importorskip("transformers")
    from helpers import tiny_models

    base = tiny_models.bert()
    base.save_pretrained(tmp_path / "base")
    tiny_models.tokenizer().save_pretrained(tmp_path / "base")
    for i in range(2):
        network = type(base).from_pretrained(tmp_path / "base")
        config = peft.LoraConfig(r=2 + i, target_modules=["query", "value"], task_type="SEQ_CLS")
        network = tiny_models.nudged(peft.get_peft_model(network, config), seed=i)
        network.save_pretrained(str(tmp_path / "runs" / f"run{i}"))
    rows = [{"text": text, "label": label} for text, label in tiny_models.sentences(60)]
    data = tiny_models.write_lines(tmp_path / "val.jsonl", rows)
    pool = radin.Pool(tmp_path / "runs", **options)
    task = radin.tasks.transformers(data, pool.model_folder)
    result = radin.make_soup(
        pool, task, run_dir=tmp_path / "run", budget=Budget(candidates=20, soups=1), race=False, lam=5.0
    )
    network = type(base).from_pretrained(result.soup if options else tmp_path / "base").eval()
    network = network if options else peft.PeftModel.from_pretrained(network, result.soup)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "base")
    with torch.inference_mode():
        logits = [network(**tokenizer(row["text"], return_tensors="pt")).logits for row in rows]
    right = torch.cat(logits).argmax(dim=1).numpy() == np.array([row["label"] for row in rows])
    assert right[task.split[0]].mean() == pytest.approx(result.best.value, abs=1e-6)
