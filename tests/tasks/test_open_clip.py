"""CLIPs of open_clip as tasks, on a small one that is trained here on scikit-learn's digits."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import radin
from radin.cli.main import main
from radin.errors import DataError, IncompatibleError, InputError, MissingFileError
from radin.tasks.clip import Architecture
from radin.tasks.load import load_task
from radin.tasks.open_clip import Classifier, classification, zero_shot_classifier
from radin.tasks.prompts import CIFAR, read_classnames, read_templates

try:
    import open_clip
except Exception as error:  # a torchvision made for another torch raises RuntimeError
    pytest.skip(f"open_clip cannot be imported: {error}", allow_module_level=True)

DEVICES = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NAMES = tuple(f"digit {word}" for word in sorted(DIGITS))  # in label order: that of the folders digit_eight, ...
TEMPLATE = "a photo of a {}."
CONFIG: dict[str, Any] = {
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2},
}


@dataclass
class Lab:
    """Images in folders, the small CLIP, and its fine-tunings of both kinds."""

    arch: Path
    data: Path
    test: Path
    clip: torch.nn.Module
    tokenizer: Any
    classifiers: list[Path]
    clips: list[Path]

    def task(self, **options: Any) -> radin.Task:
        return replace(classification(str(self.arch), self.data, **options), device="cpu")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    from sklearn.datasets import load_digits

    root = tmp_path_factory.mktemp("clip")
    digits = load_digits()
    for part, rows in {"train": slice(0, 500), "data": slice(500, 700), "test": slice(700, 800)}.items():
        for i, (pixels, label) in enumerate(zip(digits.images[rows], digits.target[rows], strict=True)):
            folder = root / part / f"digit_{DIGITS[label]}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray((pixels * 15.9).astype(np.uint8)).save(folder / f"{i:03}.png")
    arch = root / "tiny.json"
    arch.write_text(json.dumps(CONFIG))
    torch.manual_seed(0)
    architecture = Architecture.read(arch)
    made = Lab(arch, root / "data", root / "test", architecture.build(), architecture.tokenizer(), [], [])
    images, labels = read_folder(root / "train", architecture.transform())
    tokens = made.tokenizer([TEMPLATE.format(name) for name in NAMES])
    train(made.clip, lambda model, x: model.get_logits(x, tokens)[0], images, labels, steps=160, lr=1e-3, seed=0)
    for seed, lr in enumerate([3e-4, 5e-4, 8e-4]):
        classifier = zero_shot_classifier(made.clip, made.tokenizer, NAMES, [TEMPLATE])
        train(classifier, lambda model, x: model(x), images, labels, steps=20, lr=lr, seed=seed)
        made.classifiers.append(root / f"classifier{seed}.pt")
        torch.save(classifier.state_dict(), made.classifiers[-1])
        clip = architecture.build()
        clip.load_state_dict(made.clip.state_dict())
        train(clip, lambda model, x: model.get_logits(x, tokens)[0], images, labels, steps=20, lr=lr, seed=seed)
        made.clips.append(root / f"clip{seed}.safetensors")
        save_file(clip.state_dict(), made.clips[-1])
    return made


def train(
    model: torch.nn.Module,
    logits: Callable[..., Any],
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    steps: int,
    lr: float,
    seed: int,
) -> None:
    """A few steps of AdamW on random batches."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    for _ in range(steps):
        rows = torch.randint(len(y), (64,), generator=generator)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits(model, x[rows]), y[rows]).backward()
        optimizer.step()
    model.eval()


def read_folder(root: Path, transform: Callable[..., Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels of a folder, read with Pillow alone."""
    folders = sorted(root.iterdir())
    images, labels = [], []
    for label, folder in enumerate(folders):
        for path in sorted(folder.iterdir()):
            images.append(transform(Image.open(path).convert("RGB")))
            labels.append(label)
    return torch.stack(images), torch.tensor(labels)


def plain_model(folder: Path, config: dict[str, Any] = CONFIG) -> Any:
    """The CLIP of a config, made by open_clip's own factory."""
    folder.mkdir(exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    return open_clip.create_model(f"local-dir:{folder}")


def plain_accuracy(soup: Path, data: Path, head: str, folder: Path, classnames: Sequence[str]) -> float:
    """Accuracy of a saved soup with open_clip and PyTorch alone."""
    model = plain_model(folder).eval()
    images, labels = read_folder(data, open_clip.image_transform(32, is_train=False))
    with torch.inference_mode():
        if head == "zero-shot":
            open_clip.load_checkpoint(model, str(soup), strict=True)
            tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
            weights = open_clip.build_zero_shot_classifier_legacy(model, tokenizer, classnames, [TEMPLATE])
            logits = model.logit_scale.exp() * model.encode_image(images, normalize=True) @ weights
        else:
            state = load_file(soup)
            weight, bias = state.pop("classification_head.weight"), state.pop("classification_head.bias")
            loaded = model.load_state_dict({name.removeprefix("model."): state[name] for name in state}, strict=False)
            assert not loaded.unexpected_keys
            assert all(name.startswith("transformer.") for name in loaded.missing_keys)
            logits = model.encode_image(images, normalize=True) @ weight.T + bias
        return float((logits.argmax(1) == labels).double().mean())


@pytest.mark.parametrize("head", ["checkpoint", "zero-shot"])
def test_every_score_is_that_of_the_saved_soup(lab: Lab, tmp_path: Path, head: Any) -> None:
    pool = radin.Pool(lab.classifiers if head == "checkpoint" else lab.clips)
    task = lab.task(test=lab.test, head=head)
    result = radin.make_soup(pool, task, "monte-carlo", budget=radin.Budget(soups=2, candidates=50), run_dir=tmp_path)
    assert sum(entry.recipe.size > 1 for entry in result.leaderboard) == 2
    for i, entry in enumerate(result.leaderboard):
        soup = radin.average(pool, entry.recipe, tmp_path / f"{i}.safetensors")
        assert entry.score == plain_accuracy(soup, lab.data, head, tmp_path / "plain", NAMES)
    assert 0.3 < result.best.score < 1
    reported = plain_accuracy(tmp_path / "soup.safetensors", lab.test, head, tmp_path / "plain", NAMES)
    assert result.report.winner.value == reported


def test_the_command_line_finds_a_soup(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = tmp_path / "names.txt"
    names.write_text("\n".join(sorted(DIGITS)))
    arguments = {"arch": lab.arch, "data": lab.data, "test": lab.test, "head": "zero-shot", "classnames": names}
    given = [text for name, value in arguments.items() for text in ("--task-arg", f"{name}={value}")]
    options = ["--soups", "1", "--candidates", "20", "--device", "cpu", "--run-dir", str(tmp_path / "run"), "--json"]
    with pytest.raises(SystemExit) as exit_:
        main(["soup", *map(str, lab.clips), "--task", "open_clip", *given, *options])
    assert exit_.value.code == 0
    best = max(entry["score"] for entry in json.loads(capsys.readouterr().out)["leaderboard"])
    soup = tmp_path / "run" / "soup.safetensors"
    assert best == plain_accuracy(soup, lab.data, "zero-shot", tmp_path / "plain", sorted(DIGITS))


def keys(tower: str) -> set[str]:
    """Names of the parameters of a two-layer transformer, as OpenAI's CLIP calls them."""
    block = ["attn.in_proj_weight", "attn.in_proj_bias", "attn.out_proj.weight", "attn.out_proj.bias"]
    block += [f"{part}.{end}" for part in ("ln_1", "ln_2", "mlp.c_fc", "mlp.c_proj") for end in ("weight", "bias")]
    return {f"{tower}transformer.resblocks.{layer}.{name}" for layer in (0, 1) for name in block}


VISUAL = keys("model.visual.") | {
    f"model.visual.{name}"
    for name in ["class_embedding", "positional_embedding", "proj", "conv1.weight"]
    + [f"{norm}.{end}" for norm in ("ln_pre", "ln_post") for end in ("weight", "bias")]
}
HEAD = {"classification_head.weight", "classification_head.bias"}
REST = {"positional_embedding", "text_projection", "logit_scale", "token_embedding.weight"}
SOUPS = VISUAL | HEAD | {f"model.{name}" for name in REST | {"ln_final.weight", "ln_final.bias"}}


@pytest.mark.parametrize(
    ("layout", "expected"),
    [("model-soups", SOUPS), ("image", VISUAL | HEAD), ("whole", SOUPS | keys("model."))],
)
def test_layouts_keep_what_they_say(lab: Lab, layout: Any, expected: set[str]) -> None:
    network = lab.task(layout=layout).network()
    assert set(network.state_dict()) == expected
    start = zero_shot_classifier(lab.clip, lab.tokenizer, NAMES, [TEMPLATE], layout=layout)
    network.load_state_dict(start.state_dict(), strict=True)
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


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


def test_normalize_off_gives_the_head_raw_features(lab: Lab) -> None:
    images = torch.randn(4, 3, 32, 32)
    network: Any = lab.task(normalize=False).network()
    with torch.no_grad():
        expected = network.classification_head(network.model.visual(images))
        torch.testing.assert_close(network(images), expected)


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


def test_imagenet_prompts_come_from_open_clip() -> None:
    assert len(set(read_templates("imagenet"))) == 80
    assert len(read_templates("imagenet-simple")) == 7
    assert read_classnames("imagenet")[:2] == ("tench", "goldfish")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"templates": "cifar"}, "templates='cifar' goes with head=zero-shot"),
        ({"head": "zero-shot", "layout": "image"}, "layout='image' goes with head=checkpoint"),
        ({"head": "zero-shot", "normalize": False}, "normalize=False goes with head=checkpoint"),
        ({"head": "zero-shot", "classnames": "imagenet"}, "has 1000 names, but there are 10 classes"),
        ({"pretrained": "openai"}, "goes with a name that open_clip knows"),
    ],
)
def test_options_that_do_not_go_together_are_refused(lab: Lab, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        lab.task(**options)


def test_data_that_do_not_fit_are_refused(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="nowhere: no such folder"):
        lab.task(test=tmp_path / "nowhere")
    (tmp_path / "test" / "ten").mkdir(parents=True)
    with pytest.raises(DataError, match="folder 'ten' is none of the 10 classes"):
        lab.task(test=tmp_path / "test")
    few = tmp_path / "few.txt"
    few.write_text("\n".join(sorted(path.name for path in lab.data.iterdir())) + "\nten\n")
    with pytest.raises(IncompatibleError, match=r"classification_head.*\[10.*\] in .* but \[11"):
        radin.make_soup(radin.Pool(lab.classifiers), lab.task(classes=str(few)), run_dir=tmp_path / "run")


def test_checkpoints_of_the_other_kind_are_refused(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(IncompatibleError, match="in the network"):
        radin.make_soup(radin.Pool(lab.clips), lab.task(), run_dir=tmp_path / "run")


def test_logits_are_kept_apart_when_a_file_that_arguments_name_changes(lab: Lab, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    given = {"arch": str(lab.arch), "data": str(lab.data), "head": "zero-shot", "classnames": str(names)}
    codes = []
    for spoken in (NAMES, NAMES, NAMES[::-1]):
        names.write_text("\n".join(spoken))
        codes.append(load_task("open_clip", given, device="cpu").code)
    assert codes[0] == codes[1] != codes[2]


def test_a_classifier_loads_into_a_plain_one(lab: Lab, tmp_path: Path) -> None:
    network = Classifier(plain_model(tmp_path / "plain"), 32, 10)
    network.load_state_dict(torch.load(lab.classifiers[0], weights_only=True), strict=True)
