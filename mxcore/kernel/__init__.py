"""Update rules: what a rule is, and how it becomes one pass over all parameters.

A *rule* is a plain function of arrays and numbers, ``rule(weight, grad, **slots, **numbers)``, that returns the new
weight and the new slots. :class:`Program` describes it, :class:`Member` one parameter's arrays. A backend makes a
:class:`Plan` of the two, which runs step after step. What every algorithm shares (rescaling, clipping, weight decay,
master weights) is applied within the same pass, so that a rule is the algorithm box of its paper and nothing else.

A rule is *traced* (:mod:`~mxcore.kernel.rule.trace`) into a graph (:mod:`~mxcore.kernel.rule.graph`). For arrays
of NumPy it is emitted as code for this machine (:mod:`~mxcore.kernel.emit.llvm`) or as blocked NumPy calls
(:mod:`~mxcore.kernel.emit.blocked`), and run by a plan (:mod:`~mxcore.kernel.run.plan`); for arrays of CuPy, as CUDA C
(:mod:`~mxcore.kernel.emit.cuda`), and run by a plan on their device (:mod:`~mxcore.kernel.run.device`). A rule may use
the norm of a parameter (:mod:`~mxcore.kernel.rule.norm`), which takes a pass of its own, and noise
(:class:`~mxcore.kernel.run.plan.Keys`).
"""

from __future__ import annotations

from mxcore.kernel.rule.program import Decay, Member, Program, Row, RuleError, Slot
from mxcore.kernel.run.calls import Call, commit
from mxcore.kernel.run.choose import Plan, plan_of
from mxcore.native.emitters import in_use, use

__all__ = [
    "Call", "Decay", "Member", "Plan", "Program", "Row", "RuleError", "Slot", "commit", "in_use", "plan_of", "use",
]  # fmt: skip
