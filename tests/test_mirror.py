"""Tests mirror the tree: each module has a test file of its name, or a reason why it has none."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: The folder of each package's tests.
ROOMS = {"radin": "tests", "plugins/radin_plugins": "tests/plugins", "benchmarks": "tests/benchmarks"}

#: Modules without a test file of their name, and the reason.
EXEMPT = {
    "radin/adapters/base.py": "tested in test_pool and test_merging",
    "radin/adapters/given.py": "tested in test_pool",
    "radin/adapters/merged_mixer.py": "tested in test_merging",
    "radin/adapters/stacking.py": "tested in test_writing",
    "radin/scoring/scored.py": "two fields and no behaviour",
    "radin/checkpoints/allowance.py": "tested in test_unpickler and test_contents",
    "radin/checkpoints/base.py": "an abstract class, tested by every format's tests",
    "radin/checkpoints/counters.py": "tested in test_pickled",
    "radin/checkpoints/positioned.py": "tested in test_pickled and test_safetensors",
    "radin/checkpoints/rebuilding.py": "tested in test_unpickler and test_stored",
    "radin/checkpoints/named.py": "tested in test_names",
    "radin/checkpoints/sharding.py": "tested in test_sharded",
    "radin/checkpoints/torch_file.py": "tested in test_pickled and test_archive",
    "radin/cli/planned.py": "tested in test_commands and test_several_tests",
    "radin/cli/soup.py": "tested in test_commands",
    "radin/evaluation/batchnorm.py": "tested in test_evaluator",
    "radin/evaluation/race_default.py": "one constant",
    "radin/report/entries.py": "tested in test_record",
    "radin/report/soup_place.py": "tested in test_result",
    "radin/scoring/criterion_default.py": "constants, used in test_criterion",
    "radin/searching/shortlist.py": "tested in test_driver",
    "radin/tasks/hugging_face/heads.py": "tested in test_task, test_kinds and test_sounds",
    "radin/tasks/hugging_face/library.py": "tested in test_task and test_without_transformers",
    "radin/tasks/hugging_face/pictures.py": "tested in test_task",
    "radin/tasks/hugging_face/sources.py": "tested in test_task, test_kinds, test_glue and test_sounds",
    "radin/weights/compatibility.py": "tested in test_pool",
    "radin/weights/cuda_stream.py": "tested in test_filler",
    "radin/weights/loader.py": "tested in tests/evaluation/test_loading",
    "radin/weights/merge_plan.py": "tested in test_averaging",
    "radin/weights/mixer.py": "tested in test_averaging",
    "radin/weights/overrides.py": "tested in test_averaging",
    "benchmarks/comparison/pictures.py": "drawn by test_compare, which runs the whole command",
    "benchmarks/comparison/runs.py": "run by test_compare, killed after a row and resumed",
    "benchmarks/faults/clusters.py": "faults of clusters, a minute each; crews are tested in test_crew",
    "benchmarks/faults/events.py": "watched by test_nursery: a signal comes before an event",
    "benchmarks/faults/lab.py": "the fixture of test_damage, test_kills and test_circumstances",
    "benchmarks/faults/mangled_archives.py": "a kind in test_kinds and test_checkpoints",
    "benchmarks/faults/mangled_bytes.py": "a kind in test_kinds and test_checkpoints",
    "benchmarks/faults/mangled_headers.py": "a kind in test_kinds and test_checkpoints",
    "benchmarks/faults/nursery_server.py": "the process that test_nursery starts",
    "benchmarks/faults/rows.py": "its rows are read in test_checkpoints",
    "benchmarks/faults/samples.py": "its files are read in test_examine",
    "benchmarks/faults/shop.py": "the pool and the runs of workers and clusters",
    "benchmarks/faults/tiny_task.py": "the task of the fixture `lab`",
    "benchmarks/faults/workers.py": "its trials are those of test_crew, many times over",
    "benchmarks/gpu/collecting.py": "its checks are made by test_running, on the CPU",
    "benchmarks/gpu/device.py": "its checks are made by test_running, on the CPU",
    "benchmarks/gpu/filling.py": "its checks are made by test_running, on the CPU",
    "benchmarks/gpu/memory.py": "its checks are made by test_running, on the CPU",
    "benchmarks/gpu/outputs.py": "its checks are made by test_running, on the CPU",
    "benchmarks/gpu/runs.py": "its checks are made by test_running, on the CPU",
    "benchmarks/gpu/suite.py": "its checks are made by test_running, on the CPU",
    "benchmarks/gpu/surrogates.py": "its checks are made by test_running, on the CPU",
    "benchmarks/gpu/workers.py": "its checks are made by test_running, on the CPU",
    "benchmarks/gpu/small.py": "the pool of several checks that test_running makes",
    "benchmarks/gpu/vision.py": "the pool of the checks of collecting and filling",
    "benchmarks/speed/averaging_methods.py": "every method is run by test_averaging",
    "benchmarks/speed/kernel_display.py": "table and picture are made in test_kernels",
    "benchmarks/studies/bills.py": "printed and drawn in test_racing, from the rows of the study",
    "benchmarks/zoos/digits.py": "the pool of radin.demo.digits under another name",
}


def modules() -> list[str]:
    found = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")) if path.stem[:2] != "__"]
    return [path.relative_to(ROOT).as_posix() for path in found]


def file_of_tests(module: str) -> Path:
    room = next(room for room in ROOMS if module.startswith(f"{room}/"))
    inside = Path(module).relative_to(room)
    return ROOT / ROOMS[room] / inside.with_name(f"test_{inside.name}")


@pytest.mark.parametrize("module", modules())
def test_a_module_has_a_test_file_of_its_name(module: str) -> None:
    there = file_of_tests(module).is_file()
    assert there != (module in EXEMPT), "exempt although it has one" if there else f"expected {file_of_tests(module)}"


def test_exemptions_are_of_modules_that_are_there() -> None:
    assert set(EXEMPT) <= set(modules())
