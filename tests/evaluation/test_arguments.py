"""Every function that takes a pool, a task or a budget says what it expected when something else comes."""

import subprocess
import sys
from pathlib import Path

#: Run in a process without type checks, which would refuse the calls before radin does.
CALLS = """
import sys
from pathlib import Path
import numpy as np
import radin
from helpers.small import task

run = Path(sys.argv[1])
inputs = {"pool": radin.Pool(sys.argv[2:]), "task": task(), "run_dir": run}
bank = {"bank": radin.LogitBank(["a", "b"], np.zeros((2, 6, 3), np.float32), np.arange(6) % 3)}
searched = {"searcher": "forward", "objective": radin.Surrogate(bank["bank"], "accuracy")}
scored = {"pool": inputs["pool"], "run_dir": run, "scorer": radin.CommandScorer("echo {checkpoint}")}
of_search = {"budget": 3, "searcher": 3, "options": [1], "seed": "a", "progress": 3}
of_rank = of_search | {"lam": "a", "criterion": "accuracy"}
of_run = of_rank | {"pool": 3, "task": 3, "run_dir": 3, "calibrate": "yes", "batchnorm": 3, "race": "yes"}
of_run |= {"baselines": 3, "workers": [1]}
few = {name: of_run[name] for name in ("pool", "task", "run_dir", "progress")}
for function, sound, wrong in (
    (radin.make_soup, inputs, of_run),
    (radin.plan, inputs, of_run),
    (radin.collect_logits, inputs, few | {"workers": [1]}),
    (radin.Verifier, inputs, few | {"batchnorm": 3, "race": "yes"}),
    (radin.diagnose, inputs, few | {"soups": "a", "pretrained": 3, "workers": [1]}),
    (radin.rank, bank, of_rank | {"bank": 3, "metric": 3, "top": "a", "holdback": "a", "split_seed": "a"}),
    (radin.search, searched, of_search | {"objective": 3, "top": "a", "ledger": 3}),
    (radin.soup_by_score, scored, of_search | {"pool": 3, "scorer": 3, "run_dir": 3, "batchnorm": 3, "report": 3}),
):
    for name, value in wrong.items():
        try:
            function(**sound | {name: value})
        except (radin.errors.InputError, radin.errors.PluginError) as error:
            print("refused", error)
        except Exception as error:
            print("raw", function.__name__, name, repr(error))
        else:
            print("taken", function.__name__, name)
print("folder", run.exists())
"""


def test_arguments_of_a_wrong_type_are_refused_in_words(checkpoints: list[Path], tmp_path: Path) -> None:
    call = [sys.executable, "-c", CALLS, str(tmp_path / "run"), *map(str, checkpoints)]
    done = subprocess.run(call, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    *said, folder = done.stdout.splitlines()
    assert [line for line in said if not line.startswith("refused ")] == []
    assert folder == "folder False"
    budgets = "refused expected budget as a radin.Budget, such as radin.Budget(soups=3), got 3"
    assert said.count(budgets) == 5  # make_soup, plan, rank, search and soup_by_score
