"""Options and writings that several commands share."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from helpers.command_line import SMALL
from helpers.small import SAMPLES

import radin
from radin.cli.console import check_several, duration, pairs, parse_size, pool_options, print_json, size, task_from
from radin.errors import InputError


def test_pairs_become_a_dictionary() -> None:
    assert pairs(["a=1", "b=x=y", "c="], "-p") == {"a": "1", "b": "x=y", "c": ""}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["a"], "expected -p KEY=VALUE, got 'a'"),
        (["=1"], "expected -p KEY=VALUE, got '=1'"),
        (["a=1", "a=2"], "-p a was given twice: '1' and '2'"),
        (["test=x", "test=y"], "several test sets are one argument"),
    ],
)
def test_what_is_no_pair_is_refused(given: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        pairs(given, "-p")


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [("5GB", 5 * 10**9), ("500 MiB", 500 * 2**20), ("0.4kb", 400), ("1.5K", 1500), ("7", 7), (" 2 TB ", 2 * 10**12)],
)
def test_sizes_are_read_in_the_units_of_people(text: str, nbytes: int) -> None:
    assert parse_size(text) == nbytes


@pytest.mark.parametrize("text", ["five", "-1GB", "5 XB", "", "1.GB"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="such as 5GB or 500MB"):
        parse_size(text)


def test_sizes_and_times_are_written_for_people() -> None:
    assert [size(n) for n in (0, 999, 1000, 1.5e6, 2.34e9, 5e12, 7e15)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.5 MB",
        "2.3 GB",
        "5.0 TB",
        "7000.0 TB",
    ]
    assert [duration(s) for s in (0.04, 119.0, 120.0, 600.0, 7200.0)] == [
        "0.0 s",
        "119.0 s",
        "2.0 min",
        "10.0 min",
        "2.0 h",
    ]


def test_json_keeps_letters_as_they_are(capsys: pytest.CaptureFixture) -> None:
    print_json({"λ": 1})
    assert capsys.readouterr().out == '{\n "λ": 1\n}\n'


def test_a_pool_of_one_has_nothing_to_average(checkpoints: list) -> None:
    check_several(radin.Pool(checkpoints[:2]))
    with pytest.raises(InputError, match="is one checkpoint"):
        check_several(radin.Pool(checkpoints[:1]))


def test_a_task_takes_its_arguments_the_split_and_changes() -> None:
    made = task_from(f"{SMALL}:task", ["samples=50"], None, {"metric": "nll", "loaders": None})
    assert (len(made.rows.labels), made.metric, made.loaders) == (
        50,
        "nll",
        task_from(f"{SMALL}:task", [], None, {}).loaders,
    )
    assert len(task_from(f"{SMALL}:task", [], None, {}).rows.labels) == SAMPLES
    with pytest.raises(InputError, match="--task-arg split was given twice"):
        task_from(f"{SMALL}:task", ["split=a"], "b", {})


def test_options_are_listed_in_their_order() -> None:
    @click.command()
    @pool_options
    def command(checkpoints: tuple, weights: str | None, prefix: str | None, keep: tuple, **others: object) -> None:
        click.echo(repr((checkpoints, weights, prefix, keep)))

    names = ["checkpoints", "weights", "prefix", "keep", "reorder_classes", "rank", "merge", "base"]
    assert [one.name for one in command.params] == names
    printed = CliRunner().invoke(command, ["a", "b", "--weights", "ema", "--prefix", "x.", "--keep", "n"]).output
    assert printed == "(('a', 'b'), 'ema', 'x.', ('n',))\n"


def test_a_task_of_folders_takes_the_first_ones_network_unless_another_is_named(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from tests.helpers import tiny_models

    paths = tiny_models.save_pool(tmp_path / "runs", tiny_models.bert(), 2)
    data = tiny_models.write_lines(tmp_path / "val.jsonl", [{"text": "good film", "label": 1}] * 4)
    pool = radin.Pool(tmp_path / "runs")
    task = task_from("transformers", [f"data={data}"], None, {"batch_size": 2}, pool)
    assert task.settings["model"] == str(paths[0])
    assert task.batch_size == 2
    assert len(task.rows) == 4
    named = task_from("transformers", [f"data={data}", f"model={paths[1]}"], None, {}, pool)
    assert named.settings["model"] == str(paths[1])
    with pytest.raises(InputError, match=r"model=\.\.\."):
        task_from("transformers", [f"data={data}"], None, {})


def test_help_names_every_metric_and_kind() -> None:
    from radin.cli.console import KINDS, METRICS
    from radin.scoring.kinds import KINDS as ALL_KINDS
    from radin.scoring.metrics import FAMILIES

    listed = set(METRICS.replace(",", " ").replace(";", " ").split())
    assert {name for family in FAMILIES.values() for name in family} <= listed
    assert tuple(ALL_KINDS) == KINDS
