"""Readers of labelled images, one for each kind of data, behind one door: `open_data` and `open_sets`."""

from radin.tasks.readers.sets import Sets as Sets
from radin.tasks.readers.sets import open_data as open_data
from radin.tasks.readers.sets import open_sets as open_sets
from radin.tasks.readers.sets import parse_tests as parse_tests
