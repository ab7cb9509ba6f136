"""What adapters to other people's loops have in common: parameters that come one by one, and gradients to zero."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from mxcore.backend import Array, backend_of
from mxcore.evaluation import has_evaluation
from mxcore.step.protocol import Index
from mxcore.updater import Updater

__all__ = ["OneByOne", "requires"]


@contextlib.contextmanager
def requires(library: str) -> Iterator[None]:
    """Import a library that may be absent; the error says how to install it.

    >>> with requires("quantum-annealer>=2"):
    ...     import quantum_annealer
    Traceback (most recent call last):
    ModuleNotFoundError: No module named 'quantum_annealer': pip install 'quantum-annealer>=2'

    Args:
        library: what ``pip install`` takes.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if not library.replace("-", "_").startswith(str(error.name).partition(".")[0]):
            raise  # something else that is needed
        raise ModuleNotFoundError(f"{error}: pip install '{library}'", name=error.name) from error


class OneByOne:
    """Updates parameters that a loop passes one by one.

    The loop need not say how many there are. An optimizer that needs all of them, such as one with
    ``clip_global_norm``, updates in :meth:`end_step`, any other one at once.

    >>> import numpy as np, mxcore as mx
    >>> sgd = mx.optimizer.create("sgd", learning_rate=1.0, clip_global_norm=5.0)
    >>> loop = mx.OneByOne(mx.optimizer.get_updater(sgd), zero=True)
    >>> first, second, grad = np.zeros(1), np.zeros(1), np.array([30.0])
    >>> loop((1, "W"), grad, first)
    >>> loop((2, "W"), np.array([40.0]), second)
    >>> loop.end_step()
    >>> first.round(3), second.round(3), grad
    (array([-3.]), array([-4.]), array([0.]))

    Args:
        updater: the updater.
        zero: whether to set each gradient to 0 after its update, where layers add to it.
    """

    def __init__(self, updater: Updater[Any], *, zero: bool = False) -> None:
        self.updater, self.zero = updater, zero
        self.weights: dict[Index, Array] = {}
        """The weights that have been passed last, by index."""
        self._waiting: dict[Index, tuple[Array, Array]] = {}
        self._together = False

    def __call__(self, index: Index, grad: Array, weight: Array) -> None:
        """Update a weight, or note that it has to be updated at the end of the step.

        Raises:
            ValueError: the parameter has come already, and all are updated together.
        """
        if not self.weights:
            self._together = self.updater.optimizer.needs_all
        self.weights[index] = weight
        if not self._together:
            self.updater(index, grad, weight)
            self._zero(grad)
            return
        if index in self._waiting:
            who = type(self.updater.optimizer).__name__
            raise ValueError(f"{who} updates all parameters together: end the step before {index!r} comes again")
        self._waiting[index] = grad, weight

    def end_step(self) -> None:
        """Update the parameters that are waiting."""
        if self._waiting:
            grads, weights = map(list, zip(*self._waiting.values(), strict=True))
            self.updater(list(self._waiting), grads, weights)
            for grad in grads:
                self._zero(grad)
            self._waiting = {}

    def _zero(self, grad: Array) -> None:
        if self.zero:
            backend_of(grad).fill(grad, 0.0)

    @property
    def evaluation_weights(self) -> Mapping[Index, Array] | None:
        """The evaluation weights by index, each computed when it is asked for; None if the optimizer has none."""
        return _Evaluation(self) if has_evaluation(self.updater.optimizer) else None


class _Evaluation(Mapping[Index, Array]):
    def __init__(self, loop: OneByOne) -> None:
        self._loop = loop

    def __getitem__(self, index: Index) -> Array:
        found: dict[Index, Array] = self._loop.updater.evaluation_weights({index: self._loop.weights[index]})
        return found[index]

    def __iter__(self) -> Iterator[Index]:
        return iter(self._loop.weights)

    def __len__(self) -> int:
        return len(self._loop.weights)
