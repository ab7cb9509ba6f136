"""Checks that an optimizer goes downhill."""

from __future__ import annotations

import numpy as np

from mxcore.testing.check import check, expect
from mxcore.testing.functions import FUNCTIONS, Function
from mxcore.testing.steps import start
from mxcore.testing.subject import Subject

STEPS = 500


def _quadratic() -> Function:
    curvatures, lowest = np.linspace(0.5, 5, 10), np.linspace(-1, 1, 10)
    return Function(
        "a quadratic",
        lambda x: float(0.5 * (curvatures * (x - lowest) ** 2).sum()),
        lambda x: curvatures * (x - lowest),
        np.full(10, 1.5),
        lowest,
    )


def _least_squares() -> Function:
    rng = np.random.default_rng(1)
    table, truth = rng.normal(size=(40, 5)), np.array([1.0, -0.5, 0.25, -1.0, 0.75])
    observed = table @ truth
    return Function(
        "least squares",
        lambda x: float(0.5 * ((table @ x - observed) ** 2).mean()),
        lambda x: table.T @ (table @ x - observed) / 40,
        np.full(5, 0.1),
        truth,
    )


PROBLEMS = (_quadratic(), _least_squares(), FUNCTIONS["rosenbrock"])


@check("optimizer")
def it_follows_its_trajectory(subject: Subject) -> None:
    """From a weight of 1, at a learning rate of 0.1, the gradients 1, -0.5, 0.25 and 0.001 give ``trajectory``.

    Numbers computed by hand, or by another implementation, reveal a bias correction that is off by one or an epsilon
    on the wrong side of the root, which no other check does.
    """
    if subject.settings != subject.cls.examples[0]:
        return
    updater, weight, places = start(subject, learning_rate=0.1), np.ones(1), []
    for grad in (1.0, -0.5, 0.25, 0.001):
        updater(0, np.full(1, grad), weight)
        places.append(weight.item())
    wanted = subject.cls.trajectory
    expect(not wanted or np.allclose(places, wanted, rtol=1e-10, atol=0), f"it goes to {places}, not {list(wanted)}")


@check("optimizer")
def it_descends(subject: Subject) -> None:
    """With the arguments in ``descent``, 500 steps reduce a quadratic, least squares and Rosenbrock's valley fivefold.

    This reveals a wrong sign in a formula, and averages that are not kept between steps.
    """
    if subject.settings != subject.cls.examples[0]:
        return  # other arguments may need other learning rates
    for problem in PROBLEMS:
        updater, place = start(subject, **subject.cls.descent), np.array(problem.begin)
        for _ in range(STEPS):
            updater(0, problem.gradient(place), place)
        left = problem.value(place) / problem.value(problem.begin)
        expect(left < 0.2, f"{problem.name} is at {left:.3g} of its initial value, with {dict(subject.cls.descent)}")
