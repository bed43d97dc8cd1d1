"""CLIPs of open_clip as tasks, on a small one that is trained here on scikit-learn's digits."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.clip_lab import DIGITS, NAMES, TEMPLATE, Lab, plain_accuracy, plain_model
from torch import nn

import radin
from benchmarks.speed.checkpoints import vit_b32
from radin.cli.main import main
from radin.errors import DataError, IncompatibleError, InputError, MissingFileError
from radin.tasks import zero_shot
from radin.tasks.clip import Architecture
from radin.tasks.load import load_task
from radin.tasks.open_clip import FINGERPRINT, Classifier, load_weights, zero_shot_classifier


@pytest.mark.parametrize("head", ["checkpoint", "zero-shot"])
def test_every_score_is_that_of_the_saved_soup(lab: Lab, tmp_path: Path, head: Any) -> None:
    pool = radin.Pool(lab.classifiers if head == "checkpoint" else lab.clips)
    task = lab.task(test=lab.test, head=head)
    result = radin.make_soup(
        pool, task, searcher="monte-carlo", budget=radin.Budget(soups=2, candidates=50), run_dir=tmp_path
    )
    assert sum(entry.recipe.size > 1 for entry in result.leaderboard) == 3  # B and the uniform soup
    for i, entry in enumerate(result.leaderboard):
        soup = radin.average(pool, entry.recipe, tmp_path / f"{i}.safetensors")
        assert entry.score == plain_accuracy(soup, lab.data, head, tmp_path / "plain", NAMES)
    assert 0.3 < result.best.score < 1
    reported = plain_accuracy(tmp_path / "soup.safetensors", lab.test, head, tmp_path / "plain", NAMES)
    assert result.report.winner.value == reported


@pytest.mark.parametrize("head", ["checkpoint", "zero-shot"])
def test_the_command_line_finds_a_soup(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str], head: str) -> None:
    names = tmp_path / "names.txt"
    names.write_text("\n".join(sorted(DIGITS)))
    arguments = {"arch": lab.arch, "data": lab.data, "test": lab.test, "head": head}
    if head == "zero-shot":
        arguments["classnames"] = names
    given = [text for name, value in arguments.items() for text in ("--task-arg", f"{name}={value}")]
    options = ["--soups", "1", "--candidates", "20", "--device", "cpu", "--run-dir", str(tmp_path / "run"), "--json"]
    pool = lab.clips if head == "zero-shot" else lab.classifiers
    with pytest.raises(SystemExit) as exit_:
        main(["soup", *map(str, pool), "--task", "open_clip", *given, *options])
    assert exit_.value.code == 0
    best = json.loads(capsys.readouterr().out)["leaderboard"][0]["score"]
    soup = tmp_path / "run" / "soup.safetensors"
    assert best == plain_accuracy(soup, lab.data, head, tmp_path / "plain", sorted(DIGITS))


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


def test_checkpoints_of_model_soups_fit_name_by_name() -> None:
    """Of ViT-B/32 at its full size, 456 MB: what that repository's `ModelWrapper` leaves of OpenAI's CLIP."""
    expected = {f"model.{name}": shape for name, shape in vit_b32().items() if not name.startswith("transformer.")}
    expected |= {"classification_head.weight": (1000, 512), "classification_head.bias": (1000,)}
    with torch.device("meta"):
        network = Classifier(Architecture.read("ViT-B-32-quickgelu").build(), 512, 1000)
    assert {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()} == expected
    assert network.normalize


def test_normalize_off_gives_the_head_raw_features(lab: Lab) -> None:
    images = torch.randn(4, 3, 32, 32)
    network: Any = lab.task(normalize=False).network()
    with torch.no_grad():
        expected = network.classification_head(network.model.visual(images))
        torch.testing.assert_close(network(images), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"templates": "cifar"}, "templates='cifar' goes with head=zero-shot"),
        ({"head": "zero-shot", "normalize": False}, "normalize=False goes with head=checkpoint"),
        ({"head": "zero-shot", "classnames": "imagenet"}, "has 1000 names, but there are 10 classes"),
        ({"head": "zero-shot", "layout": "model-soups"}, "layout='model-soups' goes with head=checkpoint"),
        ({"head": "zero-shot", "layout": "image"}, "needs pretrained=TAG or pretrained=FILE"),
        ({"pretrained": "openai"}, "goes with a name that open_clip knows"),
        ({"pretrained": __file__}, "is a file, which is of use only with head=zero-shot and layout=image"),
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
    with pytest.raises(IncompatibleError, match=r"Try head='zero-shot', layout='whole'"):
        radin.make_soup(radin.Pool(lab.clips), lab.task(), run_dir=tmp_path / "run")
    with pytest.raises(IncompatibleError, match=r"Try head='checkpoint', layout='model-soups'"):
        radin.make_soup(radin.Pool(lab.classifiers), lab.task(head="zero-shot"), run_dir=tmp_path / "run")


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


#: Names in the networks that the task open_clip builds, by its options.
CLIPS = {
    "head=checkpoint layout=model-soups": ("model.visual.proj", "model.logit_scale", "classification_head.weight"),
    "head=checkpoint layout=image": ("model.visual.proj", "classification_head.weight"),
    "head=checkpoint layout=whole": ("model.visual.proj", "model.transformer.a", "classification_head.weight"),
    "head=zero-shot layout=whole": ("visual.proj", "transformer.a", "logit_scale"),
    "head=zero-shot layout=image": ("visual.proj", "visual.conv1"),
}


def named(names: tuple[str, ...]) -> nn.Module:
    """A network with parameters of some names."""
    network = nn.Module()
    for *path, last in (name.split(".") for name in names):
        inner = network
        for part in path:
            if not hasattr(inner, part):
                inner.add_module(part, nn.Module())
            inner = inner.get_submodule(part)
        inner.register_parameter(last, nn.Parameter(torch.zeros(2)))
    return network


@pytest.mark.parametrize("there", CLIPS)
@pytest.mark.parametrize("here", CLIPS)
def test_weights_of_a_clip_say_with_which_options_they_fit(there: str, here: str) -> None:
    tensors = dict(named(CLIPS[there]).state_dict())
    if there == here:
        load_weights(named(CLIPS[here]), tensors)
        return
    with pytest.raises(IncompatibleError) as caught:
        load_weights(named(CLIPS[here]), tensors)
    assert caught.value.mend == dict(option.split("=") for option in there.split())


def test_the_fingerprints_of_the_first_release_hold() -> None:
    assert FINGERPRINT.startswith("375c3dd7") and zero_shot.FINGERPRINT.startswith("3a56b4f8")
