"""L-BFGS, for mxcore."""

import numpy as np

from mxcore import hyperparameter, hyperparameters, integer
from mxcore.backend import Array
from mxcore.optimizer import Index, Optimizer, Slot
from mxcore.step.whole import check_complete
from mxcore_optimizer_lbfgs.memory import directions, dot, length, remembered
from mxcore_optimizer_lbfgs.searching import Objective, Searching

__all__ = ["LBFGS"]


@hyperparameters
class LBFGS(Optimizer):
    r"""L-BFGS: quasi-Newton steps from the last changes of weights and gradients, for deterministic functions.

    .. math::

        G &= \mathrm{clip}(\mathrm{rescale\_grad} \cdot g) + wd \cdot w \\
        s_k &= w - previous, \quad y_k = G - gradient \\
        previous &\leftarrow w, \quad gradient \leftarrow G \\
        w &\leftarrow w - t \cdot lr \cdot H G

    H approximates the inverse of the Hessian: it is :math:`\frac{\langle s, y \rangle}{\langle y, y \rangle}` of the
    last pair, corrected by each of the last pairs (Nocedal and Wright, algorithm 7.4). A pair is kept if s and y are
    within a right angle. Without pairs, :math:`H = \min(1, 1 / \lVert G \rVert_1)`. All products are over all
    parameters of the model: every call must have all of them.

    ``mx.minimize`` searches for t, from 1 on, such that the new weights meet the strong Wolfe conditions on value and
    slope (algorithms 3.5 and 3.6, with constants of 1e-4 and 0.9):

    >>> import numpy as np, mxcore as mx
    >>> def rosenbrock(x):
    ...     a, b = x
    ...     value = (1 - a) ** 2 + 100 * (b - a**2) ** 2
    ...     return value, np.array([2 * (a - 1) - 400 * a * (b - a**2), 200 * (b - a**2)])
    >>> result = mx.minimize(rosenbrock, [-1.2, 1.0], "lbfgs", gtol=1e-8)
    >>> result.x.round(8), result.nit < 50
    (array([1., 1.]), True)

    In a loop of your own, :meth:`~mxcore_optimizer_lbfgs.searching.Searching.search` of its updater makes such a step
    with a function that returns value and gradients. An ordinary call of the updater, which has no function to ask,
    takes t = 1, as torch's ``LBFGS`` without a line search does: choose a lower learning rate then.

    Args:
        learning_rate: the factor on steps, where a line search begins; at least 0.
        history_size: the number of pairs kept, at least 1; 3 to 20 are common.
        max_evaluations: how often a line search calls the function, at most.
        kwargs: further arguments of :class:`~mxcore.optimizer.Optimizer`. A line search refuses those that change
            gradients, such as ``wd``, since values must change with them.

    State: ``previous`` and ``gradient``, and for each of the pairs ``s_0``, …, ``y_0``, …, divided by the root of their
    product, with the shape and dtype of the weight; and for the whole model the number of pairs so far, ``pairs``.

    When to use it: smooth functions and full batches, for which it needs few steps. When not: batches that change from
    step to step, or little memory: it keeps two arrays for each pair.

    Raises:
        ValueError: from a search, where the function is not finite at its start, or settings change gradients.

    References:
        D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale optimization", 1989,
        https://doi.org/10.1007/BF01589116

        J. Nocedal and S. J. Wright, "Numerical Optimization", 2nd edition, 2006,
        https://doi.org/10.1007/978-0-387-40065-5

    Differs from MXNet 1.9.1: MXNet has no L-BFGS. Steps are those of torch's ``LBFGS``, also with its search
    ``"strong_wolfe"``. Where that fails, this one forgets its pairs and tries the gradient, as SciPy's L-BFGS-B does;
    values that are not finite count as too large.
    """

    family = "second order"
    default_learning_rate = 1.0
    elementwise = False
    descent = {"learning_rate": 0.1}
    examples = ({}, {"history_size": 2})
    conventions = {
        "torch": {"history_size": 100},
        "optax": "its first step has another length, and its line search also accepts approximate decreases",
    }
    expected_failures = {"slots_are_named_and_used": "twelve updates with random gradients give fewer than ten pairs"}
    history_size: int = hyperparameter(10, integer(at_least=1))
    max_evaluations: int = hyperparameter(25, integer(at_least=1))

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._objective: Objective | None = None

    def slots(self) -> tuple[str | Slot, ...]:
        pairs = [f"{vector}_{at}" for vector in "sy" for at in range(self.history_size)]
        return (Slot("previous", init="weight"), "gradient", *pairs, Slot("pairs", scope="all"))

    def make_updater(self) -> Searching:
        """Return an updater with ``search``; ``mx.optimizer.get_updater`` calls it."""
        return Searching(self)

    def update_all(
        self, indices: list[Index], weights: list[Array], grads: list[Array], states: list[tuple[Array, ...]]
    ) -> None:
        check_complete(self, indices, self._index_update_count)
        rates, numbers = [self._get_lr(index) for index in indices], self.model_numbers
        grads = [self._decayed(*one) for one in zip(indices, weights, grads, strict=True)]
        pairs = remembered(int(numbers.get("pairs", 0)), self.history_size, weights, grads, states)
        grads = [gradient for _, gradient, *_ in states]
        while True:
            numbers["pairs"] = float(pairs)
            steps = directions(states, pairs, self.history_size)
            factor = 1.0 if pairs else min(1.0, 1 / max(length(grads), np.finfo(np.float64).tiny))
            for step, rate in zip(steps, rates, strict=True):
                step *= -rate * factor
            if self._objective is None:
                for weight, step in zip(weights, steps, strict=True):
                    weight += step
            elif not self._objective.search(self, indices, weights, states, steps, dot(grads, steps)):
                if not pairs:
                    raise self._objective.no_lower_value()
                pairs = 0
                continue
            return

    def _decayed(self, index: Index, weight: Array, grad: Array) -> Array:
        grad, wd = self.preprocessed(grad), self._get_wd(index)
        return grad + wd * weight if wd else grad
