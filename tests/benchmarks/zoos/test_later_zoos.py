"""The pools of text, of one trajectory, of more than a hundred ingredients and of near-equal ones, all tiny."""

import gzip
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import radin
from benchmarks.zoos import debian, equal, hundred, sections, trajectory
from radin.demo.sweep import settings_of
from radin.errors import DataError, InputError

#: Images that select; as many report.
HELD = 20


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Images whose class is where they are bright, in the files of Fashion-MNIST."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for part, m in (("train", 5_000 + 80), ("t10k", HELD)):
        labels, images = np.arange(m) % 10, rng.integers(0, 60, (m, 28, 28))
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 8] += 150
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)
    return folder


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    for module in (hundred, equal, trajectory):
        monkeypatch.setattr(module, "TRAINING_IMAGES", 80)


def tiny(sweep):
    short = replace(sweep.pretraining, epochs=1)
    return replace(sweep, pretraining=short, ranges=replace(sweep.ranges, epochs=(1,)), batch_size=8)


@pytest.mark.parametrize("module", [hundred, equal])
def test_a_tiny_pool_of_perceptrons_is_built_once_and_runs(tmp_path, data, module):
    paths = module.build(tmp_path / "pool", 2, data=data, sweep=tiny(module.SWEEP), jobs=1)
    stamps = [path.stat().st_ino for path in paths]
    assert module.build(tmp_path / "pool", 2, data=data, sweep=tiny(module.SWEEP), jobs=1) == paths
    assert [path.stat().st_ino for path in paths] == stamps
    task = module.task(data=data, selection=HELD, test=HELD)
    with radin.Verifier(radin.Pool(paths), task, tmp_path / "run") as verifier:
        assert verifier.logits(radin.Recipe.uniform(verifier.names)).shape == (HELD, 10)


def test_equal_ingredients_differ_by_their_images_alone(tmp_path, data):
    paths = equal.build(tmp_path / "pool", 3, data=data, sweep=tiny(equal.SWEEP), jobs=1)
    assert len({str(settings_of(path)["settings"]) for path in paths}) == 1
    assert len({load_file(path)["1.weight"].numpy().tobytes() for path in paths}) == 3


def test_checkpoints_of_one_run_come_in_its_order_and_are_written_again_alike(tmp_path, data):
    def build():
        return trajectory.build(tmp_path / "pool", 12, data=data, sweep=sweep)

    sweep = replace(tiny(trajectory.SWEEP), pretraining=replace(trajectory.SWEEP.pretraining, epochs=3))
    paths = build()
    assert [path.name for path in paths] == [f"checkpoint-{k}.safetensors" for k in range(1, 13)]
    steps = [settings_of(path)["step"] for path in paths]
    assert steps == [round(k * 30 / 12) for k in range(1, 13)]  # 3 epochs of 10 batches
    whole, kept = [path.read_bytes() for path in paths], paths[0].stat().st_ino
    assert build() == paths and paths[0].stat().st_ino == kept
    paths[3].unlink()
    assert [path.read_bytes() for path in build()] == whole
    with pytest.raises(InputError, match="1 to 30 checkpoints"):
        trajectory.build(tmp_path / "pool", 31, data=data, sweep=sweep)


def test_checkpoints_are_what_training_for_fewer_steps_would_have_seen(tmp_path, data):
    sweep = tiny(trajectory.SWEEP)
    whole = trajectory.build(tmp_path / "pool", 10, data=data, sweep=sweep)
    start = load_file(tmp_path / "pool" / "pretrained" / "pretrained.safetensors")["head.weight"]
    moved = [float((load_file(path)["head.weight"] - start).norm()) for path in whole]
    assert 0 < moved[0] < moved[-1]
    halves = trajectory.build(tmp_path / "other", 5, data=data, sweep=sweep)
    for half, path in zip(halves, whole[1::2], strict=True):
        assert torch.equal(load_file(half)["head.weight"], load_file(path)["head.weight"])
    task = trajectory.task(data=data, selection=HELD, test=HELD)
    with radin.Verifier(radin.Pool(whole), task, tmp_path / "run") as verifier:
        assert len(set(verifier.solo)) > 1


def paragraph(package, section, text, source=None):
    line = f"Source: {source} (1.0)\n" if source else ""
    return f"Package: {package}\n{line}Description: {text}\nSection: contrib/{section}\n"


def archive(each):
    """Paragraphs of packages whose descriptions name their section, `each` of them in every section."""
    return [
        paragraph(f"{section}{i}", section, f"{section} tool {i}, for C++")
        for section in sections.SECTIONS
        for i in range(each)
    ]


def test_one_description_of_each_source_package_is_chosen():
    known = [*archive(2), paragraph("tool-doc", "doc", "manual", source="admin0"), paragraph("x", "kde", "desktop")]
    found = sections.select("\n".join(known))
    assert len(found) == 2 * len(sections.SECTIONS)
    assert all(text.startswith(section) for section, text in found)
    with pytest.raises(DataError, match=r"section 'admin'; run `apt-get update`"):
        sections.select("")


def test_words_are_numbered_by_the_vocabulary_cut_off_and_padded(monkeypatch):
    monkeypatch.setattr(sections, "WORDS", 4)
    rows = sections.numbered(["Tool for C++!", "for for for for the", "…"], ["for", "c++"])
    assert rows.tolist() == [[1, 2, 3, 0], [2, 2, 2, 2], [1, 0, 0, 0]]


def test_a_tiny_text_pool_is_built_once_and_learns_its_sections(tmp_path, monkeypatch):
    monkeypatch.setattr(debian, "available", lambda: "\n".join(archive(12)))
    monkeypatch.setattr(sections, "SELECTION", 40)
    monkeypatch.setattr(sections, "TEST", 60)
    sweep = replace(tiny(sections.SWEEP), pretraining=replace(sections.SWEEP.pretraining, epochs=6, part=1.0))
    paths = sections.build(tmp_path / "pool", 2, sweep=sweep, jobs=1)
    monkeypatch.setattr(debian, "available", lambda: "")
    assert sections.build(tmp_path / "pool", 2, sweep=sweep, jobs=1) == paths
    task = sections.task(folder=tmp_path / "pool")
    assert len(task.rows) == 40 and len(task.test[1]) == 60
    with radin.Verifier(radin.Pool(paths), task, tmp_path / "run") as verifier:
        assert verifier.solo.min() > 0.5

    monkeypatch.setattr(sections, "TEST", 200)
    with pytest.raises(DataError, match="holds 240 descriptions, expected more than 240"):
        sections.task(folder=tmp_path / "pool")
    (tmp_path / "pool" / "data" / "sections.tsv").write_text("kde\tkonsole\n")
    with pytest.raises(DataError, match=r"expected one of admin.*got 'kde\\tkonsole'"):
        sections.task(folder=tmp_path / "pool")


def test_padding_changes_no_logits():
    torch.manual_seed(0)
    network = sections.Classifier()
    words = torch.randint(1, 50, (3, 5))
    padded = torch.cat([words, torch.zeros(3, 4, dtype=torch.int64)], dim=1)
    torch.testing.assert_close(network(padded), network(words))
