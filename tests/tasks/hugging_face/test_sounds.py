"""Sounds are read, prepared and run as a user would, one by one."""

import shutil
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

transformers = pytest.importorskip("transformers")

import radin  # noqa: E402
from radin.errors import DataError, InputError, MissingFileError  # noqa: E402
from radin.tasks.hugging_face.sounds import read_sound, resampled  # noqa: E402
from tests.helpers import tiny_models  # noqa: E402

RATE = 1600
NAMED: dict[str, Any] = {"id2label": {0: "low", 1: "high"}, "label2id": {"low": 0, "high": 1}}


def tone(path: Path, seconds: float, hertz: float, seed: int) -> Path:
    """A WAV file of 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    times = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).normal(size=len(times))
    values = np.sin(2 * np.pi * hertz * times) + 0.1 * noise
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((values / 2 * 32767).astype("<i2").tobytes())
    return path


def folders(root: Path, seed: int = 0) -> Path:
    """Sounds of several lengths in class folders, in another order than the model's classes."""
    for name, hertz in (("high", 120.0), ("low", 10.0)):
        for i in range(8):
            tone(root / name / f"{i}.wav", 0.3 + 0.05 * (i % 3), hertz, seed + i)
    return root


def waves(norm: str) -> tuple[Any, Any]:
    """A network on waves: with a layer norm it is told what is padding, with a group norm not."""
    config = transformers.Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=24,
        conv_dim=(8, 8),
        conv_stride=(4, 2),
        conv_kernel=(8, 4),
        feat_extract_norm=norm,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        classifier_proj_size=8,
        **NAMED,
    )
    extractor = transformers.Wav2Vec2FeatureExtractor(sampling_rate=RATE, return_attention_mask=norm == "layer")
    return transformers.Wav2Vec2ForSequenceClassification(config).eval(), extractor


def spectrogram() -> tuple[Any, Any]:
    """A network on spectrograms of a fixed size."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    config = transformers.ASTConfig(**sizes, max_length=24, num_mel_bins=16, patch_size=8, **NAMED)
    extractor = transformers.ASTFeatureExtractor(sampling_rate=RATE, num_mel_bins=16, max_length=24)
    return transformers.ASTForAudioClassification(config).eval(), extractor


@pytest.mark.parametrize("family", ["group norm", "layer norm", "spectrogram"])
def test_a_soup_of_folders_gives_the_reported_score(family: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, extractor = spectrogram() if family == "spectrogram" else waves(family.split()[0])
    paths = tiny_models.save_pool(tmp_path / "runs", network, 2, with_tokenizer=False)
    for path in paths:
        extractor.save_pretrained(path)
    task = radin.tasks.transformers(folders(tmp_path / "val"), paths[0], folders(tmp_path / "test", 50))
    result = radin.make_soup(radin.Pool(paths), task, run_dir=tmp_path / "run", budget=radin.Budget(soups=1))

    opened = type(network).from_pretrained(result.soup).eval()
    heard = transformers.AutoFeatureExtractor.from_pretrained(result.soup)
    logits = []
    for file in (tmp_path / "val" / name / f"{i}.wav" for name in ("low", "high") for i in range(8)):
        with torch.inference_mode():
            logits.append(opened(**heard(read_sound(file)[0], sampling_rate=RATE, return_tensors="pt")).logits[0])
    labels = torch.tensor([0] * 8 + [1] * 8)
    likelihood = float(torch.nn.functional.cross_entropy(torch.stack(logits), labels))
    assert result.best.nll == pytest.approx(likelihood, abs=1e-5)
    assert result.best.value == pytest.approx(float((torch.stack(logits).argmax(1) == labels).float().mean()))


def test_a_table_names_files_and_labels(tmp_path: Path) -> None:
    network, extractor = waves("layer")
    (path,) = tiny_models.save_pool(tmp_path / "runs", network, 1, with_tokenizer=False)
    extractor.save_pretrained(path)
    rows = [{"file": f"wav/{i}.wav", "label": ("low", "high")[i % 2]} for i in range(4)]
    for i in range(4):
        tone(tmp_path / "wav" / f"{i}.wav", 1.5, 20.0, i)
    table = tiny_models.write_lines(tmp_path / "val.jsonl", rows)
    whole = radin.tasks.transformers(table, path)
    assert whole.rows.labels.tolist() == [0, 1, 0, 1]
    cut = radin.tasks.transformers(table, path, max_length=1)
    assert cut.data[0][0]["input_values"].shape == (RATE,)
    assert cut.rows.fingerprint != whole.rows.fingerprint
    tiny_models.write_lines(table, [*rows, {"file": "wav/9.wav", "label": "low"}])
    with pytest.raises(DataError, match=r"9\.wav, which is not there"):
        radin.tasks.transformers(table, path)
    with pytest.raises(InputError, match="is one table without splits"):
        radin.tasks.transformers(table, path, split="val")


def test_a_part_of_a_folder_is_named_by_split(tmp_path: Path) -> None:
    network, extractor = waves("layer")
    (path,) = tiny_models.save_pool(tmp_path / "runs", network, 1, with_tokenizer=False)
    extractor.save_pretrained(path)
    folders(tmp_path / "sounds" / "val")
    assert len(radin.tasks.transformers(tmp_path / "sounds", path, split="val").rows) == 16
    with pytest.raises(MissingFileError, match="vla"):
        radin.tasks.transformers(tmp_path / "sounds", path, split="vla")
    shutil.copytree(tmp_path / "sounds" / "val", tmp_path / "sounds" / "train")
    with pytest.raises(InputError, match="holds the splits train, val, not classes; choose one"):
        radin.tasks.transformers(tmp_path / "sounds", path)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_every_width_of_samples_is_read_and_channels_are_averaged(width: int, tmp_path: Path) -> None:
    values = np.array([[0.5, 0.0], [-0.5, -1.0], [0.0, 0.25]])  # frames x channels
    whole = np.rint(values * 2 ** (8 * width - 1)).astype(np.int64)
    if width == 1:
        whole += 128
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(width)
        file.setframerate(8000)
        file.writeframes(b"".join(int(one % 2 ** (8 * width)).to_bytes(width, "little") for one in whole.ravel()))
    found, rate = read_sound(tmp_path / "a.wav")
    assert rate == 8000 and found.dtype == np.float32
    np.testing.assert_allclose(found, values.mean(axis=1), atol=1e-6)


def test_a_sound_of_another_rate_is_brought_to_the_models(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    path = tone(tmp_path / "a.wav", 2.0, 5.0, 0)
    sound, rate = read_sound(path)
    assert len(resampled(sound, rate, 300, path)) == len(sound) * 300 // RATE
    assert resampled(sound, rate, rate, path) is sound


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"a\.wav cannot be read as a sound"):
        read_sound(tmp_path / "a.wav")
    with pytest.raises(DataError, match=r"b\.wav holds no sound"):
        read_sound(tone(tmp_path / "b.wav", 0.0, 1.0, 0))
    network, _ = waves("group")
    (path,) = tiny_models.save_pool(tmp_path / "runs", network, 1, with_tokenizer=False)
    with pytest.raises(InputError, match="no feature extractor"):
        radin.tasks.transformers(folders(tmp_path / "val"), path)
