"""The parts of `benchmarks.compare`: methods side by side on random sub-pools of real pools, one line for each run."""
