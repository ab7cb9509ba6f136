"""SM3, for mxcore."""

import functools
from collections.abc import Sequence

import numpy as np

from mxcore import Validator, hyperparameter, hyperparameters, in_range, non_negative
from mxcore.backend import Array, backend_of
from mxcore.optimizer import Index, Optimizer

__all__ = ["SM3"]


@hyperparameters
class SM3(Optimizer):
    r"""SM3: AdaGrad with one accumulator per index of each axis instead of one per element.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        \nu_{ij} &= \min(acc\_0_i, acc\_1_j) + G_{ij}^2 \\
        acc\_0_i &\leftarrow \max_j \nu_{ij} \\
        acc\_1_j &\leftarrow \max_i \nu_{ij} \\
        m &\leftarrow momentum \cdot m \\
            &\quad + (1 - momentum) \cdot G / \sqrt{\nu + \epsilon} \\
        w &\leftarrow w - lr \cdot m

    for a matrix, and alike with any number of axes; :math:`0 / 0 = 0`. With one axis it is AdaGrad. There is no weight
    decay.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.zeros((2, 3))
    >>> updater = mx.optimizer.get_updater(mx.optimizer.SM3(0.1, momentum=0.0))
    >>> updater(0, np.array([[1.0, 2.0, 0.0], [0.0, 0.0, -3.0]]), weight)
    >>> weight
    array([[-0.1, -0.1,  0. ],
           [ 0. ,  0. ,  0.1]])
    >>> [array.ravel().tolist() for array in updater.states[0]]
    [[4.0, 9.0], [1.0, 4.0, 9.0]]

    Args:
        learning_rate: the learning rate, at least 0.
        momentum: the decay of the mean of steps, in [0, 1).
        epsilon: added inside the root, at least 0.
        wd: must be 0.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: for each axis an accumulator with the weight's dtype and the shape (1, …, n, …, 1), called ``acc_0`` and
    ``acc_1`` for a matrix, and with momentum ``m``, shaped like the weight.

    When to use it: embeddings and other large arrays with sparse gradients, in the memory of SGD with momentum. When
    not: dense gradients of small models: its bounds on the sums are coarse, and steps only shrink.

    References:
        R. Anil, V. Gupta, T. Koren and Y. Singer, "Memory-Efficient Adaptive Optimization", 2019,
        https://arxiv.org/abs/1901.11150 (SM3-II)

    Differs from MXNet 1.9.1: MXNet has no SM3. This is the rule of optax; pytorch_optimizer has other defaults, and can
    let accumulators decay.
    """

    family = "matrix"
    default_learning_rate = 0.1
    elementwise = False
    conventions = {"optax": {}}
    momentum: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    epsilon: float = hyperparameter(1e-8, non_negative)
    wd: float = hyperparameter(0.0, Validator("0: weight decay is not supported", lambda wd: wd == 0), kw_only=True)

    def slots(self) -> tuple[str, ...]:
        return ("acc_0", "acc_1", *["m"] * bool(self.momentum))

    def create_state(self, index: Index, weight: Array) -> tuple[Array, ...]:
        backend = backend_of(weight)
        lines = [tuple(slice(None if axis == own else 1) for axis in range(weight.ndim)) for own in range(weight.ndim)]
        kept = [backend.full_like(weight[line], 0.0) for line in lines or [()]]
        return (*kept, *[backend.full_like(weight, 0.0)] * bool(self.momentum))

    def update(self, index: Index, weight: Array, grad: Array, state: tuple[Array, ...]) -> None:
        self._update_count(index)
        if not weight.size:
            return
        grad, accumulators = self.preprocessed(grad), state[: weight.ndim or 1]
        nu = np.multiply(grad, grad, out=np.empty_like(grad))  # an array, where grad has no axes either
        nu += functools.reduce(np.minimum, reversed(accumulators))  # last axes first: NumPy's inner loops are long then
        _keep_maxima(accumulators, nu)
        nu += self.epsilon
        root = np.sqrt(nu, out=nu)
        if not weight.dtype.type(self.epsilon):
            root += root == 0
        step = np.divide(grad, root, out=root)
        if self.momentum:
            m = state[-1]
            m *= self.momentum
            step *= 1 - self.momentum
            m += step
            step[...] = m
        step *= self._get_lr(index)
        weight -= step


def _keep_maxima(accumulators: Sequence[Array], nu: Array) -> None:
    """Write into each accumulator the maxima over all axes but its own."""
    for accumulator in accumulators:
        rows = nu.reshape(accumulator.size, -1)
        accumulator[...] = rows.max(axis=1).reshape(accumulator.shape)
        nu = rows.max(axis=0)  # all that matters to the axes that follow
