"""Habits that people's own MXNet classes rely on, each as a class written that way."""

from typing import Any

import numpy as np
import pytest

import mxcore as mx

Arrays = Any


def step(optimizer: mx.optimizer.Optimizer, times: int = 1, index: Any = 0) -> Arrays:
    """Return a weight of three ones after some updates with a gradient of ones."""
    weight, update = np.ones(3), mx.optimizer.get_updater(optimizer)
    for _ in range(times):
        update(index, np.ones(3), weight)
    return weight


# --- the recipes of the page -----------------------------------------------------------------------------------------


def test_an_initializer_defines_init_weight() -> None:
    @mx.init.register
    class Half(mx.init.Initializer):
        def _init_weight(self, name: str, arr: Arrays) -> None:
            arr[:] = 0.5

    array = np.zeros(3)
    mx.init.create("half")("fc_weight", array)
    assert array.tolist() == [0.5] * 3


def test_an_initializer_changes_what_a_bias_gets() -> None:
    class Ones(mx.init.Initializer):
        def _init_weight(self, name: str, arr: Arrays) -> None:
            arr[:] = 2

        def _init_bias(self, name: str, arr: Arrays) -> None:
            arr[:] = 1

    weight, bias = np.zeros(2), np.zeros(2)
    Ones()(mx.init.InitDesc("fc_weight"), weight)
    Ones()(mx.init.InitDesc("fc_bias"), bias)
    assert (weight.tolist(), bias.tolist()) == ([2, 2], [1, 1])


def test_an_optimizer_defines_create_state_and_update() -> None:
    @mx.optimizer.Optimizer.register
    class Heavy(mx.optimizer.Optimizer):
        def __init__(self, momentum: float = 0.5, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.momentum = momentum

        def create_state(self, index: Any, weight: Arrays) -> Arrays:
            return np.zeros_like(weight)

        def update(self, index: Any, weight: Arrays, grad: Arrays, state: Arrays) -> None:
            self._update_count(index)
            lr, wd = self._get_lr(index), self._get_wd(index)
            state[:] = self.momentum * state - lr * (self.rescale_grad * grad + wd * weight)
            weight[:] += state

    optimizer = mx.optimizer.create("heavy", learning_rate=0.25, momentum=0.5)
    np.testing.assert_allclose(step(optimizer, 2), 1 - 0.25 - 0.375)
    assert optimizer.num_update == 2


def test_a_scheduler_defines_call() -> None:
    class Halving(mx.lr_scheduler.LRScheduler):
        def __call__(self, num_update: int) -> float:
            return self.base_lr / 2**num_update

    np.testing.assert_allclose(step(mx.optimizer.SGD(learning_rate=1.0, lr_scheduler=Halving()), 2), 0.25)
    np.testing.assert_allclose(mx.lr_scheduler.evaluate(Halving(1.0), [[1, 2]]), [[0.5, 0.25]])


# --- constructors ----------------------------------------------------------------------------------------------------


def test_a_subclass_of_a_plugin_has_a_constructor_of_its_own() -> None:
    class Scaled(mx.optimizer.SGD):  # type: ignore[name-defined,misc]
        def __init__(self, scale: float = 2.0, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.scale = scale

    assert Scaled(3.0, momentum=0.5, learning_rate=0.1).momentum == 0.5
    assert step(Scaled(learning_rate=0.25))[0] == 0.75


def test_a_wrapper_that_never_calls_super_delegates_everything() -> None:
    class Wrapper(mx.optimizer.Optimizer):
        def __init__(self, inner: mx.optimizer.Optimizer) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def create_state(self, index: Any, weight: Arrays) -> Any:
            return self.inner.create_state(index, weight)

        def update(self, index: Any, weight: Arrays, grad: Arrays, state: Any) -> None:
            self.inner.update(index, weight, 2 * grad, state)

    wrapped = Wrapper(mx.optimizer.SGD(learning_rate=0.25, momentum=0.5))
    assert step(wrapped)[0] == 0.5
    assert wrapped.learning_rate == 0.25
    assert wrapped._index_update_count == {0: 1}
    data = mx.optimizer.get_updater(wrapped)  # which also counts by itself
    for _ in range(2):
        data(0, np.ones(3), np.ones(3))
    again = mx.optimizer.get_updater(Wrapper(mx.optimizer.SGD(learning_rate=0.25, momentum=0.5)))
    again.set_states(data.get_states())
    assert again.optimizer._index_update_count == {0: 2}


# --- overriding ------------------------------------------------------------------------------------------------------


class Doubling(mx.optimizer.SGD):  # type: ignore[name-defined,misc]
    """SGD on twice the gradient."""

    def update(self, index: Any, weight: Arrays, grad: Arrays, state: Any) -> None:
        super().update(index, weight, 2 * grad, state)


@pytest.mark.parametrize("in_a_list", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_an_overridden_update_takes_effect_everywhere(dtype: Any, in_a_list: bool) -> None:
    update = mx.optimizer.get_updater(Doubling(learning_rate=0.25, multi_precision=True))
    weight, grad = np.ones(3, dtype), np.ones(3, dtype)
    update([0], [grad], [weight]) if in_a_list else update(0, grad, weight)
    assert weight.tolist() == [0.5] * 3
    assert weight.dtype == dtype


def test_a_class_that_overrides_update_multi_precision_gets_lists_and_its_splitting_does_not_call_it() -> None:
    calls: list[Any] = []

    class Counting(mx.optimizer.SGD):  # type: ignore[name-defined,misc]
        def update_multi_precision(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
            calls.append(index)
            super().update_multi_precision(index, weight, grad, state)

        def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
            super().update(index, weight, grad, state)

    optimizer, weights = Counting(learning_rate=0.5), [np.ones(1), np.ones(1)]
    optimizer.update_multi_precision([0, 1], weights, [np.ones(1), np.ones(1)], [None, None])
    assert calls == [[0, 1]]
    assert [weight[0] for weight in weights] == [0.5, 0.5]
    mx.optimizer.get_updater(optimizer)([0, 1], [np.ones(1), np.ones(1)], weights)
    assert calls == [[0, 1], [0, 1]]


def test_rescale_grad_is_reassigned_from_outside() -> None:
    optimizer = mx.optimizer.SGD(learning_rate=1.0)
    optimizer.rescale_grad = 0.25
    assert step(optimizer)[0] == 0.75


def test_overridden_rates_and_counts_are_used_for_each_parameter() -> None:
    class Own(mx.optimizer.SGD):  # type: ignore[name-defined,misc]
        def _get_lr(self, index: Any) -> float:
            return 0.25 * (index + 1)

        def _get_wd(self, index: Any) -> float:
            return 1.0 if index else 0.0

        def _update_count(self, index: Any) -> None:
            assert not isinstance(index, list)
            super()._update_count(index)
            super()._update_count(index)

    optimizer, weights = Own(), [np.ones(1), np.ones(1)]
    mx.optimizer.get_updater(optimizer)([0, 1], [np.ones(1), np.ones(1)], weights)
    assert [weight[0] for weight in weights] == [0.75, 0.0]
    assert optimizer._index_update_count == {0: 2, 1: 2}


def test_the_lists_of_rates_may_be_overridden_too() -> None:
    class Own(mx.optimizer.SGD):  # type: ignore[name-defined,misc]
        def _get_lrs(self, indices: Any) -> list[float]:
            return [0.5 for _ in indices]

    assert step(Own())[0] == 0.5


def test_register_works_as_a_bare_function() -> None:
    class Bare(mx.optimizer.Optimizer):
        pass

    register = mx.optimizer.Optimizer.register
    assert register(Bare) is Bare
    assert type(mx.optimizer.Optimizer.create_optimizer("bare")) is Bare
    assert mx.optimizer.Optimizer.opt_registry["bare"] is Bare


# --- schedulers ------------------------------------------------------------------------------------------------------


def test_any_callable_with_an_assignable_base_lr_is_a_scheduler() -> None:
    class Plain:
        base_lr: float | None = None

        def __call__(self, num_update: int) -> float:
            assert self.base_lr is not None
            return self.base_lr * num_update

    assert mx.optimizer.SGD(lr_scheduler=Plain(), learning_rate=0.5).learning_rate == 0.0
    schedule = Plain()
    assert step(mx.optimizer.Adam(lr_scheduler=schedule)).shape == (3,)
    assert schedule.base_lr == 0.001
    assert step(mx.optimizer.SGD(lr_scheduler=lambda update: 0.25))[0] == 0.75


def test_a_scheduler_keeps_attributes_of_its_own() -> None:
    class Stateful(mx.lr_scheduler.LRScheduler):
        def __init__(self) -> None:
            super().__init__()
            self.base_lr, self.count, self.step, self.offset = 0.5, 0, 2, 0
            self.learning_rate, self.factor, self.cur_step_ind, self.update = 0.5, 0.5, 0, 0

        def __call__(self, num_update: int) -> float:
            while num_update > self.count + self.step:
                self.count += self.step
                self.base_lr *= self.factor
            return self.base_lr

    optimizer = mx.optimizer.SGD(lr_scheduler=Stateful())
    np.testing.assert_allclose(step(optimizer, 3), 1 - 0.5 - 0.5 - 0.25)


@pytest.mark.parametrize("arguments", [(), (0.5, 10, 0.1, "constant")])
def test_a_scheduler_calls_the_base_constructor_positionally_or_with_nothing(arguments: tuple[Any, ...]) -> None:
    class Own(mx.lr_scheduler.LRScheduler):
        def __init__(self) -> None:
            mx.lr_scheduler.LRScheduler.__init__(self, *arguments)

        def __call__(self, num_update: int) -> float:
            return float(self.get_warmup_lr(num_update) if num_update < self.warmup_steps else self.base_lr)

    assert Own()(3) == (0.1 if arguments else 0.01)
    assert Own()(20) == (0.5 if arguments else 0.01)


# --- the rest --------------------------------------------------------------------------------------------------------


def test_an_initializer_is_called_with_plain_text() -> None:
    gamma, mean = np.zeros(2), np.ones(2)
    mx.init.Uniform()("bn_gamma", gamma)
    mx.init.Uniform()("bn_moving_mean", mean)
    assert (gamma.tolist(), mean.tolist()) == ([1, 1], [0, 0])


def test_a_users_state_is_passed_through_by_reference() -> None:
    class Keeper(mx.optimizer.Optimizer):
        def create_state(self, index: Any, weight: Arrays) -> Any:
            return {"calls": 0, "history": [], 7: (weight.copy(), None)}

        def update(self, index: Any, weight: Arrays, grad: Arrays, state: Any) -> None:
            state["calls"] += 1
            state["history"].append(index)

    update = mx.optimizer.get_updater(Keeper())
    for _ in range(2):
        update("w", np.ones(1), np.zeros(1))
    assert update.states["w"]["calls"] == 2
    assert update.states["w"]["history"] == ["w", "w"]


def test_bytes_are_decoded_as_names() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.SGD(momentum=0.5))
    update([b"w"], [np.ones(1)], [np.ones(1)])
    assert list(update.states) == ["w"]


def test_the_optimizer_of_an_updater_can_be_exchanged() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.SGD())
    assert update.aggregate_updates is False
    update.optimizer = mx.optimizer.Adam()
    update(0, np.ones(1), np.ones(1))
    assert len(update.states[0]) == 2
