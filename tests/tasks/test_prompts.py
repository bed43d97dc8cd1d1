"""Prompt templates and class names, built in and from files."""

from pathlib import Path

import pytest

from radin.errors import InputError, MissingFileError
from radin.tasks.prompts import CIFAR, read_classnames, read_lines, read_templates


def test_prompts_of_cifar_are_those_of_the_paper() -> None:
    assert len(set(CIFAR)) == 18
    assert CIFAR[0] == "a photo of a {}."
    assert CIFAR[8] == "a photo of a big {}."
    assert CIFAR[12] == "a low contrast photo of the {}."
    assert read_templates("cifar") == CIFAR
    assert all(template.format("cat").count("cat") == 1 for template in CIFAR)


def test_templates_and_names_come_from_files(tmp_path: Path) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("a drawing of a {}.\n\n  the {}  \n", encoding="utf-8")
    assert read_templates(str(file)) == ("a drawing of a {}.", "the {}")
    file.write_text("tench\nzaïre\n", encoding="utf-8")
    assert read_classnames(file) == ("tench", "zaïre")


@pytest.mark.parametrize("template", ["a photo", "a {} of {}", "a {name}", "a {0}", "{} {"])
def test_a_template_without_one_place_is_refused(tmp_path: Path, template: str) -> None:
    file = tmp_path / "templates.txt"
    file.write_text(f"the {{}}\n{template}\n")
    with pytest.raises(InputError, match="once in every template"):
        read_templates(file)


def test_bad_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="imagenett: no such file; expected prompt templates"):
        read_templates("imagenett")
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(InputError, match="the file is empty"):
        read_lines(tmp_path / "empty.txt", "names")
    (tmp_path / "latin.txt").write_bytes("zaïre".encode("latin-1"))
    with pytest.raises(InputError, match="as UTF-8 text"):
        read_lines(tmp_path / "latin.txt", "names")


def test_imagenet_prompts_come_from_open_clip() -> None:
    pytest.importorskip("open_clip")
    assert len(set(read_templates("imagenet"))) == 80
    assert len(read_templates("imagenet-simple")) == 7
    assert read_classnames("imagenet")[:2] == ("tench", "goldfish")


def test_cifar_prompts_come_along() -> None:
    assert len(set(read_templates("cifar"))) == 18
    assert read_classnames("cifar10")[1::7] == ("automobile", "ship")
    hundred = read_classnames("cifar100")
    assert (len(set(hundred)), list(hundred), hundred[1]) == (100, sorted(hundred), "aquarium fish")
