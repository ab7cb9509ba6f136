"""Large-batch SGD, for mxcore."""

import numpy as np

from mxcore import boolean, hyperparameter, hyperparameters, in_range, integer, one_of
from mxcore.backend import Array, backend_of
from mxcore.optimizer import Index, Optimizer

__all__ = ["LBSGD"]


@hyperparameters
class LBSGD(Optimizer):
    r"""Large-batch SGD: one step per ``batch_scale`` gradients, with a learning rate that warms up to that multiple.

    Let n = 1, 2, … be the number of gradients that a parameter has received, starting after ``begin_epoch`` epochs of
    ``updates_per_epoch``. Each gradient is added, :math:`gradient\_sum \leftarrow gradient\_sum + g`, and if n is a
    multiple of ``batch_scale``, then

    .. math::

        mean &= gradient\_sum / batch\_scale \\
        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot mean) + wd \cdot w \\
        velocity &\leftarrow momentum \cdot velocity - f \cdot lr \cdot G \\
        w &\leftarrow w + velocity \\
        gradient\_sum &\leftarrow 0

    The factor f rises from 1 to ``batch_scale`` in ``warmup_epochs`` epochs: with x the fraction of these epochs that
    has passed, it is 1 + (batch_scale - 1) · x ("linear"), · x² ("power2"), · √x ("sqrt"), or stays at 1 until they
    have passed ("none"). With "lars" it is instead the layer's :math:`\sqrt{\lVert w \rVert^2 / (\lVert mean \rVert^2 +
    wd \cdot \lVert w \rVert^2)}`, limited to [0.01, 100].

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> update = mx.optimizer.get_updater(mx.optimizer.LBSGD(batch_scale=2, warmup_epochs=0, learning_rate=0.1))
    >>> update(0, np.array([1.0, 0.0]), weight)
    >>> weight
    array([ 1., -1.])
    >>> update(0, np.array([0.0, 1.0]), weight)
    >>> weight
    array([ 0.9, -1.1])

    Args:
        momentum: the fraction of the previous velocity that is kept, in [0, 1].
        multi_precision: see :class:`~mxcore.optimizer.Optimizer`.
        warmup_strategy: "linear", "power2", "sqrt", "lars" or "none".
        warmup_epochs: the number of epochs during which the factor rises, at least 0.
        batch_scale: the number of gradients per step, at least 1.
        updates_per_epoch: the number of gradients per epoch, at least 1.
        begin_epoch: the epoch from which to count, at least 0.
        num_epochs: accepted for compatibility with MXNet; no effect.
        learning_rate: the learning rate, at least 0; a scheduler receives the number of gradients before this one.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``velocity`` with momentum, and ``gradient_sum`` unless each gradient makes a step, shaped and typed like the
    weight. n follows from the count of updates.

    When to use it: large batches that have to be summed over several calls, with a warm-up for all layers. When not:
    new code: ``accumulate`` of any optimizer and ``warmup_steps`` of any schedule do the same.

    References:
        P. Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017,
        https://arxiv.org/abs/1706.02677; "lars": Y. You, I. Gitman and B. Ginsburg, "Large Batch Training of
        Convolutional Networks", 2017, https://arxiv.org/abs/1708.03888

    Differs from MXNet 1.9.1: the sum of gradients is part of the state, so that a run can be resumed in the middle of a
    batch; an unknown ``warmup_strategy`` is refused, and its factor of 1 is available as "none".
    """

    family = "momentum"
    elementwise = False
    expected_failures = {
        "clipping_bounds_the_gradient": {
            "warmup_strategy='lars'": "as in MXNet, the factor is computed before clipping",
            "batch_scale": "as in MXNet, the mean gradient of a batch is clipped, not each gradient",
        },
        "rescaling_multiplies_the_gradient": {
            "warmup_strategy='lars'": "as in MXNet, the factor is computed before rescaling"
        },
        "updates_are_counted_once": "as in MXNet, the learning rate is looked up before the step is counted",
    }
    momentum: float = hyperparameter(0.0, in_range(0, 1))
    multi_precision: bool = hyperparameter(False, boolean)  # second, as in MXNet
    warmup_strategy: str = hyperparameter("linear", one_of("linear", "power2", "sqrt", "lars", "none"))
    warmup_epochs: int = hyperparameter(5, integer(at_least=0))
    batch_scale: int = hyperparameter(1, integer(at_least=1))
    updates_per_epoch: int = hyperparameter(32, integer(at_least=1))
    begin_epoch: int = hyperparameter(0, integer(at_least=0))
    num_epochs: int = hyperparameter(60, integer(at_least=0), repr=False)

    def slots(self) -> tuple[str, ...]:
        return (*("velocity",) * bool(self.momentum), *("gradient_sum",) * (self.batch_scale > 1))

    def update(self, index: Index, weight: Array, grad: Array, state: Array | tuple[Array, Array] | None) -> None:
        lr, wd = self._get_lr(index), self._get_wd(index)
        self._update_count(index)
        received = self._index_update_count[index] - self.begin_num_update + self.begin_epoch * self.updates_per_epoch
        kept = dict(zip(self.slots(), state if isinstance(state, tuple) else (state,), strict=False))
        if "gradient_sum" in kept:
            kept["gradient_sum"] += grad
            if received % self.batch_scale:
                return
            grad = kept["gradient_sum"] / self.batch_scale
            backend_of(weight).fill(kept["gradient_sum"], 0.0)
        step = lr * self._factor(received, weight, grad, wd) * (self.preprocessed(grad) + wd * weight)
        if "velocity" in kept:
            kept["velocity"] *= self.momentum
            kept["velocity"] -= step
            step = -kept["velocity"]
        weight -= step

    def _factor(self, received: int, weight: Array, mean: Array, wd: float) -> Array | float:
        """Return the factor of the learning rate: a number, or for "lars" a 0-d array of the weight's library."""
        if self.warmup_strategy == "lars":
            size, length = (np.linalg.norm(array) ** 2 for array in (weight, mean))
            decayed = length + wd * size
            return np.clip(np.sqrt(size / np.where(decayed > 0, decayed, 1)), 0.01, 100)
        warmup = self.warmup_epochs * self.updates_per_epoch
        if received >= warmup:
            return float(self.batch_scale)
        shares = {"linear": 1.0, "power2": 2.0, "sqrt": 0.5}
        if self.warmup_strategy not in shares or warmup <= 1:
            return 1.0
        return 1.0 + (self.batch_scale - 1) * (received / warmup) ** shares[self.warmup_strategy]
