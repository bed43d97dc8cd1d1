"""What the files tell before anything is run."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from radin import Pool
from radin.common.error_list import Complaints
from radin.errors import IncompatibleError, RadinError
from radin.weights.averaging import average
from radin.weights.survey import Survey, check_averageable, survey


def fault(pool: Pool) -> None:
    complaints = Complaints("checkpoints")
    check_averageable(pool, [survey(pool, i) for i in range(len(pool))], complaints)
    complaints.settle()


def saved(folder: Path, *states: dict[str, Tensor], **options: tuple[str, ...]) -> Pool:
    for i, state in enumerate(states):
        torch.save(state, folder / f"run{i}.pt")
    return Pool(str(folder / "*.pt"), **options)


def test_a_sound_pool_has_no_fault_and_a_survey_survives_as_text(tmp_path: Path) -> None:
    pool = saved(tmp_path, {"w": torch.ones(3)}, {"w": torch.tensor([1.0, torch.inf, 2.0])})
    fault(pool)
    one = survey(pool, 1)
    assert one.not_finite[0].infinite == 1
    assert Survey.loads(one.dumps()) == one


def test_counters_that_differ_are_refused_unless_kept(tmp_path: Path) -> None:
    states = [{"w": torch.full((3,), float(i)), "queue_ptr": torch.tensor([64 * i])} for i in range(3)]
    with pytest.raises(IncompatibleError, match="queue_ptr") as refused:
        fault(saved(tmp_path, *states))
    assert refused.value.mend == {"keep": ("queue_ptr",)}
    pool = saved(tmp_path, *states, keep=("queue_ptr",))
    fault(pool)
    from safetensors.torch import load_file

    soup = load_file(average(pool, [0.2, 0.3, 0.5], tmp_path / "soup.safetensors"))
    assert soup["queue_ptr"].item() == 128


def test_a_counter_in_two_dtypes_decides_nothing(tmp_path: Path) -> None:
    counts = [torch.tensor(5), torch.tensor(7.0), torch.tensor(6, dtype=torch.int32)]
    states = [{"w": torch.full((2,), float(i)), "bn.num_batches_tracked": count} for i, count in enumerate(counts)]
    pool = saved(tmp_path, *states)
    fault(pool)
    from safetensors.torch import load_file

    soup = load_file(average(pool, [0.2, 0.3, 0.5], tmp_path / "soup.safetensors"))
    assert soup["bn.num_batches_tracked"].item() == 7
    assert soup["bn.num_batches_tracked"].dtype == torch.int64


def test_one_model_in_two_containers_is_refused(tmp_path: Path) -> None:
    state = {"w": torch.randn(5), "n": torch.tensor(3)}
    torch.save(state, tmp_path / "a.pt")
    save_file(state, tmp_path / "b.safetensors")
    with pytest.raises(IncompatibleError, match=r"same tensors"):
        fault(Pool([tmp_path / "a.pt", tmp_path / "b.safetensors"]))


def test_an_earlier_soup_in_the_pool_is_refused(tmp_path: Path) -> None:
    for i in range(2):
        save_file({"w": torch.randn(5)}, tmp_path / f"run{i}.safetensors")
    pool = Pool(tmp_path)
    average(pool, [0.5, 0.5], tmp_path / "soup.safetensors")
    with pytest.raises(IncompatibleError, match=r"soup\.safetensors is a soup .* of run0 and run1"):
        fault(Pool(tmp_path))


@pytest.mark.parametrize(
    "values", [(torch.inf, -torch.inf), (3.4028235e38, 3.4028234e38)], ids=["infinities cancel", "overflow"]
)
def test_averages_that_are_not_finite_are_known_beforehand(tmp_path: Path, values: tuple[float, float]) -> None:
    states = [{"w": torch.tensor([value, 1.0, float(i)])} for i, value in enumerate([*values, values[0]])]
    pool = saved(tmp_path, *states)
    try:
        average(pool, [1 / 3] * 3, tmp_path / "soup.safetensors")
    except RadinError as error:
        with pytest.raises(type(error)):
            fault(pool)
    else:
        fault(pool)
