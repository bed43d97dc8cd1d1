"""Networks are called with the names that their signature takes."""

import torch
from torch import nn

from radin.tasks.batches import Column
from radin.tasks.calling import call, described, takes

X = torch.ones(2)


class Named(nn.Module):
    def forward(self, input_ids, attention_mask=None):
        return input_ids * (1 if attention_mask is None else 2)


class Batch(nn.Module):
    def forward(self, batch):
        return batch["input_ids"]


class Anything(nn.Module):
    def forward(self, input_ids, **others):
        return input_ids + len(others)


class Wrapper(nn.Module):
    def forward(self, *arguments, **keywords):
        return arguments[0]["input_ids"]


def test_a_dict_becomes_keywords_where_the_signature_takes_them():
    assert call(Named(), {"input_ids": X, "attention_mask": X}).tolist() == [2, 2]
    assert call(Named(), {"input_ids": X}).tolist() == [1, 1]
    assert call(Anything(), {"input_ids": X, "a": X, "b": X}).tolist() == [3, 3]


def test_other_dicts_are_given_as_they_are():
    for network in (Batch(), Wrapper()):
        assert call(network, {"input_ids": X}) is X
    assert not takes(Named(), {"pixels": X}) and not takes(Named(), {0: X}) and not takes(Named(), {})


def test_tensors_are_given_as_they_are():
    assert call(nn.Identity(), X) is X


def test_inputs_are_described_and_many_of_them_counted():
    assert described((None,)) == ""
    assert described((torch.zeros(2, 3), {"mask": torch.zeros(2, dtype=torch.bool)})) == (
        "; its inputs were float32 of shape [2, 3], bool of shape [2]"
    )
    said = described((Column(torch.zeros(i) for i in range(40)),))
    assert "float32 of shape [7] and 32 more in a list of 40, one entry a sample" in said and len(said) < 400
