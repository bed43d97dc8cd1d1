"""Banks from files of every form are the same bank."""

import re
import zipfile

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from radin.errors import CheckpointError, DataError, MissingFileError
from radin.scoring.logit_bank import LogitBank
from radin.scoring.logit_files import folder_of_logits, open_bank
from radin.scoring.logit_folder import write_labels

N, M, C = 3, 11, 4

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(N, M, C)).astype(np.float32)
LABELS = RNG.integers(C, size=M)
NAMES = ("a", "b", "c")


def same(bank: LogitBank, names=NAMES, logits=LOGITS) -> bool:
    found = all(np.array_equal(bank.logits(i), one) for i, one in enumerate(logits))
    return bank.names == tuple(names) and found and np.array_equal(bank.labels, LABELS)


def by_name(logits=LOGITS):
    return dict(zip(NAMES, logits, strict=True))


def test_an_archive_of_arrays_by_ingredient(tmp_path):
    np.savez(tmp_path / "all.npz", **by_name(), labels=LABELS)
    assert same(open_bank(tmp_path / "all.npz"))
    np.savez_compressed(tmp_path / "bare.npz", **by_name())
    (tmp_path / "labels.txt").write_text("\n".join(map(str, LABELS)))
    assert same(open_bank(tmp_path / "bare.npz"))


def test_labels_that_are_named_come_before_those_in_the_file(tmp_path):
    np.savez(tmp_path / "all.npz", **by_name(), labels=np.zeros(M, dtype=np.int64))
    np.save(tmp_path / "truth.npy", LABELS)
    assert same(open_bank(tmp_path / "all.npz", tmp_path / "truth.npy"))


@pytest.mark.parametrize("kind", ["npy", "npz", "pt"])
@pytest.mark.parametrize("order", ["<f4", ">f4", ">f8"])
def test_one_array_of_all(tmp_path, kind, order):
    array = LOGITS.astype(order)
    np.save(tmp_path / "labels.npy", LABELS.astype(">i8"))
    file = tmp_path / f"all.{kind}"
    if kind == "npy":
        np.save(file, array)
    elif kind == "npz":
        np.savez(file, logits=array)
    else:
        torch.save(torch.from_numpy(array.astype(order[1:])), file)
    assert same(open_bank(file), ["model0", "model1", "model2"])


def test_an_array_of_one_ingredient_is_called_after_its_file(tmp_path):
    np.save(tmp_path / "labels.npy", LABELS)
    np.save(tmp_path / "vit.npy", LOGITS[0])
    assert same(open_bank(tmp_path / "vit.npy"), ["vit"], LOGITS[:1])
    np.savez(tmp_path / "other.npz", resnet=LOGITS[0])
    assert same(open_bank(tmp_path / "other.npz"), ["resnet"], LOGITS[:1])


def test_files_of_tensors(tmp_path):
    tensors = {name: torch.from_numpy(one) for name, one in by_name().items()}
    torch.save({**tensors, "labels": torch.from_numpy(LABELS)}, tmp_path / "all.pt")
    assert same(open_bank(tmp_path / "all.pt"))
    save_file({**by_name(), "labels": LABELS}, tmp_path / "all.safetensors")
    assert same(open_bank(tmp_path / "all.safetensors"))


def test_a_folder_of_files_of_one_ingredient_each(tmp_path):
    for i, kind in enumerate(("pt", "pth", "npz")):
        file = tmp_path / f"{NAMES[i]}.{kind}"
        np.savez(file, LOGITS[i]) if kind == "npz" else torch.save(torch.from_numpy(LOGITS[i]), file)
    (tmp_path / "labels.json").write_text(str(LABELS.tolist()))
    assert same(open_bank(tmp_path))
    torch.save([torch.zeros(M, C), torch.zeros(M, C)], tmp_path / "d.pt")
    with pytest.raises(DataError, match=r"d\.pt: expected one array"):
        open_bank(tmp_path)


def test_a_run_is_its_folder_of_logits(tmp_path):
    folder = tmp_path / "logits"
    folder.mkdir()
    for name, one in by_name().items():
        np.save(folder / f"{name}.npy", one)
    write_labels(folder, LABELS)
    assert folder_of_logits(tmp_path) == folder_of_logits(folder) == folder
    assert same(open_bank(tmp_path))


class Runs:
    """Would run code when it is loaded."""

    def __reduce__(self):
        return print, ("run",)


def test_code_in_a_file_is_refused_and_not_run(tmp_path, capsys):
    torch.save({"a": Runs()}, tmp_path / "all.pt")
    np.savez(tmp_path / "all.npz", a=np.array([Runs()], dtype=object))
    with pytest.raises(CheckpointError, match="would run code"):
        open_bank(tmp_path / "all.pt")
    with pytest.raises(DataError, match=re.escape("arrays by name (.npz)")):
        open_bank(tmp_path / "all.npz")
    assert "run" not in capsys.readouterr().out


def test_an_archive_that_is_damaged_or_claims_too_much_is_refused(tmp_path):
    file = tmp_path / "all.npz"
    np.savez_compressed(file, **by_name(), labels=LABELS)
    content = bytearray(file.read_bytes())
    content[150:160] = bytes(10)
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"all\.npz: expected arrays by name"):
        open_bank(file)
    with zipfile.ZipFile(file, "w") as archive, archive.open("a.npy", "w") as entry:
        np.lib.format.write_array_header_1_0(entry, {"descr": "<f8", "fortran_order": False, "shape": (10**16, 4)})
    with pytest.raises(DataError, match=r"all\.npz: expected arrays by name"):
        open_bank(file)


def test_what_is_no_bank_is_refused(tmp_path):
    with pytest.raises(MissingFileError, match="no such file or folder"):
        open_bank(tmp_path / "nothing.npz")
    np.save(tmp_path / "labels.npy", LABELS)
    (tmp_path / "a.txt").write_text("1")
    with pytest.raises(DataError, match="expected outputs, as a folder, or a file with one of"):
        open_bank(tmp_path / "a.txt")
    (tmp_path / "a.npz").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match=r"a\.npz: expected arrays by name"):
        open_bank(tmp_path / "a.npz")
    np.save(tmp_path / "b.npy", LOGITS[:, :5])
    with pytest.raises(DataError, match=re.escape("with 11 samples, as there are labels, got [3, 5, 4]")):
        open_bank(tmp_path / "b.npy")
    np.savez(tmp_path / "c.npz", logits=LOGITS, extra=LOGITS[0])
    with pytest.raises(DataError, match="got both: 'extra' beside it"):
        open_bank(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", labels=LABELS)
    with pytest.raises(DataError, match="found none"):
        open_bank(tmp_path / "d.npz")
    torch.save({"a": torch.zeros(M, C, dtype=torch.complex64)}, tmp_path / "e.pt")
    with pytest.raises(CheckpointError, match="'a' of complex64"):
        open_bank(tmp_path / "e.pt")
    (tmp_path / "labels.npy").unlink()
    with pytest.raises(MissingFileError, match=r"labels\.npy: expected the labels"):
        open_bank(tmp_path / "b.npy")
