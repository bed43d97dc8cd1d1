"""Lines of Python that load a soup, by what was written: a file, a model's folder, an adapter, a sentence encoder."""

from __future__ import annotations

import json
from pathlib import Path

from radin.report.record import SOUP, Record


def loading_code(record: Record, file: str = SOUP) -> str:
    """Lines of Python that load a run's soup, for a reader to copy.

    Arguments:
        record: of the run.
        file: name of the soup's file, where it is no folder.
    """
    if record.soup.is_dir():
        return folder_loading_code(record.soup)
    where = json.dumps(file)
    if any(one["kind"] == "extra-state" for one in record.findings):
        return f"import radin\n\nnetwork.load_state_dict(radin.Pool({where}).state_dict(0))"
    return f"from safetensors.torch import load_file\n\nnetwork.load_state_dict(load_file({where}))"


def folder_loading_code(soup: Path) -> str:
    """Lines of Python that load a soup's folder, by what it holds: an adapter, a sentence encoder, or another model."""
    where = json.dumps(soup.name)
    if (soup / "adapter_config.json").is_file():
        load = f"model = PeftModel.from_pretrained(base, {where})  # base: the model that the adapters were trained on"
        return f"from peft import PeftModel\n\n{load}"
    if (soup / "modules.json").is_file():
        return f"from sentence_transformers import SentenceTransformer\n\nmodel = SentenceTransformer({where})"
    try:
        named = json.loads((soup / "config.json").read_bytes()).get("architectures") or ["AutoModel"]
    except (OSError, ValueError, AttributeError):
        named = ["AutoModel"]
    name = str(named[0]) if str(named[0]).isidentifier() else "AutoModel"
    return f"from transformers import {name}\n\nmodel = {name}.from_pretrained({where})"
