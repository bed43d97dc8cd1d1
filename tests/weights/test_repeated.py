"""A model that lies in two folders is one ingredient."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from radin import Pool
from tests.helpers import model_folders


def test_a_final_model_that_is_its_last_checkpoint_is_left_out_with_a_note(tmp_path: Path) -> None:
    final = model_folders.save(tmp_path / "out", 2)
    saved = [model_folders.save(final / f"checkpoint-{step}", step) for step in (1, 2)]
    for given in ([final, *saved], [*saved, final], [final]):
        pool = Pool(given if len(given) > 1 else final)
        assert pool.paths == tuple(saved)
        assert any(str(final) + " is left out" in note for note in pool.notes)


def test_the_same_weights_in_another_container_are_left_out(tmp_path: Path) -> None:
    first = model_folders.save(tmp_path / "a", 1)
    model_folders.save(tmp_path / "b", 1, name="pytorch_model.bin")
    other = model_folders.save(tmp_path / "c", 2)
    assert Pool(tmp_path).paths == (first, other)


def test_named_ingredients_are_kept_as_given(tmp_path: Path) -> None:
    paths = [model_folders.save(tmp_path / name, 1) for name in ("a", "b")]
    assert len(Pool(paths, names=["one", "two"])) == 2


def test_models_that_differ_in_one_number_stay(tmp_path: Path) -> None:
    paths = [model_folders.save(tmp_path / name, 1) for name in ("a", "b")]
    values = {"large": torch.zeros(300_000), **model_folders.tensors(1)}
    for i, path in enumerate(paths):
        values["large"][200_000] = i
        save_file(values, path / "model.safetensors")
    assert len(Pool(paths)) == 2
