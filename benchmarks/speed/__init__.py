"""Times and memory, side by side with lower bounds and peers."""
