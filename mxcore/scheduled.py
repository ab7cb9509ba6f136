"""The learning rate of an optimizer, its own or its scheduler's."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

import numpy as np

from mxcore.step.rates import asked
from mxcore.validators import non_negative


class Scheduled:
    """A learning rate that may follow a scheduler."""

    default_learning_rate: ClassVar[float] = 0.01
    lr: float | None
    lr_scheduler: Any
    num_update: int

    def _settle_learning_rate(self) -> None:
        """Set the scheduler's ``base_lr`` to the learning rate that was passed; a default never replaces it."""
        if self.lr_scheduler is None:
            self.lr = self.default_learning_rate if self.lr is None else self.lr
            return
        base_lr = getattr(self.lr_scheduler, "base_lr", self.lr)
        rate = self.default_learning_rate if self.lr is None and base_lr is None else self.lr
        if rate is not None and rate != getattr(self.lr_scheduler, "base_lr", None):
            if base_lr is not None:
                import logging  # here, to keep `import mxcore` fast

                logger = logging.getLogger("mxcore.optimizer")
                logger.info("base_lr of the scheduler changed from %s to learning_rate=%s", base_lr, rate)
            self.lr_scheduler.base_lr = rate

    @property
    def learning_rate(self) -> float:
        """The current learning rate, before multipliers.

        You can assign it; with a scheduler, that sets the scheduler's ``base_lr``.
        """
        if self.lr_scheduler is not None:
            return asked(self.lr_scheduler, self.num_update)
        return float(self.lr)  # type: ignore[arg-type]  # not None without a scheduler

    @learning_rate.setter
    def learning_rate(self, lr: float) -> None:
        if self.lr_scheduler is None:
            self.lr = lr
            return
        if inspect.isroutine(self.lr_scheduler):
            raise ValueError("the lr_scheduler is a function, which has no base_lr to set: assign another lr_scheduler")
        rate = lr.item() if isinstance(lr, np.generic) else lr
        if not non_negative.accepts(rate):
            raise ValueError(f"learning_rate must be {non_negative.requirement}, got {lr!r}")
        self.lr_scheduler.base_lr = rate

    def set_learning_rate(self, lr: float) -> None:
        """Set the learning rate if there is no scheduler, as in MXNet.

        Raises:
            UserWarning: a scheduler sets it; assign ``learning_rate`` instead, which sets its ``base_lr``.
        """
        if self.lr_scheduler is not None:
            raise UserWarning("the scheduler sets the learning rate: assign learning_rate, which sets its base_lr")
        self.lr = lr
