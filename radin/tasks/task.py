"""A task: the network, the data, and how the one is run on the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64

from radin.common.code_location import place_of_error
from radin.common.files import fingerprint_of
from radin.common.out_of_memory import is_out_of_memory
from radin.errors import DataError, InputError, RadinError, TaskError
from radin.scoring.kinds import Asked, Kind
from radin.scoring.kinds.classes import IGNORED
from radin.scoring.metrics import Metric, get_metric
from radin.tasks.batches import cut, map_tensors, n_samples
from radin.tasks.calling import call, described
from radin.tasks.code import source_of
from radin.tasks.data import Batch, Rows
from radin.tasks.device import parse_device
from radin.tasks.inputs import on_device
from radin.tasks.outputs import as_outputs, fetched
from radin.tasks.source import LABELS
from radin.tasks.split import split_rows

#: Names that a test set may have: they are also names of folders.
SET_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Task:
    """The network, labelled data, how to get logits of the one on the other, and which metric counts.

    Arguments:
        build_model: returns a new network, with any weights; radin gives it those of the ingredients and the soups.
        data: what selects the soup. A map-style dataset of `(input, label)`, a pair `(inputs, labels)` of tensors, or
            a `DataLoader` that does not shuffle.
        metric: a name, see `docs/tasks.md`, or a callable `(outputs, labels) -> numbers per sample or one number`,
            higher being better unless `radin.scoring.lower_is_better` says otherwise. By default that of the kind of
            outputs: accuracy for classes, for example, and the mean squared error for values.
        test: data of the same form that selects nothing and on which the winner is reported; or several such sets, a
            mapping from their names. With it, all of `data` selects.
        holdback: share of `data`, stratified by class, that selects nothing if there is no test set. The default
            follows common practice. With 0 the winner is reported on the data that selected it, and the report says so.
        split_seed: draws the held-back part. It is a seed of its own, so that searches with different seeds stay
            comparable.
        outputs: the kind of outputs: `classes`, `one-logit`, `several-labels`, `values`, `positions`, `tags`,
            `choices` or `tokens`. By default it follows from the labels, and from a metric that is for one kind alone.
        groups: for each sample of `data` the id of its group, such as a patient; a mapping with the name of a test set,
            and `data`, where these have groups, too. Groups are held back whole, and intervals and tests are about
            groups. The positions of a sample are a group without being told.
        ignore_index: the label of positions that do not count.
        positions: positions of a sample at most, drawn once and for all; None takes all that are labelled.
        forward: `(network, inputs) -> outputs`. By default `network(inputs)`, or `network(**inputs)` where inputs are a
            dict whose names its signature takes.
        alternatives: of tokens, those whose logits are kept of each position beside the label's, 64 by default. They
            are the same for all networks: the largest of the uniform soup, which is run first. The loss of each network
            is exact, and that of averaged logits is at most as much too high as the report says.
        collate_fn: makes a batch of a list of samples of a dataset, as that of a `DataLoader` does.
        prepare: called with the network each time its weights have changed, before the first batch.
        load: `(network, tensors) -> None` gives a new network the tensors of a checkpoint, `{name: tensor}` on the CPU,
            as a script of yours would. By default `network.load_state_dict(tensors, strict=True)`.
        batch_size: samples per forward pass; it is halved each time that memory runs out.
        device: `auto` (CUDA where there is one, else the CPU), or any device that PyTorch takes: `cpu`, `cuda:1`,
            `mps`, ...
        autocast: `"bfloat16"` or `"float16"` runs the forward pass in `torch.autocast`; None leaves it as it is.
        loaders: processes that load a dataset.
        limit: use at most so many samples of `data`, and of each test set, drawn once and for all: each class in
            proportion where the labels are known beforehand, at random elsewhere; groups are taken whole. None uses
            all.
        origin: options of the command line that the task was made of, with their values; where a run folder was made
            with others, the error names them.
        source: fingerprint of the code and arguments that define this task; by default taken from `build_model`,
            `forward`, `prepare` and `load`. Logits are reused only where it agrees.

    Raises:
        InputError: an argument out of range, or a device that is not there.
        DataError: data of no known form, or a loader that shuffles. Faults of the samples are raised when they are
            first read.
    """

    build_model: Callable[[], torch.nn.Module]
    data: Any = field(repr=False)
    metric: str | Callable[..., Any] | Metric | None = None
    test: Any = field(default=None, repr=False)
    holdback: float = 0.2
    split_seed: int = 0
    _: KW_ONLY
    outputs: str | None = None
    groups: Any = field(default=None, repr=False)
    ignore_index: int = IGNORED
    positions: int | None = None
    alternatives: int | None = None
    collate_fn: Callable[[list[Any]], Any] | None = None
    forward: Callable[[torch.nn.Module, Any], Any] | None = None
    prepare: Callable[[torch.nn.Module], Any] | None = None
    load: Callable[[torch.nn.Module, dict[str, torch.Tensor]], Any] | None = None
    batch_size: int = 256
    device: str | torch.device = "auto"
    autocast: str | None = None
    loaders: int = 0
    limit: int | None = None
    origin: Mapping[str, str] = field(default_factory=dict, repr=False)
    source: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.build_model, torch.nn.Module):
            raise InputError(
                "build_model must be a function that returns a new network, got a network; pass the function itself, "
                "build_model rather than build_model(), or lambda: copy.deepcopy(network)"
            )
        if not callable(self.build_model):
            raise InputError(f"build_model must be a function that returns the network, got {self.build_model!r}")
        if not 0 <= self.holdback < 1:
            raise InputError(f"holdback must be at least 0 and below 1, got {self.holdback!r}")
        for name, least in (("batch_size", 1), ("split_seed", 0), ("loaders", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)!r}")
        if self.autocast not in (None, "bfloat16", "float16"):
            raise InputError(f"autocast must be 'bfloat16', 'float16' or None, got {self.autocast!r}")
        if self.device != "auto":
            parse_device(self.device)
        if self.limit is not None and self.limit < 1:
            raise InputError(f"limit must be at least 1, got {self.limit!r}")
        get_metric(self.metric)
        self._check_group_names()
        if self.rows.columns is not None:
            raise InputError("data: these have classes of their own and can only report; give them as a test set")
        _ = self.tests  # of a known form, and not shuffled; nothing is read yet

    @property
    def kind(self) -> Kind:
        """The kind of outputs, which the labels of `data` may decide."""
        return self.rows.kind

    @cached_property
    def scored_by(self) -> Metric:
        """The metric.

        Raises:
            InputError: a metric of another kind of outputs.
        """
        metric = get_metric(self.metric, self.kind)
        return metric.of_classes(next(iter(self.rows.class_names), None))

    @property
    def _asked_for(self) -> str | None:
        """The kind of outputs that the metric is for, where it asks for one."""
        return None if self.metric is None else get_metric(self.metric).asks_for

    @cached_property
    def rows(self) -> Rows:
        """The samples of `data`, those that select and those held back."""
        return self._rows(self.data, "data", self._groups_of("data"))

    @cached_property
    def tests(self) -> dict[str, Rows]:
        """The samples of each test set, by name; a single set is called `test`."""
        if self.test is None:
            return {}
        if not isinstance(self.test, Mapping) or any(name in self.test for name in LABELS):
            return {"test": self._rows(self.test, "the test set", self._groups_of("test"), like=self.rows)}
        odd = [name for name in self.test if not (isinstance(name, str) and SET_NAME.fullmatch(name))]
        if odd or not self.test:
            got = f"the name {odd[0]!r}" if odd else "none"
            raise InputError(f"test sets have names of letters, digits, '_', '-' and '.', such as v2; got {got}")
        if "mean" in self.test:
            raise InputError("a test set cannot be called 'mean': that is the column of the mean of all test sets")
        return {
            name: self._rows(data, f"test set {name}", self._groups_of(name), like=self.rows)
            for name, data in self.test.items()
        }

    def _groups_of(self, name: str) -> Any:
        """The groups of the data, or of a test set."""
        if isinstance(self.groups, Mapping):
            return self.groups.get(name)
        return self.groups if name == "data" else None

    def _check_group_names(self) -> None:
        if isinstance(self.groups, Mapping):
            tests = {} if self.test is None else self.test if isinstance(self.test, Mapping) else {"test": self.test}
            unknown = set(self.groups) - {"data", *tests}
            if unknown:
                known = ", ".join(["data", *tests])
                raise InputError(f"groups are for {known}; there is no {sorted(map(str, unknown))[0]!r}")

    def rows_of(self, test: str | None) -> list[Rows]:
        """The samples of the data, and of a test set, if one is named."""
        return [self.rows] if test is None else [self.rows, self.tests[test]]

    def _rows(self, data: Any, what: str, groups: Any, like: Rows | None = None) -> Rows:
        return Rows(
            data,
            batch_size=self.batch_size,
            loaders=self.loaders,
            what=what,
            limit=self.limit,
            pinned=self.torch_device.type == "cuda",  # not before: pinned memory makes a CUDA context
            collate=self.collate_fn,
            asked=Asked(self.outputs or self._asked_for, self.ignore_index, self.positions, self.alternatives),
            like=like,
            groups=groups,
        )

    @cached_property
    def split(self) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " h"]]:
        """Indices of the samples that select, and of those held back (none if there is a test set).

        Raises:
            DataError: one of the two has samples, but no position with a label.
        """
        share = 0.0 if self.test is not None else self.holdback
        parts = split_rows(self.rows.strata, share, self.split_seed, self.rows.groups)
        for part, what in zip(parts, ("that select", "held back"), strict=True):
            rows = self.kind.rows(self.rows.labels[part])
            if len(part) and rows is not None and not len(rows):
                raise DataError(
                    f"{self.rows.what}: none of the {len(part)} samples {what} has a position with a label; give more "
                    "such samples, or no holdback"
                )
        return parts

    @cached_property
    def torch_device(self) -> torch.device:
        """The device that the network runs on."""
        return parse_device(self.device)

    @cached_property
    def code(self) -> str:
        """Fingerprint of the code and arguments that define this task."""
        parts = [self.build_model, self.forward, self.prepare, *(one for one in (self.load, self.collate_fn) if one)]
        return self.source or fingerprint_of([source_of(part) for part in parts])

    @property
    def is_spread(self) -> bool:
        """Whether one network takes several devices."""
        return getattr(self.build_model, "device_map", None) is not None

    @property
    def settings(self) -> dict[str, str]:
        """Settings that decide which samples and which network these are, by the name of their parameter."""
        return dict(self.origin) | ({} if self.limit is None else {"limit": str(self.limit)})

    def build(self) -> torch.nn.Module:
        """The network that `build_model` returns.

        Raises:
            TaskError: it raised, or returned something else than a network.
        """
        network = self._calling("build_model", self.build_model)
        if not isinstance(network, torch.nn.Module):
            raise TaskError(f"build_model must return a torch.nn.Module, got {type(network).__name__}")
        return network

    def ready(self, network: torch.nn.Module) -> torch.nn.Module:
        """A network of this task on its device, ready for inference.

        Raises:
            TaskError: it has no memory for some of its weights, or cannot be moved to the device.
        """
        bare = next(
            (name for name, one in (*network.named_parameters(), *network.named_buffers()) if one.is_meta), None
        )
        if bare is not None:
            raise TaskError(
                f"tensor {bare!r} of the network is on the device 'meta', where it has no values. Build the network "
                "without torch.device('meta'), or have the loading give it memory: "
                "load=lambda network, tensors: network.load_state_dict(tensors, assign=True)"
            )
        moved: torch.nn.Module = self._calling(f"network.to({str(self.torch_device)!r})", network.to, self.torch_device)
        for parameter in moved.eval().parameters():  # scripted networks have no requires_grad_ of their own
            parameter.requires_grad_(False)
        return moved

    def network(self) -> torch.nn.Module:
        """A network as `build_model` returns it, on the task's device, ready for inference."""
        return self.ready(self.build())

    def load_into(self, network: torch.nn.Module, tensors: dict[str, Any]) -> None:
        """Gives a network tensors by the task's own function, `load`.

        Raises:
            TaskError: the function raised.
        """
        self._calling("load", self.load or _load, network, tensors)

    def logits(
        self,
        network: torch.nn.Module,
        rows: Rows,
        batch_size: int | None = None,
        only: Int64[np.ndarray, " s"] | None = None,
        *,
        kind: Kind | None = None,
    ) -> Generator[Float32[np.ndarray, "b ..."], None, None]:
        """Outputs of a network on some rows, batch by batch: the one primitive beneath ingredients and soups.

        Arguments:
            network: on the task's device, its weights filled.
            rows: the samples, in order.
            batch_size: samples per forward pass; the task's own by default.
            only: places of the samples to run, in ascending order, where `rows.can_choose`; by default all.
            kind: by which outputs are kept; that of the rows by default.

        Yields:
            float32 outputs as the kind keeps them, of classes logits `[b, C]`, on the CPU, in memory of their own.

        Raises:
            TaskError: the network's own code raised, or returned something of another kind.
            torch.OutOfMemoryError: memory ran out; a smaller batch may fit.
        """
        self.prepare_network(network)
        yield from fetched(self._launched(network, rows, batch_size or self.batch_size, only, kind or rows.kind))

    def _launched(
        self, network: torch.nn.Module, rows: Rows, size: int, only: Int64[np.ndarray, " s"] | None, kind: Kind
    ) -> Iterator[torch.Tensor]:
        for batch in rows.labelled(only):
            for start in range(0, len(batch.labels), size):
                yield self.outputs_of(network, batch, start, start + size, kind)

    def outputs_of(
        self, network: torch.nn.Module, batch: Batch, start: int, stop: int, kind: Kind | None = None
    ) -> torch.Tensor:
        """Outputs of the samples `[start, stop)` of one batch as the kind keeps them, on the task's device.

        Arguments:
            network: runs on them.
            batch: of `rows.labelled`.
            start, stop: of the samples in the batch.
            kind: of these rows; that of the data by default.
        """
        given, part = self.forward_batch(network, batch.inputs, start, stop), slice(start, stop)
        with torch.inference_mode():
            return (kind or self.kind).outputs(given, batch.labels[part], batch.places[part])

    def prepare_network(self, network: torch.nn.Module) -> None:
        """Runs `prepare`, if there is one, after the network's weights have changed."""
        if self.prepare is not None:
            with self._inference():
                self._calling("prepare", self.prepare, network)

    def forward_batch(self, network: torch.nn.Module, inputs: Any, start: int, stop: int) -> torch.Tensor:
        """The network's outputs for the samples `[start, stop)` of one batch of inputs, on the task's device.

        The network gets copies, so one that works in place never changes the data.
        """
        with self._inference():
            part = cut(inputs, slice(start, stop))
            return self._forward(network, map_tensors(lambda tensor: on_device(tensor, self.torch_device), part))

    @contextmanager
    def _inference(self) -> Iterator[None]:
        dtype = getattr(torch, self.autocast) if self.autocast else None
        with torch.inference_mode(), torch.autocast(self.torch_device.type, dtype=dtype, enabled=dtype is not None):
            yield

    def _forward(self, network: torch.nn.Module, inputs: Any) -> torch.Tensor:
        expected = n_samples(inputs)  # before the network has a chance to change them
        return as_outputs(self._calling("forward pass", self.forward or call, network, inputs), expected)

    def _calling(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except (RadinError, torch.OutOfMemoryError):
            raise
        except (Exception, SystemExit) as error:
            if is_out_of_memory(error):
                raise
            raise TaskError(
                f"the task's {what} raised {type(error).__name__}: {error}{place_of_error(error)}{described(arguments)}"
            ) from error


def _load(network: torch.nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    network.load_state_dict(tensors, strict=True)
