"""Tensors that are no weights by themselves."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from radin import Pool
from radin.errors import IncompatibleError
from radin.weights.averaging import average


def spectral_old(layer: nn.Module) -> nn.Module:
    return nn.utils.spectral_norm(layer)


def soup_of(states: list[dict[str, Tensor]], folder: Path, weights: list[float]) -> dict[str, Tensor]:
    for i, state in enumerate(states):
        torch.save(state, folder / f"run{i}.pt")
    return load_file(average(Pool(str(folder / "*.pt")), weights, folder / "soup.safetensors"))


LAYERS = {
    "linear": lambda: nn.Linear(7, 5),
    "square": lambda: nn.Linear(6, 6),
    "conv": lambda: nn.Conv2d(3, 4, 3),
    "transposed": lambda: nn.ConvTranspose2d(4, 4, 3),
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS.keys())
@pytest.mark.parametrize("norm", [spectral_old, parametrizations.spectral_norm], ids=["old", "parametrization"])
@pytest.mark.filterwarnings("ignore:.*spectral_norm")
def test_a_soup_with_spectral_norm_has_norm_one(tmp_path: Path, layer, norm) -> None:
    states = []
    for seed in range(3):
        torch.manual_seed(seed)
        net = norm(layer())
        with torch.no_grad():
            net(
                torch.randn(2, net.in_features) if isinstance(net, nn.Linear) else torch.randn(2, net.in_channels, 5, 5)
            )
        states.append({name: value.clone() for name, value in net.state_dict().items()})
    soup = soup_of(states, tmp_path, [0.2, 0.3, 0.5])
    net = norm(layer())
    net.load_state_dict(soup)
    net.eval()
    with torch.no_grad():
        net(torch.randn(2, net.in_features) if isinstance(net, nn.Linear) else torch.randn(2, net.in_channels, 5, 5))
    axis = 1 if isinstance(net, nn.ConvTranspose2d) else 0
    weight = net.weight.detach().movedim(axis, 0).flatten(1)
    assert torch.linalg.matrix_norm(weight, 2).item() == pytest.approx(1, abs=1e-5)
    original = next(name for name in soup if name.endswith(("weight_orig", "parametrizations.weight.original")))
    mean = sum(w * state[original] for w, state in zip([0.2, 0.3, 0.5], states, strict=True))
    assert torch.allclose(soup[original], mean, atol=1e-6)


@pytest.mark.parametrize(
    "norm",
    [nn.utils.weight_norm, parametrizations.weight_norm, lambda net: nn.utils.weight_norm(net, dim=None)],
    ids=["old", "parametrization", "one norm"],
)
@pytest.mark.filterwarnings("ignore:.*weight_norm")
def test_a_soup_with_weight_norm_averages_the_products(tmp_path: Path, norm) -> None:
    nets = []
    for seed in range(2):
        torch.manual_seed(seed)
        nets.append(norm(nn.Linear(4, 3)))
    soup = soup_of([dict(net.state_dict()) for net in nets], tmp_path, [0.25, 0.75])
    net = norm(nn.Linear(4, 3))
    net.load_state_dict(soup)
    net(torch.zeros(1, 4))  # computes the weight of its factors
    assert torch.allclose(net.weight, 0.25 * nets[0].weight + 0.75 * nets[1].weight, atol=1e-6)


def test_a_soup_of_one_has_the_bytes_of_its_member(tmp_path: Path) -> None:
    state = dict(parametrizations.spectral_norm(nn.Linear(4, 3)).state_dict())
    other = dict(parametrizations.spectral_norm(nn.Linear(4, 3)).state_dict())
    soup = soup_of([state, other], tmp_path, [1.0, 0.0])
    assert all(torch.equal(soup[name], value) for name, value in state.items())


def test_masks_that_differ_are_refused(tmp_path: Path) -> None:
    states = []
    for seed in range(2):
        torch.manual_seed(seed)
        states.append(dict(prune.random_unstructured(nn.Linear(4, 4), "weight", 0.5).state_dict()))
    with pytest.raises(IncompatibleError, match=r"weight_mask.*masks of zeros and ones"):
        soup_of(states, tmp_path, [0.5, 0.5])
    states[1]["weight_mask"] = states[0]["weight_mask"]
    soup = soup_of(states, tmp_path, [0.5, 0.5])
    assert torch.equal(soup["weight_mask"], states[0]["weight_mask"])


def test_masks_of_another_dtype_are_masks_and_pointers_may_be_kept(tmp_path: Path) -> None:
    masks = [{"w": torch.randn(2), "w_mask": torch.tensor([True, bool(i)])} for i in range(2)]
    with pytest.raises(IncompatibleError, match=r"w_mask.*two masks.*prune") as caught:
        soup_of(masks, tmp_path, [0.5, 0.5])
    assert not caught.value.mend
    pointers = [{"w": torch.randn(2), "queue_ptr": torch.tensor([float(i)])} for i in range(2)]
    with pytest.raises(IncompatibleError, match=r"queue_ptr.*two places") as caught:
        soup_of(pointers, tmp_path, [0.5, 0.5])
    assert caught.value.mend == {"keep": ("queue_ptr",)} and "prune" not in str(caught.value)
    kept = average(Pool(str(tmp_path / "*.pt"), keep=("queue_ptr",)), [0.4, 0.6], tmp_path / "kept.safetensors")
    assert load_file(kept)["queue_ptr"].tolist() == [1.0]


def test_spectral_norm_as_scripts_wrote_it_before_pytorch_did_is_renewed(tmp_path: Path) -> None:
    torch.manual_seed(0)
    states = []
    for _ in range(2):
        weight = torch.randn(5, 7)
        u, _, v = torch.linalg.svd(weight)
        states.append({"l.weight_bar": weight, "l.weight_u": u[:, 0].clone(), "l.weight_v": v[0].clone()})
    soup = soup_of(states, tmp_path, [0.5, 0.5])
    largest = torch.linalg.matrix_norm(soup["l.weight_bar"], 2).item()
    assert (soup["l.weight_u"] @ soup["l.weight_bar"] @ soup["l.weight_v"]).abs().item() == pytest.approx(largest, 1e-4)


def test_a_learned_tensor_called_mask_is_averaged(tmp_path: Path) -> None:
    soup = soup_of(
        [{"mask_token": torch.tensor([0.0, 0.5])}, {"mask_token": torch.tensor([1.0, 0.0])}], tmp_path, [0.5, 0.5]
    )
    assert torch.equal(soup["mask_token"], torch.tensor([0.5, 0.25]))


def test_bases_of_orthogonal_matrices_that_differ_are_refused(tmp_path: Path) -> None:
    states = []
    for seed in range(2):
        torch.manual_seed(seed)
        states.append(dict(parametrizations.orthogonal(nn.Linear(4, 4), orthogonal_map="matrix_exp").state_dict()))
    with pytest.raises(IncompatibleError, match="orthogonal"):
        soup_of(states, tmp_path, [0.5, 0.5])


@pytest.mark.parametrize(
    "name, values",
    [("layer.signs", (-1.0, 1.0)), ("mix.perm", (0.0, 3.0)), ("quant.zero_point", (7.0, 9.0)), ("a_mask", (1.0, 0.0))],
)
def test_signs_and_places_that_differ_are_refused(tmp_path: Path, name: str, values: tuple[float, float]) -> None:
    with pytest.raises(IncompatibleError, match=f"'{name}'.*average of two"):
        soup_of([{name: torch.full((4,), value)} for value in values], tmp_path, [0.5, 0.5])


@pytest.mark.parametrize("transposed", [False, True])
def test_the_sums_of_a_codebook_are_those_of_the_averaged_one(tmp_path: Path, transposed: bool) -> None:
    states = []
    for seed in range(2):
        vectors, counts = torch.randn(4, 4, generator=torch.Generator().manual_seed(seed)), torch.tensor([1.0, 2, 3, 9])
        counts = counts + seed
        if transposed:
            state = {"vq.embed": vectors.T, "vq.embed_avg": vectors.T * counts, "vq.cluster_size": counts}
        else:
            state = {"vq.embed": vectors, "vq.embed_avg": vectors * counts[:, None], "vq.cluster_size": counts}
        states.append({key: value.contiguous() for key, value in state.items()})
    soup = soup_of(states, tmp_path, [0.5, 0.5])
    by = soup["vq.cluster_size"] if transposed else soup["vq.cluster_size"][:, None]
    assert torch.allclose(soup["vq.embed_avg"], soup["vq.embed"] * by)
    assert torch.allclose(soup["vq.embed"], (states[0]["vq.embed"] + states[1]["vq.embed"]) / 2)


def test_what_a_pointer_or_a_zero_point_belongs_to_is_kept_with_it(tmp_path: Path) -> None:
    for k in range(2):
        state = {"queue": torch.full((2,), float(k)), "queue_ptr": torch.tensor(k), "w": torch.full((2,), float(k))}
        state |= {"q.scale": torch.tensor([1.0 + k]), "q.zero_point": torch.tensor([k])}
        torch.save(state, tmp_path / f"run{k}.pt")
    pool = Pool(tmp_path, keep=["queue_ptr", "q.zero_point"])
    soup = load_file(average(pool, [0.4, 0.6], tmp_path / "soup.safetensors"))
    kept = {name: value.flatten()[0].item() for name, value in soup.items()}
    assert kept == pytest.approx({"queue": 1.0, "queue_ptr": 1, "w": 0.6, "q.scale": 2.0, "q.zero_point": 1})
