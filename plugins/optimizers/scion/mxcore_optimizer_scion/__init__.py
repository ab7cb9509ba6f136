"""Scion, for mxcore."""

import math

import numpy as np
from mxcore_matrices import Orthogonalized, working_dtype

from mxcore import boolean, hyperparameter, hyperparameters, in_range, positive
from mxcore.backend import Array
from mxcore.optimizer import Index

__all__ = ["Scion"]


@hyperparameters
class Scion(Orthogonalized):
    r"""Scion: steps of a fixed size, in a norm that fits the kind of parameter.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        m &\leftarrow momentum \cdot m + (1 - momentum) \cdot G \\
        w &\leftarrow (1 - lr \cdot wd) \cdot w - lr \cdot \Delta

    where ``constrained`` first multiplies w by (1 - lr), so that it stays in the ball of all possible :math:`\Delta`:

    * a matrix with r rows and k columns, spectral norm: :math:`radius \sqrt{r / k} \cdot \mathrm{orthogonalized}(m)`,
      and the same for kernels from k to r channels, divided by the number of elements between two channels;
    * one that ``exclude`` names, largest element: :math:`sign\_radius / k \cdot \mathrm{sign}(m)`;
    * a vector, root mean square: :math:`radius \cdot m / (\mathrm{rms}(m) + \epsilon)`.

    >>> import numpy as np, mxcore as mx
    >>> scion = mx.optimizer.Scion(0.1, radius=2.0, sign_radius=6.0, exclude=["head_"])
    >>> scion.ns_steps, scion.ns_coefficients = 20, (2.0, -1.5, 0.5)  # converges
    >>> fc, head, bias = np.zeros((2, 2)), np.zeros((1, 3)), np.zeros(2)
    >>> grads = [np.diag([3.0, 0.2]), np.array([[5.0, -1.0, 0.1]]), np.array([3.0, 4.0])]
    >>> mx.optimizer.get_updater(scion)(["fc_weight", "head_weight", "fc_bias"], grads, [fc, head, bias])
    >>> fc.round(1), head.round(1), bias.round(2)
    (array([[-0.2,  0. ],
           [ 0. , -0.2]]), array([[-0.2,  0.2, -0.2]]), array([-0.17, -0.23]))

    Args:
        learning_rate: the learning rate, at least 0; at most 1 if constrained.
        momentum: the decay of the mean gradient, in [0, 1); the paper has one minus it.
        radius: the size of a step at a learning rate of 1, in the norm of the parameter; above 0.
        sign_radius: the same for matrices that ``exclude`` names; above 0.
        constrained: whether to stay within the ball of the radius.
        epsilon: added to the root mean square, and the lower bound on the norm of a matrix; above 0.
        flatten: whether convolution kernels count as matrices; if not, they are treated as ``exclude`` does.
        exclude: patterns of names as in ``groups``, for embeddings and the last layer.
        ns_steps: the number of iterations, at least 1.
        ns_coefficients: their three coefficients.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``m``, with the shape and dtype of the weight.

    When to use it: deep networks, with a learning rate that stays good as their width grows, and half of Adam's memory.
    When not: if you can't say which matrices are embeddings or the last layer.

    References:
        T. Pethick et al., "Training Deep Learning Models with Norm-Constrained LMOs", 2025,
        https://arxiv.org/abs/2502.07529

    Differs from MXNet 1.9.1: MXNet has no Scion. This is the rule of pytorch_optimizer and the authors with the norms
    Auto and Sign, but iterates in float32, or float64 for such weights. Their default for ``constrained`` differs.
    """

    default_learning_rate = 0.00025
    slots = ("m",)
    descent = {"learning_rate": 0.001}
    expected_failures = {"a_gradient_of_zero_moves_nothing": {"constrained": "weights shrink towards the ball"}}
    momentum: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    radius: float = hyperparameter(50.0, positive)
    sign_radius: float = hyperparameter(3000.0, positive)
    constrained: bool = hyperparameter(False, boolean)
    epsilon: float = hyperparameter(1e-8, positive)
    flatten: bool = hyperparameter(True, boolean)

    def direction(self, grad: Array, m: Array) -> Array:
        m *= self.momentum
        m += (1 - self.momentum) * grad
        return m

    def step(self, x: Array, m: Array) -> Array:
        x *= self.radius * math.sqrt(m.shape[0] / m.shape[1]) / math.prod(m.shape[2:])
        return x

    def update_other(self, index: Index, weight: Array, grad: Array, m: Array) -> None:
        if not weight.size:
            return
        d = self.direction(self.preprocessed(grad), m).astype(working_dtype(m.dtype), copy=False)
        if weight.ndim < 2:
            step = d * (self.radius / (np.sqrt((d * d).mean()) + self.epsilon))
        else:
            step = np.sign(d) * (self.sign_radius * len(d) / d.size)
        self.move(index, weight, step)

    def move(self, index: Index, weight: Array, step: Array) -> None:
        if self.constrained:
            weight *= 1 - self._get_lr(index)
        super().move(index, weight, step)
