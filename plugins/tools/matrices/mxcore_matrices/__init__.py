"""What optimizers with matrices share."""

from mxcore_matrices.axes import divided, gram, multiplied, within_range, working_dtype
from mxcore_matrices.draws import normal
from mxcore_matrices.newton_schulz import orthogonalize
from mxcore_matrices.orthogonalized import Orthogonalized

__all__ = [
    "Orthogonalized", "divided", "gram", "multiplied", "normal", "orthogonalize", "within_range", "working_dtype",
]  # fmt: skip
