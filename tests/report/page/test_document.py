"""The page needs nothing else, says what the record says, and shows names as text."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from report.page.conftest import SCRIPT

from radin.report.page.distances import Distances, stored_distances
from radin.report.page.document import PAGE, page, parted, remarks, typeset, write_page
from radin.report.record import Record

VOID = {"meta", "br", "hr", "link", "img"}


class Outline(HTMLParser):
    """Elements and text of a page; fails where an element is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def outline(html: str) -> Outline:
    made = Outline()
    made.feed(html)
    made.close()
    assert made.open == []
    return made


def test_it_is_self_contained(record: Record) -> None:
    made = outline(page(record, stored_distances(record)))
    tags = {tag for tag, _ in made.seen}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form"}
    for _, attributes in made.seen:
        assert not {"src", "href", "srcset", "data", "style"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
    assert not re.findall(r"url\(|@import|https?://", page(record))


def test_it_says_what_the_record_says(record: Record) -> None:
    text = " ".join(outline(page(record)).text.split())
    headline, details = parted(record.verdict)
    for said in (headline, details, f"{record.unseen[0].winner.value:.4f}", typeset(record.document["surrogate_gap"])):
        assert " ".join(said.split()) in text
    for name, fingerprint in record.about["ingredients"].items():
        assert name in text and fingerprint in text
    assert "soup.safetensors" in text


def test_an_order_that_is_not_that_of_the_metric_is_explained(record: Record) -> None:
    def shown(criterion: str) -> str:
        return outline(page(Record({**record.document, "criterion": criterion}, record.folder))).text

    assert "chosen by tempered log-likelihood, which has less noise than accuracy" in shown("tempered")
    assert "The winner was chosen by" not in shown("metric")


def test_a_checkpoint_called_like_a_script_is_shown_as_text(hostile: Record) -> None:
    html = page(hostile, Distances((SCRIPT, "b"), np.array([[0.0, 1.0], [1.0, 0.0]])))
    made = outline(html)
    assert "script" not in {tag for tag, _ in made.seen}
    assert SCRIPT in made.text
    assert SCRIPT not in html


def test_a_large_run_stays_small(large: Record) -> None:
    names = tuple(large.about["ingredients"])
    points = np.random.default_rng(0).normal(size=(100, 8))
    html = page(large, Distances(names, np.linalg.norm(points[:, None] - points[None, :], axis=-1)))
    outline(html)
    assert len(html.encode()) < 1_000_000


def test_runs_of_every_kind_have_a_page(record: Record) -> None:
    document = json.loads(json.dumps(record.document))
    lost = document | {"leaderboard": sorted(document["leaderboard"], key=lambda one: one["size"])}
    for one in lost["tests"].values():
        one["p_value"] = None
    finding = {"kind": "far", "ingredient": "run0", "text": "run0 lies < far.", "mend": {}}
    about = {"rows": 250, "value": 0.8, "score": -0.4, "behind": 0.12, "error": 0.0, "chosen": 0, "selections": 16}
    cases = {
        "no soup won": lost,
        "no soup was verified": lost | {"verified": [], "surrogate_gap": None, "leaderboard": lost["leaderboard"][:5]},
        "an earlier version": {
            name: document[name] for name in document if name not in ("about", "findings", "dropped")
        },
        "findings": document | {"findings": [finding]},
        "a race": document | {"dropped": [about | {"name": "lost", "why": "far"}]},
    }
    texts = {name: outline(page(Record(one, record.folder))).text for name, one in cases.items()}
    assert "there is nothing to compare" in texts["no soup won"]
    assert "Surrogate" not in texts["no soup was verified"]
    assert "run0 lies < far." in texts["findings"]
    assert "Dropped early" in texts["a race"]
    assert "Dropped early" not in texts["an earlier version"]


def test_it_is_written_to_the_run_folder(record: Record, tmp_path: Path) -> None:
    assert (record.folder / PAGE).read_text().startswith("<!DOCTYPE html>")
    assert write_page(record, tmp_path / "mine.html").read_text() == (record.folder / PAGE).read_text()


@pytest.mark.parametrize(
    ("verdict", "parts"),
    [
        ("A soup of 4 ingredients leads: accuracy 0.9.", ("A soup of 4 ingredients leads", "Accuracy 0.9.")),
        ("A soup ties with the best. The soup is taken.", ("A soup ties with the best", "The soup is taken.")),
        ("Nothing is decided.", ("Nothing is decided", "")),
        (
            "A soup of 2 ingredients leads by tempered log-likelihood, -0.1 against -0.2: accuracy 0.9 (p = 0.1).",
            (
                "A soup of 2 ingredients leads",
                "By tempered log-likelihood, −0.1 against −0.2: accuracy 0.9 (p\u00a0=\u00a00.1).",
            ),
        ),
        (
            "The winner's accuracy on the selection data, 0.93, is worse than that of the best ingredient, 0.94. "
            "No soup won: the ingredient run-00 leads.",
            (
                "No soup won",
                "The winner's accuracy on the selection data, 0.93, is worse than that of the best ingredient, 0.94. "
                "The ingredient run-00 leads.",
            ),
        ),
    ],
)
def test_a_verdict_is_a_headline_and_the_rest(verdict: str, parts: tuple[str, str]) -> None:
    assert parted(verdict) == parts


def test_a_baseline_that_is_the_only_soup_is_shown(record: Record) -> None:
    """Of two ingredients the uniform soup is the only one, and takes none of B."""
    document = dict(record.document) | {"verified": []}
    made = page(Record(document, record.folder))
    assert "<h2>Selection</h2>" in made and "<h2>Recipes</h2>" in made
    assert "<h2>Surrogate</h2>" not in made
    singles = [one for one in document["leaderboard"] if one["size"] == 1]
    alone = page(Record(document | {"leaderboard": singles}, record.folder))
    assert "<h2>Selection</h2>" not in alone and "<h2>Recipes</h2>" not in alone


def test_the_difference_of_a_loss_is_said_to_be_better_when_lower(record: Record) -> None:
    assert "over the best ingredient" in page(record)
    loss = Record(dict(record.document) | {"higher_is_better": False}, record.folder)
    assert "from the best ingredient, lower is better" in page(loss)


def test_numbers_are_set_with_signs_of_minus_and_names_are_left_alone() -> None:
    assert typeset("run-07 of 2026-11-26: -0.5 (-1.0), 5-3, lr=-1") == "run-07 of 2026-11-26: −0.5 (−1.0), 5-3, lr=-1"


def test_a_long_command_is_folded_away(record: Record, large: Record) -> None:
    assert "<summary>The command</summary>" in page(large)
    assert "<summary>The command</summary>" not in page(record)
    assert "clip-vit-base-patch32-finetuned-with-mixup-and-rate-099.safetensors" in page(large)


def test_what_is_true_of_several_ingredients_is_said_once(record: Record) -> None:
    notes = [
        "run0 adapts no words, so that is no update",
        "run1 adapts no words, so that is no update",
        "all are small",
    ]
    spent = record.document["spent"] | {"notes": notes}
    said = remarks(Record(dict(record.document) | {"spent": spent}, record.folder))
    assert said[-2:] == ["Each of run0 and run1 adapts no words, so that is no update", "All are small"]
    alone = Record(dict(record.document) | {"spent": spent | {"notes": notes[:1]}}, record.folder)
    assert remarks(alone)[-1] == notes[0], "a name keeps its letters"
