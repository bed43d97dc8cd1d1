"""What works where open_clip does not import, and what is said about the rest."""

import subprocess
import sys
from pathlib import Path

import pytest

from radin.errors import InputError, MissingFileError, TaskError
from radin.tasks.open_clip import classification
from radin.tasks.prompts import CIFAR, read_classnames, read_lines, read_templates

LIGHT = """
import sys
sys.modules["open_clip"] = sys.modules["timm"] = sys.modules["torchvision"] = None
import radin, radin.tasks.open_clip, radin.tasks.images
radin.Pool, radin.average, radin.Surrogate, radin.make_soup
"""


def test_radin_imports_without_open_clip() -> None:
    subprocess.run([sys.executable, "-c", LIGHT], check=True)


def test_the_adapter_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(TaskError, match=r"pip install open_clip_torch.*torchvision.*built for the installed torch"):
        classification("ViT-B-32", str(tmp_path))
    with pytest.raises(TaskError, match="open_clip cannot be imported"):
        read_templates("imagenet")


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
