"""Errors: their classes, texts and remedies."""

import inspect
import pickle

import pytest

from radin import errors

CLASSES = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, errors.RadinError)]


@pytest.mark.parametrize("kind", [one for one in CLASSES if one is not errors.RadinError])
def test_each_error_is_also_one_that_a_caller_would_catch(kind: type[errors.RadinError]) -> None:
    builtin = [base for base in kind.__mro__ if base.__module__ == "builtins"]
    assert builtin[0] not in (Exception, BaseException, object)


@pytest.mark.parametrize("kind", CLASSES)
def test_the_text_is_what_was_said(kind: type[errors.RadinError]) -> None:
    assert str(kind("what came, and where")) == "what came, and where"


def test_remedies_are_rendered_as_python() -> None:
    error = errors.IncompatibleError("two sets of weights.").mended_by(weights="ema", prefix=None)
    assert isinstance(error, errors.IncompatibleError)
    assert dict(error.mend) == {"weights": "ema", "prefix": None}
    assert error.message == "two sets of weights."
    assert "weights='ema', prefix=None" in str(error)
    assert dict(errors.InputError("without").mend) == {}


def test_an_error_survives_another_process() -> None:
    error = pickle.loads(pickle.dumps(errors.StorageError(28, "the disk is full").mended_by(out="elsewhere")))
    assert (error.message, error.errno, dict(error.mend)) == ("the disk is full", 28, {"out": "elsewhere"})
