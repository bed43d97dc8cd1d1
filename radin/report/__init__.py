"""Reports: results of runs and diagnoses, in numbers, words and pictures."""
