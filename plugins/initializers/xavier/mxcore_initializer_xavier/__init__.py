"""Xavier initialization, for mxcore."""

from mxcore_initializer_xavier.with_gain import XavierNormal, XavierUniform
from mxcore_initializer_xavier.xavier import Xavier

__all__ = ["Xavier", "XavierNormal", "XavierUniform"]
