"""What looks at all parameters together: clipping by the norm of all gradients, and calls that lack some of them."""

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from rule_runs import CLASSES, RULES, named

import mxcore as mx
from mxcore.kernel.rule.program import keywords

GRADS = [np.array([[6.0, 0.0]]), np.array([8.0]), np.array(0.0)]  # of norm 10
SIZES = (1.0, 0.05, 2.0)
RAW = {name for name in RULES if "raw_grad" in keywords(CLASSES[name].rule)}
"""Rules that look at the gradient as the program gave it."""
NAMES = [named(name, "sgd") for name in RULES if name not in RAW]


def after_three_steps(name: str, factors: Iterable[float], **arguments: Any) -> list[Any]:
    """Return weights after steps with gradients of some sizes, times a factor for each step."""
    mx.random.seed(1)
    update = mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.1, rescale_grad=0.5, **arguments))
    weights = [np.ones_like(grad) for grad in GRADS]
    for size, factor in zip(SIZES, factors, strict=True):
        update([0, 1, 2], [size * factor * grad for grad in GRADS], weights)
    return weights


@pytest.mark.parametrize("emitter", ["llvm", "numpy"])
@pytest.mark.parametrize("name", [*NAMES, "cautious(lookahead(adam))", "groupadagrad", "lbsgd", "lookahead(lbsgd)"])
def test_gradients_are_scaled_to_the_bound(name: str, emitter: str) -> None:
    mx.kernel.use(emitter)
    try:
        got = after_three_steps(name, (1, 1, 1), clip_global_norm=0.75)
        wanted = after_three_steps(name, (min(0.75 / (size * 10 * 0.5 + 1e-6), 1) for size in SIZES))
    finally:
        mx.kernel.use(None)
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_all_dtypes_and_masters_count() -> None:
    optimizer = mx.optimizer.SGD(learning_rate=1.0, clip_global_norm=1.0, multi_precision=True)
    update = mx.optimizer.get_updater(optimizer)
    grads = [np.array([value], dtype) for value, dtype in ((6, "f4"), (8, "f2"), (0, "f8"))]
    weights = [np.zeros_like(grad) for grad in grads]
    update([0, 1, 2], grads, weights)
    np.testing.assert_allclose(np.concatenate(weights).astype("f8"), [-0.6, -0.8, 0], rtol=1e-3)


@pytest.mark.parametrize("name", ["sgd", "average(adam)", "groupadagrad"])
def test_a_call_that_lacks_a_parameter_is_refused_and_nothing_changes(name: str) -> None:
    update = mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.1, clip_global_norm=1.0))
    a, b, c, grad = np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 2))
    for _ in range(2):
        update("a", grad, a)  # the only one so far
    update(["a", "b"], [grad, grad], [a, b])
    before = a.tolist(), update.get_states()
    for indices, weights in ((["a"], [a]), (["c"], [c]), (["b"], [b])):
        with pytest.raises(ValueError, match=r"this call lacks parameter '[ab]'.*update all of them in one call"):
            update(indices, [grad], weights)
        with pytest.raises(ValueError, match="this call lacks"):
            update(indices[0], grad, weights[0])
    assert (a.tolist(), update.get_states()) == before
    assert c.tolist() == [[1, 1]]
    update(["b", "a"], [grad, grad], [b, a])


def test_a_bound_that_is_assigned_applies_from_then_on() -> None:
    optimizer = mx.optimizer.SGD(learning_rate=1.0)
    update, weights, grads = mx.optimizer.get_updater(optimizer), [np.zeros(1), np.zeros(1)], [np.ones(1), np.ones(1)]
    step = update.bind(weights, grads)
    step()
    optimizer.clip_global_norm = 2**0.5 / 4
    step()
    np.testing.assert_allclose(weights, [[-1.25], [-1.25]], rtol=1e-5)
    optimizer.clip_global_norm = None
    step()
    np.testing.assert_allclose(weights, [[-2.25], [-2.25]], rtol=1e-5)
    with pytest.raises(ValueError, match="clip_global_norm must be None or"):
        optimizer.clip_global_norm = 0.0


def test_it_comes_before_wrappers_and_before_clipping_each_element() -> None:
    optimizer = mx.optimizer.create(
        "grokfast(sgd, alpha=0.0, factor=1.0)", learning_rate=1.0, clip_global_norm=1.0, clip_gradient=1.5
    )
    update, weights = mx.optimizer.get_updater(optimizer), [np.zeros(1), np.zeros(1)]
    update([0, 1], [np.array([6.0]), np.array([8.0])], weights)
    np.testing.assert_allclose(weights, [[-1.2], [-1.5]], rtol=1e-5)


def test_the_order_of_a_call_does_not_matter_but_for_the_last_bits() -> None:
    found = []
    for order in itertools.permutations(range(3)):
        update = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0, clip_global_norm=1.0))
        weights = [np.zeros_like(grad) for grad in GRADS]
        update(list(order), [GRADS[k] for k in order], [weights[k] for k in order])
        found.append(np.concatenate([weight.ravel() for weight in weights]))
    np.testing.assert_allclose(found, [found[0]] * len(found), rtol=1e-15)
