import json
import math
from pathlib import Path

import pytest

from radin.adapters.config import CONFIG, AdapterConfig, read_config
from radin.errors import CheckpointError, IncompatibleError

PLAIN = {"peft_type": "LORA", "r": 4, "lora_alpha": 8}


def config(**settings) -> AdapterConfig:
    return AdapterConfig(Path("run/adapter_config.json"), PLAIN | settings)


@pytest.mark.parametrize("kind", ["LOHA", "LOKR", "OFT", "VERA", "IA3", "ADALORA", "PROMPT_TUNING", "NEW", None])
def test_every_kind_but_lora_is_refused_by_name(kind) -> None:
    with pytest.raises(IncompatibleError, match=str(kind)):
        config(peft_type=kind)


@pytest.mark.parametrize(
    "settings",
    [
        {"use_bdlora": {"nblocks": 2}},
        {"arrow_config": {"top_k": 2}},
        {"kasa_config": {"beta": 1.0}},
        {"alora_invocation_tokens": [1, 2]},
        {"use_qalora": True},
        {"trainable_token_indices": [3]},
        {"target_parameters": ["experts.gate"]},
        {"ensure_weight_tying": True},
        {"layer_replication": [[0, 4]]},
        {"init_lora_weights": "pissa"},
        {"init_lora_weights": "pissa_niter_16"},
        {"init_lora_weights": "loftq"},
        {"use_something_new": True},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_variants_that_are_no_sum_of_products_are_refused_by_name(settings) -> None:
    with pytest.raises(IncompatibleError, match=next(iter(settings))):
        config(**settings)


def test_settings_that_change_nothing_are_let_through() -> None:
    config(init_lora_weights="gaussian", qalora_group_size=16, use_something_new=None, lora_dropout=0.1, eva_config={})


def test_scale_and_rank_by_module() -> None:
    one = config(rank_pattern={"q": 2, r"layers\.1\.k": 6}, alpha_pattern={"^q": 3, ".*k": 12})
    assert [one.rank(name) for name in ("q", "layers.0.q", "layers.1.k", "layers.0.k", "xq")] == [2, 2, 6, 4, 4]
    assert one.scale("q", 2) == 1.5 and one.scale("layers.0.q", 2) == 4.0  # the sign of the beginning
    assert one.scale("layers.1.k", 6) == 2.0 and one.scale("v", 4) == 2.0
    assert config(use_rslora=True).scale("v", 4) == 8 / math.sqrt(4)


@pytest.mark.parametrize(
    "text", ["", "[1]", "{", '{"peft_type": "LORA", "r": 0}', '{"peft_type": "LORA", "rank_pattern": [1]}']
)
def test_a_damaged_file_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / CONFIG).write_text(text)
    with pytest.raises(CheckpointError, match=CONFIG):
        read_config(tmp_path)


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(CheckpointError, match="rank_pattern"):
        config(rank_pattern={"(": 3}).rank("q")


@pytest.mark.parametrize("pattern", [{"q": 2}, {r"l\.1\.q": 2, "q": 8}, {"^l.0": 3, "k|v": 5}, {"l.*.q": 6}])
def test_patterns_are_looked_up_as_peft_does(pattern) -> None:
    peft = pytest.importorskip("peft.utils.other")
    for name in ("q", "l.0.q", "l.1.q", "l.0", "v", "l.0.k", "xq"):
        expected = pattern.get(peft.get_pattern_key(pattern.keys(), name), 4)
        assert config(rank_pattern=pattern).rank(name) == expected, name


def test_a_config_of_peft_itself_is_known_to_the_last_setting(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    peft.LoraConfig(r=4, target_modules=["q"]).save_pretrained(str(tmp_path))
    values = json.loads((tmp_path / CONFIG).read_text())
    assert read_config(tmp_path).values == values
    with_all = values | {name: value or "x" for name, value in values.items() if name not in ("peft_type",)}
    with pytest.raises(IncompatibleError):
        AdapterConfig(tmp_path / CONFIG, with_all | {"r": 4, "lora_alpha": 8})
