"""Heads that come from prompts, on the small CLIP."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.clip_lab import CONFIG, NAMES, TEMPLATE, Lab, open_clip, plain_model
from safetensors.torch import load_file, save_file

import radin
from radin.errors import MissingFileError, TaskError
from radin.tasks.clip import Architecture
from radin.tasks.load import load_task
from radin.tasks.open_clip import classification, zero_shot_classifier
from radin.tasks.prompts import CIFAR

DEVICES = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])


@pytest.fixture
def weights(lab: Lab, tmp_path: Path) -> Path:
    """The small CLIP in a file, as it was before it was fine-tuned."""
    torch.save(lab.clip.state_dict(), tmp_path / "start.pt")
    return tmp_path / "start.pt"


@pytest.fixture
def towers(lab: Lab, tmp_path: Path) -> list[Path]:
    """The image towers of the fine-tuned CLIPs."""
    for i, path in enumerate(lab.clips):
        state = {name: tensor for name, tensor in load_file(path).items() if name.startswith("visual.")}
        save_file(state, tmp_path / f"tower{i}.safetensors")
    return sorted(tmp_path.glob("tower*"))


def test_a_zero_shot_classifier_starts_as_zero_shot(lab: Lab) -> None:
    before = {name: value.clone() for name, value in lab.clip.state_dict().items()}
    classifier = zero_shot_classifier(lab.clip, lab.tokenizer, NAMES, CIFAR)
    images = torch.randn(5, 3, 32, 32)
    with torch.no_grad():
        weights = open_clip.build_zero_shot_classifier_legacy(lab.clip, lab.tokenizer, NAMES, CIFAR)
        expected = lab.clip.logit_scale.exp() * lab.clip.encode_image(images, normalize=True) @ weights
        torch.testing.assert_close(classifier(images), expected, rtol=1e-5, atol=1e-5)
    assert all(parameter.requires_grad for parameter in classifier.parameters())
    with torch.no_grad():
        classifier.model.visual.proj.add_(1)
    assert all(torch.equal(value, before[name]) for name, value in lab.clip.state_dict().items())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("custom_text", [False, True])
def test_zero_shot_networks_have_the_keys_of_a_whole_clip(
    lab: Lab, tmp_path: Path, custom_text: bool, device: Any
) -> None:
    config = CONFIG | {"custom_text": custom_text}
    reference = plain_model(tmp_path / "arch", config).eval()
    task = classification(str(tmp_path / "arch"), lab.data, head="zero-shot", templates="cifar")
    network = replace(task, device=device).network()
    network.load_state_dict(reference.state_dict(), strict=True)
    assert task.prepare is not None and task.forward is not None
    images = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        task.prepare(network)
        weights = open_clip.build_zero_shot_classifier_legacy(reference, lab.tokenizer, NAMES, CIFAR)
        expected = reference.logit_scale.exp() * reference.encode_image(images, normalize=True) @ weights
        logits = task.forward(network, images.to(device)).cpu()
    # CUDA's convolutions round their inputs to TensorFloat-32.
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5 if device == "cpu" else 2e-2)


def test_prompts_are_tokenised_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(
        Architecture, "tokenizer", lambda self: lambda prompts: calls.append(len(prompts)) or lab.tokenizer(prompts)
    )
    task = lab.task(head="zero-shot", templates="cifar")
    network = task.network()
    assert task.prepare is not None
    for _ in range(3):
        task.prepare(network)
    assert sum(calls) == 180


def test_image_towers_share_the_head_of_the_pretrained_text_tower(
    lab: Lab, weights: Path, towers: list[Path], tmp_path: Path
) -> None:
    task = lab.task(head="zero-shot", layout="image", pretrained=str(weights), test=lab.test)
    assert set(task.network().state_dict()) == set(load_file(towers[0]))
    result = radin.make_soup(radin.Pool(towers), task, budget=radin.Budget(soups=1), run_dir=tmp_path / "run")
    reference = plain_model(tmp_path / "plain").eval()
    reference.load_state_dict(lab.clip.state_dict())
    soup = load_file(tmp_path / "run" / "soup.safetensors")
    assert not reference.load_state_dict(soup, strict=False).unexpected_keys
    images = torch.stack([task.data[i][0] for i in range(len(task.data))])
    with torch.inference_mode():
        head = open_clip.build_zero_shot_classifier_legacy(lab.clip, lab.tokenizer, NAMES, [TEMPLATE])
        right = (reference.encode_image(images, normalize=True) @ head).argmax(1).numpy() == task.data.labels
    assert result.best.score == right.mean()
    assert result.best.score > 0.3


def test_weights_that_do_not_load_are_refused(lab: Lab) -> None:
    with pytest.raises(MissingFileError, match=r"nowhere\.pt: no such file"):
        lab.task(head="zero-shot", layout="image", pretrained="nowhere.pt")
    task = lab.task(head="zero-shot", layout="image", pretrained=str(lab.classifiers[0]))
    with pytest.raises(TaskError, match="does not load as weights of this architecture"):
        task.prepare_network(task.network())


def test_other_weights_of_the_text_tower_are_another_task(lab: Lab, weights: Path) -> None:
    given = {"arch": str(lab.arch), "data": str(lab.data), "head": "zero-shot", "layout": "image"}
    codes = []
    for factor in (1.0, 1.0, 2.0):
        torch.save({name: factor * tensor for name, tensor in lab.clip.state_dict().items()}, weights)
        codes.append(load_task("open_clip", given | {"pretrained": str(weights)}, device="cpu").code)
    assert codes[0] == codes[1] != codes[2]
