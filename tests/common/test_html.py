"""Results, pools and lists as tables in a notebook: what they hold, cut to a size that can be read, and escaped."""

import re
from pathlib import Path

import numpy as np
from helpers.small import task

import radin
from radin.common.html import table


def test_rows_are_cut_and_whatever_comes_from_files_is_escaped() -> None:
    made = table("<b>", ("name", "score"), [("<script>", 0.5)] * 12, note="a & b")
    assert "<script>" not in made and made.count("&lt;script&gt;") == 10
    assert "&lt;b&gt;" in made and "a &amp; b" in made and "10 of 12 shown" in made
    assert made.count("0.5000") == 10


def test_all_that_a_notebook_shows_says_what_it_is(checkpoints: list[Path], tmp_path: Path) -> None:
    pool = radin.Pool(checkpoints)
    result = radin.make_soup(pool, task(), run_dir=tmp_path, budget=radin.Budget(soups=1))
    bank = radin.LogitBank.from_folder(tmp_path / "logits")
    shortlist = radin.search("forward", radin.Surrogate(bank, metric="accuracy"), radin.Budget(candidates=20), top=2)
    recipe = radin.Recipe.of(["a", "<b>"], [0.25, 0.75])
    for one in (pool, result, bank, shortlist, recipe):
        made = one._repr_html_()
        assert made.count("<table>") == made.count("</table>") == 1
        assert len(repr(one)) < 500, repr(one)
    assert result.verdict.split(":")[0] in result._repr_html_()
    assert repr(shortlist).startswith("Shortlist(2 recipes by forward, ")
    heaviest, lighter = re.findall(r"<td[^>]*>([^<]*)</td><td[^>]*>[\d.]+</td>", recipe._repr_html_())
    assert (heaviest, lighter) == ("&lt;b&gt;", "a")
    single = radin.LogitBank(["a"], [np.asarray(bank.logits(0))], bank.labels)
    empty = radin.search("forward", radin.Surrogate(single, metric="accuracy"), top=2)
    assert repr(empty).startswith("Shortlist(0 recipes by forward") and "found no recipe" in empty._repr_html_()
