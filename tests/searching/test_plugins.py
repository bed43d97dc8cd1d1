"""The registry, its options, and plugins of third parties, installed for real and found by a fresh process."""

import functools
import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pytest
from annotated_types import Ge, Lt
from pydantic import Field

import radin
from radin.errors import PluginError, UnknownSearcherError
from radin.searching import plugins
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


def probe(
    problem: radin.Problem,
    *,
    rate: Annotated[float, Ge(0), Lt(1), "how fast"] = 0.5,
    mode: Literal["up", "down"] = "up",
    count: Annotated[int, Field(ge=1, description="how many")] = 3,
    limit: int | None = None,
    loud: bool = False,
) -> radin.Proposals:
    """Proposes at random.

    Not shown in a list.
    """
    yield problem.random_subsets(count)


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
        assert list(plugins._load(entry, "radin")) == [entry.name]
    assert len(own) >= 9


def test_an_own_plugin_that_does_not_load_is_named(monkeypatch):
    lost = next(iter(metadata.entry_points(group="radin", name="greedy")))

    def fails(entry, owner, load=plugins._load):
        if entry == lost:
            raise ImportError("gone")
        return load(entry, owner)

    monkeypatch.setattr(plugins, "_load", fails)
    with pytest.raises(UnknownSearcherError, match=r"broken: 'greedy' of radin .* \(ImportError: gone\)"):
        get_searcher("greedy")


def test_options_come_from_the_signature():
    searcher = Searcher.of(probe)
    assert (searcher.name, searcher.summary, searcher.owner) == ("probe", "Proposes at random.", f"module {__name__}")
    assert [(o.name, o.type, o.default, o.description) for o in searcher.options.values()] == [
        ("rate", "float ≥ 0, < 1", 0.5, "how fast"),
        ("mode", "'up' | 'down'", "up", ""),
        ("count", "int ≥ 1", 3, "how many"),
        ("limit", "int | null", None, ""),
        ("loud", "bool", False, ""),
    ]


def test_strings_of_the_command_line_become_what_they_mean():
    given = {"rate": "0.25", "mode": "down", "count": "7", "limit": "null", "loud": "true"}
    expected = {"rate": 0.25, "mode": "down", "count": 7, "limit": None, "loud": True}
    assert Searcher.of(probe).validate(given) == expected
    assert Searcher.of(probe).validate({"limit": "12"})["limit"] == 12
    assert Searcher.of(probe).validate({}) == {"rate": 0.5, "mode": "up", "count": 3, "limit": None, "loud": False}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ratio": 1}, r"'probe' has no option 'ratio' \(did you mean 'rate'\?\); its options: rate, mode, count"),
        ({"rate": "fast"}, r"'probe': option 'rate' must be float ≥ 0, < 1, got 'fast'"),
        ({"rate": 1.0}, r"option 'rate' must be float ≥ 0, < 1, got 1.0 .*less than 1"),
        ({"mode": "Up"}, r"option 'mode' must be 'up' \| 'down', got 'Up'"),
        ({"count": 2.5}, "option 'count' must be int ≥ 1, got 2.5"),
        ({"limit": "none"}, r"option 'limit' must be int \| null, got 'none'"),
    ],
)
def test_options_that_are_unknown_or_of_another_type(options, says):
    with pytest.raises(PluginError, match=says):
        Searcher.of(probe).validate(options)


def test_a_name_is_the_function_s_or_the_one_given():
    def _Two_Parts(problem):
        yield problem.random_subsets(1)

    assert Searcher.of(_Two_Parts).name == "Two-Parts"
    assert Searcher.of(_Two_Parts, name="other").name == "other"
    bound = functools.partial(probe, rate=0.25)
    assert Searcher.of(bound, name="slow").validate({})["rate"] == 0.25
    with pytest.raises(PluginError, match="no name for a searcher"):
        Searcher.of(probe, name="two words")


@pytest.mark.parametrize(
    "signature", ["", "problem, other", "problem, **more", "problem, *, a: int", "problem, *, a=1"]
)
def test_a_signature_that_is_no_searcher_s(signature):
    scope = {}
    exec(f"def odd({signature}):\n    yield", scope)
    with pytest.raises(PluginError, match=r"expected a signature `\(problem, \*, option: type = default"):
        Searcher.of(scope["odd"])


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
