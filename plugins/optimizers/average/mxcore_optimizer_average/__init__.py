"""Averaged weights, for mxcore."""

import numpy as np

from mxcore import Slot, hyperparameter, hyperparameters, in_range, integer, non_negative, optional
from mxcore.wrapper import Wrapper

__all__ = ["Average"]


@hyperparameters
class Average(Wrapper):
    r"""Average of the weights along the way, to evaluate and deploy with: exponential, or equal as in SWA.

    .. math::

        w &\leftarrow \mathrm{inner}(w, g) \\
        average &\leftarrow average + c \, (w - average)

    with :math:`c = 1 - \beta` or, without ``beta``, :math:`c = (1 + \gamma) / (n + \gamma)` with n = 1, 2, … the number
    of averaged weights: all of them count equally if :math:`\gamma = 0`, and otherwise the last ones more. The first
    one is copied. The optimizer's steps do not depend on the average. Get it with
    :meth:`~mxcore.optimizer.Updater.evaluating`, or :meth:`~mxcore.optimizer.Updater.evaluation_weights`.

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("average(sgd, beta=None)", learning_rate=1.0))
    >>> weight = np.array([0.0])
    >>> for _ in range(3):
    ...     update("w", np.array([1.0]), weight)
    >>> weight, update.evaluation_weights([weight], ["w"])
    (array([-3.]), [array([-2.])])

    Args:
        optimizer: the optimizer to wrap, or its name.
        beta: the factor of earlier weights per averaged update, in [0, 1); None for ``gamma``.
        begin: the updates before averaging begins; until then, the average is the weight.
        every: the number of updates from one weight in the average to the next; at least 1.
        gamma: without ``beta``, the exponent of polynomial averaging; 0 weights all weights equally, as in SWA.

    State: ``average``, initially the weight, with its shape and dtype; and ``updates``, a number.

    When to use it: weights to evaluate with that are better than the last ones, at hardly any cost. When not: networks
    with batch normalization, unless you recompute its statistics for the averaged weights.

    References:
        B. T. Polyak, A. B. Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992,
        https://doi.org/10.1137/0330046

        P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018,
        https://arxiv.org/abs/1803.05407

        O. Shamir, T. Zhang, "Stochastic Gradient Descent for Non-smooth Optimization: Convergence Results and Optimal
        Averaging Schemes", 2013, https://arxiv.org/abs/1212.1824 (``gamma``)

    Differs from MXNet 1.9.1: MXNet has no averages. These are those of ``torch.optim.swa_utils.AveragedModel``, with an
    ``update_parameters`` after each update.
    """

    family = "wrapper"
    slots = (Slot("average", init="weight"), Slot("updates", shape=()))
    beta: float | None = hyperparameter(0.999, optional(in_range(0, 1, right_open=True)))
    begin: int = hyperparameter(0, integer(at_least=0))
    every: int = hyperparameter(1, integer(at_least=1))
    gamma: float = hyperparameter(0.0, non_negative)

    @staticmethod
    def rule(weight, grad, average, *, inner, updates, beta, begin, every, gamma):
        weight, updates = inner(weight, grad), updates + 1
        since = updates - begin - 1  # the first weight that is averaged
        count = np.maximum(since // every + 1, 1)
        factor = (1 + gamma) / (count + gamma) if beta is None else 1 - beta
        factor = np.where(since <= 0, 1, np.where(since % every == 0, factor, 0))
        return weight, average + factor * (weight - average), updates

    @staticmethod
    def evaluation(average):
        return average
