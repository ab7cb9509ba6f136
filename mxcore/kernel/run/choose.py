"""Choose the plan that runs a rule over some parameters. Parameters with equal array layouts share a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from mxcore.backend import Array, Backend
from mxcore.kernel.rule.program import Member, Program, Row
from mxcore.kernel.run.calls import Call, Steps
from mxcore.kernel.run.fold import Contribution, Fold
from mxcore.native.emitters import in_use
from mxcore.once import building

if TYPE_CHECKING:
    from mxcore.backend.cupy import CupyBackend
    from mxcore.kernel.run.job import Job

_LIMIT = 256
"""The maximum number of cached plans."""


class Plan(Protocol):
    """A rule over parameters with given array layouts. It holds no arrays: each step passes them in.

    >>> import numpy as np, mxcore as mx
    >>> from mxcore.kernel import Member, Program, commit, plan_of
    >>> from mxcore.kernel.run.fold import run_alone
    >>> def rule(weight, grad, *, lr):
    ...     return weight - lr * grad
    >>> weight, grad = np.ones(2), np.array([1.0, 2.0])
    >>> program = Program("Plain", rule, (), "after_clip", ("lr",), rescales=False)
    >>> backend = mx.backend.get_backend("numpy")
    >>> plan = plan_of(backend, program, {}, [Member("parameter 'w'", weight, grad, None, {})])
    >>> plan.prepare({}, rows=[(0.5, 0.0, 1, 1)], row_of=[0])
    >>> commit(run_alone(plan, [[weight], [grad]]))
    >>> weight
    array([0.5, 0. ])
    """

    shared: bool
    """Whether it works for any parameters with these layouts, because its messages do not name parameters."""

    host: list[dict[str, float]]
    """The new host numbers of each row that do not depend on arrays, available once a step has been prepared."""

    late: list[dict[str, float]]
    """The other new host numbers, for each parameter, available once a step has been computed."""

    late_is_shared: bool
    """Whether these are the same for all parameters, because all of them belong to the whole model."""

    def prepare(self, numbers: Mapping[str, Any], rows: Sequence[Row], row_of: Sequence[int]) -> None:
        """Set the numbers of a step.

        Args:
            numbers: the numbers that are the same for all parameters, by name.
            rows: each distinct set of the other numbers, in the order of :attr:`Program.row`.
            row_of: the row of each parameter, as an index into ``rows``.
        """

    def steps(self, handed_over: Sequence[Sequence[Array]]) -> Steps:
        """Do everything in a step that can fail, and return the calls that write weights and states.

        It pauses after each stage that measures, so that reductions over all parameters can be set.

        Args:
            handed_over: the weights of all parameters, their gradients, their masters if there are any, and each slot.
        """

    def repeat(self, handed_over: Sequence[Sequence[Array]]) -> Callable[[], Steps | Iterable[Call]] | None:
        """Return a function that replaces :meth:`steps` for these arrays while the rows stay in the same order.

        It does not keep the arrays alive: use it only while they exist. None if each step needs the arrays.
        """

    def written_of(self, handed_over: Sequence[Array]) -> list[tuple[str, Array]]:
        """Return the arrays of one parameter that a step writes, each with its name."""

    over_all: bool
    """Whether there may be reductions over all parameters, or numbers that all of them share."""
    measured: Sequence[Any]
    """The stages of the rule that measure."""

    @staticmethod
    def fold(plans: Sequence[Any], positions: Sequence[Sequence[int]]) -> Fold:
        """Return what combines such reductions of plans like this one, whose parameters have these positions."""

    def contributions(self, stage: int) -> list[Contribution]:
        """See :class:`mxcore.kernel.run.fold.Folded`."""

    def fold_alone(self, stage: int) -> None:
        """See :class:`mxcore.kernel.run.fold.Folded`."""

    def fill(self, stage: int, totals: Sequence[tuple[float, int]]) -> None:
        """See :class:`mxcore.kernel.run.fold.Folded`."""


def plan_of(backend: Backend, program: Program, static: Mapping[str, Any], members: Sequence[Member]) -> Plan:
    """Create a plan for a rule over parameters of one dtype, specialised for its static numbers.

    >>> import numpy as np, mxcore as mx
    >>> from mxcore.kernel import Member, Program, plan_of
    >>> def rule(weight, grad, *, lr):
    ...     return weight - lr * grad
    >>> program = Program("Plain", rule, (), "after_clip", ("lr",), rescales=False)
    >>> weight, grad = np.ones(2), np.ones(2)
    >>> member = Member("parameter 'w'", weight, grad, None, {})
    >>> plan_of(mx.backend.get_backend("numpy"), program, {}, [member]).written_of([weight, grad])
    [('weight', array([1., 1.]))]

    Args:
        backend: the library of their arrays.
        program: the rule.
        static: the numbers of the rule that are None, booleans or strings.
        members: the parameters.
    """
    with building:  # so that each kernel is compiled once
        # Imported here, with their emitters: the first update needs them, `import mxcore` does not.
        if backend.name == "numpy":
            from mxcore.kernel.run.host import BlockedPlan, NativePlan

            host: Callable[..., Plan] = NativePlan if in_use() == "llvm" else BlockedPlan
            return host(program, static, members)
        if backend.name == "cupy":
            from mxcore.kernel.run.device import DevicePlan

            return DevicePlan(cast("CupyBackend", backend).cuda, program, static, members)
        from mxcore.kernel.run.direct import DirectPlan

        return DirectPlan(backend, program, static, members)


class Plans:
    """Creates plans, and caches a limited number of those that other parameters can share."""

    def __init__(self) -> None:
        self._kept: dict[Any, Plan] = {}

    def plan(self, backend: Backend, program: Program, static: Mapping[str, Any], members: Sequence[Member]) -> Plan:
        """Return a plan for a rule over these parameters; see :class:`mxcore.kernel.Plan`."""
        noise = tuple(member.noise_key for member in members) if program.noisy else ()
        layouts = tuple(member.layouts for member in members)
        key = (backend.name, in_use(), program, tuple(sorted(static.items())), noise, layouts)
        plan = self._kept.pop(key, None)
        if plan is None:
            plan = plan_of(backend, program, static, members)
        if plan.shared:
            self._kept[key] = plan
            if len(self._kept) > _LIMIT:
                del self._kept[next(iter(self._kept))]
        return plan


def grouped(backend: Backend, members: Sequence[Member]) -> list[list[int]]:
    """Group the positions of the members that can run in one pass."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, member in enumerate(members):
        static = tuple(sorted(member.static.items()))
        kind = (backend.device_of(member.weight), member.weight.dtype, member.computed.dtype, static)
        groups.setdefault(kind, []).append(place)
    return list(groups.values())


def job_of(plans: Sequence[Plan], positions: Sequence[Sequence[int]], offsets: Sequence[int]) -> Job | None:
    """Return the native side of a step, or None if its plans or arrays cannot use one.

    Args:
        plans: the plans of the step.
        positions: the parameters of each plan, by their positions in the step.
        offsets: see :class:`mxcore.kernel.run.job.Job`.
    """
    with building:
        from mxcore.kernel.run.host import NativePlan
        from mxcore.kernel.run.job import Job
        from mxcore.native.driver import driver

    native = [plan for plan in plans if isinstance(plan, NativePlan) and not plan.staged]
    if len(native) < len(plans):
        return None
    return Job(driver(), native, positions, offsets) if driver().reads_arrays else None
