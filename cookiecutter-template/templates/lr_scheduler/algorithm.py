"""The {{ cookiecutter.kind.replace('lr_', 'learning-rate ') }} {{ cookiecutter.name }}, for mxcore."""

from typing import Any

import mxcore as mx
import numpy as np

__all__ = ["{{ cookiecutter.class }}"]


# Edit here (1 of 7): what it is, the formula in the code's own names, and the hyper-parameters.
@mx.hyperparameters
class {{ cookiecutter.class }}(mx.lr_scheduler.LRScheduler):
    r"""{{ cookiecutter.summary }}.

    .. math::

        rate(t) = base\_lr \cdot \sqrt{hold / \max(t, hold)}

    so that updates 1 … hold run at ``base_lr``. Updates during a warm-up count, too.

    >>> import mxcore as mx
    >>> schedule = mx.lr_scheduler.create("{{ cookiecutter.name }}", hold=100, base_lr=0.4)
    >>> [schedule(t) for t in (1, 100, 400, 1600)]
    [0.4, 0.4, 0.2, 0.1]

    Args:
        hold: the number of updates before the learning rate starts to fall, above 0.
        base_lr: the initial learning rate.
        warmup_steps: see :class:`~mxcore.lr_scheduler.LRScheduler`, like the next two.
        warmup_begin_lr: the learning rate at the start of the warm-up.
        warmup_mode: ``"linear"`` or ``"constant"``.

    References:
        {{ cookiecutter.paper }}
    """

    family = "decay"

    hold: float = mx.hyperparameter(100, mx.positive)

    # Edit here (2 of 7): the learning rates of updates t, an array of floats.
    def rate(self, t: Any) -> Any:
        return self.base_lr * np.sqrt(self.hold / np.maximum(t, self.hold))
