"""Schedule-Free SGD trains at a point between an iterate and its average."""

from typing import Any

import numpy as np
import pytest

import mxcore as mx


def run(grads: list[float], **settings: Any) -> tuple[Any, Any, list[float]]:
    """Return the updater, the weight, and the averages after each update, from a weight of 0."""
    weight, update, seen = np.zeros(1), mx.optimizer.get_updater(mx.optimizer.ScheduleFreeSGD(**settings)), []
    for grad in grads:
        update(0, np.full(1, grad), weight)
        seen.append(update.evaluation_weights([weight])[0].item())
    return update, weight, seen


def test_the_average_weights_all_iterates_equally_at_a_constant_rate() -> None:
    update, weight, seen = run([1.0, 2.0, 3.0, -8.0], learning_rate=1.0, momentum=0.75)
    iterates = -np.cumsum([1.0, 2.0, 3.0, -8.0])
    assert seen == pytest.approx(np.cumsum(iterates) / [1, 2, 3, 4])
    assert update.states[0] == pytest.approx(iterates[-1:])
    assert weight == pytest.approx(0.75 * seen[-1] + 0.25 * iterates[-1])


def test_later_iterates_weigh_more_with_r_and_after_a_warm_up() -> None:
    _, _, seen = run([1.0] * 3, learning_rate=1.0, r=1.0)
    assert seen[-1] == pytest.approx(-(1 * 1 + 2 * 2 + 3 * 3) / 6)
    _, _, seen = run([1.0] * 3, learning_rate=1.0, warmup_steps=2)
    assert seen[-1] == pytest.approx(-(0.25 * 0.5 + 1.5 + 2.5) / 2.25)


def test_a_rate_of_zero_at_first_leaves_a_mean_of_what_comes_later() -> None:
    _, _, seen = run([1.0] * 4, learning_rate=None, lr_scheduler=lambda update: float(update > 2))
    assert seen == pytest.approx([0, 0, -1, -1.5])
