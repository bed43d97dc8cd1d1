import pytest

from radin.common.error_list import Complaints
from radin.errors import CheckpointError, IncompatibleError


def note(complaints: Complaints, *errors: Exception) -> None:
    for error in errors:
        with complaints.noting():
            raise error


def test_nothing_noted_raises_nothing() -> None:
    complaints = Complaints("checkpoints")
    with complaints.noting():
        pass
    complaints.settle()
    assert not complaints


def test_the_only_error_is_raised_as_it_is() -> None:
    complaints, error = Complaints("checkpoints"), CheckpointError("a is empty")
    note(complaints, error)
    assert complaints
    with pytest.raises(CheckpointError) as raised:
        complaints.settle()
    assert raised.value is error


def test_several_are_listed_in_one_of_the_first_ones_class() -> None:
    complaints = Complaints("checkpoints")
    note(complaints, IncompatibleError("a is larger"), CheckpointError("b is empty"))
    with pytest.raises(IncompatibleError) as raised:
        complaints.settle()
    text = str(raised.value)
    assert "2 checkpoints" in text
    assert text.index("a is larger") < text.index("b is empty")


def test_the_errors_of_others_pass_through() -> None:
    complaints = Complaints("checkpoints")
    with pytest.raises(ZeroDivisionError):
        note(complaints, ZeroDivisionError())
    assert not complaints
