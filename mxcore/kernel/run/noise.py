"""The keys of the noise that rules ask for: a function of the seed, of the parameter and of the count of its update.

A parameter has a key of 128 bits. Its low half is the key of the generator, its high half, to which the count is added,
the stream: so a step only counts on, and never computes a hash.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mxcore import random

_LOW = (1 << 64) - 1


def noise_key(parameter: object, count: int) -> int:
    """The 128 bits of the key of an update's noise, for :func:`mxcore.random.fill.fill_normal`.

    Args:
        parameter: the parameter's name, or its index where it has none.
        count: the count of its update.
    """
    key = random.generator("noise", parameter).key
    return key & _LOW | ((key >> 64) + count & _LOW) << 64


class Keys:
    """The keys of the parameters of a plan.

    Args:
        parameters: their names, or indices.
    """

    def __init__(self, parameters: Sequence[object]) -> None:
        self.parameters = parameters
        self.table = np.zeros((len(parameters), 2), np.uint64)
        self._seed: int | None = None

    def follow(self, counts: Sequence[int]) -> None:
        """Go on to the noise of these updates, one of each parameter."""
        if (seed := random.current_seed()) != self._seed:
            keys = [noise_key(parameter, 0) for parameter in self.parameters]
            self.table[:] = [(key & _LOW, key >> 64) for key in keys]
            self._streams = self.table[:, 1].copy()
            self._seed = seed  # last: an interrupt before it leaves all of this to the next step
        np.add(self._streams, np.array(counts, np.int64).view(np.uint64), out=self.table[:, 1])

    def key(self, place: int) -> int:
        """The key of one parameter's noise."""
        low, high = self.table[place].tolist()
        return int(low | high << 64)
