"""Networks whose layers accelerate moves inputs between are filled and run as those on one device."""

from pathlib import Path

import pytest
import torch

transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")

import radin  # noqa: E402
from radin.errors import InputError, TaskError  # noqa: E402
from radin.tasks.hugging_face.networks import load_through_library  # noqa: E402
from radin.tasks.hugging_face.spreading import placed, spread  # noqa: E402
from tests.helpers import tiny_models  # noqa: E402

TEXT = torch.tensor([[2, 4, 5, 3], [2, 7, 3, 0]])


def test_a_network_behind_hooks_takes_weights_and_gives_the_same_outputs() -> None:
    network = placed(tiny_models.bert(), {"bert": "cpu", "classifier": "cpu"}, hooks=True)
    other = tiny_models.nudged(tiny_models.bert(), 1)
    assert network.to("cpu").eval() is network  # it stays where it is
    load_through_library(network, {name: value.clone() for name, value in other.state_dict().items()})
    with torch.inference_mode():
        assert torch.equal(network(input_ids=TEXT).logits, other(input_ids=TEXT).logits)


def test_parts_outside_of_the_devices_are_refused() -> None:
    with pytest.raises(TaskError, match=r"too small for this network: 1 of its parts, such as classifier"):
        placed(tiny_models.bert(), {"bert": "cpu", "classifier": "disk"})
    with pytest.raises(TaskError, match="leave device_map out"):
        placed(tiny_models.bert(), {"bert": 0, "classifier": "cpu"})


@pytest.mark.skipif(torch.cuda.is_available(), reason="it would be spread over the GPUs")
@pytest.mark.parametrize("way", ["auto", "sequential"])
def test_without_a_gpu_everything_is_on_the_cpu(way: str) -> None:
    network = spread(tiny_models.bert(), way)
    assert {parameter.device.type for parameter in network.parameters()} == {"cpu"}


def test_a_task_is_spread_and_takes_no_workers(tmp_path: Path) -> None:
    paths = tiny_models.save_pool(tmp_path / "runs", tiny_models.bert(), 2)
    rows = [{"text": text, "label": label} for text, label in tiny_models.sentences(20)]
    data = tiny_models.write_lines(tmp_path / "val.jsonl", rows)
    task = radin.tasks.transformers(data, paths[0], device_map="auto", autocast="bfloat16")
    assert task.is_spread and task.autocast == "bfloat16"
    pool = radin.Pool(paths)
    with pytest.raises(InputError, match="device_map"):
        radin.make_soup(pool, task, run_dir=tmp_path / "run", workers=2)
    with pytest.raises(InputError, match="device_map"):
        radin.plan(pool, task, run_dir=tmp_path / "run", workers=2)
    result = radin.make_soup(pool, task, run_dir=tmp_path / "run", budget=radin.Budget(soups=1))
    assert 0 <= result.best.value <= 1
    with pytest.raises(InputError, match="device_map must be auto"):
        radin.tasks.transformers(data, paths[0], device_map="everywhere")
