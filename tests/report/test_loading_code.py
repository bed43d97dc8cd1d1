"""Code that loads a soup: run on the soup of a real run, and chosen by what was written."""

from pathlib import Path

import pytest
import torch
from torch import nn

import radin
from radin.report.loading_code import folder_loading_code, loading_code
from radin.report.record import Record
from tests.helpers.small import CLASSES, FEATURES, clouds


class Shifted(nn.Module):
    """A linear network whose shift is no tensor of its state dict, but extra state."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.shift = nn.Linear(FEATURES, CLASSES), 0.0

    def get_extra_state(self) -> dict[str, float]:
        return {"shift": self.shift}

    def set_extra_state(self, state: dict[str, float]) -> None:
        self.shift = state["shift"]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.layer(inputs) + self.shift


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run over networks of which the ones with a shift keep it as extra state."""
    torch.manual_seed(0)
    (tmp_path / "pool").mkdir()
    for i in range(2):
        network = Shifted()
        network.shift = 2.5
        torch.save(network.state_dict(), tmp_path / "pool" / f"run{i}.pt")
    task = radin.Task(Shifted, clouds(60, 1), device="cpu", holdback=0.0)
    radin.make_soup(radin.Pool(sorted((tmp_path / "pool").glob("*"))), task, run_dir=tmp_path / "run")
    return tmp_path / "run"


def test_extra_state_is_said_and_the_code_loads_it(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record.read(run_dir)
    assert [one["kind"] for one in record.findings if "_extra_state" in one["text"]] == ["extra-state"]
    monkeypatch.chdir(run_dir)
    network = Shifted()
    exec(loading_code(record), {"network": network})
    assert network.shift == 2.5


def test_plain_networks_are_loaded_by_safetensors(finished: Path) -> None:
    assert 'load_file("soup.safetensors")' in loading_code(Record.read(finished))


def test_a_folder_is_loaded_by_the_library_that_it_is_of(finished: Path, tmp_path: Path) -> None:
    soup = tmp_path / "soup"
    soup.mkdir()
    assert "AutoModel.from_pretrained" in loading_code(
        Record({**Record.read(finished).document, "soup": "soup"}, tmp_path)
    )
    (soup / "config.json").write_text("[]")
    assert "AutoModel.from_pretrained" in folder_loading_code(soup)
    (soup / "modules.json").touch()
    assert "SentenceTransformer(" in folder_loading_code(soup)
    (soup / "adapter_config.json").touch()
    assert "PeftModel.from_pretrained(base" in folder_loading_code(soup)
