"""Devices are named as PyTorch names them, and a task leaves those alone that it does not run on."""

import subprocess
import sys

import pytest
import torch

from radin.errors import InputError
from radin.tasks.device import clock, numerics_of, parse_device


def test_what_torch_takes_is_taken() -> None:
    assert parse_device("cpu") == torch.device("cpu")
    assert parse_device(torch.device("cpu")) == torch.device("cpu")
    assert parse_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize(
    ("name", "message"), [("tpu", "must be 'auto'"), ("meta", "holds no values"), ("cuda:99", "cuda:99")]
)
def test_a_device_that_is_not_there_is_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_device(name)


def test_results_on_the_cpu_depend_on_what_float32_is_rounded_to() -> None:
    assert numerics_of(torch.device("cpu")) == ("cpu",)
    torch.set_float32_matmul_precision("medium")
    try:
        assert numerics_of(torch.device("cpu")) == ("cpu", "matmul=bf16")
    finally:
        torch.set_float32_matmul_precision("highest")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_results_on_a_gpu_depend_on_its_model_and_on_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    device = torch.device("cuda")
    before = numerics_of(device)
    assert torch.cuda.get_device_name() in before
    assert f"torch={torch.__version__}" in before
    monkeypatch.setattr(torch.backends.cudnn.conv, "fp32_precision", "ieee")
    assert numerics_of(device) != before


def test_clocks_wait_for_the_device(device: str) -> None:
    begun = clock(torch.device(device))
    assert clock(torch.device(device)) >= begun


def test_a_task_on_the_cpu_leaves_cuda_alone() -> None:
    script = (
        "import torch\n"
        "def touched(*arguments): raise AssertionError('CUDA was asked for')\n"
        "torch.cuda.is_available = torch.cuda.init = torch.cuda._lazy_init = touched\n"
        "import radin\n"
        "data = torch.zeros(6, 2), torch.arange(6) % 2\n"
        "task = radin.Task(lambda: torch.nn.Linear(2, 2), data, device='cpu')\n"
        "dataset = torch.utils.data.TensorDataset(*data)\n"
        "for one in (task, radin.Task(task.build_model, dataset, device='cpu')):\n"
        "    assert len(list(one.logits(one.network(), one.rows))) == 1\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
