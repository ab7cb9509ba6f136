"""The {{ cookiecutter.kind.replace('lr_', 'learning-rate ') }} {{ cookiecutter.name }}, for mxcore."""

import mxcore as mx

__all__ = ["{{ cookiecutter.class }}"]


# Edit here (1 of 7): what it is, the formula in the code's own names, and the hyper-parameters.
@mx.hyperparameters
class {{ cookiecutter.class }}(mx.optimizer.Optimizer):
    r"""{{ cookiecutter.summary }}.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        mean &\leftarrow \beta \cdot mean + (1 - \beta) \cdot G \\
        w &\leftarrow w - lr \cdot ((1 - \nu) \cdot G + \nu \cdot mean)

    With :math:`\nu = 0` this is gradient descent; with :math:`\nu = 1` it is momentum, as an average of gradients.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.array([1.0, -1.0])
    >>> optimizer = mx.optimizer.create("{{ cookiecutter.name }}", learning_rate=0.5, beta=0.5, nu=0.5)
    >>> mx.optimizer.get_updater(optimizer)("weight", np.array([2.0, -4.0]), weight)
    >>> weight
    array([0.25, 0.5 ])

    Args:
        learning_rate: the learning rate, at least 0.
        beta: the fraction of the mean that is kept, in [0, 1).
        nu: the weight of the mean in a step, in [0, 1].
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``mean``, with the shape and dtype of the weight.

    References:
        {{ cookiecutter.paper }}
    """

    family = "momentum"
    default_learning_rate = 0.1
    decay = "after_clip"
    slots = ("mean",)
    beta: float = mx.hyperparameter(0.9, mx.in_range(0, 1, right_open=True))
    nu: float = mx.hyperparameter(0.7, mx.in_range(0, 1))

    # Edit here (2 of 7): one step, from the old weight and state to the new ones.
    @staticmethod
    def rule(weight, grad, mean, *, lr, beta, nu):
        mean = beta * mean + (1 - beta) * grad
        return weight - lr * ((1 - nu) * grad + nu * mean), mean
