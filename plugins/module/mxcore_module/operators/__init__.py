"""The operators of the graph: one table, and one module for each family.

Importing this package fills the table :data:`~mxcore_module.operators.base.OPERATORS`. An operator of one's own is a
subclass of :class:`~mxcore_module.operators.base.Operator` under the decorator
:func:`~mxcore_module.operators.base.register`; ``mx.symbol`` then has it too.
"""

from mxcore_module.operators import activation, elementwise, layer, loss, normalization, structure
from mxcore_module.operators.base import OPERATORS, Inferred, Operator, Run, Shape, ShapeError, find, register

__all__ = [
    "OPERATORS",
    "Inferred",
    "Operator",
    "Run",
    "Shape",
    "ShapeError",
    "activation",
    "elementwise",
    "find",
    "layer",
    "loss",
    "normalization",
    "register",
    "structure",
]
