"""Real evaluations: the run folder, passes of ingredients and soups, calibration, planning."""
