"""From folders of models to a soup's folder that, opened by the library, gives the reported score."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

transformers = pytest.importorskip("transformers")

import radin  # noqa: E402
from radin.errors import InputError  # noqa: E402
from radin.tasks.load import load_task  # noqa: E402
from tests.helpers import tiny_models  # noqa: E402

NAMED: dict[str, Any] = {"id2label": {0: "bad", 1: "good"}, "label2id": {"bad": 0, "good": 1}}


def rows(n: int = 60) -> list[dict[str, Any]]:
    names = ("bad", "good")
    return [{"text": text, "label": names[label]} for text, label in tiny_models.sentences(n)]


def one_by_one(folder: Path, texts: list[str], **pairs: list[str]) -> np.ndarray:
    """Logits as a user would get them: each text alone, without any padding."""
    config = transformers.AutoConfig.from_pretrained(folder)
    network = getattr(transformers, config.architectures[0]).from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        found = [network(**tokenizer(text, return_tensors="pt")).logits for text in texts]
    return np.concatenate(found)


def test_texts_from_folders_to_a_soup(tmp_path: Path) -> None:
    pool = radin.Pool(tiny_models.save_pool(tmp_path / "runs", tiny_models.bert(**NAMED)))
    data = tiny_models.write_lines(tmp_path / "val.jsonl", rows())
    task = radin.tasks.transformers(data, pool.paths[0])
    result = radin.make_soup(pool, task, run_dir=tmp_path / "run", budget=radin.Budget(soups=2))

    soup = tmp_path / "run" / "soup"
    assert result.soup == soup
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= {one.name for one in soup.iterdir()}
    texts, labels = zip(*tiny_models.sentences(60), strict=True)
    selecting = task.split[0]
    logits = one_by_one(soup, list(texts))[selecting]
    accuracy = float((logits.argmax(axis=1) == np.array(labels)[selecting]).mean())
    assert result.best.value == pytest.approx(accuracy, abs=1e-6)
    likelihood = float(torch.nn.functional.cross_entropy(torch.from_numpy(logits), torch.tensor(labels)[selecting]))
    assert result.best.nll == pytest.approx(likelihood, abs=1e-6)

    card = (soup / "README.md").read_text()
    assert "pipeline_tag: text-classification" in card and "model-index:" in card and "## Results" in card
    assert "BertForSequenceClassification.from_pretrained" in card and "Config and tokenizer are those of" in card
    assert not (tmp_path / "run" / "README.md").exists()

    saved = result.save(tmp_path / "mine")
    assert (saved / "model.safetensors").read_bytes() == (soup / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match="without"):
        result.save(tmp_path / "mine.safetensors")


def test_a_mixture_of_experts_is_scored_as_it_is_loaded(tmp_path: Path) -> None:
    sizes = tiny_models.SIZES | {"num_key_value_heads": 1, "num_local_experts": 3, "pad_token_id": 0}
    torch.manual_seed(0)
    network = transformers.MixtralForSequenceClassification(transformers.MixtralConfig(**sizes, num_labels=2))
    pool = radin.Pool(tiny_models.save_pool(tmp_path / "runs", network, 2))
    numbered = [{"text": text, "label": label} for text, label in tiny_models.sentences(40)]
    data = tiny_models.write_lines(tmp_path / "val.jsonl", numbered)
    task = radin.tasks.transformers(data, pool.paths[0])
    settings: dict[str, Any] = {"run_dir": tmp_path / "run", "budget": radin.Budget(soups=1)}
    result = radin.make_soup(pool, task, **settings)
    logits = one_by_one(result.soup, [row["text"] for row in numbered])[task.split[0]]
    labels = np.array([row["label"] for row in numbered])[task.split[0]]
    assert result.best.value == pytest.approx(float((logits.argmax(axis=1) == labels).mean()), abs=1e-6)


def test_images_are_prepared_by_the_folders_processor(tmp_path: Path) -> None:
    images = pytest.importorskip("PIL.Image")
    config = transformers.ViTConfig(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=8,
        patch_size=4,
        id2label={0: "dark", 1: "bright"},
        label2id={"dark": 0, "bright": 1},
    )
    torch.manual_seed(0)
    paths = tiny_models.save_pool(tmp_path / "runs", transformers.ViTForImageClassification(config), 2)
    processor = transformers.ViTImageProcessor(size={"height": 8, "width": 8})
    for path in paths:
        processor.save_pretrained(path)
    draw = np.random.default_rng(0)
    for name, low in (("bright", 100), ("dark", 0)):  # in another order than the model's classes
        (tmp_path / "val" / name).mkdir(parents=True)
        for i in range(12):
            values = draw.integers(low, low + 120, (10, 10, 3)).astype(np.uint8)
            images.fromarray(values).save(tmp_path / "val" / name / f"{i:02}.png")

    pool = radin.Pool(paths)
    task = radin.tasks.transformers(tmp_path / "val", paths[0])
    assert task.rows.labels.tolist() == [0] * 12 + [1] * 12
    result = radin.make_soup(pool, task, run_dir=tmp_path / "run", budget=radin.Budget(soups=1))

    network = transformers.AutoModelForImageClassification.from_pretrained(result.soup).eval()
    files = [tmp_path / "val" / name / f"{i:02}.png" for name in ("dark", "bright") for i in range(12)]
    pixels = transformers.AutoImageProcessor.from_pretrained(result.soup)(
        [images.open(file) for file in files], return_tensors="pt"
    )
    with torch.inference_mode():
        right = network(**pixels).logits.argmax(dim=1).numpy() == task.rows.labels
    assert result.best.value == pytest.approx(float(right[task.split[0]].mean()), abs=1e-6)


def test_heads_that_cannot_be_scored_say_so(tmp_path: Path) -> None:
    (path,) = tiny_models.save_pool(tmp_path, tiny_models.bert(transformers.BertForNextSentencePrediction), 1)
    data = tiny_models.write_lines(tmp_path / "val.jsonl", rows(4))
    with pytest.raises(InputError, match="BertForNextSentencePrediction is none of the heads"):
        radin.tasks.transformers(data, path)
    with pytest.raises(InputError, match="folder of a model"):
        radin.tasks.transformers(data, tmp_path)


def test_what_the_outputs_depend_on_is_in_the_fingerprint(tmp_path: Path) -> None:
    one, other = tiny_models.save_pool(tmp_path, tiny_models.bert(**NAMED), 2)
    data = tiny_models.write_lines(tmp_path / "val.jsonl", rows(6))
    first = radin.tasks.transformers(data, one)
    assert first.code == radin.tasks.transformers(data, other).code  # the path and the weights are no part of it
    assert first.rows.fingerprint == radin.tasks.transformers(data, other).rows.fingerprint
    assert first.code != radin.tasks.transformers(data, one, attn_implementation="eager").code
    assert first.rows.fingerprint != radin.tasks.transformers(data, one, max_length=4).rows.fingerprint
    named = load_task("transformers", {"data": str(data), "model": str(one), "max_length": "4"})
    assert named.rows.fingerprint == radin.tasks.transformers(data, one, max_length=4).rows.fingerprint
