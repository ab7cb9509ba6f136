"""One call of an optimizer: rows of numbers, counts, the rule's program, and the runner that caches earlier work.

A call is a :class:`~mxcore.step.step.Step`. An earlier one can be reused if the array layouts are the same (which the
kernel checks) and nothing has been assigned (:class:`~mxcore.watched.Version`).
"""

from __future__ import annotations

from mxcore.step.counts import Counted, Counting, Counts, Tally, adopted, count_in, viewed
from mxcore.step.program import WRAPPED, Traits, depth_of, levels, traits_of
from mxcore.step.runner import Runner

__all__ = [
    "WRAPPED", "Counted", "Counting", "Counts", "Runner", "Tally", "Traits", "adopted", "count_in", "depth_of",
    "levels", "traits_of", "viewed",
]  # fmt: skip
