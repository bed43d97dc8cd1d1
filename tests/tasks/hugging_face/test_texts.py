"""Tables become what the model takes: texts, pairs, words with tags, choices."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("transformers")

from radin.errors import DataError, InputError
from radin.tasks.hugging_face.texts import Encoder, open_tokenizer
from radin.tasks.readers.tables import Table
from tests.helpers import tiny_models

CONFIG = SimpleNamespace(
    model_type="bert",
    num_labels=2,
    id2label={0: "bad", 1: "good"},
    max_position_embeddings=24,
    pad_token_id=0,
    problem_type=None,
)


def encoder(kind: str = "classes", **settings: Any) -> Encoder:
    return Encoder(tiny_models.tokenizer(), CONFIG, kind, **settings)


def table(**columns: list[Any]) -> Table:
    return Table(Path("val.jsonl"), columns)


def ids(data: Any, i: int, name: str = "input_ids") -> list[Any]:
    value: list[Any] = data[i][0][name].tolist()
    return value


def test_single_texts_have_usual_names_or_are_named() -> None:
    for data in (
        encoder()(table(text=["good film", "bad"], label=["good", 0])),
        encoder(text="body", label="stars")(table(body=["good film", "bad"], stars=["good", 0])),
    ):
        assert ids(data, 0) == [2, 4, 12, 3]
        assert ids(data, 1) == [2, 7, 3, 0]
        assert ids(data, 1, "attention_mask") == [1, 1, 1, 0]
        assert data.labels.tolist() == [1, 0]


def test_pairs_are_encoded_together() -> None:
    data = encoder()(table(sentence1=["good"], sentence2=["bad film"], label=[1]))
    assert ids(data, 0) == [2, 4, 3, 7, 12, 3]
    assert ids(data, 0, "token_type_ids") == [0, 0, 0, 1, 1, 1]


def test_long_texts_are_cut_as_the_model_needs_it() -> None:
    data = encoder()(table(text=["good " * 50], label=[1]))
    assert len(ids(data, 0)) == 24
    assert len(ids(encoder(max_length=6)(table(text=["good " * 50], label=[1])), 0)) == 6
    roberta = SimpleNamespace(**vars(CONFIG) | {"model_type": "roberta", "pad_token_id": 1})
    assert Encoder(tiny_models.tokenizer(), roberta, "classes").max_length == 22  # positions begin behind the padding's
    with pytest.raises(InputError):
        encoder(max_length=0)


def test_tags_stand_at_the_first_token_of_a_word() -> None:
    data = encoder("positions")(table(tokens=[["good", "very-bad", "film"], ["it"]], ner_tags=[["good", 0, 1], [1]]))
    assert ids(data, 0) == [2, 4, 11, 1, 7, 12, 3]  # very-bad is three tokens
    assert data.labels.tolist() == [[-100, 1, 0, -100, -100, 1, -100], [-100, 1, *[-100] * 5]]
    with pytest.raises(DataError, match="1 tags, but 2 words"):
        encoder("positions")(table(tokens=[["good", "film"]], tags=[[1]]))


def test_choices_follow_their_context() -> None:
    columns: dict[str, list[Any]] = {
        "question": ["it", "film"],
        "choices": [["good", "bad"], ["fine"]],
        "label": ["B", 0],
    }
    data = encoder("choices")(table(**columns))
    assert ids(data, 0) == [[2, 13, 3, 4, 3], [2, 13, 3, 7, 3]]
    assert ids(data, 1, "attention_mask") == [[1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]
    assert data.labels.tolist() == [1, 0]
    swag = table(sent1=["it"], sent2=["a"], ending0=["good"], ending1=["bad"], label=[1])
    assert ids(encoder("choices")(swag), 0) == [[2, 13, 3, 10, 4, 3], [2, 13, 3, 10, 7, 3]]


def test_columns_that_are_not_there_are_asked_for() -> None:
    with pytest.raises(InputError) as refused:
        encoder()(table(body=["good"], label=[1]))
    assert refused.value.mend == {"text": "COLUMN"}
    with pytest.raises(InputError) as refused:
        encoder()(table(text=["good"], stars=[1]))
    assert refused.value.mend == {"label": "COLUMN"}
    with pytest.raises(DataError, match="no text"):
        encoder()(table(text=[None], label=[1]))


def test_a_folder_without_a_tokenizer_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (path,) = tiny_models.save_pool(tmp_path, tiny_models.bert(), 1, with_tokenizer=False)
    with pytest.raises(InputError, match="no tokenizer") as refused:
        open_tokenizer(path, None, trust_remote_code=False)
    assert refused.value.mend == {"tokenizer": "FOLDER"}
    tiny_models.tokenizer().save_pretrained(tmp_path / "elsewhere")
    assert len(open_tokenizer(path, tmp_path / "elsewhere", trust_remote_code=False)) == len(tiny_models.WORDS)
