"""Inputs reach the device as they are, in memory of their own."""

import torch

from radin.tasks.inputs import on_device


def test_a_network_gets_a_copy_wherever_it_runs(device: str) -> None:
    data = torch.arange(12.0).view(3, 4)
    moved = on_device(data[1:], torch.device(device))
    assert moved.device.type == device
    moved += 1
    assert moved.tolist() == (data[1:] + 1).tolist()
    assert data.tolist() == torch.arange(12.0).view(3, 4).tolist()


def test_many_batches_arrive_in_order_while_the_device_works(device: str) -> None:
    batches = torch.arange(40.0).repeat_interleave(50_000).view(40, -1)
    matrix = torch.eye(256, device=device)
    found = []
    for batch in batches:
        matrix = matrix @ matrix  # work that is still going on when the next batch is on its way
        found.append(on_device(batch, torch.device(device)).mean() * matrix[0, 0])
    assert torch.stack(found).tolist() == list(range(40))
