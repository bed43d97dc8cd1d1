"""Names of tasks: adapters, files and modules, told apart before anything is imported."""

from importlib import import_module
from pathlib import Path

import pytest

from radin.errors import InputError, MissingFileError
from radin.tasks.adapters import ADAPTERS, LISTINGS, listing, parse_task


@pytest.mark.parametrize("name", list(ADAPTERS))
def test_an_adapter_stands_for_a_function_that_is_there(name: str) -> None:
    module, function = parse_task(name)
    assert f"{module}:{function}" == ADAPTERS[name]
    assert callable(getattr(import_module(module), function))
    if name in LISTINGS:  # the others take the network from a model's folder
        assert listing(name) == f'`python -c "import {name}; print(*{LISTINGS[name]})"` lists all'


def test_files_and_modules_are_split_from_their_function(tmp_path: Path) -> None:
    file = tmp_path / "task:1.py"
    file.touch()
    assert parse_task(f"{file}:make") == (str(file), "make")
    assert parse_task("package.module:make") == ("package.module", "make")


@pytest.mark.parametrize("spec", ["tim", "tasks.py", "module", ":make", "module:", ""])
def test_other_names_are_refused(spec: str) -> None:
    with pytest.raises(InputError, match=r"expected a task as FILE\.py:FUNCTION") as caught:
        parse_task(spec)
    assert ("did you mean timm?" in str(caught.value)) == (spec == "tim")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"gone\.py: no such file"):
        parse_task(f"{tmp_path}/gone.py:task")
