"""Files that tests refer to."""

from pathlib import Path

#: The repository.
ROOT = Path(__file__).parents[2]

#: A task in a file, as the command line takes it: `SMALL:task`.
SMALL = Path(__file__).with_name("small.py")
