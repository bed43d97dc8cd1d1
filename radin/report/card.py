"""The model card of a soup: `README.md` beside its weights, as model hubs show it.

It holds nothing but what may be published: paths of this machine never get into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from radin.common.files import written_aside
from radin.common.wording import DASH, counted, decimal, enumerated
from radin.report.bill import Bill
from radin.report.entries import Interval, Unseen
from radin.report.loading_code import loading_code
from radin.report.record import SOUP, Record
from radin.weights.card_parts import (
    CARD,
    HUB_ID,
    TAGS,
    added_to,
    front_matter,
    hub_names,
    joined,
    plain,
    public,
    section,
    section_of,
    table,
)
from radin.weights.model_card import NOTES

#: Stands in cards that radin wrote. A file of this name without it is someone's own, and is left alone.
MARK = "<!-- Written by radin, and written again by the next run here. Remove this line to keep your changes. -->"


def write_card(record: Record, folder: Path | None = None, **about: Any) -> Path | None:
    """Writes the model card beside a soup, unless a README of someone's own is there.

    A soup that is a folder gets its card inside, in place of the short one that came with its weights, whose front
    matter and notes it keeps. The next run replaces such a folder as a whole, so nothing of someone's own is there.

    Arguments:
        record: of the run.
        folder: of the soup; by default the run folder, or the soup's own.
        about: see `model_card`.

    Returns:
        the file; None if a text without radin's mark is there, which is left as it is.

    Raises:
        StorageError: the file cannot be written.
    """
    inside = folder is None and record.soup.is_dir()
    path = record.card if folder is None else folder / CARD
    there = _text_of(path)
    if there and not inside and MARK not in there:
        return None
    if inside:
        about = {"short": there} | about
    with written_aside(path) as file:
        file.write(model_card(record, **about).encode())
    return path


def _text_of(path: Path) -> str:
    """The text of a card; empty if there is none, or if it holds zeros, as after damage to the disk."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    return "" if "\0" in text else text


def model_card(
    record: Record,
    *,
    base_model: str | None = None,
    library_name: str = "safetensors",
    file: str = SOUP,
    short: str = "",
) -> str:
    """The text of the model card.

    Arguments:
        record: of the run.
        base_model: the model that all were fine-tuned from. It is named only if it looks like one of a model hub,
            `owner/name`; by default the one that all ingredients' files name, if they do.
        library_name: the library that loads the soup, as model hubs call it.
        file: name of the soup's file, where it is no folder.
        short: the card that was written with the soup's folder. Its front matter stands in for `base_model` and
            `library_name`, and its notes are kept.
    """
    base = base_model if base_model is not None else record.about.get("base_model")
    index = {"model-index": [model_index(record, hub_task(short))]}
    results = results_table(record.unseen, record.metric) + "\n\n" + "\n".join(_listed(_about_results(record)))
    notes = section_of(short, NOTES)
    return joined(
        [
            added_to(short, index) if short else front_matter(about_hub(base, library_name) | index),
            "" if short else MARK,
            f"# {title(record)}",
            plain(record.verdict),
            section("Recipe", recipe_table(record)),
            section("Results", results),
            section("How it was found", how_found(record)),
            section("Limits", "\n".join(_listed(limits(record)))),
            notes and section(NOTES, notes),
            section("Loading", f"```python\n{loading_code(record, file)}\n```"),
        ]
    )


def title(record: Record) -> str:
    """The soup in a few words."""
    if record.winner.is_soup:
        return f"A soup of {record.winner.size} fine-tuned models"
    return "The best of several fine-tuned models"


def about_hub(base_model: str | None, library_name: str) -> dict[str, Any]:
    """The card's metadata for model hubs, but for the results."""
    bases = hub_names([base_model], HUB_ID)
    base = {"base_model": bases[0], "base_model_relation": "merge"} if bases else {}
    return base | {"library_name": library_name, "tags": list(TAGS)}


def hub_task(short: str) -> str:
    """The task that a card's front matter states, as model hubs call it; `other` where it states none."""
    found = re.search(r"^pipeline_tag: ([\w-]+)$", short, re.MULTILINE)
    return found[1] if found else "other"


def model_index(record: Record, task: str = "other") -> dict[str, Any]:
    """The results on data that selected nothing, as model hubs read them.

    Arguments:
        record: of the run.
        task: of the model, as model hubs call it.
    """
    results = [
        {
            "task": {"type": task},
            "dataset": {"type": "custom", "name": public(one.name)},
            "metrics": [{"type": public(record.metric), "value": one.winner.value}],
        }
        for one in record.unseen
    ]
    return {"name": title(record), "results": results}


def recipe_table(record: Record) -> str:
    """The members by weight, each with its own value and the fingerprint of its contents."""
    own = {name: one.value for one in record.ingredients for name in one.recipe}
    known = record.about.get("ingredients", {})
    rows = [
        [plain(name), f"{weight:.4g}", decimal(own.get(name)), f"`{known[name]}`" if name in known else DASH]
        for name, weight in record.winner.by_weight
    ]
    return table(["ingredient", "weight", f"its own {plain(record.metric)}", "SHA-256"], rows)


def results_table(sets: Sequence[Unseen], metric: str) -> str:
    """The winner and the best ingredient on data that selected nothing, with 95 % intervals."""
    rows = []
    for one in sets:
        p = DASH if one.p_value is None else f"{one.p_value:.2g}"
        rows.append([plain(one.name), f"{one.samples:,}", _interval(one.winner), _interval(one.best_ingredient)])
        rows[-1] += [DASH if one.control is None else _interval(one.control), p]
    columns = ["data", "samples", f"{plain(metric)} of this model", "of the best ingredient"]
    columns += ["of that with statistics recomputed", "p"]
    if all(one.control is None for one in sets):
        columns, rows = [*columns[:4], "p"], [[*row[:4], row[5]] for row in rows]
    return table(columns, rows)


def how_found(record: Record) -> str:
    """The search, its settings and its cost."""
    made = record.settings
    data = record.about.get("data", {})
    rows = f"{data['selecting']:,} selecting samples" if "selecting" in data else "the selection data"
    part = f", {len(record.dropped)} of them on a part of these" if record.dropped else ""
    by, soups = record.criterion or record.metric, record.spent["soups"]
    best = {0: "None was", 1: "The best one was"}.get(soups, f"The best {soups:,} were")
    search = (
        f"Found by [radin](https://arxiv.org/abs/2401.17790). {counted(record.n_ingredients, 'ingredient')} ran on "
        f"{rows}{part}. The searcher `{made['searcher']}` (λ = {made['lam']:g}, seed {made['seed']}) proposed "
        f"{counted(record.spent['candidates'], 'recipe')}, which were ranked by the {by} of their averaged logits. "
        f"{best} built and evaluated for real{record.side_by_side}, and the {by} of real networks chose the winner."
    )
    has_batchnorm = record.about.get("has_batchnorm", True)
    policy = f"BatchNorm statistics of soups: {record.document.get('batchnorm', DASH)}." if has_batchnorm else ""
    used = ", ".join(f"{name} {version}" for name, version in record.about.get("versions", {}).items())
    gap = record.document.get("surrogate_gap") or ""
    return " ".join(filter(None, [search, policy, Bill.of(record).text, gap, f"Versions: {used}." if used else ""]))


def limits(record: Record) -> list[str]:
    """Limits of these numbers, a sentence each."""
    by = record.criterion or record.metric
    said = [f"Weights were chosen by their {by} on the selection data; other data may rank them otherwise."]
    for one in record.unseen:
        if one.selected:
            said.append("No data are left that did not select, so the results above are a little too good.")
        elif one.p_value is not None and one.p_value >= 0.05:
            said.append(f"On the {one.name} the difference from the best ingredient is no more than noise.")
    said += record.findings_said
    said.append("Licences and intended uses are those of the ingredients.")
    return [plain(one) for one in said]


def _about_results(record: Record) -> list[str]:
    said = "Intervals have 95 % coverage for each model on its own"
    tests = list(dict.fromkeys(one.test for one in record.unseen if one.p_value is not None))
    unit = "group of samples" if any(one.unit == "group" for one in record.unseen) else "sample"
    tested = f"; p is of a test that compares both models on each {unit}: {enumerated(tests)}" if tests else ""
    return [f"{said}{tested}."]


def _interval(one: Interval) -> str:
    return f"{decimal(one.value)} [{decimal(one.low)}, {decimal(one.high)}]"


def _listed(sentences: Iterable[str]) -> list[str]:
    return [f"- {one}" for one in sentences]
