"""Low-rank adapters (LoRA, as PEFT saves it), averaged as the updates that they stand for.

Whoever makes pools imports `Pool` from here, so that folders of adapters are known as what they are.
"""

from radin.adapters.merged_mixer import MergedMixer
from radin.adapters.merging import MergedPool
from radin.adapters.pool import AdapterPool
from radin.adapters.stacking import FactorMixer
from radin.adapters.writing import write_adapter
from radin.weights.folder_output import write_folder, write_model_folder
from radin.weights.inspection import inspect as inspect
from radin.weights.mixer import mixer_of
from radin.weights.pool import Pool as Pool

Pool.kinds[:] = [AdapterPool, MergedPool]

# Soups of adapters are adapters, and those of merged ones models like the base.
mixer_of.register(AdapterPool, FactorMixer)
mixer_of.register(MergedPool, MergedMixer)
write_folder.register(AdapterPool, write_adapter)
write_folder.register(MergedPool, write_model_folder)
