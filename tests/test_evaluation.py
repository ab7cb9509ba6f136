"""Weights to evaluate with: swapped in and back, composed from the inside out, and never trained by mistake."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import mxcore as mx
from mxcore.optimizer import Updater

Array = npt.NDArray[Any]


@mx.hyperparameters
class Shifted(mx.optimizer.Optimizer):
    """Plain descent whose evaluation weights are off by a hyper-parameter, a slot and a number."""

    slots = ("shift", mx.Slot("updates", shape=()))
    scale: float = mx.hyperparameter(10.0)

    @staticmethod
    def rule(weight, grad, shift, *, lr, updates):  # type: ignore[no-untyped-def]
        return weight - lr * grad, shift + 0.25, updates + 1

    @staticmethod
    def evaluation(weight, shift, updates, scale):  # type: ignore[no-untyped-def]
        return weight + scale * shift + 100 * updates


@mx.hyperparameters
class Doubled(mx.optimizer.Wrapper):
    """Leaves the steps alone, and doubles what the wrapped optimizer evaluates with."""

    @staticmethod
    def rule(weight, grad, *, inner):  # type: ignore[no-untyped-def]
        return inner(weight, grad)

    @staticmethod
    def evaluation(weight):  # type: ignore[no-untyped-def]
        return 2 * weight


def trained(optimizer: Any, steps: int = 2, dtype: str = "f8") -> tuple[Updater, Array]:
    update, weight = mx.optimizer.get_updater(optimizer), np.ones(2, dtype)
    for _ in range(steps):
        update("w", np.full(2, 0.5, dtype), weight)
    return update, weight


def test_evaluation_weights_follow_from_weight_slots_numbers_and_hyperparameters() -> None:
    update, weight = trained(Shifted(learning_rate=1.0))
    assert weight.tolist() == [0, 0]
    (found,) = update.evaluation_weights([weight], ["w"])
    assert found.tolist() == [205, 205]
    assert weight.tolist() == [0, 0]


def test_wrappers_compose_from_the_inside_out() -> None:
    update, weight = trained(mx.optimizer.Average(Doubled(Shifted(learning_rate=1.0)), beta=0.5))
    assert update.evaluation_weights({"w": weight})["w"].tolist() == [0.25, 0.25]  # the average of 0.5 and 0
    update, weight = trained(Doubled(mx.optimizer.Average(Shifted(learning_rate=1.0), beta=0.5)))
    assert update.evaluation_weights({"w": weight})["w"].tolist() == [0.5, 0.5]
    update, weight = trained(Doubled(Doubled(Shifted(learning_rate=1.0))))
    assert update.evaluation_weights({"w": weight})["w"].tolist() == [820, 820]


def test_they_take_the_place_of_the_weights_for_a_block() -> None:
    update, weight = trained(Shifted(learning_rate=1.0))
    memory, states = weight.ctypes.data, update.get_states(dump_optimizer=True)
    view, other = weight[:], np.ones(1)
    with update.evaluating([view, other], ["w", "unknown"]):
        assert weight.tolist() == [205, 205]
        assert weight.ctypes.data == memory
        assert other.tolist() == [1]  # it has no state
        assert update.get_states(dump_optimizer=True) == states
    assert weight.tolist() == [0, 0]


@pytest.mark.parametrize("bound", [False, True])
def test_an_update_or_another_block_inside_is_an_error(bound: bool) -> None:
    update, weight = trained(Shifted(learning_rate=1.0))
    grad = np.ones(2)
    step = update.bind([weight], [grad], ["w"]) if bound else lambda: update("w", grad, weight)
    with update.evaluating({"w": weight}):
        with pytest.raises(RuntimeError, match="no update inside `with updater.evaluating"):
            step()
        with pytest.raises(RuntimeError, match="already inside"), update.evaluating({"w": weight}):
            pass
        with pytest.raises(RuntimeError, match="no other weights inside"):
            update.evaluation_weights([weight], ["w"])
        assert weight.tolist() == [205, 205]
    step()
    assert weight.tolist() == [-1, -1]
    assert update.optimizer.num_update == 3


def test_an_error_inside_puts_the_weights_back() -> None:
    update, weight = trained(Shifted(learning_rate=1.0))
    with pytest.raises(KeyError), update.evaluating({"w": weight}):
        raise KeyError
    assert weight.tolist() == [0, 0]
    assert not update.is_evaluating


def test_an_optimizer_without_them_changes_nothing() -> None:
    update, weight = trained(mx.optimizer.SGD(learning_rate=1.0))
    with update.evaluating([weight], ["w"]):
        assert weight.tolist() == [0, 0]
        with pytest.raises(RuntimeError):
            update("w", weight, weight)
    (found,) = update.evaluation_weights([weight], ["w"])
    assert found.tolist() == [0, 0]
    assert found is not weight


def test_masters_give_the_weights_in_full_precision_before_they_are_rounded() -> None:
    optimizer = mx.optimizer.Average(mx.optimizer.SGD(learning_rate=1e-4, multi_precision=True), beta=None)
    update, weight = trained(optimizer, steps=3, dtype="f2")
    master, _ = update.states["w"]
    with update.evaluating({"w": weight}):
        assert weight.dtype == np.float16
        np.testing.assert_array_equal(weight, np.full(2, 1 - 1e-4, np.float16))
    np.testing.assert_allclose(master, 1 - 1.5e-4, rtol=1e-6)


def test_what_does_not_fit_is_refused_and_nothing_changes() -> None:
    update, weight = trained(Shifted(learning_rate=1.0))
    other = np.zeros(3)
    with pytest.raises(ValueError, match=r"pass one index for each weight, got 1 for 2"):
        update.evaluation_weights([weight, other], ["w"])
    with pytest.raises(ValueError, match="broadcast|shape"), update.evaluating([weight, other], ["v", "w"]):
        pass
    assert weight.tolist() == [0, 0]
    assert not update.is_evaluating


def test_copies_and_pickles_evaluate_too() -> None:
    import copy
    import pickle

    update, weight = trained(mx.optimizer.Average("sgd", beta=0.5, learning_rate=1.0))
    (wanted,) = update.evaluation_weights([weight], ["w"])
    for other in (copy.deepcopy(update), pickle.loads(pickle.dumps(update))):
        (found,) = other.evaluation_weights([weight], ["w"])
        assert found.tolist() == wanted.tolist()
