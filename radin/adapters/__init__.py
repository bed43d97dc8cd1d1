"""Low-rank adapters (LoRA, as PEFT saves it), averaged as the updates that they stand for.

Whoever makes pools imports `Pool` from here, so that folders of adapters are known as what they are.
"""

from radin.adapters.merging import MergedPool
from radin.adapters.pool import AdapterPool
from radin.weights.inspection import inspect as inspect
from radin.weights.pool import Pool as Pool

Pool.kinds[:] = [AdapterPool, MergedPool]
