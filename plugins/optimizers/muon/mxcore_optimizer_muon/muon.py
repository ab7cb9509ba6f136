"""Muon for matrices, and AdamW for all other parameters."""

import re
from typing import Any

import numpy as np
from mxcore_optimizer_adamw import AdamW

from mxcore import (
    Validator,
    boolean,
    hyperparameter,
    hyperparameters,
    in_range,
    integer,
    non_negative,
    number,
    one_of,
    optional,
    positive,
)
from mxcore.backend import Array, backend_of, on_device_of
from mxcore.groups import pattern_fault
from mxcore.optimizer import Index, Optimizer
from mxcore_optimizer_muon.newton_schulz import orthogonalize

_STACK = 1 << 24
"""The number of elements from which matrices of equal shape are no longer stacked, to bound the memory."""

_BLOCK = 1 << 20
"""The number of elements that AdamW updates at once, to bound the memory."""

_three = Validator(
    "three numbers", lambda given: isinstance(given, tuple) and [*map(number.accepts, given)] == [True] * 3
)
_patterns = Validator(
    "a list of regular expressions", lambda given: isinstance(given, tuple) and not any(map(pattern_fault, given))
)


@hyperparameters
class Muon(Optimizer):
    r"""Muon: momentum whose singular values are all set to about 1, for matrices, and AdamW for the rest.

    For a matrix with r rows and k columns,

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        m &\leftarrow momentum \cdot m + (1 - momentum) \cdot G \\
        u &= momentum \cdot m + (1 - momentum) \cdot G \\
        X &= u / \max(\lVert u \rVert, \epsilon) \\
        X &\leftarrow a X + (b S + c S^2) X, \quad S = X X^T \\
        w &\leftarrow (1 - lr \cdot wd) \cdot w - lr \cdot scale \cdot X

    where the last line but one is repeated ``ns_steps`` times, with (a, b, c) = ``ns_coefficients``, and on the
    transpose if r > k. Without ``nesterov``, u = m. The scale is :math:`\sqrt{\max(1, r / k)}` for "original" and
    :math:`0.2 \cdot \sqrt{\max(r, k)}` for "match_rms_adamw", whose steps are as large as AdamW's. Matrices of equal
    shape in one call are multiplied together.

    Parameters with one axis, or more than two, and those that ``exclude`` names, are updated by AdamW with the
    ``adam_…`` values. The authors do so also for embeddings and the last layer.

    >>> import numpy as np, mxcore as mx
    >>> muon = mx.optimizer.create("muon", learning_rate=0.1, wd=0.0, adam_learning_rate=0.01, exclude=["head_"])
    >>> weight, bias = np.zeros((2, 2)), np.zeros(2)
    >>> update = mx.optimizer.get_updater(muon)
    >>> update(["fc_weight", "fc_bias"], [np.array([[3.0, 0.0], [0.0, 0.1]]), np.array([3.0, 0.1])], [weight, bias])
    >>> weight.round(2), bias.round(2)
    (array([[-0.07,  0.  ],
           [ 0.  , -0.11]]), array([-0.01, -0.01]))

    Args:
        learning_rate: the learning rate, at least 0.
        momentum: the decay of the mean gradient, in [0, 1).
        nesterov: whether to mix the gradient into the mean once more.
        ns_steps: the number of iterations, at least 1.
        ns_coefficients: their three coefficients.
        epsilon: the lower bound on the norm by which u is divided; above 0.
        scale_mode: "original" or "match_rms_adamw".
        flatten: whether weights with more than two axes, such as convolution kernels, count as matrices with a row for
            each index of the first.
        exclude: patterns of names as in ``groups``, for matrices that AdamW updates.
        adam_learning_rate: the learning rate of the others, scaled by a schedule like ``learning_rate``; None for the
            same. That of a group holds as it is.
        adam_beta1: as for AdamW.
        adam_beta2: as for AdamW.
        adam_epsilon: as for AdamW.
        adam_wd: the weight decay of the others, unless their group has one.
        wd: the weight decay of matrices.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``m``, with the shape and dtype of the weight; the mean and variance of AdamW for the others.

    When to use it: the matrices of hidden layers of large networks, in fewer steps than AdamW and half of its memory.
    When not: embeddings and output layers, which ``exclude`` leaves to AdamW, or models of vectors and few small
    matrices.

    References:
        K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
        https://kellerjordan.github.io/posts/muon/; J. Liu et al., "Muon is Scalable for LLM Training", 2025,
        https://arxiv.org/abs/2502.16982 ("match_rms_adamw")

    Differs from MXNet 1.9.1: MXNet has no Muon. This is the rule of torch, which leaves the others to you, but iterates
    in float32, or float64 for such weights, instead of bfloat16. optax corrects the bias of the momentum.
    """

    family = "matrix"
    default_learning_rate = 0.001
    slots = ("m",)
    elementwise = False
    expected_failures = {
        "a_gradient_of_zero_moves_nothing": "adam_wd is another weight decay than wd",
        "multipliers_scale_the_rate": {"adam_learning_rate": "it is another learning rate than learning_rate"},
    }
    bad_examples = ({"ns_coefficients": (1.0, 2.0)}, {"exclude": ["*"]})
    conventions = {
        "torch": "it iterates in bfloat16",
        "optax": "its momentum is corrected for bias",
        "keras": "Adam's epsilon is added before the bias correction",
    }
    momentum: float = hyperparameter(0.95, in_range(0, 1, right_open=True))
    nesterov: bool = hyperparameter(True, boolean)
    ns_steps: int = hyperparameter(5, integer(at_least=1))
    ns_coefficients: tuple[float, ...] = hyperparameter((3.4445, -4.775, 2.0315), _three)
    epsilon: float = hyperparameter(1e-7, positive)
    scale_mode: str = hyperparameter("original", one_of("original", "match_rms_adamw"))
    flatten: bool = hyperparameter(False, boolean)
    exclude: tuple[str, ...] = hyperparameter((), _patterns)
    adam_learning_rate: float | None = hyperparameter(None, optional(non_negative))
    adam_beta1: float = hyperparameter(0.9, in_range(0, 1, right_open=True))
    adam_beta2: float = hyperparameter(0.999, in_range(0, 1, right_open=True))
    adam_epsilon: float = hyperparameter(1e-8, positive)
    adam_wd: float = hyperparameter(0.01, non_negative)
    wd: float = hyperparameter(0.1, non_negative, kw_only=True)

    def create_state(self, index: Index, weight: Array) -> Any:
        zeros = backend_of(weight).full_like
        m = zeros(weight, 0.0)
        return m if self._is_matrix(index, weight) else (m, zeros(weight, 0.0))

    def update(self, index: Index, weight: Array, grad: Array, state: Any) -> None:
        self._update_count(index)
        self.update_all([index], [weight], [grad], [state])

    def update_all(self, indices: list[Index], weights: list[Array], grads: list[Array], states: list[Any]) -> None:
        stacks: dict[Any, list[Any]] = {}
        for one in zip(indices, weights, grads, states, strict=True):
            index, weight, *_ = one
            if not self._is_matrix(index, weight):
                self._follow_adamw(*one)
            elif weight.size:
                device = backend_of(weight).device_of(weight)
                stacks.setdefault((weight.shape, weight.dtype, device), []).append(one)
        for (shape, *_), members in stacks.items():
            most = max(1, _STACK // int(np.prod(shape)))
            for first in range(0, len(members), most):
                self._orthogonalize(members[first : first + most])

    def _is_matrix(self, index: Index, weight: Array) -> bool:
        if weight.ndim < 2 or (weight.ndim > 2 and not self.flatten):
            return False
        return not any(re.match(pattern, str(self.idx2name.get(index, index))) for pattern in self.exclude)

    def _orthogonalize(self, members: list[tuple[Index, Array, Array, Array]]) -> None:
        """Update matrices of the same shape, dtype and device."""
        shape, dtype = members[0][1].shape, members[0][1].dtype
        rows, columns = shape[0], int(np.prod(shape[1:]))
        with on_device_of(members[0][1]):
            work = np.float32 if dtype.itemsize == 2 else dtype
            low, high = sorted((rows, columns))
            stack = backend_of(members[0][1]).xp.empty((len(members), low, high), work)
            for x, (_, _, grad, m) in zip(stack, members, strict=True):
                new = (1 - self.momentum) * self.preprocessed(grad)
                m *= self.momentum
                m += new
                u = self.momentum * m + new if self.nesterov else m
                x[...] = u.reshape(rows, columns) if rows == low else u.reshape(rows, columns).T
                x /= np.maximum(np.linalg.norm(x), self.epsilon)
            stack = orthogonalize(stack, self.ns_steps, self.ns_coefficients)
            scale = max(1, rows / columns) ** 0.5 if self.scale_mode == "original" else 0.2 * high**0.5
            for x, (index, weight, *_) in zip(stack, members, strict=True):
                lr, wd = self._get_lr(index), self._get_wd(index)
                if wd:
                    weight *= 1 - lr * wd
                x *= lr * scale
                weight -= (x if rows == low else x.T).reshape(shape)

    def _follow_adamw(self, index: Index, weight: Array, grad: Array, state: tuple[Array, Array]) -> None:
        """Update a parameter that is no matrix."""
        lr, wd = self._rates_of_adamw(index)
        numbers = {"lr": lr, "t": self._index_update_count[index], "epsilon": self.adam_epsilon, "amsgrad": False}
        numbers |= {"beta1": self.adam_beta1, "beta2": self.adam_beta2}
        work = np.float32 if weight.dtype.itemsize == 2 else weight.dtype
        with on_device_of(weight):
            every = [np.atleast_1d(array) for array in (weight, grad, *state)]
            rows = max(1, _BLOCK * len(every[0]) // max(weight.size, 1))
            for first in range(0, len(every[0]), rows):
                parts = [array[first : first + rows] for array in every]
                wide, part, mean, variance = (one.astype(work, copy=False) for one in parts)
                new = AdamW.rule(wide * (1 - lr * wd), self.preprocessed(part), mean, variance, **numbers)
                parts[0][...], parts[2][...], parts[3][...] = new

    def _rates_of_adamw(self, index: Index) -> tuple[float, float]:
        """Return the learning rate and the weight decay of a parameter that is no matrix."""
        lr, wd, own = self._get_lr(index), self._get_wd(index), self.groups.of(self, index).settings
        if "wd" not in own:
            wd = self.adam_wd * self.multiplier(index, self.wd_mult, "wd_mult")
        if self.adam_learning_rate is not None and not {"lr", "lr_scheduler"} & own.keys():
            base = self.lr if self.lr_scheduler is None else getattr(self.lr_scheduler, "base_lr", None)
            if base is None:
                raise ValueError(
                    "adam_learning_rate is scaled like the schedule's base_lr, but the lr_scheduler is a function "
                    "without one: give the parameters of AdamW a group with an lr_scheduler"
                )
            lr = lr * (self.adam_learning_rate / base) if base else 0.0
        return lr, wd
