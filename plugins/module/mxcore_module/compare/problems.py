"""Functions to minimise with exact gradients, for comparisons without a network.

>>> import numpy as np, mxcore as mx
>>> _ = mx.random.seed(1)
>>> problem = PROBLEMS["least-squares"]()
>>> loss, grads, error = problem.evaluate(problem.weights)
>>> error, [name for name in grads]
(1.0, ['x_weight'])
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

import mxcore as mx
from mxcore_module.train.errors import DivergedError
from mxcore_module.train.recipe import Recipe
from mxcore_module.train.run import Measure, Update

__all__ = ["PROBLEMS", "UPDATES_PER_EPOCH", "Minimization", "Problem"]

Weights = dict[str, npt.NDArray[np.float64]]

UPDATES_PER_EPOCH = 50
"""After how many updates a minimization is measured."""


@attrs.frozen
class Problem:
    """A function of some weights.

    Args:
        name: its name in titles.
        introduction: what it is, in a sentence or two.
        weights: the initial weights.
        evaluate: returns the loss, the gradients and the error, which is 1 or less at the start and should be small.
    """

    name: str
    introduction: str
    weights: Weights
    evaluate: Callable[[Weights], tuple[float, Weights, float]]


def least_squares() -> Problem:
    """Return an ill-conditioned linear least-squares problem, whose solution is known."""
    rng = mx.random.generator("compare", "least-squares")
    rows, unknowns, condition = 200, 100, 1000.0
    left, right = (np.linalg.qr(rng.normal(0, 1, (size, unknowns)))[0] for size in (rows, unknowns))
    matrix = left * np.geomspace(1, 1 / condition, unknowns) @ right.T
    solution = rng.normal(0, 1, unknowns)
    target = matrix @ solution

    def evaluate(weights: Weights) -> tuple[float, Weights, float]:
        residual = matrix @ weights["x_weight"] - target
        error = np.linalg.norm(weights["x_weight"] - solution) / np.linalg.norm(solution)
        return float(residual @ residual) / 2, {"x_weight": matrix.T @ residual}, float(error)

    return Problem(
        "least squares",
        f"Half the squared norm of A x - b, with {rows} equations, {unknowns} unknowns, and a condition number of A of "
        f"{condition:g}. The error is the distance to the solution, relative to its norm.",
        {"x_weight": np.zeros(unknowns)},
        evaluate,
    )


def factorization() -> Problem:
    """Return the factorisation of a photograph into two thin matrices."""
    from sklearn.datasets import load_sample_image

    image = load_sample_image("china.jpg").mean(axis=2)[::4, ::4] / 255
    (rows, columns), rank = image.shape, 10
    rng = mx.random.generator("compare", "factorization")
    weights = {"u_weight": rng.normal(0, 0.3, (rows, rank)), "v_weight": rng.normal(0, 0.3, (columns, rank))}
    size = np.linalg.norm(image)
    least = np.sqrt((np.linalg.svd(image, compute_uv=False)[rank:] ** 2).sum()) / size

    def evaluate(weights: Weights) -> tuple[float, Weights, float]:
        u, v = weights["u_weight"], weights["v_weight"]
        residual = u @ v.T - image
        grads = {"u_weight": residual @ v, "v_weight": residual.T @ u}
        return float((residual**2).sum()) / 2, grads, float(np.linalg.norm(residual) / size)

    return Problem(
        "the factorisation of an image",
        f"Half the squared norm of U V' - M, with M a photograph of {rows} × {columns} pixels and {rank} columns in U "
        f"and V. The error is the norm of U V' - M relative to that of M; no factors have less than {least:.4f}.",
        weights,
        evaluate,
    )


PROBLEMS: Mapping[str, Callable[[], Problem]] = {"least-squares": least_squares, "factorization": factorization}


class Minimization:
    """A problem that is ready to be minimised, in the shape of :class:`mxcore_module.train.run.Training`.

    Args:
        problem: the problem, whose weights are updated.
        recipe: the algorithms; there is nothing to initialise.
        epochs: how many times ``UPDATES_PER_EPOCH`` updates to make.

    Raises:
        mxcore.commands.choice.ChoiceError, mxcore.catalogue.PluginError: an algorithm cannot be used.
    """

    score_name = "error"

    def __init__(self, problem: Problem, recipe: Recipe, epochs: int) -> None:
        self.problem, self.epochs = problem, epochs
        self.recipe = recipe.for_updates(epochs * UPDATES_PER_EPOCH)
        self.optimizer: Any = self.recipe.create_optimizer(1)
        self.updater = mx.optimizer.get_updater(self.optimizer)

    @property
    def name(self) -> str:
        """The name of the problem."""
        return self.problem.name

    @property
    def introduction(self) -> str:
        """What is minimised, and for how long."""
        return f"{self.problem.introduction} {self.epochs} times {UPDATES_PER_EPOCH} updates with exact gradients."

    def updates(self) -> Iterator[Update]:
        """Minimise, one update at a time.

        Raises:
            DivergedError: after the update whose loss is not finite.
        """
        weights, evaluate = self.problem.weights, self.problem.evaluate
        for number in range(1, self.epochs * UPDATES_PER_EPOCH + 1):
            with warnings.catch_warnings(), np.errstate(all="ignore"):  # divergence is reported once, as an error
                warnings.simplefilter("ignore", RuntimeWarning)
                loss, grads, error = evaluate(weights)
                if math.isfinite(loss):
                    self.optimizer.observe(loss)
                    self.updater.update(grads, weights)
                measured = None if number % UPDATES_PER_EPOCH else self._measure()
            epoch = 1 + (number - 1) // UPDATES_PER_EPOCH
            yield Update(number, epoch, Measure(loss, error), self.optimizer.learning_rate, measured)
            if not math.isfinite(loss) or (measured and not math.isfinite(measured.loss)):
                raise DivergedError(f"the loss became infinite or NaN by update {number}: try a lower learning rate")

    def _measure(self) -> Measure:
        """Return what the weights to evaluate are worth."""
        with self.updater.evaluating(self.problem.weights):
            loss, _, error = self.problem.evaluate(self.problem.weights)
        return Measure(loss, error)
