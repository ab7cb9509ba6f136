"""What stands before an update: accumulation, loss scales, gradients that are not finite, and the way up."""

import pickle
import re
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mxcore as mx
from mxcore.optimizer import Updater

Array = npt.NDArray[Any]
NAMES = ["fc_weight", "fc_bias", "gate"]
SHAPES = ((4, 3), (5,), (2, 3))
KINDS = ["adam", "average(sgd, beta=0.5)", "lamb", "lbsgd", "lookahead(groupadagrad)"]


def gradients(count: int, dtype: Any = np.float64, seed: int = 3) -> list[list[Array]]:
    rng = np.random.default_rng(seed)
    return [[rng.normal(size=shape).astype(dtype) for shape in SHAPES] for _ in range(count)]


def start(name: str = "adam", dtype: Any = np.float64, **settings: Any) -> tuple[Any, list[Array]]:
    update = mx.optimizer.get_updater(mx.optimizer.create(name, **{"learning_rate": 0.1, **settings}))
    rng = np.random.default_rng(7)
    return update, [rng.normal(size=shape).astype(dtype) for shape in SHAPES]


def means(grads: list[list[Array]], calls: int) -> list[list[Array]]:
    groups = [grads[place : place + calls] for place in range(0, len(grads), calls)]
    return [[np.mean([one[place] for one in group], axis=0) for place in range(len(SHAPES))] for group in groups]


def close(one: list[Array], other: list[Array], rtol: float = 1e-12) -> None:
    for left, right in zip(one, other, strict=True):
        np.testing.assert_allclose(left.astype("f8"), right.astype("f8"), rtol=rtol, atol=1e-12)


# --- accumulation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("emitter", ["llvm", "numpy"])
@pytest.mark.parametrize("name", KINDS)
def test_an_update_has_the_mean_of_its_calls(name: str, emitter: str) -> None:
    mx.kernel.use(emitter)
    try:
        (update, weights), grads = start(name, accumulate=4), gradients(12)
        for call in grads:
            kept = [grad.copy() for grad in call]
            update(NAMES, call, weights)
            assert [grad.tolist() for grad in call] == [grad.tolist() for grad in kept]
        wanted, others = start(name)
        for mean in means(grads, 4):
            wanted(NAMES, mean, others)
    finally:
        mx.kernel.use(None)
    close(weights, others)
    assert update.optimizer.num_update == 3


@given(st.lists(st.integers(0, 2), min_size=1, max_size=40), st.integers(2, 4))
def test_each_parameter_has_calls_of_its_own(order: list[int], calls: int) -> None:
    (update, weights), grads = start("sgd", accumulate=calls), gradients(len(order))
    wanted, others = start("sgd")
    seen: dict[int, list[Array]] = {0: [], 1: [], 2: []}
    for place, call in zip(order, grads, strict=True):
        update(NAMES[place], call[place], weights[place])
        seen[place].append(call[place])
        if len(seen[place]) == calls:
            wanted(NAMES[place], np.mean(seen[place], axis=0), others[place])
            seen[place].clear()
    close(weights, others)


def test_half_precision_is_summed_in_float32() -> None:
    small = np.float16(2.0**-11)  # half of the last bit of 1: each is lost in a sum in float16
    update = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0, accumulate=4, multi_precision=True))
    weight = np.zeros(1, np.float16)
    for grad in (1, small, small, small):
        update("w", np.array([grad], np.float16), weight)
    assert weight == -np.float16((1 + 3 * np.float32(small)) / 4)


def test_hooks_see_updates_with_their_means() -> None:
    seen: list[tuple[str, list[str], list[Any]]] = []

    class Watcher:
        @mx.hooks.hookimpl
        def mxcore_before_step(self, indices: Any, grads: Any) -> None:
            seen.append(("before", list(indices), [grad.tolist() for grad in grads]))

        @mx.hooks.hookimpl
        def mxcore_after_step(self, indices: Any, grads: Any) -> None:
            seen.append(("after", list(indices), [grad.tolist() for grad in grads]))

    mx.hooks.register(watcher := Watcher())
    try:
        update, weight = mx.optimizer.get_updater(mx.optimizer.SGD(accumulate=2)), np.zeros(1)
        for grad in (1.0, 3.0, 7.0):
            update("w", np.array([grad]), weight)
    finally:
        mx.hooks.unregister(watcher)
    assert seen == [("before", ["w"], [[2.0]]), ("after", ["w"], [[2.0]])]


def test_flush_ends_early_and_only_what_is_open() -> None:
    (update, weights), grads = start("adam", accumulate=4), gradients(6)
    for call in grads:
        update(NAMES, call, weights)
    update.flush()
    update.flush()
    wanted, others = start("adam")
    for mean in (means(grads[:4], 4)[0], means(grads[4:], 2)[0]):
        wanted(NAMES, mean, others)
    close(weights, others)
    assert update.optimizer.num_update == 2


def test_the_number_of_calls_may_change_at_any_time() -> None:
    update, weight = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0, accumulate=4)), np.zeros(1)
    for calls, grad in ((4, 1.0), (4, 2.0), (2, 6.0), (1, 5.0), (3, 9.0)):
        update.optimizer.accumulate = calls
        update("w", np.array([grad]), weight)
    assert weight == -(3.0 + 5.0)


def test_a_failed_update_is_still_due() -> None:
    class Failing:
        @mx.hooks.hookimpl
        def mxcore_before_step(self) -> None:
            raise RuntimeError("no")

    update, weight = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0, accumulate=2)), np.zeros(1)
    update("w", np.array([1.0]), weight)
    mx.hooks.register(failing := Failing())
    try:
        with pytest.raises(RuntimeError, match="no"):
            update("w", np.array([3.0]), weight)
    finally:
        mx.hooks.unregister(failing)
    with pytest.raises(RuntimeError, match=r"the update of parameter 'w' is due, .*: call updater\.flush\(\) first"):
        update("w", np.array([5.0]), weight)
    update.flush()
    assert weight == -2


def test_a_wrong_gradient_is_not_added() -> None:
    update, weight = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0, accumulate=2)), np.zeros(2)
    update("w", np.array([1.0, 1.0]), weight)
    with pytest.raises(ValueError, match=r"the gradient has shape \(3,\), but the weight has shape \(2,\)"):
        update("w", np.ones(3), weight)
    update("w", np.array([3.0, 3.0]), weight)
    assert weight.tolist() == [-2, -2]


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_a_run_resumes_to_the_bit_between_calls(dtype: Any) -> None:
    def made() -> Any:
        return start("average(adam)", dtype, accumulate=3, multi_precision=True)

    grads = gradients(10, dtype)
    update, weights = made()
    for call in grads:
        update(NAMES, call, weights)
    first, others = made()
    for call in grads[:4]:
        first(NAMES, call, others)
    state = first.get_states()
    resumed, _ = made()
    resumed.set_states(state)
    for call in grads[4:]:
        resumed(NAMES, call, others)
    assert [one.tolist() for one in others] == [one.tolist() for one in weights]
    assert pickle.loads(pickle.dumps(update)).gate.accumulation.calls(NAMES[0]) == 1


def test_flush_after_loading_needs_the_weights() -> None:
    (update, weights), grads = start("sgd", accumulate=4), gradients(2)
    for call in grads:
        update(NAMES, call, weights)
    resumed, others = start("sgd", accumulate=4)
    resumed.set_states(update.get_states())
    with pytest.raises(ValueError, match="the weight of parameter 'fc_weight' is not known since its state was loaded"):
        resumed.flush()
    resumed.flush(NAMES, others)
    update.flush()
    assert [one.tolist() for one in others] == [one.tolist() for one in weights]


def test_workers_are_not_accumulated() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.create("dcasgd", accumulate=2))
    with pytest.raises(ValueError, match="gradients of workers are not accumulated"):
        update("w", np.ones(1), np.ones(1), worker=0)


# --- gradients that are not finite -----------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("name", KINDS)
def test_a_skipped_update_leaves_everything_as_it_was(name: str, bad: float) -> None:
    (update, weights), grads = start(name, on_nonfinite="skip"), gradients(3)
    update(NAMES, grads[0], weights)
    before = [one.tolist() for one in weights], dict(update.optimizer._index_update_count), update.get_states()
    grads[1][2][1, 1] = bad
    update(NAMES, grads[1], weights)
    after = [one.tolist() for one in weights], dict(update.optimizer._index_update_count), update.get_states()
    assert after[:2] == before[:2]
    assert update.gate.skipped == 1
    update(NAMES, grads[2], weights)
    wanted, others = start(name)
    for call in (grads[0], grads[2]):
        wanted(NAMES, call, others)
    assert [one.tolist() for one in weights] == [one.tolist() for one in others]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16])
def test_large_elements_are_finite(dtype: Any) -> None:
    optimizer = mx.optimizer.SGD(learning_rate=1.0, on_nonfinite="skip", multi_precision=True)
    update, weight = mx.optimizer.get_updater(optimizer), np.zeros(2, dtype)
    largest = np.array([ml_dtypes.finfo(dtype).max, 1], dtype)  # the sum of squares overflows
    update("w", largest, weight)
    assert weight.tolist() == (-largest).tolist()


def test_strided_and_empty_gradients_are_looked_at() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0, on_nonfinite="skip"))
    weight, empty = np.zeros((2, 2)), np.zeros(0)
    grad = np.array([[1.0, 2.0, np.nan, 4.0], [5.0, 6.0, 7.0, 8.0]])
    update(["w", "e"], [grad[:, ::2], empty], [weight, empty.copy()])
    assert update.gate.skipped == 1
    update(["w", "e"], [grad[:, 1::2], empty], [weight, empty.copy()])
    assert weight.tolist() == [[-2, -4], [-6, -8]]


@pytest.mark.parametrize("calls", [1, 3])
def test_raise_names_the_first_and_adds_nothing(calls: int) -> None:
    (update, weights), grads = start("adam", on_nonfinite="raise", accumulate=calls), gradients(2)
    update(NAMES, grads[0], weights)
    before = [one.tolist() for one in weights], update.get_states()
    grads[1][1][3], grads[1][2][0] = np.nan, np.inf
    with pytest.raises(FloatingPointError, match="the gradient of parameter 'fc_bias' has elements that are infinite"):
        update(NAMES, grads[1], weights)
    assert ([one.tolist() for one in weights], update.get_states()) == before


def test_a_call_that_is_not_finite_spoils_its_update() -> None:
    optimizer = mx.optimizer.SGD(learning_rate=1.0, accumulate=2, on_nonfinite="skip")
    update, weight = mx.optimizer.get_updater(optimizer), np.zeros(1)
    for grad in (np.inf, 1.0, 2.0, 4.0, -np.inf, np.inf, 1.0):
        update("w", np.array([grad]), weight)
    assert weight == -3
    assert update.gate.skipped == 2


# --- scales ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*KINDS, "lars", "cautious(adam)"])
@given(scale=st.sampled_from([0.25, 1024.0, 2.0**16]))
@settings(max_examples=4)
def test_a_loss_scale_is_divided_out(name: str, scale: float) -> None:
    grads = gradients(3)
    update, weights = start(name, loss_scale=scale, clip_global_norm=1.0)
    wanted, others = start(name, clip_global_norm=1.0)
    for call in grads:
        update(NAMES, [scale * grad for grad in call], weights)
        wanted(NAMES, call, others)
    close(weights, others)


@pytest.mark.parametrize("name", [*KINDS, "lars", "cautious(adam)"])
def test_maximize_goes_the_other_way(name: str) -> None:
    (update, weights), (wanted, others) = start(name, maximize=True, wd=0), start(name, wd=0)
    for call in gradients(3):
        update(NAMES, call, weights)
        wanted(NAMES, [-grad for grad in call], others)
    assert [one.tolist() for one in weights] == [one.tolist() for one in others]


def test_a_dynamic_scale_halves_after_an_overflow_and_doubles_after_a_while() -> None:
    scale = mx.DynamicLossScale(8.0, growth_interval=2)
    update, weight = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0, loss_scale=scale)), np.zeros(1)
    seen = []
    for grad in (1.0, 1.0, np.inf, 1.0, np.nan, np.inf, 1.0, 1.0, 1.0):
        update("w", np.array([grad]) * scale.scale, weight)
        seen.append(float(scale))
    assert seen == [8, 16, 8, 8, 4, 2, 2, 4, 4]
    assert weight == -6
    assert update.gate.skipped == 3


def test_a_scale_that_is_assigned_counts_at_once() -> None:
    scale = mx.DynamicLossScale(8.0)
    update, weight = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0, loss_scale=scale)), np.zeros(1)
    for factor in (8.0, 2.0, 4.0):
        scale.scale = factor
        update("w", np.array([factor]), weight)
    assert weight == -3


def test_a_dynamic_scale_is_saved_and_stays_the_same_object() -> None:
    def made() -> tuple[mx.DynamicLossScale, Updater[Any]]:
        scale = mx.DynamicLossScale(8.0, growth_interval=3)
        return scale, mx.optimizer.get_updater(mx.optimizer.create("average(sgd)", loss_scale=scale))

    (scale, update), weight = made(), np.zeros(1)
    for grad in (np.inf, 1.0, 1.0):
        update("w", np.array([grad]), weight)
    other, resumed = made()
    resumed.set_states(update.get_states())
    assert resumed.optimizer.loss_scale is other
    assert (other.scale, other.good_updates, resumed.gate.skipped) == (4.0, 2, 1)
    resumed("w", np.ones(1), weight)
    assert other.scale == 8.0
    assert scale.scale == 4.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"accumulate": 0}, "accumulate must be an integer of at least 1, got 0"),
        ({"on_nonfinite": "stop"}, "on_nonfinite must be one of 'ignore', 'skip', 'raise', got 'stop'"),
        ({"loss_scale": 0}, "loss_scale must be a number above 0, or a DynamicLossScale, got 0"),
        ({"maximize": 1}, "maximize must be True or False, got 1"),
        ({"loss_scale": mx.DynamicLossScale(), "on_nonfinite": "raise"}, "a DynamicLossScale skips updates that over"),
    ],
)
def test_wrong_controls_are_explained(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        mx.optimizer.create("sgd", **arguments)
    *before, (name, value) = arguments.items()
    optimizer = mx.optimizer.create("average(sgd)", **dict(before))
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        setattr(optimizer, name, value)


def test_controls_can_be_assigned_to_a_bound_loop() -> None:
    (update, weights), grads = start("sgd"), gradients(1)[0]
    wanted, others = start("sgd")
    bound = update.bind(weights, grads, NAMES)
    bound()
    update.optimizer.accumulate = 2
    bound()
    bound()
    update.optimizer.accumulate = 1
    bound()
    for _ in range(3):
        wanted(NAMES, grads, others)
    close(weights, others)


@pytest.mark.parametrize("method", ["update", "update_multi_precision"])
@pytest.mark.parametrize(
    "arguments", [{"maximize": True}, {"loss_scale": 4.0}, {"clip_global_norm": 1.0}, {"clip_gradient": 0.5}], ids=str
)
def test_a_method_that_calls_the_base_class_s_sees_gradients_prepared_once(method: str, arguments: Any) -> None:
    def calling(self: Any, index: Any, weight: Any, grad: Any, state: Any) -> None:
        getattr(mx.optimizer.SGD, method)(self, index, weight, grad, state)

    found = []
    for cls in (mx.optimizer.SGD, type("Calling", (mx.optimizer.SGD,), {method: calling})):
        optimizer, weights = cls(learning_rate=1.0, **arguments), [np.zeros(2), np.zeros(1)]
        mx.optimizer.get_updater(optimizer)(["a", "b"], [np.full(2, 3.0), np.full(1, 4.0)], weights)
        if method == "update" and "clip_global_norm" not in arguments:  # the program's own call
            optimizer.update("c", weights[0], np.ones(2), None)
        found.append(np.concatenate(weights))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-14)
