"""A pool of tiny language models that trains in a fraction of a second, on a language with a simple rule."""

import copy
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import cross_entropy

import radin

VOCABULARY, LENGTH, TEXTS = 13, 8, 60


class Language(nn.Module):
    """Guesses the next token from those before."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 8)
        self.memory = nn.GRU(8, 8, batch_first=True)
        self.head = nn.Linear(8, VOCABULARY)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.memory(self.embedding(tokens))[0])


def texts(seed: int = 0, n: int = TEXTS) -> torch.Tensor:
    """Texts of tokens: each follows from the one before, but for chance."""
    random = torch.Generator().manual_seed(seed)
    found = torch.zeros(n, LENGTH + 1, dtype=torch.long)
    found[:, 0] = torch.randint(VOCABULARY, (n,), generator=random)
    for place in range(LENGTH):
        chance = (torch.rand(n, generator=random) < 0.3).long()
        found[:, place + 1] = (3 * found[:, place] + 1 + chance) % VOCABULARY
    return found


def validation() -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens, and those that follow; some texts end early."""
    whole = texts()
    following = whole[:, 1:].clone()
    following[::5, -2:] = -100
    return whole[:, :-1], following


def loss(network: nn.Module, tokens: torch.Tensor, following: torch.Tensor) -> torch.Tensor:
    """The mean negative log-likelihood of the tokens that follow."""
    return cross_entropy(network(tokens).flatten(0, 1), following.flatten(), ignore_index=-100)


def make_pool(folder: Path, n: int = 4) -> list[Path]:
    """Fine-tunes one network `n` times on texts of its own, and writes the checkpoints."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        start, paths = Language(), []
        _train(start, texts(100), 40, 1e-2)
        for i in range(n):
            network = copy.deepcopy(start)
            _train(network, texts(200 + i), 12, 5e-3)
            folder.mkdir(parents=True, exist_ok=True)
            paths.append(folder / f"run{i}.safetensors")
            save_file(network.state_dict(), paths[-1])
    return paths


def _train(network: nn.Module, whole: torch.Tensor, steps: int, rate: float) -> None:
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(network, whole[:, :-1], whole[:, 1:]).backward()
        optimiser.step()


def task(alternatives: int = 3, metric: str = "nll", **settings: Any) -> radin.Task:
    """The task of these pools."""
    return radin.Task(Language, validation(), metric, outputs="tokens", alternatives=alternatives, **settings)
