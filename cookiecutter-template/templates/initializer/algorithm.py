"""The {{ cookiecutter.kind.replace('lr_', 'learning-rate ') }} {{ cookiecutter.name }}, for mxcore."""

import math

import mxcore as mx
import numpy.typing as npt

__all__ = ["{{ cookiecutter.class }}"]


# Edit here (1 of 7): what it is, the formula in the code's own names, and the hyper-parameters.
@mx.hyperparameters
class {{ cookiecutter.class }}(mx.initializer.Initializer):
    r"""{{ cookiecutter.summary }}.

    .. math::

        w \sim N(0, scale^2), \qquad scale = gain / \sqrt{fan\_in}

    A weight of shape (out, in, k1, k2, …) has a fan-in of :math:`in \cdot k_1 k_2 \cdots`. With a gain of 1, a layer
    preserves the variance of its inputs.

    >>> import numpy as np, mxcore as mx
    >>> weight = np.empty((50, 400))
    >>> mx.initializer.create("{{ cookiecutter.name }}")("fc_weight", weight)
    >>> bool(0.045 < weight.std() < 0.055)
    True

    Arrays need at least two axes and may have any floating dtype.

    Args:
        gain: the factor on the scale, at least 0.

    Raises:
        ValueError: the array has fewer than two axes.

    References:
        {{ cookiecutter.paper }}
    """

    family = "fans"

    gain: float = mx.hyperparameter(1.0, mx.non_negative)

    # Edit here (2 of 7): the values of a weight, drawn from a generator that depends on the parameter's name.
    def values(self, desc: str, shape: tuple[int, ...], rng: mx.random.Generator) -> npt.ArrayLike:
        if len(shape) < 2:
            raise ValueError(f"{str(desc)!r} needs at least two axes, (out, in, …), got shape {shape}")
        fan_in = math.prod(shape[1:])
        return rng.normal(0, self.gain / math.sqrt(max(fan_in, 1)), shape)
