"""What a run found, in numbers, words and pictures."""
