from pathlib import Path

import pytest
import torch
from helpers.lora import write_adapter, write_base
from safetensors.torch import save_file

import radin
from radin.adapters.pool import AdapterPool
from radin.errors import CheckpointError, IncompatibleError, InputError
from radin.recipe import Recipe

RANKS = {"body.first": 2, "head": 3}


def folders_in(tmp_path: Path, n: int = 2, **settings) -> list[Path]:
    return [write_adapter(tmp_path / f"run-{i}", i, RANKS, **settings) for i in range(n)]


def test_folders_of_adapters_make_a_pool_of_adapters(tmp_path: Path) -> None:
    folders = folders_in(tmp_path / "runs", 11)
    expected = tuple(f"run-{i}" for i in range(11))
    for given in (folders, tmp_path / "runs", str(tmp_path / "runs" / "*"), iter(folders)):
        pool = radin.Pool(given)
        assert isinstance(pool, AdapterPool) and pool.names == expected and pool.paths == tuple(folders)
    alone = radin.Pool(folders[0] / "adapter_model.safetensors")
    assert isinstance(alone, AdapterPool) and alone.names == ("run-0",)


def test_checkpoints_make_a_pool_of_checkpoints_and_take_no_options_of_adapters(tmp_path: Path) -> None:
    save_file({"w": torch.zeros(2)}, tmp_path / "a.safetensors")
    folders_in(tmp_path)
    assert type(radin.Pool(tmp_path)) is radin.Pool  # the adapters lie within
    for option in ({"rank": 2}, {"merge": True}, {"base": tmp_path}):
        with pytest.raises(InputError, match="adapters"):
            radin.Pool(tmp_path / "a.safetensors", **option)


def test_a_mixture_is_refused(tmp_path: Path) -> None:
    save_file({"w": torch.zeros(2)}, tmp_path / "a.safetensors")
    with pytest.raises(InputError, match=r"a\.safetensors"):
        radin.Pool([*folders_in(tmp_path), tmp_path / "a.safetensors"])


def test_an_adapter_is_given_once(tmp_path: Path) -> None:
    folders = folders_in(tmp_path)
    with pytest.raises(InputError, match="once"):
        radin.Pool([*folders, folders[0] / "adapter_model.safetensors"])


def test_one_base_by_name_or_by_contents(tmp_path: Path) -> None:
    one, copy = write_base(tmp_path / "one"), write_base(tmp_path / "copy")
    named = [write_adapter(tmp_path / f"n{i}", i, RANKS, base=f"hub/{i}") for i in range(2)]
    with pytest.raises(IncompatibleError, match=r"hub/0.*hub/1") as refused:
        radin.Pool(named)
    assert "base" in refused.value.mend
    local = [write_adapter(tmp_path / f"l{i}", i, RANKS, base=base) for i, base in enumerate((one, copy))]
    assert len(radin.Pool(local)) == 2
    assert "hub/1" in radin.Pool(named, base=one).notes[0]
    write_base(copy, torch.float16)
    with pytest.raises(IncompatibleError):
        radin.Pool(local)


def test_modules_that_one_lacks_are_said_aloud(tmp_path: Path) -> None:
    folders = folders_in(tmp_path)
    other = write_adapter(tmp_path / "other", 5, {"head": 1})
    (said,) = radin.Pool([*folders, other]).notes
    assert "other" in said and "body.first" in said and "head" not in said


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"magnitudes": True}, "DoRA"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out"),
        ({"task_type": "SEQ_CLS"}, "task_type"),
        ({"dtype": torch.float16}, "float16"),
        ({"plain": {"base_model.model.new.weight": torch.zeros(2)}}, r"new\.weight"),
        ({"peft_type": "LOHA"}, "LOHA"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else "",
)
def test_adapters_that_cannot_be_averaged_are_refused_by_name(tmp_path: Path, settings, match) -> None:
    folders = folders_in(tmp_path)
    odd = write_adapter(tmp_path / "odd", 5, RANKS, **settings)
    with pytest.raises(IncompatibleError, match=match) as refused:
        radin.Pool([*folders, odd])
    assert "odd" in str(refused.value)


def test_the_factors_of_another_base_are_refused(tmp_path: Path) -> None:
    folders = folders_in(tmp_path)
    odd = write_adapter(tmp_path / "odd", 5, {"head": 3})
    name = "base_model.model.head.lora_{}.weight"
    save_file(
        {name.format("A"): torch.ones(3, 9), name.format("B"): torch.ones(3, 3)}, odd / "adapter_model.safetensors"
    )
    with pytest.raises(IncompatibleError, match="head"):
        radin.Pool([*folders, odd])


def test_faults_of_several_are_said_at_once_and_the_sound_ones_inspected(tmp_path: Path) -> None:
    folders = folders_in(tmp_path)
    odd = [write_adapter(tmp_path / f"odd{i}", 5, RANKS, peft_type=kind) for i, kind in enumerate(("OFT", "VERA"))]
    with pytest.raises(IncompatibleError, match=r"OFT[^$]*VERA"):
        radin.Pool([*folders, *odd])
    found = radin.inspect([*folders, *odd])
    assert not found.compatible and [one.name for one in found.ingredients] == ["run-0", "run-1"]


def test_ranks_of_soups_and_of_parts_of_the_pool(tmp_path: Path) -> None:
    pool = radin.Pool([*folders_in(tmp_path), write_adapter(tmp_path / "other", 5, {"head": 1})], rank=5)
    assert isinstance(pool, AdapterPool)
    ranks = {key.rpartition(".")[2]: rank for key, rank in pool.ranks(Recipe.uniform(pool.names)).items()}
    assert ranks == {"first": 4, "head": 5}
    part = pool.only([0, 2])
    assert part.names == ("run-0", "other") and len(part.adapters) == 2 and len(part.files) == 4
    assert part.fingerprint(1) == pool.fingerprint(2)


def testfingerprints_tell_settings_rank_and_merging_apart(tmp_path: Path) -> None:
    folders, base = folders_in(tmp_path), write_base(tmp_path / "base")
    fingerprints = {
        radin.Pool(folders, **options).fingerprint(0) for options in ({}, {"rank": 2}, {"merge": True, "base": base})
    }
    config = folders[0] / "adapter_config.json"
    config.write_text(config.read_text().replace('"lora_alpha": 4', '"lora_alpha": 5'))
    assert len({*fingerprints, radin.Pool(folders).fingerprint(0)}) == 4


def test_an_adapter_given_twice_in_other_files_is_refused(tmp_path: Path) -> None:
    folders = [write_adapter(tmp_path / f"run-{i}", 3, RANKS, lora_dropout=i / 10) for i in range(2)]
    found = radin.inspect(folders)
    assert isinstance(found.error, IncompatibleError) and "same tensors" in str(found.error)


def test_nan_is_refused_by_tensor(tmp_path: Path) -> None:
    folders = folders_in(tmp_path, plain={"base_model.model.new.weight": torch.full((2,), float("nan"))})
    error = radin.inspect(folders).error
    assert isinstance(error, CheckpointError) and "new.weight" in str(error)


@pytest.mark.parametrize("rank", [0, -1, True])
def test_a_rank_is_a_number_from_one_on(tmp_path: Path, rank) -> None:
    with pytest.raises(InputError, match="rank"):
        radin.Pool(folders_in(tmp_path), rank=rank)


def test_arguments_that_a_pool_has_not_are_no_options_of_models(tmp_path: Path) -> None:
    paths = folders_in(tmp_path)
    with pytest.raises(TypeError, match="no argument 'ranks'"):
        radin.Pool(paths, ranks=None)
    with pytest.raises(InputError, match="order of classes out"):
        radin.Pool(paths, reorder_classes=True)
