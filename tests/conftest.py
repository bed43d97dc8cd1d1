"""Shapes in the signatures are enforced here, and only here: the import hook runs before radin is imported."""

from helpers import typechecking

typechecking.install()

import gc  # noqa: E402 -- the hook has to come first

gc.disable()  # until all is imported and collected: hardly any of that is garbage

import os  # noqa: E402 -- the hook has to come first
from collections.abc import Iterator  # noqa: E402 -- the hook has to come first
from pathlib import Path  # noqa: E402 -- the hook has to come first

import pytest  # noqa: E402 -- the hook has to come first
import torch  # noqa: E402 -- the hook has to come first
from helpers import disk, drawing  # noqa: E402 -- the hook has to come first
from hypothesis import settings  # noqa: E402 -- the hook has to come first

from benchmarks.faults.nursery import Nursery  # noqa: E402 -- the hook has to come first

torch.set_num_threads(1)  # the networks are tiny, and tests run side by side
# How long an example takes is the machine's affair. `--hypothesis-profile thorough` looks at many more.
settings.register_profile("usual", deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile("usual")

#: The code must be right on CUDA although most machines have none.
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Draws pictures and pages of runs in tests that may look at them."""
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    drawing.choose(folder, pictured=item.get_closest_marker("pictured") is not None)


def pytest_collection_finish() -> None:
    """Spares every collection of garbage the million objects that stay: what was imported, and the tests."""
    drawing.install()
    disk.install()
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """Gives all of it back, or libraries say at the end of Python that it leaked."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Five small fine-tuned checkpoints; see `small.py`."""
    from helpers.small import make_pool

    return make_pool(tmp_path_factory.mktemp("pool"))


@pytest.fixture(scope="session")
def finished(checkpoints: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run on them, with four soups and a test set; to be read only."""
    from helpers.small import clouds, task

    import radin

    folder = tmp_path_factory.mktemp("finished") / "run"
    with drawing.always():
        radin.make_soup(radin.Pool(checkpoints), task(test=clouds(80, 5)), run_dir=folder)
    return folder


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """A warm process that starts others: they need not import all of radin and PyTorch anew."""
    if not hasattr(os, "fork"):
        pytest.skip("this system does not fork processes")
    with Nursery() as warm:
        yield warm


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    """Every device that this machine has."""
    return str(request.param)


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal on which no line of these tests folds, however long the paths of temporary files are."""
    monkeypatch.setenv("COLUMNS", "400")
