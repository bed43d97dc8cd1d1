"""Language models are scored by the tokens that they guess, as a user would compute it text by text."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

transformers = pytest.importorskip("transformers")

import radin  # noqa: E402
from radin.errors import DataError, InputError  # noqa: E402
from radin.tasks.hugging_face.answers import IGNORED  # noqa: E402
from radin.tasks.hugging_face.encoding import MASK  # noqa: E402
from radin.tasks.hugging_face.language import batch_size, language_texts  # noqa: E402
from tests.helpers import tiny_models  # noqa: E402


def causal() -> Any:
    sizes = tiny_models.SIZES | {"num_key_value_heads": 1, "tie_word_embeddings": True, "pad_token_id": 0}
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes))


def masking() -> Any:
    made = tiny_models.tokenizer()
    made.add_special_tokens({"mask_token": "it"})  # a word of the vocabulary, so that the network fits
    return made


@pytest.mark.parametrize("metric", ["nll", "perplexity"])
def test_a_causal_models_soup_has_the_reported_loss(metric: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = causal()
    pool = radin.Pool(tiny_models.save_pool(tmp_path / "runs", network, 3))
    texts = [text for text, _ in tiny_models.sentences(12)]
    data = tiny_models.write_lines(tmp_path / "val.jsonl", [{"text": text} for text in texts])
    test = tiny_models.write_lines(tmp_path / "test.jsonl", [{"text": text} for text in texts[:5]])
    task = radin.tasks.transformers(data, pool.paths[0], test, metric=metric)
    result = radin.make_soup(pool, task, run_dir=tmp_path / "run", budget=radin.Budget(soups=1))

    opened = type(network).from_pretrained(result.soup).eval()
    losses = []
    for text in texts:
        ids = tiny_models.tokenizer()(text, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            logits = opened(input_ids=ids).logits[0, :-1]
        losses += torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none").tolist()
    expected = float(np.mean(losses)) if metric == "nll" else float(np.exp(np.mean(losses)))
    assert result.metric == metric and result.best.value == pytest.approx(expected, rel=1e-5)


def test_a_masked_models_soup_has_the_reported_loss(tmp_path: Path) -> None:
    network = tiny_models.bert(transformers.BertForMaskedLM)
    paths = tiny_models.save_pool(tmp_path / "runs", network, 2, with_tokenizer=False)
    for path in paths:
        masking().save_pretrained(path)
    texts = [text for text, _ in tiny_models.sentences(30)]
    data = tiny_models.write_lines(tmp_path / "val.jsonl", [{"text": text} for text in texts])
    test = tiny_models.write_lines(tmp_path / "test.jsonl", [{"text": text} for text in texts[:9]])
    task = radin.tasks.transformers(data, paths[0], test)
    result = radin.make_soup(radin.Pool(paths), task, run_dir=tmp_path / "run", budget=radin.Budget(soups=1))

    opened = type(network).from_pretrained(result.soup).eval()
    losses = []
    for inputs, labels in (task.data[i] for i in range(len(task.data))):
        length = int(inputs[MASK].sum())
        with torch.inference_mode():
            logits = opened(input_ids=inputs["input_ids"][None, :length]).logits[0]
        found = torch.nn.functional.cross_entropy(logits, torch.tensor(labels[:length]), reduction="none")
        losses += found[labels[:length] != IGNORED].tolist()
    assert result.best.value == pytest.approx(float(np.mean(losses)), rel=1e-5)


def test_hidden_tokens_are_drawn_once_by_the_text_alone() -> None:
    texts = ["good fine great bad poor awful a very film good fine great bad poor awful a very film"] * 200
    made = language_texts(texts, masking(), masked=True, max_length=24, padding=0)
    first, labels = made[0]
    assert all(torch.equal(made[i][0]["input_ids"], first["input_ids"]) for i in range(200))
    assert (labels != IGNORED).sum() == 3  # 15 % of 18 words, and neither [CLS] nor [SEP]
    rng = np.random.default_rng(0)
    words = tiny_models.WORDS[4:13]
    others = [" ".join(rng.choice(words, 18)) for _ in range(300)]
    made = language_texts(others, masking(), masked=True, max_length=24, padding=0)
    tokens = np.stack([made[i][0]["input_ids"].numpy() for i in range(300)])
    guessed, mask = made.labels != IGNORED, masking().mask_token_id
    assert guessed.sum() == 900 and not guessed[:, [0, 19]].any()
    assert 0.75 < (tokens[guessed] == mask).mean() < 0.86
    plain = np.stack([masking()(text)["input_ids"] for text in others])
    assert (tokens[~guessed] == plain[~guessed]).all()
    assert (made.labels[guessed] == plain[guessed]).all()


def test_long_texts_go_on_in_further_pieces_of_one_group(tmp_path: Path) -> None:
    long, short = "good " * 9, "bad film"  # with [CLS] and [SEP] of 11 and 4 tokens
    made = language_texts([long, short], tiny_models.tokenizer(), masked=False, max_length=4, padding=0)
    assert made.groups == [0, 0, 0, 1]
    assert [(labels != IGNORED).sum() for _, labels in (made[i] for i in range(4))] == [3, 3, 2, 3]
    rows = [{"text": long}, {"text": short}, {"text": "a very good film"}]
    (path,) = tiny_models.save_pool(tmp_path / "runs", causal(), 1)
    task = radin.tasks.transformers(tiny_models.write_lines(tmp_path / "val.jsonl", rows), path, max_length=4)
    assert task.rows.groups is not None and task.rows.groups.tolist() == [0, 0, 0, 1, 2, 2]
    whole = radin.tasks.transformers(tmp_path / "val.jsonl", path)
    assert whole.groups is None and len(whole.rows) == 3


def test_the_logits_of_a_batch_are_bounded() -> None:
    assert batch_size(1024, 50_000) == 1
    assert batch_size(32, 1_000) == 2**26 // 32_000


def test_texts_without_a_token_to_guess_and_models_without_a_mask_are_refused() -> None:
    how: dict[str, Any] = {"max_length": 8, "padding": 0}
    with pytest.raises(InputError, match="has no mask token"):
        language_texts(["good"], tiny_models.tokenizer(), masked=True, **how)
    with pytest.raises(DataError, match="no token to guess"):
        language_texts(["good"], tiny_models.tokenizer(), masked=False, max_length=1, padding=0)
