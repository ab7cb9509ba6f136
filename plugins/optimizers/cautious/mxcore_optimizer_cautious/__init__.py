"""Cautious steps and weight decay, for mxcore."""

import numpy as np

from mxcore import boolean, hyperparameter, hyperparameters, mean, one_of
from mxcore.wrapper import Wrapper

__all__ = ["Cautious"]


@hyperparameters
class Cautious(Wrapper):
    r"""Cautious steps: elements whose step does not point downhill stay; or weight decay that does not fight the step.

    .. math::

        step &= w - \mathrm{inner}(w, g) \\
        mask &= [step \cdot g > 0] \\
        share &= \max(\mathrm{mean}(mask), 0.001) \\
        w &\leftarrow w - step \cdot mask / share

    If the wrapped optimizer decouples weight decay from the gradient, :math:`lr \cdot wd \cdot w` is not a part of the
    step. It is subtracted everywhere or, if cautious, where :math:`step \cdot w \ge 0`: where it does not take back
    what the step does.

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("cautious(sgd)", learning_rate=1.0, momentum=0.9))
    >>> weight = np.array([0.0, 0.0])
    >>> update("w", np.array([1.0, 1.0]), weight)
    >>> update("w", np.array([1.0, -0.1]), weight)  # the second element would go on as before
    >>> weight
    array([-4.8, -1. ])

    Args:
        optimizer: the optimizer to wrap, or its name.
        caution: what is cautious: ``"steps"``, ``"decay"`` or ``"both"``.
        normalized: whether cautious steps are divided by the proportion of elements that move.

    Raises:
        ValueError: decay would be cautious, but the wrapped optimizer does not decouple it from the gradient.

    State: none of its own.

    When to use it: faster progress with any optimizer that has momentum. When not: optimizers without momentum, whose
    steps always follow the gradient.

    References:
        K. Liang et al., "Cautious Optimizers: Improving Training with One Line of Code", 2024,
        https://arxiv.org/abs/2411.16085

        L. Chen et al., "Cautious Weight Decay", 2025, https://arxiv.org/abs/2510.12402

    Differs from MXNet 1.9.1: MXNet has no cautious steps. Around AdamW, these are those of timm's ``AdamWLegacy`` with
    ``caution=True``.
    """

    family = "wrapper"
    elementwise = False
    caution: str = hyperparameter("steps", one_of("steps", "decay", "both"))
    normalized: bool = hyperparameter(True, boolean)

    @property
    def decoupled(self) -> bool:
        """Whether the wrapped optimizer decouples weight decay from the gradient."""
        return self.optimizer._inner is None and self.optimizer.decay == "decoupled"

    def check_together(self) -> None:
        """Check that there is decay that can be cautious."""
        super().check_together()
        if self.caution != "steps" and not self.decoupled:
            owner = type(self.optimizer).__name__
            raise ValueError(f"caution={self.caution!r} needs decoupled weight decay, which {owner} does not have")

    @staticmethod
    def rule(weight, grad, *, inner, lr, wd, decoupled, caution, normalized):
        decay = lr * wd * weight if decoupled else 0 * weight
        step = weight - inner(weight, grad) - decay
        if caution != "steps":
            decay = np.where(step * weight >= 0, decay, 0)
        if caution != "decay":
            mask = step * grad > 0
            step = step * mask
            if normalized:
                step = step / np.maximum(mean(mask), 1e-3)
        return weight - step - decay
