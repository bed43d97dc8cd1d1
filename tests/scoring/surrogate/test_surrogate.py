"""The surrogate as an objective: the prior, what is free, what is refused, and that batches do not matter."""

import numpy as np
import pytest
from helpers.surrogate_oracle import METRIC, bank, masks, mixtures

from radin.errors import InputError
from radin.scoring.logit_bank import LogitBank
from radin.scoring.metrics import PredictionMetric, RightSamplesMetric, get_metric
from radin.scoring.objective import Objective
from radin.scoring.surrogate import Surrogate


def averaged(bank, weights):
    logits = np.stack([bank.read(i, 0, bank.n_samples) for i in range(len(bank))]).astype(np.float64)
    return np.einsum("kn,nmc->kmc", weights / weights.sum(axis=1, keepdims=True), logits)


def test_is_an_objective_with_all_fast_paths():
    surrogate = Surrogate(bank())
    assert isinstance(surrogate, Objective)
    for name in ("tie_break", "neighbours", "swaps", "additions", "subset_range", "loss_and_gradient"):
        assert callable(getattr(surrogate, name))
    assert surrogate.unit == "candidate"
    assert surrogate.names == tuple(f"model{i}" for i in range(9))


@pytest.mark.parametrize("metric", METRIC)
def test_scores_are_the_metric_of_averaged_logits(metric, device):
    logits, rng = bank(), np.random.default_rng(1)
    surrogate = Surrogate(logits, metric, device=device)
    for rows in (masks(rng, 20, 9), mixtures(rng, 20, 9)):
        truth = [get_metric(metric).score(one, logits.labels) for one in averaged(logits, rows.astype(float))]
        np.testing.assert_allclose(surrogate(rows), truth, rtol=0, atol=2e-6)


@pytest.mark.parametrize("metric", METRIC)
def test_scores_do_not_depend_on_the_recipes_beside_them(metric):
    rng = np.random.default_rng(2)
    surrogate = Surrogate(bank(dtype=np.float16), metric, lam=0.7)
    for rows in (masks(rng, 30, 9), mixtures(rng, 30, 9)):
        together = surrogate(rows)
        assert together.tolist() == [surrogate(row[None])[0] for row in rows]
        order = rng.permutation(30)
        assert surrogate(rows[order]).tolist() == together[order].tolist()
        ties = surrogate.tie_break(rows)
        assert ties[order].tolist() == surrogate.tie_break(rows[order]).tolist()
        assert ties[:1].tolist() == surrogate.tie_break(rows[:1]).tolist()


@pytest.mark.parametrize("metric", METRIC)
def test_one_ingredient_scores_exactly_its_own(metric):
    logits = bank()
    surrogate = Surrogate(logits, metric, lam=2.0)
    own = [get_metric(metric).score(logits.read(i, 0, 90), logits.labels) for i in range(9)]
    assert surrogate(np.eye(9, dtype=bool)).tolist() == surrogate.solo.tolist()
    assert surrogate(np.eye(9)).tolist() == surrogate.solo.tolist()
    np.testing.assert_allclose(surrogate.solo, own, atol=2e-6, rtol=0)
    if isinstance(get_metric(metric), RightSamplesMetric | PredictionMetric):
        assert surrogate.solo.tolist() == own


@pytest.mark.parametrize("metric", METRIC)
def test_a_subset_scores_the_same_however_it_is_written(metric):
    surrogate = Surrogate(bank(), metric, lam=1.0)
    rows = masks(np.random.default_rng(3), 30, 9)
    weights = rows / rows.sum(axis=1, keepdims=True)
    assert surrogate(rows).tolist() == surrogate(weights).tolist()
    assert surrogate(rows).tolist() == surrogate(weights.astype(np.float32)).tolist()


@pytest.mark.parametrize("metric", METRIC)
def test_prior_is_one_standard_error_for_a_soup_of_everything(metric):
    logits = bank()
    plain, firm = Surrogate(logits, metric), Surrogate(logits, metric, lam=3.0)
    rows = np.ones((1, 9), dtype=bool)
    assert firm.prior(rows)[0] == 3 * firm.se
    assert firm.prior(np.eye(9, dtype=bool)).tolist() == [0] * 9
    assert (firm(rows) == plain(rows) + firm.prior(rows)).all()
    weights = np.full((1, 9), 1 / 18)
    weights[0, 0] += 0.5
    assert firm.prior(weights)[0] == pytest.approx(3 * firm.se * (1 / np.square(weights).sum() - 1) / 8)
    best = logits.read(int(plain.solo.argmax()), 0, 90)
    assert firm.se == get_metric(metric).standard_error(get_metric(metric).measure(best, logits.labels), logits.labels)


def test_no_prior_without_strength_or_with_one_ingredient():
    assert Surrogate(bank()).prior(np.ones((2, 9), dtype=bool)).tolist() == [0, 0]
    alone = Surrogate(bank(n=1), lam=5.0)
    assert alone(np.ones((1, 1), dtype=bool)).tolist() == alone.solo.tolist()


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 5, 3), (3, 1, 2), (2, 3, 1)], ids=str)
@pytest.mark.parametrize("metric", METRIC)
def test_smallest_banks(metric, shape):
    logits = bank(*shape)
    if metric == "top5":
        with pytest.raises(InputError, match=f"top5 is 1 for any network with {shape[2]} classes"):
            Surrogate(logits, metric)
        return
    surrogate = Surrogate(logits, metric, lam=1.0)
    rows = np.ones((1, shape[0]), dtype=bool)
    truth = get_metric(metric).score(averaged(logits, rows.astype(float))[0], logits.labels)
    assert surrogate.metric_scores(rows)[0] == pytest.approx(truth, abs=2e-6)
    assert np.isfinite(surrogate(rows)).all()
    assert np.isfinite(surrogate.tie_break(rows)).all()
    assert surrogate(np.zeros((0, shape[0]), dtype=bool)).shape == (0,)


@pytest.mark.parametrize("lam", [-1, -1e-9, np.nan, np.inf])
def test_strengths_that_make_no_sense_are_refused(lam):
    with pytest.raises(InputError, match="λ"):
        Surrogate(bank(), lam=lam)


def test_what_is_no_recipe_is_refused():
    surrogate = Surrogate(bank())
    for rows in (np.zeros((1, 9), dtype=bool), np.ones((1, 8), dtype=bool), np.full((1, 9), np.nan), np.ones(9)):
        with pytest.raises(InputError):
            surrogate(rows)
    with pytest.raises(InputError, match="mask"):
        surrogate.neighbours(np.full(9, 1 / 9))
    for counts in (np.full(9, -1), np.zeros(9), np.zeros(8, dtype=int)):
        with pytest.raises(InputError, match="counts"):
            surrogate.additions(counts)
    with pytest.raises(InputError, match="accuracy"):
        Surrogate(bank(), "acuracy")


def test_rows_of_a_bank_can_be_scored_alone():
    whole = bank()
    rows = np.arange(0, 90, 3)
    part = Surrogate(whole.take(rows))
    copied = LogitBank.from_arrays([whole.read(i, 0, 90)[rows] for i in range(9)], whole.labels[rows])
    recipes = masks(np.random.default_rng(0), 20, 9)
    assert part(recipes).tolist() == Surrogate(copied)(recipes).tolist()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_arrays_of_any_layout(tmp_path, dtype):
    plain = bank(dtype=dtype)
    arrays = [plain.read(i, 0, 90) for i in range(9)]
    recipes = masks(np.random.default_rng(0), 20, 9)
    truth = Surrogate(plain)(recipes).tolist()
    for i, array in enumerate(arrays):
        np.save(tmp_path / f"{i}.npy", array)
    mapped = [np.load(tmp_path / f"{i}.npy", mmap_mode="r") for i in range(9)]
    backwards = [array[::-1].copy()[::-1] for array in arrays]
    by_class = [np.asfortranarray(array) for array in arrays]
    mixed = [array.astype(np.float64) if i % 2 else array for i, array in enumerate(arrays)]
    for layout in (mapped, backwards, by_class, mixed):
        assert Surrogate(LogitBank.from_arrays(layout, plain.labels))(recipes).tolist() == truth


def test_a_device_without_float64_is_refused():
    bank = LogitBank.from_arrays(np.zeros((2, 3, 2)), np.array([0, 1, 0]))
    with pytest.raises(InputError, match="no float64"):
        Surrogate(bank, device="mps")
