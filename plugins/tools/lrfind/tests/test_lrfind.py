"""A finder suggests rates that train, ends where it should, and leaves everything as it was."""

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mxcore_lrfind import Result

import mxcore as mx

CURVATURE = np.linspace(0.1, 1.0, 5)

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("sgd", {"momentum": 0.9, "learning_rate": 0.1}),
    "schedule": ("sgd", {"learning_rate": 0.1, "lr_scheduler": mx.lr_scheduler.create("factor", step=3, factor=0.5)}),
    "function": ("sgd", {"lr_scheduler": lambda update: 0.1 / (update + 1)}),
    "average(adam)": ("average(adam)", {"learning_rate": 0.05}),
    "lookahead(nag)": ("lookahead(nag)", {"k": 4, "learning_rate": 0.05}),
    "dcasgd": ("dcasgd", {"momentum": 0.5, "learning_rate": 0.05}),
    "lbsgd": ("lbsgd", {"momentum": 0.5, "batch_scale": 4, "learning_rate": 0.05}),
    "sgld": ("sgld", {"learning_rate": 1e-3}),
    "accumulate": ("adam", {"accumulate": 4, "learning_rate": 0.05}),
    "loss scale": ("adam", {"loss_scale": mx.DynamicLossScale(growth_interval=3), "learning_rate": 0.05}),
    "groups": ("adam", {"groups": {"b": {"learning_rate": 0.01}, "w": {"wd": 0.1}}, "learning_rate": 0.05}),
}


class Bowl:
    """A quadratic whose curvature is between 0.1 and ``steepest``, with an updater of its two parameters."""

    def __init__(self, optimizer: str = "sgd", steepest: float = 1.0, **settings: Any) -> None:
        self.curvature = CURVATURE * steepest
        self.weights = {"w": np.ones(5), "b": np.full((5,), -2.0, np.float32)}
        self.updater = mx.optimizer.get_updater(mx.optimizer.create(optimizer, **copy.deepcopy(settings)))
        self.rates: list[float] = []

    def step(self) -> float:
        names = list(self.weights)
        grads = [(self.curvature * self.weights[name]).astype(self.weights[name].dtype) for name in names]
        loss = sum(0.5 * float(grad @ self.weights[name]) for name, grad in zip(names, grads, strict=True))
        self.rates.append(self.updater.optimizer.learning_rate)
        self.updater(names, grads, [self.weights[name] for name in names])
        return loss

    def find(self, step: Callable[[], Any] | None = None, **given: Any) -> Result:
        result: Result = mx.find_learning_rate(step or self.step, self.updater, self.weights, **given)
        return result

    def everything(self) -> list[Any]:
        """Return the bits of all that a finder must leave alone."""
        optimizer, sums = self.updater.optimizer, self.updater.gate.accumulation.sums
        return [
            self.updater.get_states(dump_optimizer=True),
            {name: weight.tobytes() for name, weight in self.weights.items()},
            {name: total.tobytes() for name, total in sums.items()},
            optimizer.learning_rate,
            optimizer.lr,
            optimizer.lr_scheduler,  # the same object
            mx.random.get_state(),
        ]


@pytest.mark.parametrize("case", CASES)
def test_everything_is_as_before_to_the_bit_and_the_run_goes_on_as_without_it(case: str) -> None:
    optimizer, settings = CASES[case]
    with_it, without = Bowl(optimizer, **settings), Bowl(optimizer, **settings)
    runs = []
    for bowl in (with_it, without):
        mx.random.seed(5)
        for _ in range(6):  # not a multiple of what is accumulated
            bowl.step()
        if bowl is with_it:
            before = bowl.everything()
            assert len(bowl.find(num=30).rates) > 5
            assert bowl.everything() == before
        for _ in range(6):
            bowl.step()
        runs.append(bowl.everything()[1:3])
    assert runs[0] == runs[1]
    assert with_it.updater.get_states() == without.updater.get_states()


@pytest.mark.parametrize("case", CASES)
def test_an_error_in_the_step_leaves_everything_as_it_was(case: str) -> None:
    optimizer, settings = CASES[case]
    bowl = Bowl(optimizer, **settings)
    bowl.step()
    before, calls = bowl.everything(), iter(range(20))

    def failing() -> float:
        if next(calls) == 10:
            raise KeyError("no more data")
        return bowl.step()

    with pytest.raises(KeyError, match="no more data"):
        bowl.find(failing)
    assert next(calls) == 11
    assert bowl.everything() == before


def test_what_was_accumulated_can_still_be_flushed() -> None:
    bowl = Bowl("sgd", accumulate=4, learning_rate=0.5)
    bowl.step()
    bowl.find()
    bowl.updater.flush()
    np.testing.assert_allclose(bowl.weights["w"], 1 - 0.5 * CURVATURE)


def test_gradients_of_workers_are_put_back_too() -> None:
    updater, weight = mx.optimizer.get_updater(mx.optimizer.create("dcasgd", learning_rate=0.1)), np.ones(3)
    calls = iter(range(1000))

    def step() -> float:
        loss = float(weight @ weight)
        worker = next(calls) % 2
        updater.pulled(worker, "w", weight)
        updater("w", 2 * weight, weight, worker=worker)
        return loss

    step(), step()
    before, bits = updater.get_states(), weight.tobytes()
    mx.find_learning_rate(step, updater, weight)
    assert (updater.get_states(), weight.tobytes()) == (before, bits)


def test_a_schedule_that_counts_its_calls_is_not_asked() -> None:
    class Counting:
        base_lr, calls = 0.1, 0

        def __call__(self, num_update: int) -> float:
            self.calls += 1
            return self.base_lr

    schedule = Counting()
    bowl = Bowl()
    bowl.updater.optimizer.lr_scheduler = schedule
    calls = schedule.calls
    bowl.find()
    assert (schedule.calls, bowl.updater.optimizer.lr_scheduler) == (calls, schedule)


def test_the_rates_grow_geometrically_and_the_updates_use_them() -> None:
    bowl = Bowl()
    found = bowl.find(start=1e-4, end=0.1, num=31)
    np.testing.assert_allclose(found.rates, 1e-4 * 1000 ** (np.arange(31) / 30))
    assert bowl.rates == list(found.rates)
    after = 1 - found.rates[0] * CURVATURE  # of the first update, in the second loss
    first = 0.5 * float((CURVATURE * 4).sum() + (CURVATURE * 1).sum())
    assert found.losses[0] == pytest.approx(first)
    assert found.losses[1] == pytest.approx(2.5 * float((CURVATURE * after**2).sum()), rel=1e-6)


def test_the_smoothed_loss_is_the_mean_of_the_losses_around_each_update() -> None:
    losses = iter([3.0, 2.0, 1.0, 1.5])
    bowl = Bowl()

    def step() -> float:
        bowl.step()
        return next(losses)

    found = bowl.find(step, num=4, beta=0.5)
    assert found.smoothed == pytest.approx([4.4375 / 1.875, 4.375 / 2.25, 3.5 / 2.25, 2.875 / 1.875])


@pytest.mark.parametrize("steepest", [0.01, 1.0, 30.0])
def test_on_a_quadratic_the_suggestion_is_below_where_gradient_descent_diverges(steepest: float) -> None:
    bowl = Bowl("sgd", steepest)
    found = bowl.find(start=1e-6 / steepest, end=100 / steepest)
    assert found.suggestion is not None
    assert 0.01 / steepest < found.suggestion < 2 / steepest
    assert found.minimum is not None
    assert found.tenth == found.minimum / 10
    assert found.tenth < 2 / steepest
    assert "rose to four times its lowest" in found.message
    assert found.rates[-1] > 2 / steepest


def test_a_negative_loss_does_not_end_it() -> None:
    bowl = Bowl()
    assert len(bowl.find(lambda: bowl.step() - 100, end=0.1).rates) == 100


def test_a_loss_that_is_not_finite_ends_it_and_is_left_out() -> None:
    bowl, calls = Bowl(), iter(range(100))

    def step() -> float:
        return bowl.step() if next(calls) < 50 else float("nan")

    found = bowl.find(step, end=1e-3)
    assert len(found.rates) == len(found.losses) == len(found.smoothed) == 50
    assert "the loss was nan at a learning rate of" in found.message


def test_gradients_that_the_updater_refuses_end_it() -> None:
    bowl = Bowl("sgd", on_nonfinite="raise")
    before = bowl.everything()
    with np.errstate(all="ignore"):
        found = bowl.find(lambda: min(bowl.step(), 1.0), start=1.0, end=1e100)
    assert "the loss was nan" in found.message
    assert bowl.everything() == before


def test_a_loss_that_never_falls_suggests_nothing() -> None:
    found = Bowl().find(start=1000.0, end=1e4)
    assert (found.suggestion, found.minimum, found.tenth) == (None, None, None)
    assert "the loss never fell" in repr(found)


def test_a_result_says_what_it_found() -> None:
    text = repr(Bowl().find())
    assert text.startswith("Result(suggestion=0.")
    assert "minimum / 10=" in text
    assert "rates from 1e-07 to" in text


def test_groups_with_a_rate_of_their_own_keep_it() -> None:
    bowl = Bowl(groups={"b": {"learning_rate": 0.0}})
    seen = []

    def step() -> float:
        loss = bowl.step()
        seen.append((bowl.weights["b"].tolist(), bowl.weights["w"][0]))
        return loss

    bowl.find(step)
    assert {tuple(b) for b, _ in seen} == {(-2.0,) * 5}
    assert seen[0][1] != seen[-1][1]


@pytest.mark.parametrize("name", ["rates.svg", "rates.png", "rates.pdf"])
def test_a_picture_is_drawn(name: str, tmp_path: Path) -> None:
    pytest.importorskip("mxcore_plot")
    found = Bowl().find()
    found.plot(tmp_path / name, "a bowl")
    drawn = (tmp_path / name).read_bytes()
    assert drawn.startswith({"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[name[-3:]])
    if name.endswith("svg"):
        assert f"steepest: {found.suggestion:.2g}" in drawn.decode()


def test_without_mxcore_plot_an_error_says_how_to_install_it() -> None:
    code = """
import importlib.metadata as metadata
whole = metadata.distributions
metadata.distributions = lambda **given: [one for one in whole(**given) if one.name != "mxcore-plot"]
import numpy as np
from mxcore_lrfind import Result
rates = np.array([0.1, 0.2, 0.3])
Result(rates, rates, rates, "").plot("rates.svg")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "NotInstalledError: namespace 'plot' is not installed" in last
    assert "pip install" in last


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"step": 3}, "step must be a function that makes an update and returns the loss, got 3"),
        ({"step": lambda: None}, "step must return the loss as a number, got None"),
        ({"step": lambda: 1.0}, "step made no update: it must call the updater"),
        ({"step": lambda: float("inf")}, "the first loss is inf, so there is nothing to compare with"),
        ({"updater": mx.optimizer.create("sgd")}, "updater must be an updater, such as .*, got SGD"),
        ({"weights": [1.0]}, "weights must be arrays that can be restored, but 0 is not"),
        ({"weights": {"a": np.broadcast_to(1.0, 3)}}, "weights must be .* but 'a' is read-only"),
        ({"start": 0.0}, "start must be a number above 0, got 0.0"),
        ({"start": 1.0, "end": 1.0}, "end must be a number above start=1.0, got 1.0"),
        ({"end": float("inf")}, "end must be a number above start=1e-07, got inf"),
        ({"num": 2}, "num must be an integer of at least 3, got 2"),
        ({"beta": 1.0}, r"beta must be a number in \[0, 1\), got 1.0"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_has_changed(given: dict[str, Any], message: str) -> None:
    bowl = Bowl()
    before = bowl.everything()
    with pytest.raises((TypeError, ValueError), match=message):
        mx.find_learning_rate(**{"step": bowl.step, "updater": bowl.updater, "weights": bowl.weights, **given})
    assert bowl.everything() == before


def test_an_optimizer_without_a_learning_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="AdaDelta has no learning rate: its rule does not take one"):
        Bowl("average(adadelta)").find()


def test_evaluation_weights_must_be_put_back_first() -> None:
    bowl = Bowl("average(sgd)")
    bowl.step()
    with bowl.updater.evaluating(bowl.weights), pytest.raises(RuntimeError, match="no learning rate can be found"):
        bowl.find()
