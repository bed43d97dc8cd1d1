"""The network that is scored is the one that a user would load, however its modules keep their weights."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.any_network import X, Y, evaluator, states
from safetensors.torch import load_file
from torch import nn

import radin
from radin.errors import DataError, IncompatibleError, TaskError
from radin.evaluation.evaluator import Evaluator
from radin.evaluation.loading_facts import AFRESH
from radin.evaluation.run_folder import RunFolder
from radin.weights.averaging import average


def plain() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))


class Copies(nn.Module):
    """Hands out copies in its state dict, as quantised networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.body = plain()
        self._register_state_dict_hook(
            lambda m, state, prefix, meta: state.update({k: v + 0 for k, v in state.items()})
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


class Cached(Copies):
    """Keeps what it made of its weights at the first forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self._state_dict_hooks.clear()
        self.double: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.double is None:
            self.double = 2 * self.body[0].weight
        return self.body[2](torch.relu(x @ self.double.T))


class Derived(Cached):
    """Derives state outside the state dict when it is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.register_load_state_dict_post_hook(lambda m, keys: setattr(m, "double", 3 * m.body[0].weight.detach()))


class Renamed(nn.Module):
    """Brings a name of an older version up to date when it is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)

    def _load_from_state_dict(self, state, prefix, *rest) -> None:
        for part in ("weight", "bias"):
            if f"{prefix}fc.{part}" in state:
                state[f"{prefix}head.{part}"] = state.pop(f"{prefix}fc.{part}")
        super()._load_from_state_dict(state, prefix, *rest)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x)


class Wrapped(nn.Module):
    """Holds the network at some depth."""

    def __init__(self, build: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.outer = nn.ModuleDict({"net": build()})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.outer["net"](x)


class Transposed(nn.Module):
    """An autoencoder whose decoder's weight is the transpose of its encoder's."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder, self.head = nn.Linear(4, 5), nn.Linear(5, 4), nn.Linear(4, 3)
        self.decoder.weight = nn.Parameter(self.encoder.weight.data.T)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.decoder(torch.relu(self.encoder(x))))


def transposed() -> dict[str, torch.Tensor]:
    state = Transposed().state_dict()
    state["encoder.weight"] += 0.3 * torch.rand(5, 4)
    return state


def norm() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))


def weight_norm() -> nn.Module:
    return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)))


def old_weight_norm() -> dict[str, torch.Tensor]:
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    return {
        f"0.{names.get(name.removeprefix('0.'), name.removeprefix('0.'))}": tensor
        for name, tensor in weight_norm().state_dict().items()
    }


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[], dict[str, torch.Tensor]], bool]] = {
    "plain": (plain, lambda: plain().state_dict(), True),
    "copies": (Copies, lambda: Copies().state_dict(), False),
    "cached": (Cached, lambda: Cached().state_dict(), False),
    "derived": (Derived, lambda: Derived().state_dict(), False),
    "tied to its transpose": (Transposed, transposed, False),
    "renamed": (Renamed, lambda: {f"fc.{k}": v for k, v in nn.Linear(4, 3).state_dict().items()}, False),
    "old weight norm": (weight_norm, old_weight_norm, False),
    "no counter": (norm, lambda: {k: v for k, v in norm().state_dict().items() if "tracked" not in k}, False),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(3)), lambda: nn.Sequential(nn.Linear(4, 3)).state_dict(), True),
}


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize("case", CASES)
def test_every_model_gives_what_load_state_dict_gives(tmp_path: Path, case: str) -> None:
    build, make, in_place = CASES[case]
    one = evaluator(states(make, tmp_path), tmp_path / "run", build)
    bank = one.collect()
    soup = one.logits(one.evaluation(radin.Recipe.uniform(one.pool.names)))
    average(one.pool, [True] * 3, tmp_path / "soup.safetensors")
    files = [*(torch.load(path) for path in one.pool.paths), load_file(tmp_path / "soup.safetensors")]
    for state, logits in zip(files, [*(bank.read(i, 0, 60) for i in range(3)), soup], strict=True):
        network = build()
        network.load_state_dict(state)
        with torch.inference_mode():
            np.testing.assert_array_equal(logits, network.eval()(X).numpy())
    assert one.networks.remarks == (() if in_place else (AFRESH,))
    one.folder.close()


@pytest.mark.parametrize("case", ["plain", "renamed", "cached"])
def test_the_network_inside_a_wrapper_is_found_at_any_depth(tmp_path: Path, case: str) -> None:
    build, make, _ = CASES[case]
    paths = states(make, tmp_path)
    inner, outer = (evaluator(paths, tmp_path / n, b) for n, b in {"a": build, "b": lambda: Wrapped(build)}.items())
    np.testing.assert_array_equal(inner.collect().read(1, 0, 60), outer.collect().read(1, 0, 60))


@pytest.mark.parametrize("case", ["plain", "cached"])
def test_a_build_model_that_hands_out_one_network_is_copied(tmp_path: Path, case: str) -> None:
    build, make, _ = CASES[case]
    shared = build()
    before = copy.deepcopy(shared.state_dict())
    paths = states(make, tmp_path)
    one, other = evaluator(paths, tmp_path / "a", lambda: shared), evaluator(paths, tmp_path / "b", build)
    np.testing.assert_array_equal(one.collect().read(2, 0, 60), other.collect().read(2, 0, 60))
    assert all(torch.equal(tensor, before[name]) for name, tensor in shared.state_dict().items())


def test_the_proof_costs_one_network_and_four_batches_once(tmp_path: Path) -> None:
    built, batches = [], []

    def build() -> nn.Module:
        built.append(1)
        return plain()

    def forward(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
        batches.append(len(x))
        return network(x)

    paths = states(lambda: plain().state_dict(), tmp_path)
    one = evaluator(paths, tmp_path / "run", build, forward=forward, batch_size=20, source="1")
    one.networks.prove()
    assert (len(built), batches) == (2, [20] * 4)
    one.folder.close()
    evaluator(paths, tmp_path / "run", build, forward=forward, batch_size=20, source="1").networks.prove()
    assert (len(built), len(batches)) == (3, 4)


def test_a_pool_of_one_is_loaded_as_a_user_would(tmp_path: Path) -> None:
    one = evaluator(states(lambda: Copies().state_dict(), tmp_path, 1), tmp_path / "run", Copies)
    network = Copies()
    network.load_state_dict(torch.load(tmp_path / "run0.pt"))
    with torch.inference_mode():
        np.testing.assert_array_equal(one.collect().read(0, 0, 60), network(X).numpy())


def test_the_task_s_own_way_of_loading_counts(tmp_path: Path) -> None:
    def load(network: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
        network.load_state_dict({name: 2 * tensor for name, tensor in tensors.items()})

    paths = states(lambda: plain().state_dict(), tmp_path)
    one = evaluator(paths, tmp_path / "run", plain, load=load)
    network = plain()
    load(network, torch.load(paths[1]))
    with torch.inference_mode():
        np.testing.assert_array_equal(one.collect().read(1, 0, 60), network(X).numpy())
    assert one.task.code != evaluator(paths, tmp_path / "other", plain).task.code


def test_recomputed_statistics_reach_a_network_that_is_loaded_anew(tmp_path: Path) -> None:
    class Hooked(Copies):
        def __init__(self) -> None:
            super().__init__()
            self.body = norm()

    task = radin.Task(Hooked, (X, Y), holdback=0.0, device="cpu")
    pool = radin.Pool(states(lambda: Hooked().state_dict(), tmp_path))
    result = radin.make_soup(pool, task, budget=radin.Budget(soups=1), run_dir=tmp_path / "run")
    network = Hooked()
    network.load_state_dict(load_file(tmp_path / "run" / "soup.safetensors"))
    with torch.inference_mode():
        score = (network.eval()(X).argmax(1) == Y).float().mean().item()
    assert result.best.score == pytest.approx(score, abs=1e-6)
    assert any(AFRESH in remark for remark in result.report.remarks)


class Noisy(nn.Linear):
    """Draws noise in every pass."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + torch.randn(3)


class Unsaved(nn.Linear):
    """Has a random part that no file holds."""

    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.register_buffer("part", torch.randn(3), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + self.part


class Extra(nn.Linear):
    """Keeps state that is no tensor."""

    def get_extra_state(self) -> dict[str, float]:
        return {"scale": 2.0}

    def set_extra_state(self, state: dict[str, float]) -> None:
        pass


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        (Noisy, TaskError, "not deterministic"),
        (Unsaved, TaskError, "another network each time"),
        (Extra, IncompatibleError, "_extra_state"),
    ],
)
def test_networks_that_no_file_determines_are_refused_before_anything_is_charged(
    tmp_path: Path, kind: type[nn.Linear], error: type[Exception], message: str
) -> None:
    one = evaluator(states(lambda: nn.Linear(4, 3).state_dict(), tmp_path), tmp_path / "run", lambda: kind(4, 3))
    with pytest.raises(error, match=message):
        one.collect()
    assert not one.folder.ledger.has_results() and one.folder.ledger.count("pass", "lost") == 0


@pytest.mark.parametrize("kind", ["classes", "tags"])
def test_labels_without_an_output_are_refused_before_anything_is_charged(tmp_path: Path, kind: str) -> None:
    pool = radin.Pool(states(lambda: plain().state_dict(), tmp_path))
    with RunFolder(tmp_path / "run") as folder:
        data = (X, Y + 1) if kind == "classes" else (X[:, None], (Y + 1)[:, None])
        metric = "accuracy" if kind == "classes" else radin.SpanF1(["O", "B", "I"])
        task = radin.Task(plain, data, metric, device="cpu")
        with pytest.raises(DataError, match="label 3 of sample 2"):
            Evaluator(pool, task, folder).collect()
        assert folder.ledger.count("pass", "lost") == 0
