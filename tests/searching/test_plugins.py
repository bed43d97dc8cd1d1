"""The registry, its options, and plugins of third parties, installed for real and found by a fresh process."""

import functools
import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import radin
from radin.errors import PluginError, UnknownSearcherError
from radin.searching.plugins import Broken, Registry, Searcher, get_searcher

ROOT = Path(__file__).parents[2]
REPORT = """
import json, radin
found = radin.searchers()
print(json.dumps({
    "searchers": {name: [s.owner, s.summary, {o.name: [o.type, o.default] for o in s.options.values()}]
                  for name, s in found.items()},
    "broken": {b.plugin: [b.owner, b.reason] for b in found.broken},
}))
"""


def probe(problem: radin.Problem, *, rate: float = 0.5) -> radin.Proposals:
    """Proposes at random."""
    yield problem.random_subsets(1)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder into which the example and the broken package were installed, as pip does it."""
    pytest.importorskip("hatchling", reason="packages are built with it; it comes with the extra `dev`")
    folder = tmp_path_factory.mktemp("plugins")
    originals = (ROOT / "docs/examples/radin-annealing", ROOT / "tests/plugins/radin-broken")
    sources = [shutil.copytree(source, folder / "sources" / source.name) for source in originals]
    flags = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    target = folder / "site"
    subprocess.run([sys.executable, "-m", "pip", "install", *flags, "--target", target, *sources], check=True)
    return target


def fresh(installed, *arguments):
    """What a new process prints that has the installed plugins on its path."""
    environment = os.environ | {"PYTHONPATH": str(installed), "PYTHONWARNINGS": "error"}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # hypothesis and the like take seconds to load
    done = subprocess.run([sys.executable, *arguments], env=environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_third_party_plugins_are_found_and_broken_ones_take_nothing_down(installed):
    found = json.loads(fresh(installed, "-c", REPORT))
    assert set(found["searchers"]) == {*radin.searchers(), "annealing", "still-sound"}
    assert found["searchers"]["annealing"] == [
        "radin-annealing 1.0",
        "Simulated annealing over single-ingredient flips.",
        {"temperature": ["float", 0.01], "cooling": ["float", 0.995]},
    ]
    assert found["searchers"]["monte-carlo"][0] == f"radin {radin.__version__}"
    reasons = {
        "a-clash": f"the name 'monte-carlo' is claimed by radin {radin.__version__} and radin-broken 0.2",
        "exits": "SystemExit: goodbye",
        "half": "RuntimeError: half way",
        "import-fails": "ModuleNotFoundError: No module named 'radin_no_such_library'",
        "missing": "ModuleNotFoundError: No module named 'radin_broken.nowhere'",
        "misspelt": "unknown hook 'register_searcher'",
        "no-hook": "implements no hook",
        "no-generator": "expected a generator function",
    }
    assert set(found["broken"]) == set(reasons)
    for plugin, (owner, reason) in found["broken"].items():
        assert owner == "radin-broken 0.2" and reasons[plugin] in reason


def test_the_example_passes_its_own_test(installed):
    example = ROOT / "docs/examples/radin-annealing/test_annealing.py"
    fresh(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", installed, example)


def test_radin_knows_its_own_searchers_by_their_entry_points_only():
    for source in (ROOT / "radin").rglob("*.py"):
        assert "radin_plugins" not in source.read_text(), source


def test_listing_searchers_imports_nothing_heavy():
    heavy = fresh(
        "",
        "-c",
        "import sys, radin; radin.searchers(); radin.search;"
        "print([m for m in ('torch', 'optuna', 'deap', 'pydantic', 'open_clip') if m in sys.modules])",
    )
    assert heavy.strip() == "[]"


def test_one_of_radin_s_own_is_found_without_loading_the_others(installed):
    loaded = fresh(
        installed,
        "-c",
        "import sys; from radin.searching.plugins import get_searcher; print(get_searcher('monte-carlo').owner);"
        "print(*(m for m in sys.modules if m.startswith(('radin_', 'radin-'))))",
    )
    assert loaded.splitlines() == [f"radin {radin.__version__}", "radin_plugins radin_plugins.monte_carlo"]


def test_a_searcher_called_otherwise_than_its_entry_point_is_found(installed):
    found = fresh(
        installed, "-c", "from radin.searching import plugins; print(plugins.get_searcher('still-sound').owner)"
    )
    assert found == "radin-broken 0.2\n"


def test_each_of_radin_s_own_entry_points_registers_its_own_name_only():
    own = [entry for entry in metadata.entry_points(group="radin") if entry.dist.name == "radin"]
    for entry in own:
        registered = []
        entry.load().register_searchers(registered.append)
        assert [Searcher.of(function).name for function in registered] == [entry.name]
    assert len(own) >= 9


def test_an_own_plugin_that_does_not_load_is_named(monkeypatch):
    load = metadata.EntryPoint.load

    def fails(entry):
        if entry.name == "greedy":
            raise ImportError("gone")
        return load(entry)

    monkeypatch.setattr(metadata.EntryPoint, "load", fails)
    with pytest.raises(UnknownSearcherError, match=r"broken: 'greedy' of radin .* \(ImportError: gone\)"):
        get_searcher("greedy")


def test_a_name_is_the_function_s_or_the_one_given():
    def _Two_Parts(problem):
        yield problem.random_subsets(1)

    assert Searcher.of(_Two_Parts).name == "Two-Parts"
    assert Searcher.of(_Two_Parts, name="other").name == "other"
    bound = functools.partial(probe, rate=0.25)
    assert Searcher.of(bound, name="slow").validate({})["rate"] == 0.25
    with pytest.raises(PluginError, match="no name for a searcher"):
        Searcher.of(probe, name="two words")


def test_an_unknown_name_says_what_is_near_and_what_is_broken():
    with pytest.raises(UnknownSearcherError, match=r"'monte-karlo' \(did you mean 'monte-carlo'\?\); installed: "):
        get_searcher("monte-karlo")
    registry = Registry({"probe": Searcher.of(probe)}, (Broken("lost", "somebody 1", "ImportError: gone"),))
    with pytest.raises(KeyError, match=r"'lost'; installed: probe; broken: 'lost' of somebody 1 \(ImportError: gone\)"):
        registry["lost"]
    assert "lost" not in registry and registry.get("lost") is None and list(registry) == ["probe"]
    assert repr(registry) == "Registry(probe; 1 broken)"


def test_the_guide_shows_the_example_as_it_is():
    guide = (ROOT / "docs/plugins.md").read_text()
    for name in ("radin_annealing.py", "pyproject.toml", "test_annealing.py"):
        assert f"\n{(ROOT / 'docs/examples/radin-annealing' / name).read_text()}```\n" in guide


def test_the_guide_s_snippets_run_as_they_stand():
    """In their order, in one session that has a surrogate."""
    guide = (ROOT / "docs/plugins.md").read_text()
    rng = np.random.default_rng(0)
    bank = radin.LogitBank.from_arrays(rng.normal(size=(6, 40, 3)), rng.integers(3, size=40))
    session = {"__name__": "guide", "surrogate": radin.Surrogate(bank)}
    blocks = [block.split("```")[0] for block in guide.split("```python\n")[1:]]
    assert len(blocks) == 5
    for block in blocks:
        exec(block, session)
    assert session["found"].reported["gap"] < 1e-5
    assert "passed documented" in str(session["check_searcher"](session["annealing"]))


def test_the_guide_s_options_and_name_work():
    code = (ROOT / "docs/plugins.md").read_text().split("```python\n")[3].split("```")[0]
    scope = {"__name__": "guide"}
    exec(code, scope)
    toss = Searcher.of(scope["coin"], name="toss")
    assert toss.options["p"].description == "chance of each ingredient to be a member"
    result = radin.search(toss, radin.testing.ToyObjective(9), options={"p": "0.9", "order": "largest-first"})
    assert (result.searcher, result.stopped, result[0].recipe.size >= 2) == ("toss", "finished", True)
