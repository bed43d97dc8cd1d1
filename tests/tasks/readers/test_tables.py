"""Tables of every kind give the same columns."""

import json
from pathlib import Path
from typing import Any

import pytest

from radin.errors import DataError, InputError, MissingFileError
from radin.tasks.readers.tables import read_table

ROWS = [{"text": 'good, "fine"', "label": "yes"}, {"text": "bad\tfilm", "label": "no"}]
CLASSES = {"label": {"_type": "ClassLabel", "names": ["no", "yes"]}, "text": {"_type": "Value"}}


def columns(path: Path) -> dict[str, list[Any]]:
    return dict(read_table(path).columns)


EXPECTED = {name: [row[name] for row in ROWS] for name in ("text", "label")}


def test_text_formats(tmp_path: Path) -> None:
    csv, lines, one, data = (tmp_path / name for name in ("a.csv", "a.jsonl", "a.json", "b.json"))
    csv.write_text('text,label\n"good, ""fine""",yes\nbad\tfilm,no\n')
    lines.write_text("".join(json.dumps(row) + "\n" for row in ROWS) + "\n")
    one.write_text(json.dumps(ROWS))
    data.write_text(json.dumps({"version": 1, "data": ROWS}))
    for path in (csv, lines, one, data):
        assert columns(path) == EXPECTED
    lines.rename(tmp_path / "lines.json")
    assert columns(tmp_path / "lines.json") == EXPECTED


def test_quotation_marks_in_tsv_are_text_as_glue_has_them(tmp_path: Path) -> None:
    (tmp_path / "dev.tsv").write_text('sentence\tlabel\n"a film\t1\n')
    assert columns(tmp_path / "dev.tsv") == {"sentence": ['"a film'], "label": ["1"]}


def test_files_without_a_header_get_their_names(tmp_path: Path) -> None:
    (tmp_path / "dev.tsv").write_text("a\t1\nb\t0\n")
    assert read_table(tmp_path / "dev.tsv", header=("text", "label")).columns == {
        "text": ["a", "b"],
        "label": ["1", "0"],
    }
    (tmp_path / "dev.tsv").write_text("label\ttext\n1\ta\n")  # it has one, in another order
    assert read_table(tmp_path / "dev.tsv", header=("text", "label")).columns == {"label": ["1"], "text": ["a"]}


def test_parquet_and_folders_of_datasets(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet, ipc = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow.ipc")
    about = {b"huggingface": json.dumps({"info": {"features": CLASSES}}).encode()}
    table = arrow.Table.from_pylist(ROWS).replace_schema_metadata(about)
    parquet.write_table(table, tmp_path / "a.parquet")
    assert columns(tmp_path / "a.parquet") == EXPECTED
    assert read_table(tmp_path / "a.parquet").class_names == {"label": ("no", "yes")}

    saved = tmp_path / "saved" / "validation"
    saved.mkdir(parents=True)
    for part in (0, 1):
        with ipc.new_stream(str(saved / f"data-{part}.arrow"), table.schema) as file:
            file.write_table(table.slice(part, 1))
    state = {"_data_files": [{"filename": f"data-{part}.arrow"} for part in (0, 1)], "_indices_files": None}
    (saved / "state.json").write_text(json.dumps(state))
    (saved / "dataset_info.json").write_text(json.dumps({"features": CLASSES}))
    assert columns(saved) == EXPECTED
    assert read_table(saved).class_names == {"label": ("no", "yes")}
    (tmp_path / "saved" / "dataset_dict.json").write_text('{"splits": ["validation"]}')
    assert dict(read_table(tmp_path / "saved", "validation").columns) == EXPECTED
    with pytest.raises(InputError, match="the splits validation"):
        read_table(tmp_path / "saved")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "text,label\na\n", "sample 0 has 1 fields"),
        ("a.csv", "text,label\n", "no sample"),
        ("a.jsonl", '{"a": 1}\n{', "line 2"),
        ("a.jsonl", '{"a": 1}\n{"b": 1}\n', "sample 1 has the entries b"),
        ("a.json", '{"a": 1}', "expected a list"),
        ("a.parquet", "PAR1", "Parquet"),
    ],
)
def test_damaged_tables_are_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said):
        read_table(tmp_path / name)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        read_table(tmp_path / "gone.csv")
    (tmp_path / "a.xlsx").touch()
    with pytest.raises(InputError, match=r"\.jsonl"):
        read_table(tmp_path / "a.xlsx")
    with pytest.raises(InputError, match="save_to_disk"):
        read_table(tmp_path)
    (tmp_path / "a.csv").write_text("text,label\na,1\n")
    with pytest.raises(InputError, match="without splits"):
        read_table(tmp_path / "a.csv", "validation")
    with pytest.raises(InputError, match=r"no column 'txet'.*text=\.\.\."):
        read_table(tmp_path / "a.csv").column("txet", "text")
