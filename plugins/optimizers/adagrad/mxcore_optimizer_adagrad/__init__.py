"""AdaGrad, for mxcore."""

import numpy as np

from mxcore import Slot, boolean, hyperparameter, hyperparameters, non_negative, stabilizing
from mxcore.optimizer import Optimizer

__all__ = ["AdaGrad"]


@hyperparameters
class AdaGrad(Optimizer):
    r"""AdaGrad: steps scaled by the root of the sum of all squared gradients so far.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) \\
        history &\leftarrow history + G^2 \\
        w &\leftarrow w - lr \cdot (G / \sqrt{history + eps} + wd \cdot w)

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> mx.optimizer.get_updater(mx.optimizer.AdaGrad(learning_rate=0.1))(0, np.array([3.0, -0.5]), weight)
    >>> weight.round(6)
    array([ 0.9, -0.9])

    Args:
        eps: added inside the root; at least 0.
        learning_rate: the learning rate, at least 0.
        initial_history: what the history starts at, at least 0.
        lr_decay: the learning rate of update t is divided by 1 + (t - 1) lr_decay; at least 0.
        epsilon_in_root: whether ``eps`` is inside the root, as in MXNet, or added to it, as in torch.
        decoupled_wd: whether weight decay acts on the weight, as in MXNet, or is added to the gradient, as in torch.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``history``, with the shape and dtype of the weight.

    When to use it: sparse gradients: rarely seen features take large steps. When not: long runs of deep networks: its
    steps only shrink.

    References:
        J. Duchi, E. Hazan and Y. Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
        Optimization", Journal of Machine Learning Research 12, 2011, https://jmlr.org/papers/v12/duchi11a.html

    Differs from MXNet 1.9.1: the history has the weight's dtype (there float32, so that other dtypes fail), and the
    attribute is called ``eps`` like its argument (there ``float_stable_eps``); ``initial_history``, ``lr_decay``,
    ``epsilon_in_root`` and ``decoupled_wd`` are new.
    """

    family = "adaptive"
    conventions = {
        "torch": {"eps": 1e-10, "epsilon_in_root": False, "decoupled_wd": False},
        "optax": {"initial_history": 0.1},
        "keras": {"initial_history": 0.1},
    }
    eps: float = hyperparameter(1e-7, stabilizing)
    initial_history: float = hyperparameter(0.0, non_negative, kw_only=True)
    lr_decay: float = hyperparameter(0.0, non_negative, kw_only=True)
    epsilon_in_root: bool = hyperparameter(True, boolean, kw_only=True)
    decoupled_wd: bool = hyperparameter(True, boolean, kw_only=True)

    @property
    def decay(self) -> str:  # type: ignore[override]
        return "decoupled" if self.decoupled_wd else "before_clip"

    def slots(self) -> tuple[Slot, ...]:
        return (Slot("history", init=self.initial_history),)

    @staticmethod
    def rule(weight, grad, history, *, lr, t, eps, lr_decay, epsilon_in_root):
        history = history + grad * grad
        root = np.sqrt(history + eps) if epsilon_in_root else np.sqrt(history) + eps
        return weight - lr / (1 + (t - 1) * lr_decay) * grad / root, history
