"""A bound on what reading one file's header may take, in bytes, spent before the work is done."""

from __future__ import annotations

#: Memory that a header may take beside what twice its file takes, in bytes.
ALLOWANCE = 64 << 20

#: The charge of one small step: an object of Python's, or half a microsecond. Chosen by hand, so that a file of under
#: 10 MB that spends all of its allowance takes neither more than that memory nor more than about half a second.
STEP = 64


class Damaged(Exception):
    """A file is no complete or no sensible one; the message says why."""


class Allowance:
    """The bytes that are left to spend on one file.

    Memory and time are one sum here: steps that take long, such as calls, are charged more than the memory they take.

    Arguments:
        size: of the file, in bytes.

    Attributes:
        left: bytes that may still be spent.
    """

    def __init__(self, size: int) -> None:
        self.left = max(ALLOWANCE, 2 * size)

    def spend(self, amount: int) -> None:
        """Takes an amount off.

        Raises:
            Damaged: so much is not left.
        """
        self.left -= amount
        if self.left < 0:
            raise Damaged("reading it takes more memory or time than a checkpoint of its size has use for")
