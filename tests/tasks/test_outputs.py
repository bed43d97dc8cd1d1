"""Outputs are fetched before a network writes over them, and what is no tensor says what it seems to be."""

import numpy as np
import pytest
import torch
from helpers.small import SAMPLES, Network, clouds
from torch import nn

import radin
from radin.errors import TaskError
from radin.tasks.outputs import as_outputs


class Static(nn.Module):
    """Writes every batch of logits into one buffer, as CUDA graphs do."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.buffer = Network(), torch.empty(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(self.buffer) < len(x):
            self.buffer = torch.empty(len(x), 3)
        self.buffer[: len(x)] = self.inner(x)
        return self.buffer[: len(x)]


def test_a_network_with_one_output_buffer_gives_every_batch_its_own_logits(device: str) -> None:
    one = radin.Task(Static, clouds(SAMPLES, 1), device=device)
    network = one.network()
    got = np.concatenate(list(one.logits(network, one.rows, 16)))
    with torch.inference_mode():
        expected = network.inner(one.data[0].to(device)).cpu().numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_a_network_that_works_in_place_leaves_the_data_alone(device: str) -> None:
    data = clouds(40, 1)
    before = data[0].clone()
    one = radin.Task(Network, data, forward=lambda network, x: network(x.mul_(2)), device=device)
    network = one.network()
    first, second = (np.concatenate(list(one.logits(network, one.rows))) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert torch.equal(data[0], before)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ((torch.zeros(6, 3), None), r"a tuple of 2: Tensor, NoneType; pick them: .*\[0\]"),
        ({"scores": torch.zeros(6, 3)}, r"a dict with 'scores'; pick them: .*\['scores'\]"),
        (torch.zeros(6, 3).to_sparse(), r"a sparse one.*to_dense\(\)"),
        (np.zeros((6, 3)), "ndarray"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_tensor_says_what_it_seems_to_be(output: object, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        as_outputs(output, 6)


def test_logits_in_a_dict_are_found() -> None:
    logits = torch.zeros(6, 3)
    assert as_outputs({"logits": logits, "loss": None}, 6) is logits
