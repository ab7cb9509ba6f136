"""What the driver and its callers agree on: where the words of a job and of a pool are, and what a look returns."""

from __future__ import annotations

__all__ = ["DONE", "LIST_COUNT", "MOVED", "RECORD", "WRITTEN", "JobField", "PoolField"]

DONE, MOVED = -1, -2
"""What ``look`` returns if every array is as expected; ``MOVED`` as long as some that are written are in places where
nobody has checked that they are apart. Otherwise, it returns the number of an array that is not as expected."""
RECORD = 8
"""Words of a record: type, dtype, axes, where their lengths are listed, where their strides are (0: C order), which
flags matter, their values, and where the address of the array is kept."""
WRITTEN = 1 << 32
"""Added to the number of axes in the record of an array that is written."""
LIST_COUNT = 3
"""How many lists of arrays a job has: weights, gradients, and what states hold."""


class JobField:
    """Where the words of a job are."""

    LISTS, LENGTHS, RECORDS = 0, LIST_COUNT, 2 * LIST_COUNT
    GROUPS, GROUP, CELLS, CELL, HIGHEST, CHUNKS, GRAIN, POOL, MOVED, UNUSED = range(3 * LIST_COUNT, 3 * LIST_COUNT + 10)
    WORDS = 3 * LIST_COUNT + 10


class PoolField:
    """Where the words of a pool are; those that several threads write to are on cache lines of their own."""

    BUSY, OPEN, ACTIVE, NEXT, DONE, JOB, YIELD = 0, 8, 16, 24, 32, 40, 41
    WORDS = 48
