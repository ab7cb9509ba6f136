"""Averages: exponential, equal, from a certain update on, and every few updates."""

import numpy as np
import pytest

import mxcore as mx


def averages(steps: int = 6, **arguments: float | None) -> list[float]:
    """Return the average after each step of a weight that takes the values 1, 2, 3, …."""
    update = mx.optimizer.get_updater(mx.optimizer.Average("sgd", learning_rate=1.0, **arguments))
    weight, found = np.zeros(1), []
    for _ in range(steps):
        update("w", -np.ones(1), weight)
        found.append(float(update.evaluation_weights([weight], ["w"])[0][0]))
    assert weight[0] == steps
    return found


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({"beta": None}, [1, 1.5, 2, 2.5, 3, 3.5]),
        ({"beta": 0.0}, [1, 2, 3, 4, 5, 6]),
        ({"beta": 0.5}, [1, 1.5, 2.25, 3.125, 4.0625, 5.03125]),
        ({"beta": None, "gamma": 1.0}, [1, 5 / 3, 7 / 3, 3, 11 / 3, 13 / 3]),
        ({"beta": None, "begin": 2}, [1, 2, 3, 3.5, 4, 4.5]),
        ({"beta": None, "every": 2}, [1, 1, 2, 2, 3, 3]),
        ({"beta": 0.5, "begin": 1, "every": 3}, [1, 2, 2, 2, 3.5, 3.5]),
    ],
)
def test_the_average_of_what_it_has_seen(arguments: dict[str, float | None], wanted: list[float]) -> None:
    assert averages(**arguments) == pytest.approx(wanted, rel=1e-15)


def test_the_steps_do_not_depend_on_it() -> None:
    found = []
    for name in ("adam", "average(adam, beta=0.5)"):
        weight, update = np.ones(5), mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.1))
        for _ in range(3):
            update("w", np.arange(5.0), weight)
        found.append(weight.tolist())
    assert found[0] == found[1]
