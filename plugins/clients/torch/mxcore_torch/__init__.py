"""Optimizers, schedules and initializers of mxcore for torch."""

from mxcore.adapting import requires

with requires("torch>=2.9"):
    from mxcore_torch.initializers import initialize
    from mxcore_torch.optimizer import Optimizer
    from mxcore_torch.schedules import Scheduler, schedule, scheduler

__all__ = ["Optimizer", "Scheduler", "initialize", "schedule", "scheduler"]
