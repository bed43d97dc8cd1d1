"""Fine-tunes a small BERT four times with transformers' `Trainer`, on what Debian's packages say of themselves.

Nothing is downloaded: the texts come from apt's lists, the vocabulary from the texts, and the network is trained from
random weights for some epochs before it is fine-tuned. `python docs/examples/trainer_folders.py FOLDER` writes
`FOLDER/runs/*/checkpoint-*`, as `Trainer` leaves them, `FOLDER/val.jsonl` and `FOLDER/test.jsonl`.
"""

import json
import sys
from pathlib import Path

import torch
from tokenizers import BertWordPieceTokenizer
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizerFast,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

from benchmarks.zoos.debian import SECTIONS, descriptions

#: Learning rate and seed of each fine-tuning.
RUNS = {"low": (3e-4, 1), "middle": (5e-4, 2), "high": (8e-4, 3), "again": (5e-4, 4)}


def tokenizer_of(texts: list[str]) -> BertTokenizerFast:
    """A vocabulary of 2,000 pieces of these texts."""
    trained = BertWordPieceTokenizer()
    trained.train_from_iterator(texts, vocab_size=2_000, show_progress=False)
    return BertTokenizerFast(tokenizer_object=trained._tokenizer, model_max_length=48)


def train(network: BertForSequenceClassification, data: list[dict], tokenizer: BertTokenizerFast, **settings) -> None:
    """One run of `Trainer`."""
    arguments = TrainingArguments(
        per_device_train_batch_size=32, report_to="none", disable_tqdm=True, use_cpu=True, logging_steps=50, **settings
    )
    Trainer(network, arguments, DataCollatorWithPadding(tokenizer), data, processing_class=tokenizer).train()


def main(folder: Path) -> None:
    """Writes the folders and the tables."""
    known = descriptions(folder / "debian.tsv")
    rows = [{"text": text, "label": SECTIONS[label]} for label, text in known]
    for name, part in (("val", rows[:600]), ("test", rows[600:1200])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
    tokenizer = tokenizer_of([row["text"] for row in rows[1200:]])
    encoded = tokenizer([row["text"] for row in rows[1200:]], truncation=True)
    data = [
        {"input_ids": ids, "attention_mask": mask, "labels": SECTIONS.index(row["label"])}
        for ids, mask, row in zip(encoded["input_ids"], encoded["attention_mask"], rows[1200:], strict=True)
    ]
    names = dict(enumerate(SECTIONS))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=48,
        id2label=names,
        label2id={name: place for place, name in names.items()},
    )
    network = BertForSequenceClassification(config)
    train(network, data, tokenizer, output_dir=str(folder / "start"), num_train_epochs=6, learning_rate=1e-3, seed=0)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    for name, (rate, seed) in RUNS.items():
        network.load_state_dict(start)
        where = str(folder / "runs" / name)
        settings = {"save_strategy": "epoch", "save_total_limit": 1, "num_train_epochs": 2}
        train(network, data, tokenizer, output_dir=where, learning_rate=rate, seed=seed, **settings)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
