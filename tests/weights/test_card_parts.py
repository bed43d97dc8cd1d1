"""Parts of cards: metadata that YAML reads back, and texts that show themselves and no path."""

from pathlib import Path

import pytest

from radin.weights.card_parts import HUB_ID, added_to, front_matter, hub_names, plain, section, section_of

VALUES = {"library_name": "peft", "tags": ["merge", "no"], "text": "a: b #c", "deep": [{"value": 0.5, "name": "é"}]}


def test_front_matter_is_read_back_with_what_is_added() -> None:
    yaml = pytest.importorskip("yaml")
    card = front_matter(VALUES) + "\n\n# A title\n"
    assert yaml.safe_load(card.split("---\n")[1]) == VALUES
    more = added_to(card, {"model-index": [{"name": "x", "results": []}]}) + "\n"
    assert yaml.safe_load(more.split("---\n")[1]) == VALUES | {"model-index": [{"name": "x", "results": []}]}
    assert more.count("---\n") == 2


def test_a_section_is_found_again() -> None:
    text = "# A title\n\n" + section("Recipe", "one\n\ntwo") + "\n\n" + section("Notes", "three") + "\n"
    assert (section_of(text, "Recipe"), section_of(text, "Notes")) == ("one\n\ntwo", "three")
    assert section_of(text, "Limits") == ""


def test_names_of_a_hub_are_no_places_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs" / "base").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert hub_names(["bert", "bert", "google/bert", "runs/base", "/a/b", None]) == ["bert", "google/bert"]
    assert hub_names(["bert", "google/bert"], HUB_ID) == ["google/bert"]


def test_texts_show_themselves_without_paths() -> None:
    assert plain("<b>*x*|[y] & /home/me/run0") == "&lt;b&gt;\\*x\\*\\|\\[y\\] &amp; run0"
