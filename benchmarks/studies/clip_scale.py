"""CLIPs at full size through the command line: a correct soup, seconds of each stage, peak private memory.

    python -m benchmarks.studies.clip_scale --ingredients 4 13
    python -m benchmarks.studies.clip_scale --arch ViT-L-14-quickgelu --ingredients 3 --images 8 --soups 1

The checkpoints have the keys and shapes of the repository model-soups, 1000 outputs, and random weights near one
another; their head knows 16 classes of coloured patches, so that a soup has something to be better at. They are made
once. Memory is that of `radin soup` and `radin average` themselves, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open

import radin
from benchmarks.speed import processes
from radin.tasks.clip import Architecture
from radin.tasks.images import ImageFolder
from radin.tasks.open_clip import Classifier

OUTPUTS, CLASSES = 1000, 16
#: Distance of a checkpoint from the start, in standard deviations of each tensor; of an image from its class, in
#: levels of brightness. With these, single checkpoints are right about half of the time, and soups more often.
STEP, NOISE = 0.2, 60.0
RADIN = str(Path(sys.executable).with_name("radin"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures each size of pool; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="ViT-B-32-quickgelu", help="an architecture or a config file")
    parser.add_argument("--ingredients", type=int, nargs="+", default=[4, 13], help="sizes of the pool")
    parser.add_argument("--images", type=int, default=64, help="images to select on")
    parser.add_argument("--soups", type=int, default=2, help="real soups")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "radin" / "clip", help="keeps the files")
    parser.add_argument("--json", type=Path, help="append one line per row to this file, at once")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)  # of this process alone: processor time is to count work, not waiting
    root = given.cache / Path(given.arch).stem
    paths = make_pool(root, given.arch, max(given.ingredients), given.images)
    failed = False
    for n in given.ingredients:
        about = {"arch": given.arch, "ingredients": n, "images": given.images, "soups": given.soups}
        row = about | measure(root, given.arch, paths[:n], given.images, given.soups)
        failed |= row["error"] is not None
        print(json.dumps(row), flush=True)
        if given.json:
            with given.json.open("a") as file:
                file.write(json.dumps(row) + "\n")
    return int(failed)


def make_pool(root: Path, arch: str, n: int, images: int) -> list[Path]:
    """Makes what is missing of checkpoints, images and the list of classes."""
    pictures, names = root / f"images{images}", [f"class_{i:04}" for i in range(OUTPUTS)]
    paths = [root / f"model_{i}.pt" for i in range(n)]
    if not pictures.is_dir():
        draw(root / "prototypes", names, CLASSES, 0.0)
        draw(pictures, names, images, NOISE)
        (root / "classes.txt").write_text("\n".join(names))
    missing = [(i, path) for i, path in enumerate(paths) if not path.exists()]
    if not missing:
        return paths
    torch.manual_seed(0)
    start = head_of_prototypes(network(arch), root / "prototypes", arch, names).state_dict()
    for i, path in missing:
        noise = torch.Generator().manual_seed(i + 1)
        state = {key: step(value, noise) for key, value in start.items()}
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)
    return paths


def network(arch: str) -> Classifier:
    """The classifier of the repository model-soups."""
    architecture = Architecture.read(arch)
    return Classifier(architecture.build(), architecture.config["embed_dim"], OUTPUTS).eval()


def step(tensor: torch.Tensor, noise: torch.Generator) -> torch.Tensor:
    """A tensor a little away from where it was; a single number stays."""
    if tensor.numel() == 1:
        return tensor.clone()
    return tensor + STEP * tensor.std() * torch.randn(tensor.shape, generator=noise)


def draw(folder: Path, names: Sequence[str], count: int, noise: float) -> None:
    """Images of 16 classes, spread over all of them: 8 × 8 coloured patches with noise, 256 pixels wide."""
    rng = np.random.default_rng(0)
    prototypes = rng.integers(0, 256, (CLASSES, 8, 8, 3))
    for i in range(count):
        home = folder / names[i % CLASSES * (OUTPUTS // CLASSES)]
        home.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(prototypes[i % CLASSES] + rng.normal(0, noise, (8, 8, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).resize((256, 256), Image.Resampling.BICUBIC).save(home / f"{i:03}.jpg")


def head_of_prototypes(made: Classifier, folder: Path, arch: str, names: Sequence[str]) -> Classifier:
    """Gives the head the centred features of each class's prototype; the other classes keep random directions."""
    data = ImageFolder(folder, Architecture.read(arch).transform(), classes=names)
    with torch.inference_mode():
        clip: Any = made.model
        features = torch.cat([clip.encode_image(data[i][0][None], normalize=True) for i in range(len(data))])
        centre = features.mean(0)
        weight = torch.nn.functional.normalize(torch.randn(OUTPUTS, features.shape[1]))
        weight[torch.as_tensor(data.labels)] = torch.nn.functional.normalize(features - centre)
        made.classification_head.weight.copy_(weight)
        made.classification_head.bias.copy_(-weight @ centre)
    return made


def measure(root: Path, arch: str, paths: Sequence[Path], images: int, soups: int) -> dict[str, Any]:
    """One row: `radin average` of everything, then `radin soup`, each in a process of its own."""
    run, everything = root / "run", root / "everything.safetensors"
    shutil.rmtree(run, ignore_errors=True)
    files, data = [str(path) for path in paths], root / f"images{images}"
    task = {"arch": arch, "data": data, "classes": root / "classes.txt"}
    given = [part for name, value in task.items() for part in ("--task-arg", f"{name}={value}")]
    options = ["--soups", str(soups), "--holdback", "0", "--device", "cpu", "--run-dir", str(run), "--json"]
    options += ["--baselines", "none"]
    try:
        averaging = processes.run([RADIN, "average", *files, "-o", str(everything)])
        begun = time.time()
        cost = processes.run([RADIN, "soup", *files, "--task", "open_clip", *given, *options])
        row: dict[str, Any] = {
            "file_mb": round(paths[0].stat().st_size / 1e6),
            "averaging": {"seconds": round(averaging.seconds, 1), "memory_mb": round(averaging.memory_mb)},
            "memory_mb": round(cost.memory_mb),
            "machine": processes.machine(),
            "error": averaging.error or cost.error,
        }
        if row["error"] is None:
            row["seconds"] = stages(run, begun, cost.seconds)
            row |= checked(run, json.loads(cost.output)["best"], paths, arch, data, root / "classes.txt")
    finally:
        shutil.rmtree(run, ignore_errors=True)
        everything.unlink(missing_ok=True)
    return row


def stages(run: Path, begun: float, seconds: float) -> dict[str, float]:
    """Seconds of each stage, from the run's ledger."""
    with closing(sqlite3.connect(run / "ledger.db")) as ledger:
        query = "SELECT kind, count(*), sum(seconds), min(started) FROM evaluations GROUP BY kind"
        kinds = {kind: rest for kind, *rest in ledger.execute(query)}
        ((search,),) = ledger.execute("SELECT sum(seconds) FROM searches WHERE unit = 'candidate'")
    passes, soups = kinds["pass"], kinds["soup"]
    spent = {
        "start and fingerprints": passes[2] - begun,
        "passes": passes[1],
        "each pass": passes[1] / passes[0],
        "search": search,
        "soups": soups[1],
        "each soup": soups[1] / soups[0],
    }
    rest = seconds - spent["start and fingerprints"] - spent["passes"] - search - spent["soups"]
    return {name: round(value, 2) for name, value in (spent | {"writing and the rest": rest, "all": seconds}).items()}


def checked(
    run: Path, best: dict[str, Any], paths: Sequence[Path], arch: str, data: Path, classes: Path
) -> dict[str, Any]:
    """Compares the soup's file with averages in float64, and its score with that of open_clip and PyTorch alone."""
    pool = radin.Pool(paths)
    recipe = radin.Recipe.of(pool.names, best["recipe"])
    members = [torch.load(paths[i], mmap=True, weights_only=True) for i in recipe.members]
    made, error = network(arch), 0.0
    with safe_open(run / "soup.safetensors", "pt") as soup:
        if set(soup.keys()) != set(made.state_dict()) or set(soup.keys()) != set(members[0]):
            return {"error": "the soup has other keys than the network or the checkpoints"}
        for name in soup.keys():  # noqa: SIM118 -- it is no dict
            terms = [weight * one[name].double() for weight, one in zip(recipe.member_weights, members, strict=True)]
            # Terms may cancel, so what rounding can do is a share of their sizes, and not of their sum's.
            unit = torch.finfo(torch.float32).eps * sum(term.abs() for term in terms).clamp_min(1e-30)
            error = max(error, float(((soup.get_tensor(name).double() - sum(terms)).abs() / unit).max()))
            made.state_dict()[name].copy_(soup.get_tensor(name))
    images = ImageFolder(data, Architecture.read(arch).transform(), classes=classes.read_text().split())
    with torch.inference_mode():
        made(images[0][0][None])
        begun = time.process_time()
        logits = torch.cat([made(images[i][0][None]) for i in range(len(images))])
        each = (time.process_time() - begun) / len(images)
    plain = float((logits.argmax(1) == torch.as_tensor(images.labels)).double().mean())
    wrong = f"open_clip gives {plain}, radin {best['score']}" if plain != best["score"] else None
    if error > len(members):
        wrong = f"the soup is {error:.3g} units of rounding from the average in float64"
    return {
        "size": recipe.size,
        "score": best["score"],
        "plain_score": plain,
        "float32_eps": round(error, 3),
        "cpu_seconds_per_image": round(each, 4),
        "error": wrong,
    }


if __name__ == "__main__":
    sys.exit(main())
