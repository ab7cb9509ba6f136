"""The learning-rate range test."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import mxcore as mx
from mxcore.optimizer import Updater
from mxcore.step import levels
from mxcore_lrfind.kept import swept
from mxcore_lrfind.result import Floats, Result

__all__ = ["find_learning_rate"]


def find_learning_rate(
    step: Callable[[], Any],
    updater: Updater[Any],
    weights: Any,
    *,
    start: float = 1e-7,
    end: float = 10.0,
    num: int = 100,
    beta: float = 0.9,
) -> Result:
    r"""Find a learning rate by training for a moment while it grows, and put everything back as it was.

    Update i = 0, 1, … has the learning rate :math:`start \cdot (end / start)^{i / (num - 1)}`. With :math:`L_i` its
    loss, the smoothed loss is

    .. math::

        mean_i &= \beta \cdot mean_{i-1} + (1 - \beta) \cdot L_i, \quad mean_{-1} = 0 \\
        smoothed_i &= mean_i / (1 - \beta^{i + 1})

    The test ends early if the smoothed loss exceeds four times the lowest so far, or the loss is not finite. It
    suggests the rate at which the loss falls most steeply against the logarithm of the rate. For that, losses are
    smoothed in both directions, with weights :math:`\beta^{|i - j|}`: a mean of earlier losses lags behind them.

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("sgd"))
    >>> weight = np.array([1.0, -1.0])
    >>> def step():
    ...     loss = float(weight @ weight)
    ...     update("weight", 2 * weight, weight)
    ...     return loss
    >>> found = mx.find_learning_rate(step, update, weight)
    >>> round(found.suggestion, 3), found.message
    (0.038, 'the loss rose to four times its lowest at a learning rate of 8.3')
    >>> weight, update.optimizer.learning_rate, update.states
    (array([ 1., -1.]), 0.01, {})

    Afterwards the weights, the optimizer with its learning rate, scheduler and counts, the states, the accumulated
    gradients and the position of :func:`mxcore.random.seed` are as before, to the bit, even if ``step`` has raised an
    error. Nothing else that ``step`` changes is put back, such as its place in the data or an open log.

    The scheduler is not asked meanwhile. Multipliers apply to the growing rate; groups with a learning rate or a
    scheduler of their own keep it.

    Args:
        step: makes one update with ``updater``, on the next batch, and returns the loss as a number.
        updater: the updater. Nothing else may use it meanwhile.
        weights: all weights that ``step`` changes, running means too: an array, or nested dicts and lists of arrays.
        start: the first learning rate, above 0.
        end: the last learning rate, above ``start``.
        num: the number of updates, at least 3.
        beta: how much the losses are smoothed, in [0, 1).

    Raises:
        TypeError: ``updater`` is no updater, a weight is no array, or ``step`` does not return a number.
        ValueError: another argument is out of range, the optimizer has no learning rate, ``step`` does not update, or
            its first loss is not finite.

    References:
        L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", 2017, https://arxiv.org/abs/1506.01186; the
        smoothing and when to stop are those of fastai, https://docs.fast.ai/callback.schedule.html
    """
    _check(step, updater, start, end, num, beta)
    counted = updater.tally.highest.value
    with swept(updater, weights) as set_rate:
        found = _measured(step, set_rate, np.geomspace(start, end, num), beta)
        updated = updater.tally.highest.value > counted
    if not updated:
        raise ValueError("step made no update: it must call the updater that is passed with it")
    return found


def _measured(step: Callable[[], Any], set_rate: Callable[[float], None], rates: Floats, beta: float) -> Result:
    losses, smoothed, mean, best = list[float](), list[float](), 0.0, math.inf
    message = "all rates were tried"
    for rate in rates:
        set_rate(float(rate))
        loss = _loss(step, first=not losses)
        if not math.isfinite(loss):
            message = f"the loss was {loss} at a learning rate of {rate:.3g}"
            break
        losses.append(loss)
        mean = beta * mean + (1 - beta) * loss
        smoothed.append(mean / (1 - beta ** len(losses)))
        best = min(best, smoothed[-1])
        if smoothed[-1] > best + 3 * abs(best):  # which a negative loss does not exceed at once
            message = f"the loss rose to four times its lowest at a learning rate of {rate:.3g}"
            break
    return Result(rates[: len(losses)], np.array(losses), _centred(losses, int(np.argmin(smoothed)), beta), message)


def _centred(losses: list[float], lowest: int, beta: float) -> Floats:
    """Return the mean of the losses around each update.

    Losses that explode at the end are cut off as far above the highest loss before them as the lowest is below it, or
    they would hide the minimum.
    """
    cut = np.minimum(losses, 2 * max(losses[: lowest + 1]) - min(losses))
    places = np.arange(len(cut))
    weights = beta ** abs(places[:, None] - places)
    centred: Floats = weights @ cut / weights.sum(axis=1)
    return centred


def _check(step: Any, updater: Any, start: Any, end: Any, num: Any, beta: Any) -> None:
    if not callable(step):
        raise TypeError(f"step must be a function that makes an update and returns the loss, got {step!r:.100}")
    if not isinstance(updater, Updater):
        hint = "such as mx.optimizer.get_updater(optimizer)"
        raise TypeError(f"updater must be an updater, {hint}, got {updater!r:.100}")
    if not (_is_real(start) and start > 0):
        raise ValueError(f"start must be a number above 0, got {start!r}")
    if not (_is_real(end) and end > start):
        raise ValueError(f"end must be a number above start={start!r}, got {end!r}")
    if isinstance(num, bool) or not isinstance(num, int) or num < 3:
        raise ValueError(f"num must be an integer of at least 3, got {num!r}")
    if not (_is_real(beta) and 0 <= beta < 1):
        raise ValueError(f"beta must be a number in [0, 1), got {beta!r}")
    updater.check_not_evaluating("no learning rate can be found")
    inside = levels(updater.optimizer)[-1]
    if not _has_rate(inside):
        raise ValueError(f"{type(inside).__name__} has no learning rate: its rule does not take one")


def _has_rate(optimizer: Any) -> bool:
    """Return whether the learning rate matters; of array code, that is not known."""
    try:
        graph = mx.exchange.read(optimizer, "any_weight", np.ones((2, 2))).graph
    except mx.exchange.NotExpressibleError:
        return True
    return "lr" in graph.inputs


def _is_real(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and math.isfinite(value)


def _loss(step: Callable[[], Any], *, first: bool) -> float:
    """Make an update, and return its loss; NaN for gradients that the updater refuses since they are not finite."""
    try:
        returned = step()
    except FloatingPointError:
        if first:
            raise
        return math.nan
    try:
        loss = float(returned)
    except (TypeError, ValueError):
        raise TypeError(f"step must return the loss as a number, got {returned!r:.100}") from None
    if first and not math.isfinite(loss):
        raise ValueError(f"the first loss is {loss}, so there is nothing to compare with: check weights and data")
    return loss
