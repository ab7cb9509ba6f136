"""Different optimizers for different parameters, for mxcore."""

from mxcore_optimizer_mixed.mixed import Mixed

__all__ = ["Mixed"]
