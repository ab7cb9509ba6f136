"""Update rules: what a rule is, and how it becomes one pass over all parameters.

A *rule* is a plain function of arrays and numbers, ``rule(weight, grad, **slots, **numbers)``, that returns the new
weight and the new slots. :class:`Program` describes it, :class:`Member` one parameter's arrays. A backend makes a
:class:`Plan` of the two, which runs step after step. What every algorithm shares (rescaling, clipping, weight decay,
master weights) is applied within the same pass, so that a rule is the algorithm box of its paper and nothing else.

A rule is *traced* once (:mod:`~mxcore.kernel.trace`) into a graph (:mod:`~mxcore.kernel.graph`). For arrays of NumPy it
is emitted as code for this machine (:mod:`~mxcore.kernel.llvm`) or as blocked NumPy calls
(:mod:`~mxcore.kernel.blocked`), and run by a plan (:mod:`~mxcore.kernel.plan`); for arrays of CuPy, as CUDA C
(:mod:`~mxcore.kernel.cuda`), and run by a plan on their device (:mod:`~mxcore.kernel.device`). A rule may use the norm
of a parameter (:mod:`~mxcore.kernel.norm`), which takes a pass of its own, and noise (:mod:`~mxcore.kernel.noise`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from mxcore.backend import Array
from mxcore.kernel.choice import in_use, use
from mxcore.kernel.program import Decay, Member, Program, Row, Slot

__all__ = ["Decay", "Member", "Plan", "Program", "Row", "Slot", "in_use", "use"]


class Plan(Protocol):
    """A rule over parameters whose arrays stay where they are.

    >>> import numpy as np, mxcore as mx
    >>> def rule(weight, grad, *, lr):
    ...     return weight - lr * grad
    >>> weight, grad = np.ones(2), np.array([1.0, 2.0])
    >>> program = Program("Plain", rule, (), "after_clip", ("lr",), rescales=False)
    >>> plan = mx.backend.get_backend("numpy").plan(program, {}, [Member("parameter 'w'", weight, grad, None, {})])
    >>> plan.prepare({}, rows=[(0.5, 0.0, 1, 1)], row_of=[0])
    >>> _ = plan.commit()
    >>> weight
    array([0.5, 0. ])
    """

    def set_grad(self, position: int, grad: Array) -> None:
        """Let a parameter have another array as its gradient, of the same shape and dtype."""

    def set_grads(self, grads: Sequence[Array]) -> Sequence[int]:
        """Take over new gradients at once; the positions of those that must be given to :meth:`set_grad`."""

    def prepare(self, numbers: Mapping[str, Any], rows: Sequence[Row], row_of: Sequence[int]) -> None:
        """Do all of a step that may fail.

        Args:
            numbers: those that are the same for all parameters, by name.
            rows: each distinct set of the others, in the order of :attr:`Program.row`.
            row_of: for each parameter, its place in ``rows``.
        """

    def commit(self) -> list[dict[str, float]]:
        """Update weights and states in place; the new host numbers of each row."""
