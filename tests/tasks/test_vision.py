"""timm and torchvision by name: from a folder of checkpoints to a soup that opens in the library it came from."""

import argparse
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from radin.cli.main import main
from radin.errors import InputError
from radin.tasks.load import load_task
from radin.tasks.vision import timm_classification, torchvision_classification

try:
    import timm
    import torchvision
except Exception as error:  # a torchvision made for another torch raises RuntimeError
    pytest.skip(f"timm or torchvision cannot be imported: {error}", allow_module_level=True)

SIZE = 32
LIBRARIES = ("timm", "torchvision")
ARCH = {"timm": "resnet10t", "torchvision": "mobilenet_v3_small"}  # both with BatchNorm
Build = Callable[[], nn.Module]


@dataclass
class Lab:
    """Images in folders, and three fine-tunings of one small network of each library, saved as its scripts do."""

    data: Path
    pools: dict[str, list[Path]]

    def arguments(self, library: str) -> list[str]:
        given = {"arch": ARCH[library], "data": str(self.data), "image_size": str(SIZE), "mean": "0.5", "std": "0.25"}
        return ["--task", library, *(part for pair in given.items() for part in ("--task-arg", "=".join(pair)))]


def build(library: str) -> nn.Module:
    if library == "timm":
        return timm.create_model(ARCH[library], num_classes=3)
    return torchvision.models.get_model(ARCH[library], num_classes=3)


def save(library: str, network: nn.Module, path: Path, seed: int) -> None:
    """timm saves options beside the weights and their moving average; torchvision's references do under other names."""
    average = {
        name: tensor + 1 if tensor.is_floating_point() else tensor for name, tensor in network.state_dict().items()
    }
    options = argparse.Namespace(model=ARCH[library], lr=0.1 * seed, output=path)
    if library == "timm":
        held: dict[str, Any] = {"state_dict": network.state_dict(), "state_dict_ema": average, "arch": ARCH[library]}
    else:
        averaged = {"n_averaged": torch.tensor(5)} | {f"module.{name}": tensor for name, tensor in average.items()}
        held = {"model": network.state_dict(), "model_ema": averaged}
    torch.save(held | {"args": options, "epoch": 2, "metric": np.float64(0.5)}, path)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    root = tmp_path_factory.mktemp("vision")
    rng = np.random.default_rng(0)
    made = Lab(root / "data", {})
    images, labels = [], []
    for label, name in enumerate(("circle", "bars", "noise")):
        (made.data / name).mkdir(parents=True)
        for i in range(20):
            picture = rng.normal(128, 40, size=(SIZE, SIZE, 3)) + 16 * label * np.eye(3)[label]
            pixels = picture.clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(made.data / name / f"{i}.png")
            images.append(pixels)
            labels.append(sorted(("circle", "bars", "noise")).index(name))
    x = (torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25
    y = torch.tensor(labels)
    with torch.random.fork_rng(devices=[]):
        for library in LIBRARIES:
            made.pools[library] = []
            torch.manual_seed(0)
            start = build(library)
            train(start, x, y, steps=6, rate=0.02, seed=9)
            for seed in range(3):
                network = build(library)
                network.load_state_dict(start.state_dict())
                train(network, x, y, steps=3, rate=0.005 * (seed + 1), seed=seed)
                made.pools[library].append(root / f"{library}{seed}.pth")
                save(library, network, made.pools[library][-1], seed)
    return made


def train(network: nn.Module, x: torch.Tensor, y: torch.Tensor, *, steps: int, rate: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0.5  # so few steps would leave the statistics near where they began
    network.train()
    for _ in range(steps):
        rows = torch.randint(len(y), (24,), generator=generator)
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
        optimiser.step()


def accuracy_of(network: nn.Module, data: Path, rows: np.ndarray) -> float:
    """Accuracy on some samples, read with Pillow and normalised by hand."""
    found = [(file, label) for label, folder in enumerate(sorted(data.iterdir())) for file in sorted(folder.iterdir())]
    pixels = np.stack([np.array(Image.open(file).convert("RGB")) for file, _ in found])
    x = ((torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25)[torch.from_numpy(rows)]
    with torch.inference_mode():
        hits = network.eval()(x).argmax(1).numpy() == np.array([label for _, label in found])[rows]
    return float(hits.mean())


def test_a_test_set_comes_and_goes_without_another_pass(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ingredients and soups keep their logits on the data; only what reports is another."""
    shutil.copytree(lab.data / "bars", tmp_path / "test" / "bars")
    given = ["soup", *map(str, lab.pools["timm"]), *lab.arguments("timm"), "--weights", "model", "--soups", "1"]
    given += ["--device", "cpu", "--json", "--run-dir", str(tmp_path / "run")]
    reports = []
    for more in ([], ["--task-arg", f"test={tmp_path / 'test'}"], []):
        with pytest.raises(SystemExit, match="0"):
            main([*given, *more])
        document = json.loads(capsys.readouterr().out)
        assert document["spent"]["passes"] == 3
        reports.append(document["report"])
    assert [report["data"] for report in reports] == ["held-back", "test", "held-back"]
    assert reports[0] == reports[2]
    with pytest.raises(SystemExit, match="2"):
        main([*given, "--task-arg", "crop_pct=0.5", "--task-arg", f"test={tmp_path / 'test'}"])
    error = capsys.readouterr().err
    assert "crop_pct (not given before, 0.5 now)" in " ".join(error.split())


@pytest.mark.parametrize("library, policy", [("timm", "average"), ("timm", "recompute"), ("torchvision", "keep")])
def test_a_soup_from_the_command_line_opens_in_its_library(
    lab: Lab, library: str, policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    options = ["--weights", "model", "--batchnorm", policy, "--soups", "2", "--device", "cpu", "--lam", "9", "--json"]
    crop = ["--task-arg", "crop_pct=1"] if library == "timm" else ["--task-arg", f"resize_size={SIZE}"]
    given = ["soup", *map(str, lab.pools[library]), *lab.arguments(library), *crop, *options, "--run-dir", str(run)]
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert found["batchnorm"] == policy
    assert len(found["verified"]) == 2
    soup = run / "soup.safetensors"
    if library == "timm":
        network = timm.create_model(ARCH[library], num_classes=3, checkpoint_path=str(soup))
    else:
        network = build(library)
        network.load_state_dict(load_file(soup))
    settings = {"arch": ARCH[library], "data": str(lab.data)}
    rows = load_task(library, settings).split[0]
    assert accuracy_of(network, lab.data, rows) == pytest.approx(found["best"]["score"])


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_choice_of_weights_is_asked_for(
    lab: Lab, library: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["soup", *map(str, lab.pools[library]), *lab.arguments(library), "--run-dir", str(tmp_path / "run")]
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2
    assert "Try --weights model." in capsys.readouterr().err


def test_timm_prepares_images_as_its_config_says(lab: Lab) -> None:
    shown = repr(timm_classification("resnet18.a1_in1k", lab.data).data.transform)
    assert "Resize(size=235, interpolation=bicubic" in shown  # 224 / 0.95, as these weights want it
    assert "mean=tensor([0.4850, 0.4560, 0.4060])" in shown
    changed = {"image_size": 64, "mean": "0.5,0.4,0.3", "std": 0.25, "crop_pct": 1.0, "interpolation": "bilinear"}
    shown = repr(timm_classification("resnet18", lab.data, **changed | {"std": "0.25"}).data.transform)
    assert "Resize(size=64, interpolation=bilinear" in shown
    assert "mean=tensor([0.5000, 0.4000, 0.3000]), std=tensor([0.2500, 0.2500, 0.2500])" in shown


def test_torchvision_prepares_images_as_its_weights_say(lab: Lab) -> None:
    for weights, resize in {"IMAGENET1K_V1": 256, "IMAGENET1K_V2": 232, None: 232}.items():
        transform = torchvision_classification("resnet50", lab.data, weights=weights).data.transform
        assert transform.resize_size == [resize]
        assert transform.crop_size == [224]
    transform = torchvision_classification(
        "resnet50", lab.data, image_size=112, mean=[0.5], std="0.1,0.2,0.3"
    ).data.transform
    assert (transform.crop_size, transform.resize_size) == ([112], [116])
    assert (transform.mean, transform.std) == ([0.5, 0.5, 0.5], [0.1, 0.2, 0.3])


def test_the_network_has_the_heads_and_arguments_asked_for(lab: Lab) -> None:
    network = timm_classification("vit_tiny_patch16_224", lab.data, image_size=32).build_model()
    assert network.pos_embed.shape[1] == 1 + 2 * 2
    assert network.head.out_features == 3
    network = timm_classification("resnet18", lab.data, num_classes=10).build_model()
    assert network.fc.out_features == 10
    plain, pooled = (
        timm_classification("vit_tiny_patch16_224", lab.data, model_args=given).build_model().state_dict().keys()
        for given in (None, '{"global_pool": "avg"}')
    )
    assert plain != pooled
    network = torchvision_classification("googlenet", lab.data, model_args={"aux_logits": False}).build_model()
    assert not any(name.startswith("aux") for name in network.state_dict())


def test_the_source_tells_networks_apart(lab: Lab) -> None:
    tasks = [
        timm_classification("resnet18", lab.data),
        timm_classification("resnet18", lab.data),
        timm_classification("resnet18d", lab.data),
        timm_classification("resnet18", lab.data, num_classes=4),
        torchvision_classification("resnet18", lab.data),
    ]
    assert tasks[0].source == tasks[1].source
    assert len({task.source for task in tasks}) == 4


TIMM, TORCHVISION = timm_classification, torchvision_classification
BAD: dict[str, tuple[Callable[..., Any], dict[str, Any], str]] = {
    "an unknown name": (TIMM, {"arch": "resnett18"}, "timm knows no architecture 'resnett18'; did you mean resnet18"),
    "a hub": (TIMM, {"arch": "hf-hub:timm/resnet18"}, "models of a hub are not fetched"),
    "an unknown tag": (TIMM, {"arch": "resnet18.nope"}, "the tags of resnet18 are: .*a1_in1k"),
    "two means": (TIMM, {"arch": "resnet18", "mean": "0.5,0.5"}, "mean as one number or three"),
    "a mean in words": (TIMM, {"arch": "resnet18", "std": "half"}, "std as one number or three"),
    "arguments that are no JSON": (TIMM, {"arch": "resnet18", "model_args": "global_pool=avg"}, "JSON object"),
    "a list of arguments": (TIMM, {"arch": "resnet18", "model_args": "[1]"}, "JSON object"),
    "too few classes": (TIMM, {"arch": "resnet18", "num_classes": 2}, "fewer than the 3 classes"),
    "no classifier": (TORCHVISION, {"arch": "fasterrcnn_resnet50_fpn"}, "torchvision knows no classifier"),
    "unknown weights": (TORCHVISION, {"arch": "resnet50", "weights": "V3"}, "IMAGENET1K_V1, IMAGENET1K_V2"),
}


@pytest.mark.parametrize("function, arguments, message", BAD.values(), ids=BAD.keys())
def test_what_cannot_be_is_refused(
    lab: Lab, function: Callable[..., Any], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        function(data=lab.data, **arguments)
