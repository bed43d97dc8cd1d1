"""Tokens and layers of BERT, against their definitions and torch's own."""

import pytest
import torch

from benchmarks.zoos import debian
from benchmarks.zoos.bert import Layer, WordPiece, layer_state

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "des", "##ktop", "program", "for", "the", "-", "™", *debian.SECTIONS]


@pytest.fixture
def vocabulary(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(PIECES) + "\n")
    return WordPiece(path)


def test_words_are_cut_into_the_longest_pieces_that_are_known(vocabulary):
    rows = vocabulary.encode(["The Desktop-program for DÉS", "unheard games™"], 9)
    named = [[PIECES[number] for number in row] for row in rows.tolist()]
    assert named[0] == ["[CLS]", "the", "des", "##ktop", "-", "program", "for", "des", "[SEP]"]
    assert named[1] == ["[CLS]", "[UNK]", "[UNK]", "[SEP]", *["[PAD]"] * 5]  # no punctuation, so part of its word


def test_a_text_that_is_too_long_keeps_its_end_mark(vocabulary):
    (row,) = vocabulary.encode(["the program for the program for the desktop"], 6)
    assert [PIECES[number] for number in row] == ["[CLS]", "the", "program", "for", "the", "[SEP]"]


def test_a_layer_is_the_post_norm_layer_of_torch():
    torch.manual_seed(0)
    theirs = torch.nn.TransformerEncoderLayer(
        16, 4, 24, dropout=0.0, activation="gelu", layer_norm_eps=1e-12, batch_first=True
    ).train()  # in training mode torch takes no fast path that gives zeros for padding
    given = {}
    for part in ("weight", "bias"):
        packed = getattr(theirs.self_attn, f"in_proj_{part}").chunk(3)
        given |= {f"attention.self.{n}.{part}": t for n, t in zip(("query", "key", "value"), packed, strict=True)}
        given[f"attention.output.dense.{part}"] = getattr(theirs.self_attn.out_proj, part)
        given[f"attention.output.LayerNorm.{part}"] = getattr(theirs.norm1, part)
        given[f"intermediate.dense.{part}"] = getattr(theirs.linear1, part)
        given[f"output.dense.{part}"] = getattr(theirs.linear2, part)
        given[f"output.LayerNorm.{part}"] = getattr(theirs.norm2, part)
    ours = Layer(16, 4, 24)
    ours.load_state_dict(layer_state({f"encoder.layer.0.{name}": t for name, t in given.items()}, 0))
    tokens, there = torch.randn(3, 5, 16), torch.arange(5) < torch.tensor([[5], [3], [1]])
    expected = theirs(tokens, src_key_padding_mask=~there)
    torch.testing.assert_close(ours(tokens, there)[there], expected[there])
