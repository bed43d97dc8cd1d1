"""A folder is complete or absent."""

from pathlib import Path

import pytest

from radin.common.files import remove_leftovers, remove_parts_of_the_dead
from radin.common.folders import folder_aside


def test_a_folder_appears_when_it_is_complete_and_replaces_the_old_one_whole(tmp_path: Path) -> None:
    target = tmp_path / "soup"
    for name in ("one", "two"):
        with folder_aside(target) as made:
            (made / name).touch()
            assert not (target / name).exists()
        assert [file.name for file in target.iterdir()] == [name]
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "soup"
    with folder_aside(target) as made:
        (made / "one").touch()
    with pytest.raises(RuntimeError), folder_aside(target) as made:
        (made / "two").touch()
        raise RuntimeError
    assert [file.name for file in target.iterdir()] == ["one"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("clean", [remove_leftovers, remove_parts_of_the_dead])
def test_folders_of_killed_processes_are_removed(tmp_path: Path, clean: object) -> None:
    for name in (".soup.999999999.part", ".soup-before.999999999.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    assert callable(clean)
    clean(tmp_path)
    assert list(tmp_path.iterdir()) == []
