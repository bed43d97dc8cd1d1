"""The model card of a soup: `README.md` beside its weights, as model hubs show it.

It holds nothing but what may be published: paths of this machine never get into it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from radin.common.files import written_aside
from radin.common.wording import DASH, counted, decimal
from radin.report.cost import Bill
from radin.report.record import SOUP, Interval, Record, Unseen

#: The file's name, which model hubs look for.
CARD = "README.md"

#: Stands in cards that radin wrote. A file of this name without it is someone's own, and is left alone.
MARK = "<!-- Written by radin, and written again by the next run here. Remove this line to keep your changes. -->"

#: Owner and name, as on model hubs; no path of a machine looks like this but a relative one of two parts.
HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")

#: Paths of a machine: from the root, from home, from here, from a drive, or a file's address.
LOCAL = re.compile(r"(?:file://|(?<![\w.])[A-Za-z]:[\\/]|(?<![\w/.:])(?:~|\.{1,2})?[\\/])[^\s,;\"'|<>()]*")


def write_card(record: Record, folder: Path | None = None, **about: Any) -> Path | None:
    """Writes the model card beside a soup, unless a README of someone's own is there.

    Arguments:
        record: of the run.
        folder: of the soup; the run folder by default.
        about: see `model_card`.

    Returns:
        the file; None if a README without radin's mark is there, which is left as it is.

    Raises:
        StorageError: the file cannot be written.
    """
    path = (folder or record.folder) / CARD
    if path.exists() and MARK not in path.read_text(encoding="utf-8", errors="replace"):
        return None
    with written_aside(path) as file:
        file.write(model_card(record, **about).encode())
    return path


def model_card(
    record: Record,
    *,
    base_model: str | None = None,
    library_name: str = "safetensors",
    file: str = SOUP,
    loading: str | None = None,
) -> str:
    """The text of the model card.

    Arguments:
        record: of the run.
        base_model: the model that all were fine-tuned from. It is named only if it looks like one of a model hub,
            `owner/name`; by default the one that all ingredients' files name, if they do.
        library_name: the library that loads the soup, as model hubs call it.
        file: name of the soup's file.
        loading: lines of Python that load it; by default those for safetensors and any network.
    """
    base = base_model if base_model is not None else record.about.get("base_model")
    parts = [
        front_matter(record, base, library_name),
        MARK,
        f"# {title(record)}",
        _plain(record.verdict),
        "## Recipe\n\n" + recipe_table(record),
        "## Results\n\n"
        + results_table(record.unseen, record.metric)
        + "\n\n"
        + "\n".join(_listed(_about_results(record))),
        "## How it was found\n\n" + how_found(record),
        "## Limits\n\n" + "\n".join(_listed(limits(record))),
        "## Loading\n\n```python\n" + (loading or _loading(file)) + "\n```",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def title(record: Record) -> str:
    """The soup in a few words."""
    if record.winner.is_soup:
        return f"A soup of {record.winner.size} fine-tuned models"
    return "The best of several fine-tuned models"


def front_matter(record: Record, base_model: str | None, library_name: str) -> str:
    """The card's metadata for model hubs, as YAML; strings are written as JSON, which is YAML, too."""
    lines = ["---"]
    if base_model and HUB_ID.fullmatch(base_model) and not Path(base_model).exists():
        lines += [f"base_model: {json.dumps(base_model)}", "base_model_relation: merge"]
    lines += [f"library_name: {json.dumps(library_name)}", "tags:", "- merge", "- radin", "- model-soup"]
    lines += ["model-index:", f"- name: {json.dumps(title(record))}", "  results:"]
    for one in record.unseen:
        name = json.dumps(_public(one.name), ensure_ascii=False)
        metric = json.dumps(_public(record.metric), ensure_ascii=False)
        lines += [
            "  - task: {type: other}",
            f"    dataset: {{type: custom, name: {name}}}",
            f"    metrics: [{{type: {metric}, value: {one.winner.value!r}}}]",
        ]
    return "\n".join([*lines, "---"])


def recipe_table(record: Record) -> str:
    """The members by weight, each with its own value and the fingerprint of its contents."""
    own = {name: one.value for one in record.ingredients for name in one.recipe}
    known = record.about.get("ingredients", {})
    rows = [
        [_plain(name), f"{weight:.4g}", decimal(own.get(name)), f"`{known[name]}`" if name in known else DASH]
        for name, weight in record.winner.by_weight
    ]
    return table(["ingredient", "weight", f"its own {_plain(record.metric)}", "SHA-256"], rows)


def results_table(sets: Sequence[Unseen], metric: str) -> str:
    """The winner and the best ingredient on data that selected nothing, with 95 % intervals."""
    rows = []
    for one in sets:
        p = DASH if one.p_value is None else f"{one.p_value:.2g}"
        rows.append([_plain(one.name), f"{one.samples:,}", _interval(one.winner), _interval(one.best_ingredient)])
        rows[-1] += [DASH if one.control is None else _interval(one.control), p]
    columns = ["data", "samples", f"{_plain(metric)} of this model", "of the best ingredient"]
    columns += ["of that with statistics recomputed", "p"]
    if all(one.control is None for one in sets):
        columns, rows = [*columns[:4], "p"], [[*row[:4], row[5]] for row in rows]
    return table(columns, rows)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown; cells are escaped already."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def how_found(record: Record) -> str:
    """The search, its settings and its cost."""
    made = record.settings
    data = record.about.get("data", {})
    rows = f"{data['selecting']:,} selecting samples" if "selecting" in data else "the selection data"
    search = (
        f"Found by [radin](https://arxiv.org/abs/2401.17790): each of "
        f"{counted(record.n_ingredients, 'ingredient')} was run on {rows}, recipes were ranked by the "
        f"{record.criterion or record.metric} of their averaged logits ({record.spent['candidates']:,} by the searcher "
        f"`{made['searcher']}`, λ = {made['lam']:g}, seed {made['seed']}), and the best {record.spent['soups']} were "
        "built and evaluated; the same chose the winner among "
        f"them. BatchNorm statistics of soups: {record.document.get('batchnorm', DASH)}."
    )
    used = ", ".join(f"{name} {version}" for name, version in record.about.get("versions", {}).items())
    gap = record.document.get("surrogate_gap") or ""
    return " ".join(filter(None, [search, Bill.of(record).text, gap, f"Versions: {used}." if used else ""]))


def limits(record: Record) -> list[str]:
    """What these numbers do not say, a sentence each."""
    by = record.criterion or record.metric
    said = [f"Weights were chosen by their {by} on the selection data; other data may rank them otherwise."]
    for one in record.unseen:
        if one.selected:
            said.append("No data are left that did not select, so the results above are a little too good.")
        elif one.p_value is not None and one.p_value >= 0.05:
            said.append(f"On the {one.name} the difference from the best ingredient is no more than noise.")
    said += [str(one["text"]) for one in record.findings]
    said.append("Licences and intended uses are those of the ingredients.")
    return [_plain(one) for one in said]


def _about_results(record: Record) -> list[str]:
    said = ["Intervals have 95 % coverage for each model on its own; p is of a paired test, sample by sample."]
    return [*said, *(f"Test: {one}." for one in dict.fromkeys(one.test for one in record.unseen))]


def _loading(file: str) -> str:
    return f'from safetensors.torch import load_file\n\nnetwork.load_state_dict(load_file("{file}"))'


def _interval(one: Interval) -> str:
    return f"{decimal(one.value)} [{decimal(one.low)}, {decimal(one.high)}]"


def _listed(sentences: Iterable[str]) -> list[str]:
    return [f"- {one}" for one in sentences]


def _public(text: str) -> str:
    """A text with paths of this machine replaced by their last part."""
    return LOCAL.sub(lambda found: re.split(r"[\\/]", found.group().rstrip("\\/"))[-1], text)


def _plain(text: str) -> str:
    """A text of somebody else's as Markdown shows it, letter by letter, without paths of this machine."""
    text = " ".join(_public(text).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[\]|])", r"\\\1", text)
