"""What a run says of itself where there is little to say: nothing is called better within noise."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.small import Network, clouds, make_pool, task

import radin
from radin.common.wording import counted, enumerated
from radin.report.comparison import Comparison, Estimate
from radin.report.diagnosis import diagnose
from radin.report.findings import Finding
from radin.report.result import Result
from radin.report.verdict import verdict_of
from radin.report.verified_soup import VerifiedSoup


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_pool(tmp_path_factory.mktemp("pool"), 5)


@pytest.fixture(scope="module")
def won(checkpoints: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A run in which a soup leads on the selection data."""
    budget = radin.Budget(soups=8)
    settings = {"searcher": "monte-carlo", "criterion": "metric", "budget": budget}
    found = radin.make_soup(radin.Pool(checkpoints), task(), **settings, run_dir=tmp_path_factory.mktemp("run"))
    assert found.best.score > found.best_ingredient.score
    return found


def reporting(data: str, winner: float, single: float, p_value: float | None) -> Comparison:
    both = [Estimate(value, value - 0.1, value + 0.1) for value in (winner, single)]
    return Comparison(data, 60, both[0], "run0", both[1], p_value, "exact McNemar test")


@pytest.mark.parametrize(
    ("report", "start", "end"),
    [
        (("held-back", 0.9, 0.8, 0.001), "wins", "On the held-back data it is better, too (+0.1000, p = 0.001)."),
        (("test", 0.8, 0.9, 0.001), "leads", "On the test set it is worse (-0.1000, p = 0.001)."),
        (("held-back", 0.9, 0.8, 0.3), "leads", "the two differ by no more than noise (+0.1000, p = 0.3)."),
        (("selection", 0.9, 0.8, 0.001), "leads", "so whether it is better elsewhere is open."),
    ],
    ids=["better", "worse", "noise", "no-data"],
)
def test_a_soup_wins_only_where_unseen_data_say_so(won: Result, report: tuple, start: str, end: str) -> None:
    verdict = replace(won, report=reporting(*report)).verdict
    assert verdict.startswith(f"A soup of {won.best.recipe.size} ingredients {start}: accuracy ")
    assert verdict.endswith(end)


@pytest.mark.parametrize(
    ("p_value", "start", "end"),
    [
        (0.001, "wins", "it is better than run0 with recomputed statistics, too (+0.0300, p = 0.001)."),
        (0.3, "leads", "it and run0 with recomputed statistics differ by no more than noise (+0.0300, p = 0.3)."),
    ],
)
def test_a_soup_with_recomputed_statistics_is_held_against_the_like(
    won: Result, p_value: float, start: str, end: str
) -> None:
    fair = replace(reporting("test", 0.9, 0.7, 0.0001), control=Estimate(0.87, 0.8, 0.9), control_p_value=p_value)
    verdict = replace(won, report=fair, control=0.88).verdict
    assert verdict.startswith(f"A soup of {won.best.recipe.size} ingredients {start}: accuracy ")
    assert "0.8800 with its BatchNorm statistics recomputed like the soup's" in verdict
    assert verdict.endswith(end)


def test_of_lower_is_better_the_sign_is_minded(won: Result) -> None:
    report = replace(reporting("held-back", 0.2, 0.3, 0.001), higher_is_better=False)
    verdict = replace(won, report=report).verdict
    assert "it is better, too (-0.1000, p = " in verdict
    report = replace(report, p_value=0.3)
    verdict = replace(won, report=report).verdict
    assert "the two differ by no more than noise (-0.1000, below 0 is better, p = 0.3)." in verdict


FELL_SHORT = Finding("gap", None, "Soups fall short.")


@pytest.mark.parametrize(
    ("single", "soup", "ensemble", "findings", "reason"),
    [
        (0.9, 0.7, 0.8, [FELL_SHORT], "The soups fall short of their ensembles"),
        (0.9, 0.7, 0.8, [], "Even the averaged logits are no better"),
        (0.9, 0.89, 0.91, [], "Its averaged logits beat the best ingredient, but averaging the weights costs more"),
        (0.9, 0.7, 0.8, [Finding("elsewhere", "run1", "run1 lies elsewhere.")], "run1 lies too far apart"),
        (0.9, 0.7, 0.8, [Finding("elsewhere", "no member", "It lies elsewhere.")], "Even the averaged logits are no"),
        (-0.5, -0.6, -0.7, [], "Even the averaged logits are no better"),
        (1.0, 0.9, 0.9, [FELL_SHORT], "Nothing can be better on these data"),
    ],
)
def test_why_no_soup_won_follows_from_findings(
    won: Result, single: float, soup: float, ensemble: float, findings: list, reason: str
) -> None:
    """A difference that no finding calls more than noise is none to the verdict."""
    alone = replace(won.best_ingredient, score=single, ensemble=single)
    mixed = replace(won.best, score=soup, ensemble=ensemble)
    lost = replace(won, leaderboard=[alone, mixed], verified=[mixed], findings=tuple(findings))
    assert reason in lost.verdict


def test_the_averaged_logits_of_all_soups_are_asked(won: Result) -> None:
    alone = replace(won.best_ingredient, score=0.9, ensemble=0.9)
    best, better = replace(won.best, score=0.88, ensemble=0.88), replace(won.best, score=0.87, ensemble=0.92)
    lost = replace(won, leaderboard=[alone, best, better], verified=[best, better], findings=())
    assert "Another soup's averaged logits beat" in lost.verdict


def test_of_a_loss_values_are_shown_and_scores_compared(checkpoints: list[Path], tmp_path: Path) -> None:
    result = radin.make_soup(radin.Pool(checkpoints), task(metric="nll"), run_dir=tmp_path)
    best = result.best
    assert best.value == -best.score > 0
    assert best.ensemble_value == -best.ensemble
    assert best.gap == best.score - best.ensemble
    assert f"nll {best.value:.4f}" in result.verdict
    assert [one.score for one in result.leaderboard] == sorted((one.score for one in result.leaderboard), reverse=True)
    assert result.to_json()["best"]["value"] == best.value


def test_scores_that_are_all_the_same_decide_nothing(checkpoints: list[Path], tmp_path: Path) -> None:
    inputs, _ = clouds(2000, 1)
    networks = []
    for path in checkpoints:
        networks.append(Network())
        networks[-1].load_state_dict(radin.Pool(path).state_dict(0))
    with torch.inference_mode():
        logits = torch.stack([network(inputs) for network in networks])
    said, sure = logits.argmax(-1), logits.softmax(-1).amax(-1).min(0).values > 0.6
    kept = sure & (said == said[0]).all(0)
    easy = radin.Task(Network, (inputs[kept], said[0][kept]), device="cpu")
    settings = {"budget": radin.Budget(soups=1), "baselines": (), "run_dir": tmp_path}
    result = radin.make_soup(radin.Pool(checkpoints), easy, **settings)
    assert result.verdict.startswith(
        "Nothing is decided: 5 ingredients and 1 soup all have accuracy 1.0000 on the selection data, which cannot tell"
    )
    assert (
        "but these data cannot tell them from the ingredients"
        in diagnose(radin.Pool(checkpoints), easy, run_dir=tmp_path).verdict
    )


def test_at_chance_nothing_is_decided(checkpoints: list[Path], tmp_path: Path) -> None:
    inputs, _ = clouds(400, 1)
    labels = torch.randint(3, (400,), generator=torch.Generator().manual_seed(0))
    guess = radin.Task(Network, (inputs, labels), device="cpu")
    pool = radin.Pool(checkpoints)
    result = radin.make_soup(pool, guess, run_dir=tmp_path)
    assert result.verdict.startswith("Nothing is decided: no ingredient can be told from chance.")
    assert result.warnings[0].startswith("No ingredient can be told from chance: on")
    assert diagnose(pool, guess, run_dir=tmp_path).verdict.startswith(
        "Nothing can be said of this pool yet. No ingredient"
    )


def test_a_lead_within_noise_is_none_to_a_diagnosis(checkpoints: list[Path], tmp_path: Path) -> None:
    found = diagnose(radin.Pool(checkpoints), task(), run_dir=tmp_path, soups=1)
    (soup,) = found.verified
    assert 0 < abs(soup.ahead) < 3 * soup.ahead_error
    assert f"1 real soup keeps {1 - soup.lost:.1%} of what averaged logits know" in found.verdict
    assert "differs from the best ingredient by less than 3 standard errors (+" in found.verdict


def test_numbers_and_names_in_sentences() -> None:
    assert [counted(n, "soup") for n in (0, 1, 1204)] == ["0 soups", "1 soup", "1,204 soups"]
    assert counted(2, "pass", "passes") == "2 passes"
    assert [enumerated(names) for names in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]


WORSE = "The winner's accuracy on the selection data, {}, is worse than that of the best ingredient, b, 0.9100. "


def entry(members: list[int], score: float, criterion: float, behind: bool = False) -> VerifiedSoup:
    return VerifiedSoup(radin.Recipe.subset("abc", members), score, score, nll=1.0, criterion=criterion, behind=behind)


@pytest.mark.parametrize(
    ("entries", "start", "part"),
    [
        (
            [([0, 1], 0.90, -0.2), ([1], 0.91, -0.3), ([0], 0.80, -0.5)],
            WORSE.format("0.9000"),
            "A soup of 2 ingredients leads by tempered log-likelihood, -0.2000 against -0.3000.",
        ),
        (
            [([0, 1], 0.91, -0.2), ([1], 0.91, -0.3), ([0], 0.80, -0.5)],
            "A soup of 2 ingredients leads by tempered log-likelihood, -0.2000 against -0.3000; accuracy ties ",
            "ties with the best ingredient, b, at 0.9100 on the selection data.",
        ),
        (
            [([0, 1], 0.92, -0.2), ([1], 0.91, -0.3), ([0], 0.80, -0.5)],
            "A soup of 2 ingredients leads by tempered log-likelihood, -0.2000 against -0.3000: accuracy 0.9200 on ",
            "0.9100 for the best ingredient, b.",
        ),
        (
            [([1], 0.91, -0.2), ([0, 1], 0.92, -0.3), ([0], 0.80, -0.5)],
            "No soup won: by tempered log-likelihood the ingredient b leads, -0.2000 against -0.3000 of the one ",
            "accuracy 0.9100 against 0.9200 on the selection data.",
        ),
        (
            [([0], 0.80, -0.2), ([0, 1], 0.70, -0.3), ([1], 0.91, -0.5)],
            WORSE.format("0.8000"),
            "No soup won: by tempered log-likelihood the ingredient a leads",
        ),
        (
            [([0], 0.80, -0.2), ([1], 0.91, -0.5)],
            WORSE.format("0.8000"),
            "No soup was verified, so the best ingredient, a, stands: it leads by tempered log-likelihood.",
        ),
    ],
    ids=["worse", "ties", "better", "ingredient", "another", "unverified"],
)
def test_the_verdict_says_by_what_the_winner_was_chosen(entries: list[tuple], start: str, part: str) -> None:
    board = [entry(*one) for one in entries]
    verdict = verdict_of(board, (), reporting("held-back", 0.9, 0.8, 0.3), metric="accuracy", criterion="tempered")
    assert verdict.startswith(start)
    assert part in verdict


@pytest.mark.parametrize(
    ("entries", "start", "part"),
    [
        (
            [([0, 1], 0.95, -0.3), ([1], 0.90, -0.2, True), ([0], 0.80, -0.5, True)],
            "A soup of 2 ingredients leads by accuracy, more than one standard error ahead: accuracy 0.9500 on ",
            "0.9000 for the best ingredient, b.",
        ),
        (
            [([0, 1], 0.95, -0.1), ([1], 0.90, -0.2, True), ([0], 0.80, -0.5, True)],
            "A soup of 2 ingredients leads by tempered log-likelihood, -0.1000 against -0.2000: accuracy 0.9500 on ",
            "0.9000 for the best ingredient, b.",
        ),
        (
            [([1], 0.95, -0.3), ([0, 1], 0.90, -0.2, True), ([0], 0.80, -0.5, True)],
            "No soup won: the one soup has accuracy 0.9000 on the selection data, more than one standard ",
            "error worse than 0.9500 of the ingredient b.",
        ),
        (
            [([0], 0.94, -0.2), ([1], 0.95, -0.3), ([0, 1], 0.90, -0.1, True)],
            "The winner's accuracy on the selection data, 0.9400, is worse than that of the best ingredient, b, 0.9500",
            "0.9000 on the selection data, more than one standard error worse than 0.9500 of the ingredient b.",
        ),
    ],
    ids=["soup", "soup by both", "ingredient", "likelier ingredient"],
)
def test_the_verdict_claims_no_lead_in_likelihood_over_those_that_are_behind(
    entries: list[tuple], start: str, part: str
) -> None:
    board = [entry(*one) for one in entries]
    verdict = verdict_of(board, (), reporting("held-back", 0.9, 0.8, 0.3), metric="accuracy", criterion="one-se")
    assert verdict.startswith(start)
    assert part in verdict


@pytest.mark.parametrize(
    ("entries", "start"),
    [
        (
            [([0, 1], 1.0, -0.0000012), ([1], 1.0, -0.0000014), ([0], 0.9, -0.5)],
            "A soup of 2 ingredients leads by tempered log-likelihood, -1.2e-06 against -1.4e-06; accuracy ties ",
        ),
        (
            [([0, 1], 1.0, -0.04501), ([1], 0.99, -0.04502), ([0], 0.9, -0.5)],
            "A soup of 2 ingredients leads by tempered log-likelihood, -0.04501 against -0.04502: accuracy 1.0000 on ",
        ),
        (
            [([0, 1], 1.0, -0.0), ([1], 1.0, 0.0), ([0], 0.9, -0.5)],
            "A soup of 2 ingredients ties with the best ingredient, b, at accuracy 1.0000 on the selection data. The ",
        ),
        (
            [([1], 1.0, 0.0), ([0, 1], 0.99998, 0.0), ([0], 0.9, -0.5)],
            "No soup won: the best ingredient, b, has accuracy 1.00000 on the selection data, and the one soup 0.99998",
        ),
    ],
    ids=["tiny", "close", "equal", "no soup"],
)
def test_numbers_that_are_compared_look_different_and_none_is_a_negative_zero(entries: list[tuple], start: str) -> None:
    board = [entry(*one) for one in entries]
    verdict = verdict_of(board, (), reporting("held-back", 0.9, 0.8, 0.3), metric="accuracy", criterion="tempered")
    assert verdict.startswith(start)
    assert "-0.0000 " not in verdict
