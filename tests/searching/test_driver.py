"""The driver: what is charged, where it stops, what comes out."""

import errno
import itertools

import numpy as np
import pytest
from helpers.objectives import Additive, Capable, listed, propose, run, subsets

import radin
from radin.common.files import written_aside
from radin.errors import InputError, PluginError, StorageError

UNITS = ("candidate", "soup")
WORTH = (0.5, 0.9, 0.1, 0.7)


def test_scores_come_back_in_the_order_of_the_batch_duplicates_included():
    objective = Additive(WORTH)
    batch = subsets(4, (0, 1), (2, 3), (0, 1), (1,), (2, 3))
    searcher = propose(batch, batch[::-1])
    result = run(searcher, objective)
    np.testing.assert_array_equal(searcher.answers[0], objective.value(batch))
    np.testing.assert_array_equal(searcher.answers[1], objective.value(batch[::-1]))
    assert (result.charged, result.proposed, len(objective.asked)) == (3, 10, 3)
    assert result.stopped == "finished"


def test_one_recipe_written_as_mask_and_as_weights_is_one_recipe():
    objective = Additive(WORTH)
    mixture = [0.25, 0.75, 0, 0]
    searcher = propose(subsets(4, (0, 1)), [[0.5, 0.5, 0, 0], mixture], [mixture, [0.5, 0.5, 0, 0]])
    result = run(searcher, objective)
    assert result.charged == len(objective.asked) == 2
    np.testing.assert_allclose(searcher.answers[2], [0.8, 0.7])
    assert [candidate.recipe.weights for candidate in result] == [(0.25, 0.75, 0, 0), (0.5, 0.5, 0, 0)]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("cap", [1, 2, 3, 7, 10, 11])
def test_a_batch_that_crosses_the_cap_is_scored_up_to_it_in_order(unit, cap):
    objective = Additive(np.arange(5), unit=unit)
    pairs = list(itertools.combinations(range(5), 2))
    closed = []

    def searcher(problem):
        try:
            yield subsets(5, *pairs[:3])
            yield subsets(5, *pairs[2:], *pairs)
        finally:
            closed.append(True)

    result = run(searcher, objective, cap, top=20)
    assert closed == [True]
    assert result.charged == len(objective.asked) == len(set(objective.asked)) == min(cap, 10)
    assert {candidate.recipe.members for candidate in result} == set(pairs[:cap])
    assert result.stopped == ("budget" if cap < 10 else "finished")


def test_single_ingredients_are_free_where_an_evaluation_is_a_soup():
    batch = subsets(4, (0,), (1,), (0, 1), (2,), (1, 2), (3,), (1, 3))
    soups = Additive(WORTH, unit="soup")
    searcher = propose(batch)
    result = run(searcher, soups, 3)
    np.testing.assert_array_equal(searcher.answers[0], soups.value(batch))
    assert (result.charged, len(soups.asked), result.stopped) == (3, 3, "finished")

    candidates = Additive(WORTH)
    assert run(propose(batch), candidates).charged == len(candidates.asked) == 7


def test_soups_are_built_one_at_a_time_and_candidates_together():
    sizes = []

    class Watched(Additive):
        def __call__(self, weights):
            sizes.append(len(weights))
            return super().__call__(weights)

    batch = subsets(4, (0, 1), (1, 2), (0, 1, 2))
    run(propose(batch), Watched(WORTH, unit="soup"))
    run(propose(batch), Watched(WORTH))
    assert sizes == [1, 1, 1, 3]


def test_shortlist_is_best_first_and_has_two_ingredients_at_least():
    objective = Additive(WORTH)
    result = run("monte-carlo", objective, top=4, options={"batch": 3})
    assert result.stopped == "exhausted" and result.charged == 15
    every = [c for size in (2, 3, 4) for c in itertools.combinations(range(4), size)]
    score = {members: objective.value(subsets(4, members))[0] for members in every}
    assert listed(result) == sorted(score.items(), key=lambda item: (-item[1], -len(item[0]), item[0]))[:4]
    assert (result.searcher, result.unit, result.seed) == ("monte-carlo", "candidate", 0)
    assert result.options == {"p": 0.5, "sizes": "binomial", "batch": 3}


def test_ties_go_to_the_lower_loss_then_to_more_ingredients_then_to_pool_order():
    asked = []

    class Flat(Additive):
        def tie_break(self, weights):
            asked.extend(weights)
            return (weights[:, 0] == 0).astype(float)  # whoever has m0 is better

    objective = Flat(np.ones(4))
    better = [[0.5, 0.3, 0.2, 0]]
    result = run(propose(subsets(4, (2, 3), (1, 2), (1, 3), (1, 2, 3), (0, 3), (0, 2), (0,)), better), objective, top=6)
    expected = [(0, 1, 2), (0, 2), (0, 3), (1, 2, 3), (1, 2), (1, 3)]
    assert [candidate.recipe.members for candidate in result] == expected
    assert len(asked) == 7
    assert [c.recipe.members for c in run(propose(subsets(4, (2, 3), (0, 3), (0, 1))), Additive(np.ones(4)))] == [
        (0, 1), (0, 3), (2, 3)
    ]  # fmt: skip


def test_the_tie_breaker_is_asked_only_about_ties_that_reach_into_the_top():
    asked = []

    class Watched(Additive):
        def tie_break(self, weights):
            asked.extend(map(tuple, weights))
            return np.zeros(len(weights))

    objective = Watched([0, 0, 0, 1, 1, 5])
    batch = subsets(6, (0, 5), (1, 5), (0, 3), (0, 1), (1, 2), (3, 4))
    run(propose(batch), objective, top=3)  # 2.5, 2.5, 1, 0.5, 0, 0
    assert asked == list(map(tuple, batch[:2]))


def test_more_ties_than_places_are_cut_by_pool_order():
    result = run("monte-carlo", Additive(np.ones(6)), top=5)
    assert [candidate.recipe.members for candidate in result] == [
        (0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 4), (0, 1, 2, 3, 5), (0, 1, 2, 4, 5), (0, 1, 3, 4, 5)
    ]  # fmt: skip


def test_an_empty_shortlist_says_why():
    result = run(propose(subsets(4, (0,), (1,))), Additive(WORTH))
    assert list(result) == [] and "at least two ingredients" in result.note and "'listed'" in result.note
    assert run("monte-carlo", Additive([0.5])).note
    assert run(propose(subsets(4, (0, 1))), Additive(WORTH)).note == ""


def test_trace_is_best_score_against_charges():
    batch = subsets(4, (1,), (0, 2), (0, 3), (2, 3), (1, 3), (0, 3))
    charged, best = run(propose(batch), Additive(WORTH)).trace
    assert charged.tolist() == [2, 3, 5]
    np.testing.assert_allclose(best, [0.3, 0.6, 0.8])
    charged, best = run(propose(batch), Additive(WORTH, unit="soup")).trace
    assert charged.tolist() == [1, 2, 4]


def test_gradients_are_charged_in_the_trace_too():
    def climbs(problem):
        for weights in (np.full(4, 0.25), np.array([0.5, 0.5, 0, 0])):
            problem.loss_and_gradient(weights)
        yield subsets(4, (1,), (0, 2))
        problem.loss_and_gradient(np.array([0, 0.5, 0.5, 0]))
        yield subsets(4, (0, 3), (2, 3), (1, 3))

    result = run(climbs, Capable(WORTH))
    assert result.trace[0].tolist() == [2 + 2, 2 + 2 + 1 + 1, 2 + 2 + 1 + 3]
    assert result.charged == 8


def test_a_searcher_that_proposes_nothing_new_is_stopped():
    def stuck(problem):
        while True:
            yield subsets(70, (0, 1))

    result = run(stuck, Additive(np.arange(70)))
    assert (result.stopped, result.charged, result.proposed) == ("stalled", 1, 1001)

    def silent(problem):
        while True:
            yield np.zeros((0, 4), dtype=bool)

    assert run(silent, Additive(WORTH)).stopped == "stalled"


def test_seconds_are_looked_at_after_each_soup_and_add_up_over_restarts(tmp_path):
    batch = subsets(4, (0, 1), (1, 2), (0, 1, 2))
    budget = radin.Budget(seconds=1e-9)
    assert radin.search(propose(batch), Additive(WORTH, unit="soup"), budget).charged == 1
    assert radin.search(propose(batch), Additive(WORTH), budget).stopped == "seconds"

    class Dies(Additive):
        def __call__(self, weights):
            raise KeyboardInterrupt

    with radin.Ledger(tmp_path / "ledger.db") as ledger:
        budget = radin.Budget(seconds=100.0)
        with pytest.raises(KeyboardInterrupt):
            radin.search(propose(batch), Dies(WORTH), budget, ledger=ledger)
        (row,) = ledger.searches()
        assert row["stopped"] is None and row["seconds"] > 0
        ledger.update_search(row["key"], charged=row["charged"], seconds=99.9999999, stopped=None)
        result = radin.search(propose(batch[:1], batch), Additive(WORTH), budget, ledger=ledger)
        assert result.stopped in ("seconds", "finished") and result.seconds > 99.9
        ended = ledger.searches()
        again = radin.search(propose(batch[:1], batch), Additive(WORTH), budget, ledger=ledger)
        assert (again.candidates, again.stopped, again.seconds) == (result.candidates, result.stopped, result.seconds)
        assert ledger.searches() == ended


def test_a_search_that_ran_out_of_time_is_replayed_as_far_as_it_went(tmp_path):
    batch = subsets(4, (0, 1), (1, 2), (0, 1, 2))
    with radin.Ledger(tmp_path / "ledger.db") as ledger:
        first = radin.search(propose(batch), Additive(WORTH, unit="soup"), radin.Budget(seconds=1e-9), ledger=ledger)
        again = radin.search(propose(batch), Additive(WORTH, unit="soup"), radin.Budget(seconds=1e-9), ledger=ledger)
        assert (first.charged, first.stopped) == (again.charged, again.stopped) == (1, "seconds")
        assert (again.candidates, again.seconds) == (first.candidates, first.seconds)
        radin.search(propose(batch), Additive(WORTH, unit="soup"), ledger=ledger, scope="other data")
        assert [row["charged"] for row in ledger.searches()] == [1, 3]


def test_the_same_seed_gives_the_same_search_and_global_randomness_is_not_used():
    results = []
    for seed in (3, 3, 4):
        np.random.seed(len(results))  # noqa: NPY002 (it is the global state that must not matter)
        results.append(run("monte-carlo", Additive(np.arange(30)), 50, seed=seed, options={"batch": 7}))
    assert listed(results[0]) == listed(results[1]) != listed(results[2])


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        (np.zeros((1, 4), dtype=bool), "empty subset"),
        (np.ones((1, 3), dtype=bool), r"shape \[k, 4\]"),
        (np.ones(4, dtype=bool), r"shape \[k, 4\]"),
        (np.ones((1, 4), dtype=int), "dtype"),
        (np.ones((1, 4)), "sum to 1"),
        ([[0.5, 0.5, 0.5, -0.5]], "at least 0"),
        ([[np.nan, 0.5, 0.5, 0]], "finite"),
        (np.array(None), "shape"),
    ],
)
def test_what_is_no_batch_of_recipes_names_the_plugin(batch, says):
    with pytest.raises(PluginError, match=f"'listed' of .* batch 2: .*{says}") as caught:
        run(propose(subsets(4, (0, 1)), batch), Additive(WORTH))
    assert caught.value.__cause__ is not None


def test_the_yield_that_gave_no_batch_is_named():
    def two(problem):
        yield subsets(4, (0, 1))
        yield np.ones((3, 5), dtype=bool)

    def selfish(problem):
        yield from two(problem)

    line = two.__code__.co_firstlineno + 2
    with pytest.raises(PluginError, match=rf"got shape \[3, 5\] \(.*test_driver\.py, line {line}: yield np\.ones"):
        run(selfish, Additive(WORTH))


def test_a_searcher_that_fails_is_named_and_the_cause_kept():
    def clumsy(problem):
        yield subsets(4, (0, 1))
        raise ZeroDivisionError("oh")

    with pytest.raises(PluginError, match=f"'clumsy' of module {__name__} failed in batch 2: ZeroDivisionError: oh"):
        run(clumsy, Additive(WORTH))

    def stubborn(problem):
        try:
            yield problem.random_subsets(5)
        except GeneratorExit:
            yield problem.random_subsets(5)

    with pytest.raises(PluginError, match=r"'stubborn' .* failed while it was closed: .*test_driver\.py, line"):
        run(stubborn, Additive(WORTH), 2)


def test_a_failing_objective_is_not_blamed_on_the_searcher():
    class Fails(Capable):
        def value(self, weights):
            raise ArithmeticError("objective")

    def asks(problem):
        problem.neighbours(subsets(4, (0, 1))[0])
        yield subsets(4, (0, 1))

    for searcher in (propose(subsets(4, (0, 1))), asks):
        with pytest.raises(ArithmeticError, match="objective"):
            run(searcher, Fails(WORTH))

    class NotANumber(Additive):
        def value(self, weights):
            return np.full(len(weights), np.nan)

    with pytest.raises(InputError, match="1 NaN"):
        run(propose(subsets(4, (0, 1))), NotANumber(WORTH))


def test_a_disk_that_takes_nothing_is_blamed_on_the_searcher_where_its_own_code_says_so(tmp_path):
    def saves(problem):
        with written_aside(tmp_path):
            pass
        yield

    def refuses(problem):
        raise StorageError(errno.ENOSPC, "grams/index.json: no space left")
        yield

    with pytest.raises(StorageError, match="it is a folder"):
        run(saves, Additive(WORTH), 2)
    with pytest.raises(PluginError, match=r"'refuses' .*StorageError: .*grams/index\.json.*test_driver\.py, line"):
        run(refuses, Additive(WORTH), 2)


def test_a_failing_objective_ends_a_search_whose_searcher_goes_on():
    class Fails(Capable):
        def neighbours(self, mask):
            raise ArithmeticError("objective")

    def goes_on(problem):
        try:
            problem.neighbours(subsets(4, (0, 1))[0])
        except ArithmeticError:
            yield subsets(4, (0, 1, 2), (1, 2), (2, 3))

    with pytest.raises(ArithmeticError, match="objective"):
        run(goes_on, Fails(WORTH))


@pytest.mark.parametrize("more", [{"seed": -1}, {"top": 0}])
def test_arguments_out_of_range(more):
    with pytest.raises(InputError, match=next(iter(more))):
        radin.search("monte-carlo", Additive(WORTH), **more)
    with pytest.raises(InputError, match="expected an objective"):
        radin.search("monte-carlo", Additive(WORTH, unit="soups"))


def test_what_a_searcher_reports_comes_back_even_when_the_budget_ends_it():
    def tells(problem):
        problem.report({"gap": 2, "steps": 1})
        problem.report({"gap": 0.5})
        yield subsets(4, (0, 1), (1, 2), (2, 3))
        problem.report({"gap": 0.0})

    assert run(tells, Additive(WORTH), 2).reported == {"gap": 0.5, "steps": 1.0}
    assert run(tells, Additive(WORTH)).reported == {"gap": 0.0, "steps": 1.0}


def test_searches_that_differ_in_the_objectives_settings_have_totals_of_their_own(tmp_path):
    with radin.Ledger(tmp_path / "ledger.db") as ledger:
        for settings in ({"lam": 0.0}, {"lam": 1.0}, {"lam": 1.0}, None):
            objective = Additive(WORTH)
            if settings is not None:
                objective.settings = settings
            radin.search("greedy", objective, ledger=ledger)
        assert len(ledger.searches()) == 3


def test_progress_is_told_what_is_charged():
    stages, done = [], []

    class Watch:
        def stage(self, name, total, unit):
            import contextlib

            stages.append((name, total, unit))
            return contextlib.nullcontext(done.append)

    run("monte-carlo", Additive(np.arange(20)), 30, progress=Watch())
    assert stages == [("search: monte-carlo", 30, "candidate")] and sum(done) == 30


def test_the_shortlist_is_decided_by_refined_scores_within_twice_the_bound():
    refined = []

    class Approximate(Additive):
        bound = 0.1

        def __call__(self, weights):
            return self.value(weights) + np.where(weights[:, 0], -0.1, 0.1)

        def refined(self, weights):
            refined.extend(np.flatnonzero(row).tolist() for row in weights)
            return self.value(weights)

    objective = Approximate([0.45, 0.3, 0.3, 0.0])
    batch = subsets(4, (1, 2), (0, 1), (2, 3), (1, 3), (0, 3))  # truly 0.3, 0.375, 0.15, 0.15, 0.225
    result = run(propose(batch), objective, top=1)
    assert listed(result) == [((0, 1), 0.375)]
    assert refined == [[1, 2], [0, 1], [2, 3], [1, 3]]  # found 0.4, 0.275, 0.25 and 0.25; 0.125 cannot lead
