"""Update rules, and how they are run in one pass over all parameters.

A *rule* is a plain function of arrays and numbers, ``rule(weight, grad, **slots, **numbers)``, that returns the new
weight and the new slots. A :class:`Program` describes the rule, a :class:`Member` the arrays of one parameter. From
these a :class:`Plan` is made, which runs every step. What all algorithms share (rescaling, clipping, weight decay,
master weights) is applied in the same pass, so that a rule contains only the algorithm box of its paper.

A rule is *traced* (:mod:`~mxcore.kernel.rule.trace`) into a graph (:mod:`~mxcore.kernel.rule.graph`). For NumPy arrays,
the graph becomes native code (:mod:`~mxcore.kernel.emit.llvm`) or blocked NumPy calls
(:mod:`~mxcore.kernel.emit.blocked`), which a plan runs (:mod:`~mxcore.kernel.run.plan`). For CuPy arrays, it becomes
CUDA C (:mod:`~mxcore.kernel.emit.cuda`), which a plan runs on their device (:mod:`~mxcore.kernel.run.device`). A rule
may use norms and other reductions (:mod:`~mxcore.kernel.rule.reduction`), which take another pass, and noise
(:class:`~mxcore.kernel.run.plan.Keys`).
"""

from __future__ import annotations

from mxcore.kernel.rule.program import Decay, Member, Program, Row, RuleError
from mxcore.kernel.rule.slot import Slot
from mxcore.kernel.run.calls import Call, commit
from mxcore.kernel.run.choose import Plan, plan_of
from mxcore.kernel.run.fold import Contribution, Part, dividing, folded, folding
from mxcore.native.emitters import in_use, use

__all__ = [
    "Call", "Contribution", "Decay", "Member", "Part", "Plan", "Program", "Row", "RuleError", "Slot", "commit",
    "dividing", "folded", "folding", "in_use", "plan_of", "use",
]  # fmt: skip
