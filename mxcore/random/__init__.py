"""The project's random numbers: drawn on the host, and a function of a seed and of names.

A draw depends on the seed and on a *key*, such as the name of a parameter, and on nothing else: not on the order of
the draws, on the other parameters, on the number of threads or on the device. What has no name of its own (a dropout
mask, a shuffle, :func:`uniform` called by hand) is keyed by its *position*, a counter that is saved with the state of
a run. NumPy's global generator is never touched.

>>> import mxcore as mx
>>> mx.random.seed(7)
7
>>> a = mx.random.generator("fc_weight").normal(size=3)
>>> b = mx.random.generator("fc_weight").normal(size=3)
>>> bool((a == b).all())
True
"""

from __future__ import annotations

from mxcore.random.generators import Generator
from mxcore.random.stream import (
    current_seed,
    generator,
    get_state,
    next_generator,
    normal,
    scope,
    seed,
    set_state,
    uniform,
)

__all__ = [
    "Generator",
    "current_seed",
    "generator",
    "get_state",
    "next_generator",
    "normal",
    "scope",
    "seed",
    "set_state",
    "uniform",
]

Generator.__module__ = __name__  # where users find it
