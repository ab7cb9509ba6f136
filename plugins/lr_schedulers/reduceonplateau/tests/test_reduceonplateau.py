"""ReduceOnPlateau falls when it is told that nothing improves, and resumes where it was."""

import copy
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxcore as mx


def told(schedule: Any, *metrics: float) -> list[float]:
    """Return the rate after each metric."""
    rates = []
    for metric in metrics:
        schedule.observe(metric)
        rates.append(schedule(1))
    return rates


def plateau(**arguments: Any) -> Any:
    return mx.lr_scheduler.ReduceOnPlateau(**{"base_lr": 1.0, "factor": 0.5, "patience": 1, **arguments})


def test_it_falls_after_more_bad_metrics_in_a_row_than_its_patience() -> None:
    assert told(plateau(), 3, 3, 2, 2, 2, 2, 2) == [1, 1, 1, 1, 0.5, 0.5, 0.25]


def test_a_nan_is_bad_and_never_the_best() -> None:
    schedule = plateau(patience=0)
    assert told(schedule, math.nan, 1.0, math.nan) == [0.5, 0.5, 0.25]
    assert schedule.best == 1


def test_while_it_cools_down_nothing_is_bad() -> None:
    assert told(plateau(patience=0, cooldown=2), *[1] * 6) == [1, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_it_stops_at_its_minimum_which_does_not_raise_the_base_rate() -> None:
    schedule = plateau(patience=0, min_lr=0.3)
    assert told(schedule, *[1] * 4) == [1, 0.5, 0.3, 0.3]
    schedule.base_lr = 0.1
    assert schedule(1) == 0.1


def test_a_base_rate_that_is_assigned_takes_effect_at_once_and_reductions_stay() -> None:
    schedule = plateau(patience=0)
    told(schedule, 1, 1)
    schedule.base_lr = 0.8
    assert schedule(np.array([1, 100])).tolist() == [0.4, 0.4]


METRICS = [3, 2, 2.5, 2.6, 2.7, 1.0, 1.1, 1.2, 1.3, 1.4]


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: one.warmup(2), lambda one: (0.5 * one).join(one, at=7)])
def test_a_resumed_run_has_the_bits_of_one_that_never_stopped(wrap: Any, tmp_path: Path) -> None:
    def start() -> tuple[Any, Any]:
        schedule = plateau(cooldown=1)
        return schedule, mx.optimizer.get_updater(mx.optimizer.SGD(momentum=0.9, lr_scheduler=wrap(schedule)))

    def run(schedule: Any, update: Any, weight: Any, metrics: list[float]) -> None:
        for metric in metrics:
            update(0, weight * 0.1, weight)
            schedule.observe(metric)

    weight, (schedule, update) = np.ones(3), start()
    run(schedule, update, weight, METRICS[:4])
    mx.save_state(tmp_path / "state", update)
    resumed = weight.copy()
    run(schedule, update, weight, METRICS[4:])
    again, update = start()
    mx.load_state(tmp_path / "state", update)
    run(again, update, resumed, METRICS[4:])
    assert resumed.tolist() == weight.tolist()
    assert again == schedule
    assert again.reductions > 1


def test_copies_and_pickles_remember_and_are_equal() -> None:
    schedule = plateau()
    told(schedule, *METRICS)
    assert pickle.loads(pickle.dumps(schedule)) == copy.deepcopy(schedule) == schedule != plateau()


def test_it_is_asked_in_every_update() -> None:
    schedule, weight = plateau(patience=0), np.zeros(1)
    update = mx.optimizer.get_updater(mx.optimizer.SGD(lr_scheduler=0.5 * schedule))
    for _ in range(3):
        update(0, -np.ones(1), weight)
        schedule.observe(1.0)
    assert weight.tolist() == [0.5 + 0.5 + 0.25]
