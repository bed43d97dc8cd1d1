"""A task runs networks on rows: one primitive, right at every batch size and on every device."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small import SAMPLES, Network, clouds, make_pool, task

import radin
from radin.errors import InputError, TaskError


def all_logits(one: radin.Task, network: torch.nn.Module, batch_size: int | None = None) -> np.ndarray:
    return np.concatenate(list(one.logits(network, one.rows, batch_size)))


def test_logits_are_those_of_the_network(device: str) -> None:
    one = task(device=device)
    network = one.network()
    with torch.inference_mode():
        expected = network(one.data[0].to(device)).cpu().numpy()
    for size in (1, 7, SAMPLES, 10 * SAMPLES):
        np.testing.assert_allclose(all_logits(one, network, size), expected, rtol=1e-5, atol=1e-6)


def test_the_network_is_ready_for_inference() -> None:
    network = task(batchnorm=True).network()
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning", "ignore:.*torch.jit:DeprecationWarning")
def test_a_scripted_network_is_run_and_one_without_memory_refused() -> None:
    one = task()
    scripted = one.ready(torch.jit.script(torch.nn.Linear(3, 2)))
    assert not any(p.requires_grad for p in scripted.parameters())
    with pytest.raises(TaskError, match=r"'weight'.*device 'meta'.*assign=True"):
        one.ready(torch.nn.Linear(3, 2, device="meta"))


def test_a_network_that_ends_the_process_is_an_error_of_the_task() -> None:
    one = task(forward=lambda network, x: sys.exit(0))
    with pytest.raises(TaskError, match=r"forward pass raised SystemExit: 0 .*test_task\.py"):
        all_logits(one, one.network())
    with pytest.raises(TaskError, match=r"build_model raised SystemExit"):
        replace(one, build_model=lambda: sys.exit(1)).network()


def test_inference_mode_does_not_leak_into_the_consumer() -> None:
    one = task()
    for _ in one.logits(one.network(), one.rows):
        assert not torch.is_inference_mode_enabled()


def test_forward_and_prepare_are_used() -> None:
    prepared = []
    one = task(forward=lambda network, x: 2 * network(x), prepare=prepared.append)
    network = one.network()
    np.testing.assert_allclose(all_logits(one, network), 2 * all_logits(task(), network), rtol=1e-6)
    assert prepared == [network]


def test_an_output_object_with_logits_is_taken_apart() -> None:
    class Output:
        def __init__(self, logits: torch.Tensor) -> None:
            self.logits = logits

    one = task(forward=lambda network, x: Output(network(x)))
    assert all_logits(one, one.network()).shape == (SAMPLES, 3)


def test_autocast_changes_the_precision_alone(device: str) -> None:
    one = task(device=device)
    network = one.network()
    low = all_logits(task(device=device, autocast="bfloat16"), network)
    assert low.dtype == np.float32
    assert 0 < np.abs(low - all_logits(one, network)).max() < 0.1


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda network, x: network(x)[:, 0], "expected logits of shape"),
        (lambda network, x: network(x)[:-1], "expected logits of shape"),
        (lambda network, x: None, "NoneType"),
        (lambda network, x: network(x[:, :2]), "forward pass raised RuntimeError"),
    ],
)
def test_a_forward_pass_that_gives_no_logits_is_refused(forward, message: str) -> None:
    one = task(forward=forward)
    with pytest.raises(TaskError, match=message):
        all_logits(one, one.network())


class Hidden(torch.nn.Module):
    """Fails in a library, below its own code."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


def test_a_forward_pass_that_fails_says_where_and_on_what() -> None:
    one = radin.Task(Hidden, (torch.zeros(5, 2).double(), torch.zeros(5, dtype=torch.long)), device="cpu")
    line = Hidden.forward.__code__.co_firstlineno + 1
    place = rf"test_task\.py, line {line}: return self\.layer\(x\)\); its inputs were float64 of shape \[5, 2\]"
    with pytest.raises(TaskError, match=rf"forward pass raised RuntimeError: .*{place}"):
        all_logits(one, one.network())
    with pytest.raises(TaskError, match=r"forward pass raised RuntimeError: [^()]*; its inputs were float64"):
        bare = replace(one, build_model=lambda: torch.nn.Linear(2, 3))
        all_logits(bare, bare.network())


@pytest.mark.parametrize(
    "wrong",
    [
        {"holdback": 1.0},
        {"holdback": -0.1},
        {"split_seed": -1},
        {"loaders": -1},
        {"batch_size": 0},
        {"autocast": "float8"},
        {"device": "tpu"},
        {"metric": "acuracy"},
    ],
)
def test_wrong_settings_are_refused_at_once(wrong: dict) -> None:
    with pytest.raises(InputError):
        task(**wrong)


@pytest.mark.skipif(torch.cuda.is_available(), reason="speaks of machines without CUDA")
def test_cuda_where_there_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="no CUDA device"):
        task(device="cuda")


def test_a_build_model_that_fails_is_named() -> None:
    with pytest.raises(TaskError, match="build_model raised KeyError"):
        radin.Task(lambda: {}["network"], clouds(10, 0)).network()
    with pytest.raises(TaskError, match=r"must return a torch\.nn\.Module"):
        radin.Task(lambda: "network", clouds(10, 0)).network()


def test_builder_arguments_and_forward_make_the_fingerprint_of_the_code() -> None:
    def build(width: int) -> torch.nn.Module:
        return Network()

    data = clouds(20, 0)
    one = radin.Task(partial(build, 3), data)
    assert one.code == radin.Task(partial(build, 3), data).code
    assert one.code != radin.Task(partial(build, 4), data).code
    assert one.code != radin.Task(partial(build, 3), data, forward=lambda network, x: network(x)).code


def test_with_a_test_set_all_data_select() -> None:
    one = task(test=clouds(40, 2))
    assert len(one.split[0]) == SAMPLES
    assert len(one.split[1]) == 0


def test_a_metric_of_another_kind_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    x, _ = clouds(40, 1)
    one = radin.Task(Network, (x, x[:, :3]), "accuracy", device="cpu")
    with pytest.raises(InputError, match=r"accuracy is a metric of classes, .*but these outputs are values.*mse, rmse"):
        _ = one.scored_by
    pool = radin.Pool(make_pool(tmp_path / "pool", 2))
    with pytest.raises(InputError, match="accuracy is a metric of"):
        radin.make_soup(pool, one, run_dir=tmp_path / "run")
    assert not list((tmp_path / "run").rglob("*.npy"))


def test_the_usual_metric_of_a_kind_is_taken_where_none_is_named() -> None:
    x, y = clouds(40, 1)
    assert radin.Task(Network, (x, y)).scored_by.name == "accuracy"
    assert radin.Task(Network, (x, x[:, :3])).scored_by.name == "mse"
    assert radin.Task(Network, (x, (x > 0).long()), outputs="several-labels").scored_by.name == "macro-f1"
