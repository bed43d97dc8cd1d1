"""CLIP architectures and weights: those of open_clip, without leftovers."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.clip_lab import CONFIG, Lab, open_clip
from PIL import Image

from radin.errors import InputError, TaskError
from radin.tasks.clip import Architecture, Weights


@pytest.fixture
def weights(lab: Lab, tmp_path: Path) -> Path:
    """The small CLIP in a file, as it was before it was fine-tuned."""
    torch.save(lab.clip.state_dict(), tmp_path / "start.pt")
    return tmp_path / "start.pt"


def test_weights_of_a_tag_are_fetched_once_they_are_needed(
    lab: Lab, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_clip, "download_pretrained", lambda known: str(weights))
    model = Architecture.read(lab.arch).build()
    Weights("ViT-B-32", "openai").load_into(model)
    assert all(torch.equal(tensor, lab.clip.state_dict()[name]) for name, tensor in model.state_dict().items())

    def offline(known: dict[str, Any]) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr(open_clip, "download_pretrained", offline)
    with pytest.raises(TaskError, match=r"no route to host.*timm/vit_base_patch32_clip_224\.openai.*pretrained=FILE"):
        Weights("ViT-B-32", "openai").load_into(model)


def test_a_tokenizer_that_is_not_there_says_what_to_bring(tmp_path: Path) -> None:
    text = CONFIG["text_cfg"] | {"hf_tokenizer_name": "nobody/nothing"}
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": CONFIG | {"text_cfg": text}}))
    with pytest.raises(TaskError, match=r"(?s)tokenizer .* could not be loaded.*give arch=FOLDER with the tokenizer's"):
        Architecture.read(tmp_path).tokenizer()


@pytest.fixture
def no_leftovers() -> Iterator[None]:
    names, handlers = open_clip.list_models(), list(logging.getLogger().handlers)
    yield
    assert (open_clip.list_models(), logging.getLogger().handlers) == (names, handlers)


@pytest.mark.usefixtures("no_leftovers")
@pytest.mark.parametrize("arch", ["ViT-B-32-quickgelu", "RN50", "ViT-B-16-SigLIP", "coca_ViT-B-32"])
def test_architectures_are_those_of_open_clip(arch: str) -> None:
    with torch.device("meta"):
        architecture = Architecture.read(arch)
        ours, theirs = architecture.build(), open_clip.create_model(arch, device="meta")
    shapes = {name: tensor.shape for name, tensor in ours.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in theirs.state_dict().items()}
    assert type(ours) is type(theirs)
    cfg = theirs.visual.preprocess_cfg
    expected = open_clip.image_transform(cfg["size"], False, cfg["mean"], cfg["std"], cfg["resize_mode"])
    assert repr(architecture.transform()) == repr(expected)


def test_a_tag_says_how_images_are_prepared() -> None:
    made = Architecture.read("ViT-B/16-SigLIP", pretrained="webli")
    assert made.preprocess["mean"] == (0.5, 0.5, 0.5)
    assert made.preprocess["resize_mode"] == "squash"
    with pytest.raises(InputError, match=r"'openai' were trained with quick_gelu=True.*quickgelu=true or"):
        Architecture.read("ViT-B-32", pretrained="openai")
    assert Architecture.read("ViT-B-32", pretrained="openai", quickgelu=True).config["quick_gelu"] is True
    with pytest.raises(InputError, match="knows no weights 'opanai' of ViT-B-32; it knows: openai"):
        Architecture.read("ViT-B-32", pretrained="opanai")


def test_config_files_say_how_images_are_prepared(tmp_path: Path) -> None:
    file = tmp_path / "open_clip_config.json"
    file.write_text(json.dumps({"model_cfg": CONFIG, "preprocess_cfg": {"mean": [0, 0, 0], "std": [1, 1, 1]}}))
    for arch in (tmp_path, file):
        made = Architecture.read(arch, image_size=48)
        pixels = made.transform()(Image.new("RGB", (8, 8), (255, 0, 51)))
        torch.testing.assert_close(pixels, torch.tensor([1, 0, 0.2])[:, None, None].expand(3, 48, 48))
        assert made.build().state_dict()["visual.positional_embedding"].shape == (37, 32)


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "expected an open_clip config as JSON"), ("[1]", "with embed_dim"), ('{"embed_dim": 3}', "with embed_dim")],
)
def test_a_file_that_is_no_config_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "arch.json").write_text(content)
    with pytest.raises(InputError, match=message):
        Architecture.read(tmp_path / "arch.json")


def test_an_unknown_architecture_says_what_is_near() -> None:
    with pytest.raises(InputError, match=r"no architecture 'ViT-B-33'.*did you mean .*ViT-B-32"):
        Architecture.read("ViT-B-33")
    with pytest.raises(InputError, match=r"missing\.json: there is no such file"):
        Architecture.read("missing.json")
