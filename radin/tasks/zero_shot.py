"""Zero-shot classification with CLIPs of open_clip: heads that come from prompts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import nn

from radin.tasks.clip import Architecture, Tokenizer, Weights, import_open_clip, keep_image_tower

#: Fingerprint of the heads that this module makes, see `radin.tasks.open_clip.FINGERPRINT`.
FINGERPRINT = "3a56b4f8894373acf81f7cbf502af1b053b0be12afcc6e2e8928ed508e250d48"

#: Prompts that go through the text tower together, rounded down to whole classes.
PROMPTS_AT_ONCE = 256


class ZeroShot:
    """Networks whose head is made from prompts each time that their weights have changed.

    Arguments:
        architecture: of the CLIP.
        classnames: as prompts call the classes, in label order.
        templates: prompt templates with `{}` for the class.
        text: weights of the text tower, where the checkpoints have the image tower alone: the head is then one and the
            same for all of them. By default every checkpoint brings its own text tower.
    """

    def __init__(
        self,
        architecture: Architecture,
        classnames: Sequence[str],
        templates: Sequence[str],
        text: Weights | None = None,
    ) -> None:
        self.architecture, self.text = architecture, text
        self.classnames, self.templates = tuple(classnames), tuple(templates)
        self._tokenizer = _remembered(architecture.tokenizer())
        self._common_heads: dict[torch.device, torch.Tensor] = {}

    def network(self) -> nn.Module:
        """A network with exactly the checkpoints' keys."""
        model = self.architecture.build()
        if self.text is not None:
            keep_image_tower(model)
        # Not persistent: the head follows from the weights, and the network is to have the checkpoint's keys alone.
        empty = torch.zeros(self.architecture.config["embed_dim"], len(self.classnames))
        model.register_buffer("zero_shot_head", empty, persistent=False)
        return model

    def set_head(self, model: Any) -> None:
        """Gives a network that was just filled its head."""
        device = model.zero_shot_head.device
        model.zero_shot_head.copy_(self._head(model) if self.text is None else self._common_head(device))

    def logits(self, model: nn.Module, images: Float[torch.Tensor, "b 3 h w"]) -> Float[torch.Tensor, "b C"]:
        """Scaled cosines between images and classes. SigLIP's bias, one number for all classes, is left out."""
        clip: Any = model
        logits: torch.Tensor = clip.encode_image(images, normalize=True) @ clip.zero_shot_head
        return logits

    def _head(self, clip: Any) -> Float[torch.Tensor, "d C"]:
        embeddings = class_embeddings(clip, self._tokenizer, self.classnames, self.templates)
        return clip.logit_scale.exp() * embeddings

    def _common_head(self, device: torch.device) -> Float[torch.Tensor, "d C"]:
        """The head of the one text tower, made once on each device that networks lie on."""
        assert self.text is not None  # or there is none in common
        if device not in self._common_heads:
            clip = self.architecture.build()
            self.text.load_into(clip)
            self._common_heads[device] = self._head(clip.to(device).eval())
        return self._common_heads[device]


def _remembered(tokenizer: Tokenizer) -> Tokenizer:
    """Tokenises each batch of prompts once, not once for every network: it takes longer than a small text tower."""
    tokens = cache(lambda prompts: tokenizer(list(prompts)))
    return lambda prompts: tokens(tuple(prompts))


def class_embeddings(
    model: nn.Module, tokenizer: Tokenizer, classnames: Sequence[str], templates: Sequence[str]
) -> Float[torch.Tensor, "d C"]:
    """The zero-shot head: for each class the mean of its prompts' embeddings of length 1, scaled to length 1."""
    head: torch.Tensor = import_open_clip().build_zero_shot_classifier(
        model,
        tokenizer,
        classnames,
        templates,
        num_classes_per_batch=max(1, PROMPTS_AT_ONCE // len(templates)),
        device=next(model.parameters()).device,
    )
    return head
