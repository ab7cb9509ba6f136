"""Optimizers, schedules and initializers of mxcore for torch."""

from mxcore.adapting import requires

with requires("torch>=2.6"):
    from mxcore_torch.optimizer import Optimizer

__all__ = ["Optimizer"]
