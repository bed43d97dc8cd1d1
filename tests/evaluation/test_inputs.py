"""Differences between the inputs of two runs are named, with what brings the earlier ones back."""

from pathlib import Path

import pytest
from helpers.small import clouds, task

from radin.errors import DataError
from radin.evaluation.inputs import Inputs, difference_of, task_inputs

FOLDER = Path("folder")


def inputs(*, data: str = "d", code: str = "c", pool: str = "abc", **settings: str) -> Inputs:
    return {"task": {"data": data, "task code": code}, "ingredients": {one: one for one in pool}, "settings": settings}


def test_equal_inputs_and_a_pool_that_grows_or_shrinks_are_one_run() -> None:
    assert difference_of(inputs(), inputs(), FOLDER) is None
    assert difference_of(inputs(), inputs(pool="abcd"), FOLDER) is None
    assert difference_of(inputs(), inputs(pool="ab"), FOLDER) is None


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (inputs(data="e"), "the data differs"),
        (inputs(code="e"), "the task code differs"),
        (inputs(pool="abd"), "its pool was a, b, c; models may be added to it or left out, not both"),
        (inputs() | {"ingredients": {"a": "a", "b": "other", "c": "other"}}, "the contents of b, c have changed"),
    ],
)
def test_what_differs_is_named(now: Inputs, said: str) -> None:
    assert f"folder was made with other inputs: {said}" in str(difference_of(inputs(), now, FOLDER))


def test_settings_that_changed_explain_a_difference_and_mend_it() -> None:
    error = difference_of(inputs(image_size="32"), inputs(data="e", image_size="64"), FOLDER)
    assert error is not None
    assert "image_size (32 before, 64 now)" in str(error)
    assert error.mend == {"image_size": "32"}


def test_data_that_select_cannot_report() -> None:
    assert set(task_inputs(task())) == {"data", "task code"}
    assert set(task_inputs(task(test=clouds(50, 2)))) == {"data", "task code", "test data"}
    with pytest.raises(DataError, match="these are the data that select"):
        task_inputs(task(test=clouds(300, 1)))
    with pytest.raises(DataError, match="are the same data under two names"):
        task_inputs(task(test={"one": clouds(50, 2), "two": clouds(50, 2)}))
