"""The operators: one table, and one module for each family.

Importing this package fills the table :data:`~mxcore_module.operators.base.OPERATORS`. To add your own operator,
subclass :class:`~mxcore_module.operators.base.Operator` and decorate it with
:func:`~mxcore_module.operators.base.register`; it is then available in ``mx.symbol``.
"""

from mxcore_module.operators import (
    activation,
    broadcasting,
    choosing,
    convolution,
    creation,
    elementwise,
    functions,
    layer,
    layer_norms,
    loss,
    normalization,
    pooling,
    products,
    reductions,
    sequences,
    shaping,
    slicing,
    softmax,
    sorting,
    structure,
    upsampling,
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
    "broadcasting",
    "choosing",
    "convolution",
    "creation",
    "elementwise",
    "find",
    "functions",
    "layer",
    "layer_norms",
    "loss",
    "normalization",
    "pooling",
    "products",
    "reductions",
    "register",
    "sequences",
    "shaping",
    "slicing",
    "softmax",
    "sorting",
    "structure",
    "upsampling",
]
