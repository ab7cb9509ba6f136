"""Elements that come by key are updated as the elements of one array are."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import mxcore as mx

NAMES = [
    "adam", "nadam", "adamax", "ftrl", "rprop", "sgd", "lion", "adadelta", "schedulefreeadamw", "lookahead(adam, k=3)",
    "average(sgd)",
]  # fmt: skip
KEYS = [f"key{number}" for number in range(12)]


def calls(seed: int, steps: int = 40) -> list[tuple[list[int], Any]]:
    """Return elements, always the same ones or any, in any order, and their gradients."""
    rng, found = np.random.default_rng(seed), []
    for step in range(steps):
        places = rng.permutation(12)[: rng.integers(0, 12)] if step % 4 else np.arange(6)
        found.append((places.tolist(), rng.normal(size=len(places))))
    return found


def run(update: mx.Keyed, weights: dict[str, float], steps: list[tuple[list[int], Any]]) -> dict[str, float]:
    for places, grads in steps:
        keys = [KEYS[place] for place in places]
        new = update(keys, grads.tolist(), [weights[key] for key in keys])
        weights.update(zip(keys, new.tolist(), strict=True))
    return weights


def arrays_in(state: Any) -> list[Any]:
    return [state] if isinstance(state, np.ndarray) else [one for part in state or () for one in arrays_in(part)]


@pytest.mark.parametrize("name", NAMES)
def test_elements_are_updated_as_in_an_array_of_which_the_others_are_put_back(name: str) -> None:
    settings = {"learning_rate": 0.1, "wd": 0.01, "clip_gradient": 1.0}
    update, updater = (make(mx.optimizer.create(name, **settings)) for make in (mx.Keyed, mx.optimizer.get_updater))
    array = np.linspace(-1, 1, 12)
    weights = run(update, dict(zip(KEYS, array.tolist(), strict=True)), calls(1))
    for places, values in calls(1):
        grad, all_arrays = np.zeros(12), [array, *arrays_in(updater.states.get("weight"))]
        grad[places] = values
        before = [one.copy() for one in all_arrays]
        updater("weight", grad, array)
        if len(all_arrays) == 1:  # the state was new: of slots that start with the weight, too
            fresh = updater.optimizer.create_state_multi_precision("weight", before[0])
            before += arrays_in(fresh)
            all_arrays += arrays_in(updater.states["weight"])
        others = np.setdiff1d(np.arange(12), places)
        for one, former in zip(all_arrays, before, strict=True):
            one[others] = former[others]
    np.testing.assert_array_equal([weights[key] for key in KEYS], array)
    assert update.optimizer.num_update == 40
    found = np.array([weights[key] for key in KEYS])
    np.testing.assert_array_equal(
        update.evaluation_weights(KEYS, found), updater.evaluation_weights({"weight": array})["weight"]
    )


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda given: pickle.loads(pickle.dumps(given))])
@pytest.mark.parametrize("name", ["nadam", "lookahead(adam, k=3)"])
def test_a_copy_goes_on_with_the_same_bits_and_by_itself(name: str, copied: Any) -> None:
    update = mx.Keyed(mx.optimizer.create(name))
    weights = run(update, dict.fromkeys(KEYS, 1.0), calls(1))
    second, of_second = copied(update), dict(weights)
    first = run(update, weights, calls(2))
    assert run(second, of_second, calls(2)) == first
    assert second.keys == update.keys
    assert {name: slot.tolist() for name, slot in second.slots.items()} == {
        name: slot.tolist() for name, slot in update.slots.items()
    }


def test_many_numbers_of_keys_are_like_few() -> None:
    update, weights = mx.Keyed(mx.optimizer.create("adam")), [0.0] * 530
    for size in [*range(500, 530), *range(1, 500), 530]:
        weights[:size] = update(range(size), np.full(size, 0.5), weights[:size]).tolist()
    assert update.optimizer.num_update == 530
    assert update.keys == list(range(530))
    moment = update.slots["mean"]
    np.testing.assert_allclose(moment[0], 0.5, rtol=1e-12)  # of 530 updates with one gradient
    np.testing.assert_allclose(moment[529], 0.05, rtol=1e-12)  # of one


def test_an_element_may_be_an_array() -> None:
    update, flat = mx.Keyed(mx.optimizer.create("adam")), mx.Keyed(mx.optimizer.create("adam"))
    for grads in ([[1.0, 2.0], [3.0, 4.0]], np.array([[0.5, 0.5], [1.0, -1.0]])):
        found = update(["a", "b"], grads, np.zeros((2, 2)))
        same = flat([1, 2, 3, 4], np.ravel(grads), np.zeros(4))
        np.testing.assert_array_equal(found.ravel(), same)
    with pytest.raises(ValueError, match=r"all weights must have the shape \(2,\), got \(\)"):
        update(["c"], [1.0], [1.0])
    with pytest.raises(ValueError, match="got gradients of shape"):
        update(["a", "b"], [1.0, 2.0], np.zeros((2, 2)))


def test_what_does_not_fit_is_refused_and_nothing_is_updated() -> None:
    update = mx.Keyed(mx.optimizer.create("adam"))
    update(["a", "b"], [1.0, 1.0], [0.0, 0.0])
    before = {name: slot.tolist() for name, slot in update.slots.items()}
    for keys, grads, weights, message in [
        (["a", "a"], [1.0, 1.0], [0.0, 0.0], "may be given once"),
        (["a", "b"], [1.0], [0.0, 0.0], r"gradients of shape \(1,\) where \(2,\) is needed"),
        (["a", "b"], [1.0, 1.0], [0.0], r"weights of shape \(1,\) where \(2,\) is needed"),
        (["a", "c"], [1.0, 1.0], [0.0], r"weights of shape \(1,\) for 2 keys"),
    ]:
        with pytest.raises(ValueError, match=message):
            update(keys, grads, weights)
        assert {name: slot.tolist() for name, slot in update.slots.items()} == before
    assert update.optimizer.num_update == 1


@pytest.mark.parametrize("name", ["lamb", "muon", "sam(sgd)", "cautious(adam)", "sophia"])
def test_an_optimizer_that_looks_at_other_elements_is_refused_with_those_that_do_not(name: str) -> None:
    with pytest.raises(ValueError, match="use one of adabelief, .*adam, .*lion, .*sgd") as caught:
        mx.Keyed(mx.optimizer.create(name))
    names = str(caught.value).split("use one of ")[1].split(", ")
    assert not {"lamb", "muon", "sam", "cautious", "sophia", "ccsgd"} & set(names)


def test_controls_see_the_gradients_of_a_call() -> None:
    update = mx.Keyed(mx.optimizer.create("sgd", learning_rate=1.0, clip_global_norm=5.0, on_nonfinite="skip"))
    np.testing.assert_allclose(update(["a", "b"], [30.0, 40.0], [0.0, 0.0]), [-3, -4], rtol=1e-6)
    np.testing.assert_allclose(update(["c"], [10.0], [0.0]), [-5], rtol=1e-6)
    np.testing.assert_array_equal(update(["a", "c"], [np.nan, 1.0], [1.0, 2.0]), [1, 2])
    assert update.optimizer.num_update == 2
    with pytest.raises(ValueError, match="leave out accumulate"):
        mx.Keyed(mx.optimizer.create("sgd", accumulate=2))


def test_settings_may_change_between_calls() -> None:
    update = mx.Keyed(mx.optimizer.create("sgd", learning_rate=1.0))
    assert update(["a"], [1.0], [0.0]).tolist() == [-1]
    update.optimizer.set_learning_rate(0.5)
    assert update(["a"], [1.0], [0.0]).tolist() == [-0.5]
    assert update([], [], []).tolist() == []
    assert update.optimizer.num_update == 3


def test_keys_may_be_anything_that_can_be_iterated_and_hashed() -> None:
    update = mx.Keyed(mx.optimizer.create("adam"))
    same = mx.Keyed(mx.optimizer.create("adam"))
    kinds = [[0, 1], range(2), (0, 1), {0: "a", 1: "b"}.keys(), np.arange(2)]
    for keys in kinds:
        np.testing.assert_array_equal(update(keys, [1.0, 2.0], [0.0, 0.0]), same([0, 1], [1.0, 2.0], [0.0, 0.0]))
    assert update.keys == [0, 1]
    keys = [0, 1]
    for one in (update, same):
        one(keys, [1.0, 2.0], [0.0, 0.0])
    keys.reverse()  # what was passed may change afterwards
    np.testing.assert_array_equal(update(keys, [2.0, 1.0], [0.0, 0.0]), same([0, 1], [1.0, 2.0], [0.0, 0.0])[::-1])
