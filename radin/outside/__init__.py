"""Scores from outside: a command or a function gives one number for a network, and nothing is known row by row."""
