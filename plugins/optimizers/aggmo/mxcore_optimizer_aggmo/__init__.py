"""AggMo, for mxcore."""

from mxcore import hyperparameter, hyperparameters, in_range, optional
from mxcore.optimizer import Optimizer

__all__ = ["AggMo"]

_decay = in_range(0, 1, right_open=True)


@hyperparameters
class AggMo(Optimizer):
    r"""AggMo: SGD with the mean of several velocities, of which the fast ones damp the slow ones.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        velocity_i &\leftarrow \beta_i \cdot velocity_i + G \qquad i = 1, \dots, K \\
        w &\leftarrow w - \frac{lr}{K} \sum_i velocity_i

    With a single :math:`\beta` this is SGD with momentum.

    >>> import numpy as np, mxcore as mx
    >>> weight, update = np.zeros(1), mx.optimizer.get_updater(mx.optimizer.AggMo(learning_rate=0.3))
    >>> for _ in range(2):
    ...     update(0, np.ones(1), weight)
    >>> weight  # -0.1 · (1 + 1 + 1), then -0.1 · (1 + 1.9 + 1.99)
    array([-0.789])

    Args:
        learning_rate: the learning rate, at least 0.
        beta1: the decay of the first velocity, in [0, 1); at 0 it is the gradient, and is not kept.
        beta2: the decay of another velocity, or None for no such velocity.
        beta3: the same for a third one.
        beta4: the same for a fourth one; the authors also use 0.999 here.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`.

    State: ``velocity1`` to ``velocity4``, each with the shape and dtype of the weight, as far as their decay is neither
    None nor 0.

    When to use it: in place of SGD with momentum where that oscillates: large momenta become safe. When not: little
    memory: it keeps an array for each decay.

    References:
        J. Lucas, S. Sun, R. Zemel and R. Grosse, "Aggregated Momentum: Stability Through Passive Damping", 2018,
        https://arxiv.org/abs/1804.00325

    Differs from MXNet 1.9.1: MXNet has no AggMo. This is the rule of its authors and of pytorch_optimizer, where the
    decays are a tuple, ``betas``.
    """

    family = "momentum"
    beta1: float = hyperparameter(0.0, _decay)
    beta2: float | None = hyperparameter(0.9, optional(_decay))
    beta3: float | None = hyperparameter(0.99, optional(_decay))
    beta4: float | None = hyperparameter(None, optional(_decay))

    def slots(self) -> tuple[str, ...]:
        betas = enumerate((self.beta1, self.beta2, self.beta3, self.beta4), 1)
        return tuple(f"velocity{number}" for number, beta in betas if beta)

    @staticmethod
    def rule(
        weight, grad, velocity1=None, velocity2=None, velocity3=None, velocity4=None, *, lr, beta1, beta2, beta3, beta4
    ):  # fmt: skip
        pairs = zip((beta1, beta2, beta3, beta4), (velocity1, velocity2, velocity3, velocity4), strict=True)
        every = [(beta, old) for beta, old in pairs if beta is not None]
        kept = [beta * old + grad for beta, old in every if old is not None]
        return weight - lr / len(every) * sum(kept, (len(every) - len(kept)) * grad), *kept
