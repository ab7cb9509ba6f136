"""Update rules: what a rule is, and how it becomes one pass over all parameters.

A *rule* is a plain function of arrays and numbers, ``rule(weight, grad, **slots, **numbers)``, that returns the new
weight and the new slots. :class:`Program` describes it, :class:`Member` one parameter's arrays. A backend makes a
:class:`Plan` of the two, which runs step after step. What every algorithm shares (rescaling, clipping, weight decay,
master weights) is applied within the same pass, so that a rule is the algorithm box of its paper and nothing else.

A rule is *traced* once (:mod:`~mxcore.kernel.rule.trace`) into a graph (:mod:`~mxcore.kernel.rule.graph`). For arrays of NumPy it
is emitted as code for this machine (:mod:`~mxcore.kernel.emit.llvm`) or as blocked NumPy calls
(:mod:`~mxcore.kernel.emit.blocked`), and run by a plan (:mod:`~mxcore.kernel.run.plan`); for arrays of CuPy, as CUDA C
(:mod:`~mxcore.kernel.emit.cuda`), and run by a plan on their device (:mod:`~mxcore.kernel.run.device`). A rule may use the norm
of a parameter (:mod:`~mxcore.kernel.rule.norm`), which takes a pass of its own, and noise (:mod:`~mxcore.kernel.run.noise`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from mxcore.backend import Array
from mxcore.kernel.run.calls import Call, commit
from mxcore.native.emitters import in_use, use
from mxcore.kernel.rule.program import Decay, Member, Program, Row, Slot

if TYPE_CHECKING:
    from mxcore.kernel.run.job import Job

__all__ = ["Call", "Decay", "Member", "Plan", "Program", "Row", "Slot", "commit", "in_use", "use"]


class Plan(Protocol):
    """A rule over parameters whose arrays lie in a certain way. It holds none of them: each step hands them over.

    >>> import numpy as np, mxcore as mx
    >>> def rule(weight, grad, *, lr):
    ...     return weight - lr * grad
    >>> weight, grad = np.ones(2), np.array([1.0, 2.0])
    >>> program = Program("Plain", rule, (), "after_clip", ("lr",), rescales=False)
    >>> plan = mx.backend.get_backend("numpy").plan(program, {}, [Member("parameter 'w'", weight, grad, None, {})])
    >>> plan.prepare({}, rows=[(0.5, 0.0, 1, 1)], row_of=[0])
    >>> commit(plan.calls([[weight], [grad]]))
    >>> weight
    array([0.5, 0. ])
    """

    shared: bool
    """Whether it does for any parameters whose arrays lie alike, as it says nothing of them in its messages."""

    repeatable: bool
    """Whether the calls of a step do for the next, over the same arrays, and with rows in the same order."""

    host: list[dict[str, float]]
    """The new host numbers of each row, once the calls of a step are there."""

    def prepare(self, numbers: Mapping[str, Any], rows: Sequence[Row], row_of: Sequence[int]) -> None:
        """Take the numbers of a step.

        Args:
            numbers: those that are the same for all parameters, by name.
            rows: each distinct set of the others, in the order of :attr:`Program.row`.
            row_of: for each parameter, its place in ``rows``.
        """

    def calls(self, handed_over: Sequence[Sequence[Array]]) -> Iterable[Call]:
        """Do all of a step that may fail; the calls that write weights and states.

        Args:
            handed_over: the weights of all parameters, their gradients, their masters if there are any, and each slot.
        """

    def written_of(self, handed_over: Sequence[Array]) -> list[tuple[str, Array]]:
        """Of the arrays of one parameter those that a step writes, each with what to call it."""


def job_of(plans: Sequence[Plan], positions: Sequence[Sequence[int]], offsets: Sequence[int]) -> Job | None:
    """The native side of a step; None where its plans or arrays need another way.

    Args:
        plans: the plans of the step.
        positions: the parameters of each, by their places in the step.
        offsets: see :class:`mxcore.kernel.run.job.Job`.
    """
    # Imported here, as what plans need is: for the first update, not for the import of the core.
    from mxcore.kernel.run.host import NativePlan

    native = [plan for plan in plans if isinstance(plan, NativePlan) and not plan.staged]
    if len(native) < len(plans):
        return None
    from mxcore.native.driver import driver
    from mxcore.kernel.run.job import Job

    return Job(driver(), native, positions, offsets) if driver().reads_arrays else None
