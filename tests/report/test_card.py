"""The model card tells what may be published, in the form that model hubs read."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from radin.report.card import MARK, how_found, model_card, write_card
from radin.report.record import Record
from radin.weights.card_parts import CARD, HUB_ID


@pytest.fixture
def document(finished: Path) -> dict[str, Any]:
    return json.loads((finished / "leaderboard.json").read_text())


def card(document: dict[str, Any], **about: Any) -> str:
    return model_card(Record(document, Path("run")), **about)


def front(text: str) -> dict[str, Any]:
    return yaml.safe_load(text.split("---\n")[1])


def test_front_matter_is_what_hubs_read(document: dict[str, Any]) -> None:
    given = front(card(document, base_model="openai/clip-vit-base-patch32", library_name="open_clip"))
    assert given["base_model"] == "openai/clip-vit-base-patch32"
    assert given["tags"] == ["merge", "radin", "model-soup"]
    assert given["library_name"] == "open_clip"
    (results,) = given["model-index"][0]["results"]
    assert results["metrics"] == [{"type": "accuracy", "value": document["report"]["winner"]["value"]}]


def test_the_hubs_own_reader_takes_it(document: dict[str, Any]) -> None:
    hub = pytest.importorskip("huggingface_hub")
    data = hub.ModelCard(card(document)).data
    assert data.eval_results[0].metric_value == document["report"]["winner"]["value"]
    assert data.tags == ["merge", "radin", "model-soup"]


@pytest.mark.parametrize("base", ["/home/me/clip", "./clip/base", "clip", "a/b/c", "C:\\me\\clip", "../me/clip", ""])
def test_only_what_looks_like_a_hub_id_is_a_base_model(document: dict[str, Any], base: str) -> None:
    assert "base_model" not in front(card(document, base_model=base))
    assert not HUB_ID.fullmatch(base)


def test_a_folder_of_two_names_is_no_base_model(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs" / "base").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert "base_model" not in front(card(document, base_model="runs/base"))


def test_the_recipe_stands_with_fingerprints(document: dict[str, Any]) -> None:
    text = card(document)
    for name, weight in document["best"]["recipe"].items():
        assert f"| {name} | {weight:.4g} | " in text
        assert document["about"]["ingredients"][name] in text
    low, high = document["report"]["winner"]["low"], document["report"]["winner"]["high"]
    assert f"[{low:.4f}, {high:.4f}]" in text


def test_no_path_of_this_machine_gets_into_it(finished: Path, document: dict[str, Any]) -> None:
    text = model_card(Record.read(finished))
    assert str(finished) not in text and str(Path.cwd()) not in text and "/tmp" not in text
    hostile = json.loads(json.dumps(document).replace('"run0"', '"/home/me/secret/run0"'))
    hostile["verdict"] = "Soup of /home/me/secret/run0, ~/data/val, file:///etc/passwd and C:\\me\\run1.pt wins."
    hostile["tests"] = {}
    hostile["report"]["notes"] = ["/mnt/secret/val: 3 images left out"]
    hostile["findings"] = [{"kind": "far", "ingredient": "x", "text": "../secret/x lies far out.", "mend": {}}]
    text = card(hostile)
    for part in ("secret", "/home", "/mnt", "~/", "/etc", "C:\\", "../"):
        assert part not in text, part
    assert "Soup of run0, val, passwd and run1.pt wins." in text
    assert "https://arxiv.org" in text


def test_names_are_shown_letter_by_letter(document: dict[str, Any]) -> None:
    hostile = json.loads(json.dumps(document).replace('"run0"', '"<script>a|b`c*"'))
    text = card(hostile)
    assert "<script>" not in text
    if "<script>a|b`c*" in hostile["best"]["recipe"]:
        assert "&lt;script&gt;a\\|b\\`c\\*" in text


def test_when_no_soup_won_it_is_said(document: dict[str, Any]) -> None:
    lost = copy.deepcopy(document)
    lost["leaderboard"] = [one for one in lost["leaderboard"] if one["size"] == 1]
    assert "# The best of several fine-tuned models" in card(lost)


def test_what_is_noise_is_a_limit(document: dict[str, Any]) -> None:
    document["tests"] = {}
    document["report"]["p_value"] = 0.6
    assert "no more than noise" in card(document)
    document["report"] |= {"data": "selection", "p_value": 0.001}
    assert "a little too good" in card(document)


@pytest.mark.parametrize("damaged", [b"", bytes(2000), b"\xff\x13\0"], ids=["emptied", "zeroed", "noise"])
def test_a_damaged_card_is_written_again(finished: Path, tmp_path: Path, damaged: bytes) -> None:
    whole = write_card(Record.read(finished), tmp_path)
    assert whole is not None
    text = whole.read_text()
    whole.write_bytes(damaged)
    assert write_card(Record.read(finished), tmp_path) == whole
    assert whole.read_text() == text


def test_a_readme_of_ones_own_is_left_alone(finished: Path, tmp_path: Path) -> None:
    record = Record.read(finished)
    assert write_card(record, tmp_path) == tmp_path / CARD
    assert write_card(record, tmp_path) == tmp_path / CARD
    mine = (tmp_path / CARD).read_text().replace(MARK, "Mine.")
    (tmp_path / CARD).write_text(mine)
    assert write_card(record, tmp_path) is None
    assert (tmp_path / CARD).read_text() == mine


def test_by_what_the_winner_was_chosen_is_said(document: dict[str, Any]) -> None:
    text = card(document | {"criterion": "tempered"})
    assert "ranked by the tempered log-likelihood of their averaged logits" in text
    assert "Weights were chosen by their tempered log-likelihood on the selection data" in text
    text = card(document | {"criterion": "metric"})
    assert "ranked by the accuracy of their averaged logits" in text and "likelihood" not in text.split("## Limits")[1]


def test_a_soup_that_is_a_folder_has_the_full_card_inside(document: dict[str, Any], tmp_path: Path) -> None:
    soup = tmp_path / "soup"
    soup.mkdir()
    (soup / "config.json").write_text('{"architectures": ["BertForSequenceClassification"]}')
    short = "---\nbase_model: google/bert\nlicense: mit\n---\n\n# A model soup\n\n## Notes\n\nConfig of run0.\n"
    (soup / CARD).write_text(short)
    assert write_card(Record(document | {"soup": "soup"}, tmp_path)) == soup / CARD
    text = (soup / CARD).read_text()
    assert front(text)["base_model"] == "google/bert" and front(text)["license"] == "mit"
    assert front(text)["model-index"][0]["results"]
    assert "## Notes\n\nConfig of run0.\n" in text and "## Results" in text and MARK not in text
    assert 'BertForSequenceClassification.from_pretrained("soup")' in text
    assert not (tmp_path / CARD).exists()


def test_what_a_race_dropped_is_not_said_to_have_run_in_full(finished: Path) -> None:
    record = Record.read(finished)
    assert "5 ingredients ran on 300 selecting samples. The searcher" in how_found(record)
    dropped = {"name": "lost", "rows": 50, "value": 0.5, "score": -1.0, "behind": 0.2, "error": 0.1, "why": "far"}
    raced = Record(dict(record.document) | {"dropped": [dropped]}, record.folder)
    assert "6 ingredients ran on 300 selecting samples, 1 of them on a part of these." in how_found(raced)


def test_a_run_that_built_no_soup_says_so(finished: Path) -> None:
    record = Record.read(finished)
    alone = Record({**record.document, "spent": {**record.spent, "soups": 0}}, record.folder)
    assert "None was built and evaluated for real" in how_found(alone)


def test_a_test_is_named_only_where_there_was_one(finished: Path) -> None:
    record = Record.read(finished)
    assert "p is of a test that compares both models on each sample: exact McNemar test." in model_card(record)
    document = json.loads(json.dumps(record.document))
    for one in document["tests"].values():
        one["p_value"] = None
    assert "p is of" not in model_card(Record(document, record.folder))


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("sample", "on each sample: paired permutation test."),  # a sample of tokens is a text
        ("group", "on each group of samples: paired permutation test of groups."),
    ],
)
def test_it_is_said_on_what_the_test_compares_both_models(document: dict[str, Any], unit: str, said: str) -> None:
    for one in document["tests"].values():
        one |= {"unit": unit, "test": "paired permutation test of groups"}
    assert said in card(document)


def test_batchnorm_is_spoken_of_only_where_there_is_some(document: dict[str, Any]) -> None:
    assert document["about"]["has_batchnorm"] is False
    assert "BatchNorm" not in card(document)
    document["about"]["has_batchnorm"] = True
    assert "BatchNorm statistics of soups: recompute." in card(document)
    del document["about"]["has_batchnorm"]  # as in folders of earlier versions
    assert "BatchNorm statistics of soups: recompute." in card(document)


def test_the_results_are_of_the_task_that_the_folders_card_states(document: dict[str, Any]) -> None:
    short = "---\nlibrary_name: transformers\npipeline_tag: text-generation\n---\n\n# A model soup\n"
    for text, task in (short, "text-generation"), ("", "other"):
        (results,) = front(card(document, short=text))["model-index"][0]["results"]
        assert results["task"] == {"type": task}
