"""Devices are named as PyTorch names them, and memory that ran out is recognised in all its words."""

import subprocess
import sys

import pytest
import torch

from radin.errors import InputError
from radin.tasks.device import is_out_of_memory, parse_device


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


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA driver error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
        RuntimeError("GET was unable to find an engine to execute this computation"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
    ],
)
def test_memory_that_ran_out_is_recognised(error: BaseException) -> None:
    assert is_out_of_memory(error)


def test_other_errors_are_not() -> None:
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))


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
