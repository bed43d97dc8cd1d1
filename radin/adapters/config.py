"""The settings of an adapter, from `adapter_config.json`: which kinds can be averaged, and the scale of each module."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radin.common.wording import shown
from radin.errors import CheckpointError, IncompatibleError

#: The file of PEFT that tells a folder with an adapter from every other.
CONFIG = "adapter_config.json"

#: Settings of PEFT's LoRA under which an adapter is no sum of products, or not of these factors alone.
REFUSED = {
    "alora_invocation_tokens": "activated LoRA (aLoRA) works on a part of each text only",
    "arrow_config": "Arrow routes between several adapters",
    "ensure_weight_tying": "the factors of tied modules are tied, and stacked ones would not be",
    "kasa_config": "KaSA has a diagonal between its factors",
    "layer_replication": "the base's layers are repeated, so they are another model's",
    "megatron_config": "Megatron's layers keep their factors in parts",
    "monteclora_config": "MonteCLoRA samples its factors",
    "target_parameters": "the factors of experts in one tensor are interleaved",
    "trainable_token_indices": "rows of the vocabulary are replaced beside the factors",
    "use_bdlora": "BD-LoRA has factors of blocks",
    "use_qalora": "QALoRA works on pooled inputs",
    "velora_config": "VeLoRA keeps more than its factors",
}

#: Ways to begin that leave the base as it is. Others (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA) change the base first.
PLAIN_STARTS = (True, False, None, "gaussian", "eva", "orthogonal")

#: Settings that are read here, or make no difference to the network that comes out.
KNOWN = frozenset(
    {
        "alpha_pattern",
        "auto_mapping",
        "base_model_name_or_path",
        "bias",
        "corda_config",
        "eva_config",
        "exclude_modules",
        "fan_in_fan_out",
        "inference_mode",
        "init_lora_weights",
        "layers_pattern",
        "layers_to_transform",
        "loftq_config",
        "lora_alpha",
        "lora_bias",
        "lora_dropout",
        "lora_ga_config",
        "megatron_core",
        "modules_to_save",
        "peft_type",
        "peft_version",
        "qalora_group_size",
        "r",
        "rank_pattern",
        "revision",
        "runtime_config",
        "target_modules",
        "task_type",
        "use_dora",
        "use_rslora",
    }
)

#: Settings that all adapters of a pool must share.
SHARED = ("revision", "task_type", "fan_in_fan_out", "bias")


@dataclass(frozen=True)
class AdapterConfig:
    """The settings of one adapter.

    Arguments:
        path: the file, for messages.
        values: its content.

    Raises:
        IncompatibleError: no LoRA, or a variant of it that is no sum of products.
        CheckpointError: the content is not what PEFT writes.
    """

    path: Path
    values: Mapping[str, Any]

    def __post_init__(self) -> None:
        kind = self.values.get("peft_type")
        if kind != "LORA":
            raise IncompatibleError(
                f"{self.path}: an adapter of the type {shown(str(kind))}. radin averages LoRA alone, whose update is a "
                "product of two factors; merge others into their base (PEFT: model.merge_and_unload()) and give the "
                "merged models."
            )
        self._refuse_variants()
        for name in ("r", "lora_alpha"):
            number = self.values.get(name, 8)
            if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < math.inf:
                raise CheckpointError(f"{self.path}: {name} must be a number above 0, got {number!r}")
        for name in ("rank_pattern", "alpha_pattern"):
            if not isinstance(self.values.get(name) or {}, Mapping):
                raise CheckpointError(f"{self.path}: {name} must be a mapping from modules, got {self.values[name]!r}")

    def _refuse_variants(self) -> None:
        remedy = "Merge it into its base (PEFT: model.merge_and_unload()) and give the merged models."
        for name, value in self.values.items():
            if name in REFUSED and value:
                raise IncompatibleError(f"{self.path}: {name} is set: {REFUSED[name]}, so it is not averaged. {remedy}")
            if name not in REFUSED and name not in KNOWN and value:
                raise IncompatibleError(
                    f"{self.path}: {shown(name)} is set, which radin does not know, so the adapter may be more than a "
                    f"product of factors. {remedy}"
                )
        start = self.values.get("init_lora_weights", True)
        if not any(start is one or (isinstance(start, str) and start == one) for one in PLAIN_STARTS):
            raise IncompatibleError(
                f"{self.path}: init_lora_weights is {start!r}, which changes the base before training, so the factors "
                "are no update of the base itself. Save it as a plain LoRA: PEFT's save_pretrained(..., "
                "path_initial_model_for_weight_conversion=...)."
            )

    @property
    def base(self) -> str:
        """The model that the adapter was trained on: a name, or a path of the machine of that time."""
        return str(self.values.get("base_model_name_or_path") or "")

    @property
    def is_dora(self) -> bool:
        """Whether each row of the adapted weight has a length of its own (DoRA)."""
        return bool(self.values.get("use_dora"))

    @property
    def has_bias(self) -> bool:
        """Whether the second factor has a bias (`lora_bias`)."""
        return bool(self.values.get("lora_bias"))

    @property
    def transposed(self) -> bool:
        """Whether the base's matrices are stored as [inputs, outputs] (`fan_in_fan_out`)."""
        return bool(self.values.get("fan_in_fan_out"))

    def rank(self, module: str) -> int:
        """The rank that the settings give a module."""
        return int(self._of("rank_pattern", "r", module))

    def scale(self, module: str, rank: int) -> float:
        """The factor s of a module's update s·B·A: alpha over the rank, or over its root (`use_rslora`)."""
        alpha = float(self._of("alpha_pattern", "lora_alpha", module))
        return alpha / math.sqrt(rank) if self.values.get("use_rslora") else alpha / rank

    def _of(self, patterns: str, otherwise: str, module: str) -> Any:
        """The value of the first pattern that a module's name matches or ends with, as PEFT looks it up."""
        known = self.values.get(patterns) or {}
        for pattern, value in known.items():
            try:
                if re.match(rf"(.*\.)?({pattern})$", module):
                    return value
            except re.error as error:
                raise CheckpointError(
                    f"{self.path}: {patterns} has the key {pattern!r}, no pattern: {error}"
                ) from error
        return known.get(module, self.values.get(otherwise, 8))


def read_config(folder: Path) -> AdapterConfig:
    """The settings of the adapter in a folder.

    Raises:
        CheckpointError: the file is damaged.
        IncompatibleError: another kind of adapter.
    """
    path = folder / CONFIG
    try:
        values = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON ({error}). Copy or save the adapter again.") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} is not a JSON object. Copy or save the adapter again.")
    return AdapterConfig(path, values)
