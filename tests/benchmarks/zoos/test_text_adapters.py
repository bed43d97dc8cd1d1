"""The pool of adapters on texts."""

from dataclasses import replace

import pytest
from helpers.fashion import tiny

import radin
from benchmarks.zoos import debian, sections, text_adapters
from radin.adapters.pool import AdapterPool

pytest.importorskip("peft")


def test_a_tiny_pool_of_adapters_is_built_once_and_runs(tmp_path, monkeypatch):
    known = [
        f"Package: {one}{i}\nDescription: {one} tool {i}\nSection: {one}\n"
        for one in sections.SECTIONS
        for i in range(8)
    ]
    monkeypatch.setattr(debian, "available", lambda: "\n".join(known))
    monkeypatch.setattr(sections, "SELECTION", 40)
    monkeypatch.setattr(sections, "TEST", 40)
    start = replace(text_adapters.SWEEP.pretraining, epochs=3, part=1.0)
    sweep = replace(tiny(text_adapters.SWEEP), pretraining=start)
    paths = text_adapters.build(tmp_path / "pool", 2, sweep=sweep)
    before = [path.stat().st_mtime_ns for path in paths]
    assert text_adapters.build(tmp_path / "pool", 2, sweep=sweep) == paths
    assert [path.stat().st_mtime_ns for path in paths] == before
    pool, task = radin.Pool(paths), text_adapters.task(folder=tmp_path / "pool", sweep=sweep)
    assert isinstance(pool, AdapterPool) and set(pool.tensors) == {
        "base_model.model.head.weight",
        "base_model.model.head.bias",
    }
    with radin.Verifier(pool, task, tmp_path / "run") as verifier:
        verifier.score(radin.Recipe.uniform(pool.names))


def test_adapters_are_drawn_and_differ():
    shapes = [text_adapters.shape_of(0, i) for i in range(12)]
    assert len({str(one) for one in shapes}) > 6 and shapes[3] == text_adapters.shape_of(0, 3)
