"""F1 of spans against seqeval, against a plain reading of its rules, and in intervals, searches and whole runs."""

from pathlib import Path

import numpy as np
import pytest
from helpers.small import FEATURES, Network, clouds, make_pool
from torch.utils.data import TensorDataset

import radin
from radin.errors import InputError
from radin.scoring.kinds import KINDS
from radin.scoring.metrics import SpanF1, get_metric
from radin.scoring.significance import interval, paired_p_value, standard_error

SCHEMES = {
    "two types": ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"],
    "places": ["I-A", "O", "E-A", "S-A", "B-A", "I-B", "S-B", "B-B", "E-B"],
    "one type": ["O", "B", "I"],
}

#: `f1_score` of seqeval 1.2.2 on three draws of each, and the spans that are right, predicted and so.
SEQEVAL = {
    "two types": [(0.66171003717, 89, 134, 135), (0.63070539419, 76, 122, 119), (0.61475409836, 75, 124, 120)],
    "places": [(0.72289156627, 120, 164, 168), (0.75241157556, 117, 154, 157), (0.67361111111, 97, 139, 149)],
    "one type": [(0.74074074074, 70, 90, 99), (0.62068965517, 54, 85, 89), (0.65909090909, 58, 86, 90)],
}


def draw(seed: int, n_tags: int, m: int = 40, width: int = 9) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True tags, predicted ones of which most are right, and the lengths of the sequences."""
    rng = np.random.default_rng(seed)
    true, lengths = rng.integers(n_tags, size=(m, width)), rng.integers(0, width + 1, size=m)
    predicted = np.where(rng.random((m, width)) < 0.6, true, rng.integers(n_tags, size=(m, width)))
    return true, predicted, lengths


def given(seed: int, n_tags: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels as a bank has them."""
    true, predicted, lengths = draw(seed, n_tags)
    labels = np.where(np.arange(true.shape[1]) < lengths[:, None], true, -100)
    return np.eye(n_tags)[predicted].reshape(len(true), -1), labels


def plain(tags: list[str]) -> set[tuple[str, int, int]]:
    """The spans of one well-formed sequence of B and I tags: type, first and last position."""
    found, i = set(), 0
    while i < len(tags):
        if tags[i] == "O":
            i += 1
            continue
        first, kind = i, tags[i][2:]
        i += 1
        while i < len(tags) and tags[i] == f"I-{kind}":
            i += 1
        found.add((kind, first, i - 1))
    return found


@pytest.mark.parametrize("scheme", SCHEMES)
def test_spans_are_those_of_seqeval(scheme: str) -> None:
    tags = SCHEMES[scheme]
    for seed, (value, *counts) in enumerate(SEQEVAL[scheme]):
        logits, labels = given(seed, len(tags))
        spans = SpanF1(tags).measure(logits, labels)
        assert spans.sum(axis=0).tolist() == counts
        assert SpanF1(tags).value(logits, labels) == pytest.approx(value, abs=1e-10)


def test_spans_of_each_sequence_are_those_of_a_plain_reading() -> None:
    tags = SCHEMES["two types"]
    (logits, labels), (true, predicted, lengths) = given(7, 5), draw(7, 5)
    for row, a, b, n in zip(SpanF1(tags).measure(logits, labels), true, predicted, lengths, strict=True):
        so, said = (plain([tags[i] for i in one[:n]]) for one in (a, b))
        assert row.tolist() == [len(so & said), len(said), len(so)]


def test_positions_without_a_tag_are_left_out_wherever_they_are() -> None:
    tags, (logits, labels) = SCHEMES["places"], given(0, 9)
    spread = np.full((40, 18), -100)
    spread[:, ::2] = labels
    others = np.zeros((40, 18, 9))
    others[:, ::2], others[:, 1::2, 4] = logits.reshape(40, 9, 9), 1
    bank = radin.LogitBank.from_arrays([others], spread, outputs="tags")
    expected = SpanF1(tags).measure(logits, labels)
    assert SpanF1(tags).measure(bank.logits(0), bank.labels).tolist() == expected.tolist()


def test_no_spans_at_all_have_0_as_in_seqeval() -> None:
    assert SpanF1(["O", "B"]).value(np.tile([1.0, 0.0], (3, 4)), np.zeros((3, 4), dtype=np.int64)) == 0.0


@pytest.mark.parametrize("groups", [None, np.arange(40) // 2])
def test_intervals_errors_and_tests_come_from_sums_over_samples_or_groups(groups: np.ndarray | None) -> None:
    metric = SpanF1(SCHEMES["two types"])
    (ours, labels), (theirs, _) = given(0, 5), given(1, 5)
    mine, other = metric.measure(ours, labels), metric.measure(theirs, labels)
    value = metric.value_of(mine, labels)
    low, high = interval(metric, mine, labels, groups=groups)
    assert low < value < high
    rng, numbers = np.random.default_rng(0), np.arange(40) if groups is None else groups
    drawn = []
    for _ in range(600):
        chosen = rng.choice(numbers.max() + 1, numbers.max() + 1)
        drawn.append(metric.value_of(np.concatenate([mine[numbers == one] for one in chosen]), labels))
    assert standard_error(metric, mine, labels, groups) == pytest.approx(np.std(drawn), rel=0.2)
    assert paired_p_value(metric, mine, other, labels, groups=groups) < 0.01
    assert paired_p_value(metric, mine, mine, labels, groups=groups) == 1.0


def test_a_search_scores_averages_of_logits_exactly() -> None:
    tags, rng = SCHEMES["two types"], np.random.default_rng(0)
    labels = given(0, 5)[1]
    logits = [rng.normal(size=(40, 45)) + 0.8 * given(0, 5)[0] for _ in range(4)]
    bank = radin.LogitBank.from_arrays([one.reshape(40, 9, 5) for one in logits], labels, outputs="tags")
    metric = SpanF1(tags)
    found = radin.search("exhaustive", radin.Surrogate(bank, metric, lam=0.0), top=11)
    for one in found:
        average = np.mean([logits[i] for i in one.recipe.members], axis=0)
        assert one.score == metric.value(average, labels)


def sequences(m: int = 150) -> tuple:
    """Sequences of six points and their tags; some are shorter."""
    x, y = clouds(m * 6, seed=1)
    tags = y.reshape(m, 6).clone()
    tags[::4, 4:] = -100
    return x.reshape(m, 6, FEATURES), tags


class Named(TensorDataset):
    classes = ("O", "B-CLOUD", "I-CLOUD")


def test_a_run_by_the_name_of_the_metric_takes_the_names_of_the_data(tmp_path: Path) -> None:
    pool, (x, y) = radin.Pool(make_pool(tmp_path / "pool", 4)), sequences()
    task = radin.Task(Network, Named(x, y), "span-f1")
    result = radin.make_soup(pool, task, run_dir=tmp_path / "run", budget=radin.Budget(soups=2))
    metric, (selecting, held_back) = SpanF1(Named.classes), task.split
    with radin.Verifier(pool, task, tmp_path / "run") as verifier:
        network = verifier.network(result.best.recipe)
        for rows, value in ((selecting, result.best.value), (held_back, result.report.winner.value)):
            logits = network(x[rows]).detach().numpy().reshape(len(rows), -1)
            assert value == pytest.approx(metric.value(logits, y[rows].numpy()), abs=1e-9)
    assert (result.metric, result.report.n_samples) == ("span-f1", len(held_back))
    assert result.report.winner.low <= result.report.winner.value <= result.report.winner.high
    ranked = radin.rank(radin.LogitBank.from_folder(tmp_path / "run" / "logits"), metric=metric)
    assert ranked.recipes[0].value >= max(one.value for one in ranked.recipes[1:]) > 0


def test_logits_of_a_run_of_positions_are_ranked_by_spans(tmp_path: Path) -> None:
    pool, (x, y) = radin.Pool(make_pool(tmp_path / "pool", 3)), sequences(60)
    banks = []
    for outputs in ("positions", "tags"):
        task = radin.Task(
            Network, (x, y), outputs=outputs, metric="accuracy" if outputs == "positions" else SpanF1("OBI")
        )
        radin.collect_logits(pool, task, run_dir=tmp_path / outputs)
        banks.append(radin.LogitBank.from_folder(tmp_path / outputs / "logits", outputs="tags"))
    of_positions, of_tags = (SpanF1("OBI").measure(bank.logits(2), bank.labels).tolist() for bank in banks)
    assert of_positions == of_tags


def test_without_names_it_says_what_to_give(tmp_path: Path) -> None:
    pool, (x, y) = radin.Pool(make_pool(tmp_path / "pool", 2)), sequences(40)
    with pytest.raises(InputError, match=r"the data name no tags: .* metric=radin\.SpanF1\(\['O', 'B-PER'"):
        radin.make_soup(pool, radin.Task(Network, (x, y), "span-f1"), run_dir=tmp_path / "run")
    with pytest.raises(InputError, match="logits of 3 tags, and span-f1 has names of 2: O, B"):
        radin.make_soup(pool, radin.Task(Network, (x, y), SpanF1(["O", "B"])), run_dir=tmp_path / "run")
    with pytest.raises(InputError, match="span-f1 is a metric of tags, but these outputs are positions"):
        _ = radin.Task(Network, (x, y), SpanF1(["O", "B", "I"]), outputs="positions").scored_by
    with pytest.raises(InputError, match="the data name no tags"):
        get_metric("span-f1", KINDS["tags"]).value(np.zeros((1, 6)), np.zeros((1, 2), dtype=np.int64))
    for wrong in (["O", "PER"], [], ["o"]):
        with pytest.raises(InputError, match="expected names of tags as O, B-TYPE"):
            SpanF1(wrong)


def test_tags_race_by_whole_sequences(tmp_path: Path) -> None:
    pool, (x, y) = radin.Pool(make_pool(tmp_path / "pool", 5)), sequences(300)
    rule = radin.RaceSettings(stages=(0.4,), first_rows=60, halves=2)
    task = radin.Task(Network, Named(x, y), "span-f1")
    with radin.Verifier(pool, task, tmp_path / "run", race=rule) as verifier:
        assert len(verifier.names) + len(verifier.dropped) == 5
        assert all(one.rows == 96 for one in verifier.dropped)
