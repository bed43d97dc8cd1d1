"""CLIP architectures of open_clip: by name, or from a config file, without leftovers; weights by tag or file."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from radin.common.files import file_fingerprint
from radin.errors import InputError, MissingFileError, TaskError
from radin.tasks.libraries import import_library, unknown_architecture

#: The file in which open_clip and the model hub keep a model's config.
CONFIG_NAME = "open_clip_config.json"

#: Endings of files of weights that open_clip reads.
WEIGHTS = frozenset({".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".npz"})

Tokenizer = Callable[[list[str]], torch.Tensor]


@dataclass(frozen=True)
class Weights:
    """Weights of a whole CLIP: a tag that open_clip knows, or a file.

    Attributes:
        arch: the architecture's name, for a tag.
        source: the tag, or the file's path.
    """

    arch: str | None
    source: str

    @property
    def fingerprint(self) -> str:
        """The tag, or the fingerprint of the file."""
        return self.source if self.arch else file_fingerprint(self.source)

    def load_into(self, model: nn.Module) -> None:
        """Fills a CLIP; the weights of a tag are fetched from the model hub unless they are in its cache already.

        Raises:
            TaskError: the hub cannot be reached, or the weights are another architecture's.
        """
        library, path = import_open_clip(), self.source
        if self.arch is not None:
            known = library.get_pretrained_cfg(self.arch, self.source)
            try:
                path = library.download_pretrained(known)
            except Exception as error:  # the hub's client raises errors of a dozen classes
                place = known.get("hf_hub") or known.get("url")
                raise TaskError(
                    f"the weights {self.source!r} of {self.arch} could not be fetched ({type(error).__name__}: "
                    f"{error}). They are at {place}; bring the file here, and say pretrained=FILE"
                ) from error
        try:
            library.load_checkpoint(model, str(path))
        except Exception as error:  # torch raises RuntimeError on other keys and on damaged files, and more besides
            raise TaskError(f"{path} does not load as weights of this architecture: {error}") from error


@dataclass(frozen=True)
class Architecture:
    """A CLIP architecture: the settings for building it, preparing images and tokenising prompts.

    Nothing is downloaded. `open_clip.create_model` is not used, since it looks names up in a registry of the
    whole process, wants weights, and sets up logging.

    Attributes:
        config: open_clip's model config: `embed_dim`, `vision_cfg`, `text_cfg`, `quick_gelu`, ...
        preprocess: what preparing images takes: `size`, `mean`, `std`, `interpolation`, `resize_mode`, ...
        folder: where the files of a Hugging Face tokenizer lie, if they came along with the config.
        weights: the pretrained ones that were named, if any were.
    """

    config: dict[str, Any]
    preprocess: dict[str, Any]
    folder: Path | None = None
    weights: Weights | None = None

    @classmethod
    def read(
        cls,
        arch: str | os.PathLike[str],
        *,
        pretrained: str | None = None,
        quickgelu: bool | None = None,
        image_size: int | None = None,
    ) -> Architecture:
        """Looks an architecture up.

        Arguments:
            arch: a name that open_clip knows, a config file (a model config alone, or an `open_clip_config.json`), or a
                folder that holds an `open_clip_config.json`.
            pretrained: tag of the weights that fine-tuning started from, or their file. With a tag, images are prepared
                as for those weights; else with the config file's mean and standard deviation, or open_clip's usual
                ones.
            quickgelu: whether the network uses OpenAI's approximation of GELU; as the config says by default.
            image_size: of square images, where it is not the config's.

        Raises:
            InputError: no such name, tag or file, a file that is no config, or a tag whose weights were trained with
                another activation than the config's while `quickgelu` does not decide.
            MissingFileError: no such file of weights.
            TaskError: open_clip cannot be imported.
        """
        library = import_open_clip()
        path = _config_file(str(arch))
        file = _weights_file(pretrained)
        tag, name = pretrained if file is None else None, None
        if path is None:
            name = str(arch).replace("/", "-")
            config = library.get_model_config(name) if name in library.list_models() else None
            if config is None:
                raise InputError(_unknown(str(arch), library.list_models()))
            preprocess = _of_tag(library, name, tag, config, quickgelu)
        elif tag is not None:
            raise InputError(f"pretrained={tag!r}: a tag goes with a name that open_clip knows, not with {path}")
        else:
            config, preprocess = _read_config(path)
        if quickgelu is not None:
            config["quick_gelu"] = quickgelu
        if image_size is not None:
            config["vision_cfg"]["image_size"] = image_size
        preprocess["size"] = config["vision_cfg"].get("image_size", 224)
        brought = path is not None and path.name == CONFIG_NAME
        weights = Weights(None, str(file)) if file else Weights(name, tag) if tag else None
        return cls(config, preprocess, path.parent if path is not None and brought else None, weights)

    def build(self) -> nn.Module:
        """The CLIP with random weights, in float32 on the CPU."""
        library = import_open_clip()
        config = deepcopy(self.config)
        config["vision_cfg"].pop("timm_model_pretrained", None)
        config["text_cfg"]["hf_model_pretrained"] = False
        custom = config.pop("custom_text", False) or "hf_model_name" in config["text_cfg"]
        kind = library.CLIP
        if custom:
            kind = library.CoCa if "multimodal_cfg" in config else library.CustomTextCLIP
        network: nn.Module = kind(**config)
        return network

    def transform(self) -> Callable[[Any], torch.Tensor]:
        """Turns an image of Pillow into what the network takes, without randomness."""
        module = importlib.import_module("open_clip.transform")
        known = module.merge_preprocess_dict(module.PreprocessCfg(), self.preprocess)
        made: Callable[[Any], torch.Tensor] = module.image_transform_v2(module.PreprocessCfg(**known), is_train=False)
        return made

    def tokenizer(self) -> Tokenizer:
        """Turns prompts into the network's tokens; open_clip's own vocabulary needs no download."""
        library = import_open_clip()
        text = self.config["text_cfg"]
        options = dict(text.get("tokenizer_kwargs") or {}, context_length=text.get("context_length", 77))
        name = text.get("hf_tokenizer_name")
        if name:
            module = importlib.import_module("open_clip.tokenizer")
            source = str(self.folder or name)
            try:
                made: Tokenizer = module.HFTokenizer(source, tokenizer_mode=text.get("tokenizer_mode"), **options)
            except Exception as error:  # the hub's client raises errors of a dozen classes
                raise TaskError(
                    f"the tokenizer {source} could not be loaded ({type(error).__name__}: {error}). Where the hub "
                    f"cannot be reached, give arch=FOLDER with the tokenizer's files beside an {CONFIG_NAME}"
                ) from error
            return made
        simple: Tokenizer = library.SimpleTokenizer(**options)
        return simple


def import_open_clip() -> Any:
    """The library open_clip.

    Raises:
        TaskError: it cannot be imported; says what to install.
    """
    return import_library("open_clip", "open_clip_torch")


def keep_image_tower(model: nn.Module) -> None:
    """Takes everything else out of a CLIP; `encode_image` goes on working."""
    left_out = [name for name, _ in model.named_children() if name != "visual"]
    for name in [*left_out, *(name for name, _ in model.named_parameters(recurse=False))]:
        delattr(model, name)


def _weights_file(pretrained: str | None) -> Path | None:
    """The file that `pretrained` stands for, or None for a tag."""
    path = Path(pretrained or "").expanduser()
    if path.is_file():
        return path
    if path.suffix in WEIGHTS:
        raise MissingFileError(f"pretrained={pretrained}: no such file; expected a tag of open_clip, or a file")
    return None


def _config_file(arch: str) -> Path | None:
    """The config file that an architecture stands for, or None for a name."""
    path = Path(arch).expanduser()
    if path.is_dir():
        path = path / CONFIG_NAME
    if path.is_file():
        return path
    if path.suffix == ".json":
        raise InputError(f"arch={arch}: there is no such file or folder with an {CONFIG_NAME}")
    return None


def _read_config(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: expected an open_clip config as JSON: {error}") from error
    outer = content if isinstance(content, dict) else {}
    config = outer.get("model_cfg", outer)
    if "embed_dim" not in config or not all(isinstance(config.get(key), dict) for key in ("vision_cfg", "text_cfg")):
        raise InputError(f"{path}: expected an open_clip config, with embed_dim, vision_cfg and text_cfg")
    return dict(config), dict(outer.get("preprocess_cfg", {}))


def _of_tag(library: Any, name: str, tag: str | None, config: dict[str, Any], quickgelu: bool | None) -> dict[str, Any]:
    """Preparation of images for the weights of a tag."""
    if tag is None:
        return {}
    if not library.is_pretrained_cfg(name, tag):
        tags = ", ".join(library.list_pretrained_tags_by_model(name)) or "none"
        raise InputError(f"open_clip knows no weights {tag!r} of {name}; it knows: {tags}")
    known: dict[str, Any] = library.get_pretrained_cfg(name, tag)
    ours, theirs = bool(config.get("quick_gelu", False)), bool(known.get("quick_gelu", False))
    if quickgelu is None and ours != theirs:
        raise InputError(
            f"the weights {tag!r} were trained with quick_gelu={theirs}, but {name} has quick_gelu={ours}. Say "
            f"quickgelu=true or quickgelu=false, whichever the checkpoints were fine-tuned with"
        )
    return dict(known)


def _unknown(arch: str, names: list[str]) -> str:
    hint = unknown_architecture("open_clip", arch, names)
    return f"open_clip knows no architecture {arch!r}, and it is neither a config file nor a folder; {hint}"
