"""Hooks: which plugins take part in a run, when they are called, and that a failing one does not affect others."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mxcore as mx

Register = Callable[[object], None]


class Recorder:
    """Records its calls."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    @mx.hooks.hookimpl
    def mxcore_before_step(self, indices: Any, weights: Any) -> None:
        self.seen.append(("before", indices, [weight.tolist() for weight in weights]))

    @mx.hooks.hookimpl
    def mxcore_after_step(self, updater: Any, indices: Any, weights: Any) -> None:
        self.seen.append(("after", updater.optimizer.num_update, [weight.tolist() for weight in weights]))

    @mx.hooks.hookimpl
    def mxcore_initialized(self, desc: str, array: Any) -> None:
        self.seen.append(("initialized", desc, array.tolist()))

    @mx.hooks.hookimpl
    def mxcore_saved(self, path: Any) -> None:
        self.seen.append(("saved", path.name, None))

    @mx.hooks.hookimpl
    def mxcore_loaded(self, path: Any) -> None:
        self.seen.append(("loaded", path.name, None))


def test_hooks_are_called_around_what_they_are_named_after(hooks: Register, tmp_path: Any) -> None:
    recorder = Recorder()
    hooks(recorder)
    weight = np.zeros(1)
    mx.init.One()("x_weight", weight)
    update = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=0.5))
    update([0], [np.ones(1)], [weight])
    mx.save_state(tmp_path / "run", update)
    mx.load_state(tmp_path / "run", update)
    assert recorder.seen == [
        ("initialized", "x_weight", [1.0]),
        ("before", [0], [[1.0]]),
        ("after", 1, [[0.5]]),
        ("saved", "run", None),
        ("loaded", "run", None),
    ]


@pytest.mark.parametrize("way", ["called", "bound"])
def test_what_a_hook_assigns_before_a_step_takes_effect_in_that_step(way: str, hooks: Register) -> None:
    class Halve:
        @mx.hooks.hookimpl
        def mxcore_before_step(self, updater: Any) -> None:
            updater.optimizer.rescale_grad /= 2
            updater.optimizer.clip_gradient = updater.optimizer.rescale_grad or None

    hooks(Halve())
    weights, grads = [np.zeros(1)], [np.ones(1)]
    update = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0))
    step = update.bind(weights, grads) if way == "bound" else lambda: update([0], grads, weights)
    for wanted in (-0.5, -0.75, -0.875):
        step()
        assert weights[0] == [wanted]


def test_an_exception_in_a_hook_before_a_step_stops_the_step(hooks: Register) -> None:
    class Refusing:
        @mx.hooks.hookimpl
        def mxcore_before_step(self) -> None:
            raise RuntimeError("not today")

    hooks(Refusing())
    update, weight = mx.optimizer.get_updater(mx.optimizer.SGD()), np.ones(1)
    with pytest.raises(RuntimeError, match="not today"):
        update(0, np.ones(1), weight)
    assert weight[0] == 1
    assert update.optimizer.num_update == 0


def test_an_unknown_hook_is_refused(hooks: Register) -> None:
    class Wrong:
        @mx.hooks.hookimpl
        def mxcore_after_stop(self) -> None: ...

    wrong = Wrong()
    with pytest.raises(ValueError, match="unknown hook 'mxcore_after_stop'"):
        mx.hooks.register(wrong)
    assert not mx.hooks.manager().is_registered(wrong)


def test_an_unknown_argument_is_refused() -> None:
    class Wrong:
        @mx.hooks.hookimpl
        def mxcore_after_step(self, gradients: Any) -> None: ...

    wrong = Wrong()
    with pytest.raises(ValueError, match="gradients"):
        mx.hooks.register(wrong)
    assert not mx.hooks.manager().is_registered(wrong)
