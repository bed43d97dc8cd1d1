"""Fault injection on real processes and real files: kills, damaged run folders, mangled checkpoints."""
