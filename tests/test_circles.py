"""No file of the tree imports itself through others: imports for types, inside functions and of packages count.

`lint-imports` refuses circles between modules, and between packages, of one package. This test also sees those that
lead through the face of a package, its `__init__.py`.
"""

from graphlib import TopologicalSorter

import grimp


def test_files_import_one_another_in_no_circle():
    graph = grimp.build_graph("radin", "radin_plugins", "benchmarks", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert imports["radin"] and imports["radin.weights.filler"]
    TopologicalSorter(imports).prepare()  # raises CycleError, which names a circle
