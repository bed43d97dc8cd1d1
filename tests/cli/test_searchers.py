"""The command searchers."""

import json

import pytest
from helpers.command_line import run


def test_searchers_are_listed_with_their_options(capsys: pytest.CaptureFixture) -> None:
    code, out, _ = run(capsys, "searchers", "--json")
    assert code == 0
    listed = {one["name"]: one for one in json.loads(out)["searchers"]}
    assert {"monte-carlo", "greedy", "optuna-tpe", "deap-ga"} <= listed.keys()
    assert [option["name"] for option in listed["greedy"]["options"]] == ["accept"]
    assert all(one["summary"] and one["owner"].startswith("radin") for one in listed.values())
    assert "monte-carlo" in run(capsys, "searchers")[1]
