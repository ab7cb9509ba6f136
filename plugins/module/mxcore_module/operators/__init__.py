"""The operators: one table, and one module for each family.

Importing this package fills the table :data:`~mxcore_module.operators.base.OPERATORS`. To add your own operator,
subclass :class:`~mxcore_module.operators.base.Operator` and decorate it with
:func:`~mxcore_module.operators.base.register`; it is then available in ``mx.symbol``.
"""

from mxcore_module.operators import (
    activation,
    convolution,
    elementwise,
    layer,
    loss,
    normalization,
    pooling,
    structure,
)
from mxcore_module.operators.base import OPERATORS, Inferred, Operator, Run, Shape, ShapeError, find, register

__all__ = [
    "OPERATORS",
    "Inferred",
    "Operator",
    "Run",
    "Shape",
    "ShapeError",
    "activation",
    "convolution",
    "elementwise",
    "find",
    "layer",
    "loss",
    "normalization",
    "pooling",
    "register",
    "structure",
]
