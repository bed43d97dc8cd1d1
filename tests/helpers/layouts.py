"""Tiny copies of public datasets in exactly their own files and folders, for whatever reads them."""

import io
import json
import pickle
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

#: Places of a few classes among ImageNet's 1000: neighbours, one whose number sorts early as text, and the last.
PLACES = (0, 1, 2, 10, 100, 999)


def paint(path: Path, seed: int, size: tuple[int, int] = (8, 6)) -> None:
    """Writes a random image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


class Python2Pickler(pickle._Pickler):
    """Writes pickles as Python 2 did, which is how CIFAR was published: text and bytes are both plain strings."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_string(self, value: str | bytes) -> None:
        data = value.encode("latin1") if isinstance(value, str) else value
        self.write(pickle.BINSTRING + len(data).to_bytes(4, "little") + data)
        self.memoize(value)

    def save_global(self, value: object, name: str | None = None) -> None:
        module = "numpy.core.multiarray" if value.__name__ == "_reconstruct" else value.__module__
        self.write(pickle.GLOBAL + f"{module}\n{value.__name__}\n".encode())
        self.memoize(value)

    dispatch[str] = save_string
    dispatch[bytes] = save_string
    dispatch[type] = save_global
    dispatch[type(pickle.dumps)] = save_global
    dispatch[type(lambda: 0)] = save_global


def python2_pickle(value: object) -> bytes:
    """A pickle as Python 2 wrote it."""
    file = io.BytesIO()
    Python2Pickler(file, protocol=2).dump(value)
    return file.getvalue()


def cifar_arrays(split: str, n: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Random rows as the files have them, all red values first, and labels."""
    rng = np.random.default_rng(len(split))
    return rng.integers(0, 256, (n, 3072), dtype=np.uint8), np.arange(n) % classes


def cifar10(folder: Path, *, binary: bool = False, n: int = 100) -> Path:
    """CIFAR-10: five batches of training images, `n` in all, and one of `n // 5` test images."""
    root = folder / f"cifar-10-batches-{'bin' if binary else 'py'}"
    root.mkdir(parents=True)
    pixels, labels = cifar_arrays("train", n, 10)
    parts = [
        (f"data_batch_{i + 1}", pixels[i * n // 5 : (i + 1) * n // 5], labels[i * n // 5 : (i + 1) * n // 5])
        for i in range(5)
    ]
    for name, rows, own in [*parts, ("test_batch", *cifar_arrays("test", n // 5, 10))]:
        if binary:
            (root / f"{name}.bin").write_bytes(np.column_stack([own.astype(np.uint8), rows]).tobytes())
        else:
            batch = {"batch_label": name, "labels": own.tolist(), "data": rows, "filenames": [f"{i}.png" for i in own]}
            (root / name).write_bytes(python2_pickle(batch))
    if binary:
        (root / "batches.meta.txt").write_text("\n".join(CIFAR10) + "\n\n")
    else:
        meta = {"num_cases_per_batch": n // 5, "label_names": CIFAR10, "num_vis": 3072}
        (root / "batches.meta").write_bytes(python2_pickle(meta))
    return root


def cifar100(folder: Path, *, binary: bool = False, n: int = 200) -> Path:
    """CIFAR-100: fine and coarse labels; `n` training images and `n // 2` test images."""
    root = folder / f"cifar-100-{'binary' if binary else 'python'}"
    root.mkdir(parents=True)
    fine = [f"fine{i:02d}" for i in range(100)]
    coarse = [f"coarse{i}" for i in range(20)]
    for split, size in (("train", n), ("test", n // 2)):
        rows, labels = cifar_arrays(split, size, 100)
        if binary:
            records = np.column_stack([(labels // 5).astype(np.uint8), labels.astype(np.uint8), rows])
            (root / f"{split}.bin").write_bytes(records.tobytes())
        else:
            batch = {"fine_labels": labels.tolist(), "coarse_labels": (labels // 5).tolist(), "data": rows}
            (root / split).write_bytes(python2_pickle(batch))
    if binary:
        (root / "fine_label_names.txt").write_text("\n".join(fine) + "\n")
        (root / "coarse_label_names.txt").write_text("\n".join(coarse) + "\n")
    else:
        (root / "meta").write_bytes(python2_pickle({"fine_label_names": fine, "coarse_label_names": coarse}))
    return root


def wnids() -> list[str]:
    """ImageNet's classes at `PLACES`."""
    from radin.tasks.readers.wordnet import imagenet_wnids

    return [imagenet_wnids()[place] for place in PLACES]


def imagenet(folder: Path, *, train: int = 10, val: int = 3) -> Path:
    """ImageNet's folders with a few classes, so many images in each."""
    root = folder / "imagenet"
    for split, count in (("train", train), ("val", val)):
        for c, wnid in enumerate(wnids()):
            for i in range(count):
                name = f"{wnid}_{i}.JPEG" if split == "train" else f"ILSVRC2012_val_{1000 * c + i:08d}.JPEG"
                paint(root / split / wnid / name, 1000 * c + i + (split == "val") * 500)
    return root


def imagenet_v2(folder: Path, count: int = 2) -> Path:
    """ImageNet-V2, matched frequency: folders named by number."""
    root = folder / "imagenetv2-matched-frequency-format-val"
    for place in PLACES:
        for i in range(count):
            paint(root / str(place) / f"{i:040x}.jpeg", 7 * place + i)
    return root


def by_wnid(folder: Path, name: str, places: tuple[int, ...], count: int = 2) -> Path:
    """ImageNet-R, Sketch or A: folders named by class, and the readme that the archives bring."""
    from radin.tasks.readers.wordnet import imagenet_wnids

    root = folder / name
    for place in places:
        for i in range(count):
            paint(root / imagenet_wnids()[place] / f"art_{i}.jpg", 31 * place + i)
    (root / "README.txt").write_text("classes")
    return root


def objectnet(folder: Path) -> Path:
    """ObjectNet: a class of its own, one that is one of ImageNet's, and one that stands for two of them."""
    root = folder / "objectnet-1.0"
    for seed, name in enumerate(["air_freshener", "backpack", "still_camera"]):
        for i in range(2):
            paint(root / "images" / name / f"{i:032x}.png", seed * 10 + i, (12, 10))
    maps = root / "mappings"
    maps.mkdir()
    # The numbers of ILSVRC2012 are another order than the sorted classes: 5 and 6 stand for places 732 and 759.
    names = ["tench", "goldfish", "shark", "backpack, back pack", "unused", "Polaroid camera", "reflex camera"]
    (maps / "imagenet_to_label_2012_v2").write_text("\n".join(names) + "\n")
    numbers = {"0": 0, "1": 1, "2": 2, "414": 3, "5": 4, "732": 5, "759": 6}
    (maps / "pytorch_to_imagenet_2012_id.json").write_text(json.dumps(numbers))
    labels = {"air_freshener": "Air freshener", "backpack": "Backpack", "still_camera": "Still Camera"}
    (maps / "folder_to_objectnet_label.json").write_text(json.dumps(labels))
    overlap = {"Backpack": names[3], "Still Camera": f"{names[5]}; {names[6]}"}
    (maps / "objectnet_to_imagenet_1k.json").write_text(json.dumps(overlap))
    return root


def domainnet(folder: Path, train: int = 10, test: int = 3) -> Path:
    """DomainNet: two domains and three classes, of which one domain's training list lacks the last."""
    root = folder / "domainnet"
    for d, domain in enumerate(("clipart", "painting")):
        for split, count in (("train", train), ("test", test)):
            lines = []
            for label, name in enumerate(("The_Eiffel_Tower", "aircraft_carrier", "zebra")):
                if (domain, split, name) == ("painting", "train", "zebra"):
                    continue
                for i in range(count):
                    path = f"{domain}/{name}/{domain}_{label:03d}_{split}{i:06d}.jpg"
                    paint(root / path, 100 * label + 10 * d + i)
                    lines.append(f"{path} {label}")
            (root / f"{domain}_{split}.txt").write_text("\n".join(reversed(lines)) + "\n")
    return root
