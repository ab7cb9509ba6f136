"""Update rules: what a rule is, what one step of it needs, and how it is run.

A *rule* is a plain function of arrays and numbers, ``rule(weight, grad, **slots, **numbers)``, that returns the new
weight and the new slots. :class:`Program` describes a rule, :class:`Update` one parameter's part of a step; a backend
runs the one over the others. What every algorithm shares (rescaling, clipping, weight decay, master weights) is
applied here, so that a rule is the algorithm box of its paper and nothing else.
"""

from mxcore.kernel.program import Decay, Program, Slot, Update

__all__ = ["Decay", "Program", "Slot", "Update"]
