"""Arrays out of files of tensors: each under the name that it was saved under, whatever that is."""

import numpy as np
import torch

from radin.checkpoints.arrays import read_tensors

VALUES = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))


def saved(tmp_path, content):
    torch.save(content, tmp_path / "file.pt")
    return read_tensors(tmp_path / "file.pt")


def test_one_tensor_has_an_empty_name_and_those_of_a_list_have_their_places(tmp_path):
    assert [*saved(tmp_path, VALUES)] == [*saved(tmp_path, VALUES.numpy())] == [""]
    found = saved(tmp_path, [VALUES, VALUES + 1])
    assert [*found] == ["0", "1"]
    np.testing.assert_array_equal(found["1"], VALUES.numpy() + 1)


def test_no_name_is_taken_for_a_part_of_a_checkpoint(tmp_path):
    found = saved(tmp_path, {"ema": VALUES, "optimizer": VALUES + 1, "logits": {"a": VALUES}, "epoch": 3})
    assert set(found) == {"ema", "optimizer", "logits.a"}
    np.testing.assert_array_equal(found["logits.a"], VALUES.numpy())


def test_every_dtype_keeps_its_values(tmp_path):
    dtypes = (torch.bfloat16, torch.float16, torch.float64, torch.int64, torch.uint8, torch.bool)
    found = saved(tmp_path, {str(dtype): (4 * VALUES).abs().to(dtype) for dtype in dtypes})
    for dtype in dtypes:
        np.testing.assert_array_equal(found[str(dtype)], (4 * VALUES).abs().to(dtype).float().numpy())
    assert found["torch.bfloat16"].dtype == np.float32


def test_views_are_read_as_they_look(tmp_path):
    found = saved(tmp_path, {"turned": VALUES.T, "cut": VALUES[1:, ::2]})
    np.testing.assert_array_equal(found["turned"], VALUES.T.numpy())
    np.testing.assert_array_equal(found["cut"], VALUES[1:, ::2].numpy())
