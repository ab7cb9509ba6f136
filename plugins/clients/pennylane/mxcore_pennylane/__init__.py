"""Optimizers of mxcore for PennyLane: ``mx.pennylane.Optimizer``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import mxcore as mx
from mxcore.adapting import requires
from mxcore.backend import Array
from mxcore.optimizer import Index

with requires("pennylane>=0.45"):
    from pennylane import GradientDescentOptimizer
    from pennylane.numpy import tensor

__all__ = ["Optimizer"]


class Optimizer(GradientDescentOptimizer):
    """An optimizer with the methods of PennyLane's own: ``step``, ``step_and_cost`` and ``reset``.

    Arguments of the objective function that are tensors with ``requires_grad`` are trained: ``step`` returns new
    tensors for them, of the same dtype, and changes none that it was given.

    >>> import mxcore as mx, pennylane as qml
    >>> from pennylane import numpy as pnp
    >>> @qml.qnode(qml.device("default.qubit", wires=1))
    ... def energy(angles):
    ...     qml.RX(angles[0], wires=0)
    ...     qml.RY(angles[1], wires=0)
    ...     return qml.expval(qml.Z(0))
    >>> optimizer = mx.pennylane.Optimizer("lion", learning_rate=0.05)
    >>> angles = pnp.array([0.1, 0.2], requires_grad=True)
    >>> for _ in range(80):
    ...     angles = optimizer.step(energy, angles)
    >>> float(energy(angles)) < -0.99
    True

    Args:
        name: the name of an optimizer, such as ``"lookahead(adam, k=5)"``, or an optimizer.
        hyperparameters: its arguments, such as ``learning_rate`` (PennyLane's ``stepsize``) or ``groups``, whose
            patterns match the names of the objective function's arguments: ``angles``, or ``rest.0`` for the first of
            ``*rest``.

    Raises:
        TypeError, ValueError: the arguments are not those of the optimizer, or, in a step, a gradient does not fit.
    """

    def __init__(self, name: Any = "adam", **hyperparameters: Any) -> None:
        self.optimizer = mx.optimizer.create(name, **hyperparameters)
        """The optimizer."""
        self._names: dict[Index, str] = {}
        self.reset()

    def reset(self) -> None:
        """Forget past steps: moments and counts, not the hyper-parameters."""
        self.updater = mx.optimizer.get_updater(self.optimizer)
        """The updater, which has the moments and counts; :func:`mxcore.save_state` saves it."""

    @property
    def stepsize(self) -> float:
        """The learning rate. With a schedule, assigning it sets its ``base_lr``."""
        return float(self.optimizer.learning_rate)

    @stepsize.setter
    def stepsize(self, rate: float) -> None:
        self.optimizer.learning_rate = rate

    def compute_grad(
        self, objective_fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], grad_fn: Any = None
    ) -> tuple[Any, Any]:
        """Return the gradients of the trainable arguments, and the value if it is known: not with a ``grad_fn``."""
        found, value = super().compute_grad(objective_fn, args, kwargs, grad_fn=grad_fn)
        self._know(_argument_names(objective_fn, len(args)))
        if value is not None:
            self.optimizer.observe(float(value))
        return found, value

    def apply_grad(self, grad: Sequence[Any], args: Sequence[Any]) -> list[Any]:
        """Return the arguments after an update with the gradients of the trainable ones."""
        weights = _trainable(args)
        if len(grad) != len(weights):
            raise ValueError(f"pass one gradient for each trainable argument, got {len(grad)} for {len(weights)}")
        self._know({index: str(index) for index in weights} | self._names)
        self.updater(list(weights), [np.asarray(one) for one in grad], list(weights.values()))
        return _replaced(args, weights)

    def evaluation_args(self, *args: Any) -> Any:
        """Return the arguments with which to evaluate, where they are not those that are trained, as with ``average``.

        Like those of ``step``, it is a list, or the argument if it is the only one.
        """
        found = _replaced(args, self.updater.evaluation_weights(_trainable(args)))
        return found[0] if len(found) == 1 else found

    def _know(self, names: dict[Index, str]) -> None:
        """Name the arguments by position."""
        if names != self._names:
            self._names = names
            self.optimizer.set_names(names)


def _trainable(args: Sequence[Any]) -> dict[Index, Array]:
    """Return copies of the trainable arguments by position, as arrays of floating-point numbers."""
    return {
        index: np.array(one, np.result_type(one.dtype, np.float16))  # which makes float64 of integers
        for index, one in enumerate(args)
        if getattr(one, "requires_grad", False)
    }


def _replaced(args: Sequence[Any], weights: Mapping[Index, Array]) -> list[Any]:
    """Return arguments with other values for the trainable ones."""
    return [tensor(weights[index], requires_grad=True) if index in weights else one for index, one in enumerate(args)]


def _argument_names(function: Callable[..., Any], count: int) -> dict[Index, str]:
    """Return the names of the first arguments of a function by position, or positions if it has no signature."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:
        parameters = []
    names = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    rest = next((f"{one.name}." for one in parameters if one.kind is one.VAR_POSITIONAL), "")
    return {at: names[at] if at < len(names) else f"{rest}{at - len(names)}" for at in range(count)}
