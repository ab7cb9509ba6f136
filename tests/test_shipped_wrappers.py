"""Each shipped wrapper around each rule equals its definition, applied by hand in float64, whichever way it runs."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from rule_runs import CLASSES, RULES, accepted

import mxcore as mx
from mxcore.kernel.rule.program import keywords

Array = npt.NDArray[Any]
Inner = Callable[[Array, Array], None]
"""``inner(weight, grad)`` updates a weight in place, from a rescaled gradient."""

NAMES = {0: "fc_weight", 1: "fc_bias"}
SHAPES = ((4, 3), (5,))
RATE, DECAY, RESCALE = 0.05, 0.1, 0.5
WRAPPERS = {
    "agc": {"clipping": 0.3},
    "average": {"beta": 0.75},
    "cautious": {},
    "centralized": {},
    "grokfast": {"alpha": 0.5, "factor": 0.5},
    "lookahead": {"k": 2, "alpha": 0.25},
    "mars": {"gamma": 0.1, "beta1": 0.5},
    "sam": {},
}
BARE = [
    name
    for name in RULES
    if not issubclass(CLASSES[name], mx.optimizer.Wrapper) and "raw_grad" not in keywords(CLASSES[name].rule)
]
PAIRS = [(wrapper, name) for wrapper in WRAPPERS for name in BARE]
NESTED = [(outer, inner) for outer in WRAPPERS for inner in WRAPPERS]


def arguments(name: str) -> dict[str, Any]:
    """Return the common arguments, as far as the class allows them."""
    return accepted(name, {"learning_rate": RATE, "wd": DECAY, "clip_gradient": 1.0, "param_idx2name": NAMES})


# --- by hand ---------------------------------------------------------------------------------------------------------


def agc(inner: Inner, weight: Array, grad: Array, kept: dict[str, Any]) -> None:
    axes = tuple(range(1, weight.ndim)) if weight.ndim > 1 else None
    most = 0.3 * np.maximum(np.sqrt((weight**2).sum(axes, keepdims=True)), 1e-3)
    length = np.sqrt((grad**2).sum(axes, keepdims=True))
    inner(weight, np.where(length > most, grad * most / np.maximum(length, 1e-6), grad))


def average(inner: Inner, weight: Array, grad: Array, kept: dict[str, Any]) -> None:
    inner(weight, grad)
    kept["average"] = 0.75 * kept["average"] + 0.25 * weight if kept else weight.copy()


def cautious(inner: Inner, weight: Array, grad: Array, kept: dict[str, Any]) -> None:
    before = weight.copy()
    inner(weight, grad)
    decay = kept.get("decay", 0) * before
    step = before - weight - decay
    mask = step * grad > 0
    weight[...] = before - decay - step * mask / max(mask.mean(), 1e-3)


def centralized(inner: Inner, weight: Array, grad: Array, kept: dict[str, Any]) -> None:
    inner(weight, grad - grad.mean(1, keepdims=True) if grad.ndim > 1 else grad)


def grokfast(inner: Inner, weight: Array, grad: Array, kept: dict[str, Any]) -> None:
    kept["slow"] = 0.5 * kept["slow"] + 0.5 * grad if kept else grad.copy()
    inner(weight, grad + 0.5 * kept["slow"])


def lookahead(inner: Inner, weight: Array, grad: Array, kept: dict[str, Any]) -> None:
    slow, count = kept.setdefault("slow", weight.copy()), kept.get("count", 0) + 1
    kept["count"] = count
    inner(weight, grad)
    if count % 2 == 0:
        slow += 0.25 * (weight - slow)
        weight[...] = slow


def mars(inner: Inner, weight: Array, grad: Array, kept: dict[str, Any]) -> None:
    corrected = grad
    if kept:
        corrected = grad + 0.1 * (grad - kept["previous"])
        corrected = corrected / max(float(np.linalg.norm(corrected)), 1)
    kept["previous"] = grad.copy()
    inner(weight, corrected)


def sam(inner: Inner, weight: Array, grad: Array, kept: dict[str, Any]) -> None:
    inner(weight, grad)  # its second step


BY_HAND = {one.__name__: one for one in (agc, average, cautious, centralized, grokfast, lookahead, mars, sam)}


def around(outer: str, inner: Inner, kept: dict[str, Any]) -> Inner:
    return lambda weight, grad: BY_HAND[outer](inner, weight, grad, kept)


def weights_and_gradients() -> tuple[list[Array], list[list[Array]]]:
    rng = np.random.default_rng(7)
    weights = [rng.standard_normal(shape) for shape in SHAPES]
    return weights, [[rng.standard_normal(shape) for shape in SHAPES] for _ in range(6)]


def computed_by_hand(wrappers: tuple[str, ...], name: str) -> list[Array]:
    """Return float64 weights after some steps of a rule, and of the wrappers around it, the outermost first.

    Each parameter has a thread, which waits where it comes to the rule: some rules need all parameters in one call.
    """
    mx.random.seed(3)
    update = mx.optimizer.get_updater(mx.optimizer.create(name, **arguments(name)))
    weights, every = weights_and_gradients()
    decoupled = update.optimizer.decay == "decoupled" and wrappers[-1:] == ("cautious",)
    given: dict[int, Array] = {}
    meeting = threading.Barrier(
        len(weights), lambda: update(list(NAMES), [given[index] for index in NAMES], weights), 60
    )
    steps: list[Inner] = []
    for index in NAMES:

        def step(weight: Array, grad: Array, index: int = index) -> None:
            given[index] = grad
            meeting.wait()

        for place, wrapper in enumerate(reversed(wrappers)):
            decays = decoupled and place == 0 and NAMES[index].endswith("weight")
            step = around(wrapper, step, {"decay": RATE * DECAY} if decays else {})
        steps.append(step)
    with ThreadPoolExecutor(len(weights)) as pool:
        for grads in every:
            rescaled = [RESCALE * grad for grad in grads]
            list(pool.map(lambda step, weight, grad: step(weight, grad), steps, weights, rescaled))
    return weights


def computed(wrappers: tuple[str, ...], name: str, emitter: str) -> list[Array]:
    """Return float32 weights after the same steps; float64 if the rule draws noise, which is other numbers then."""
    text, dtype = name, "f8" if "noise" in keywords(CLASSES[name].rule) else "f4"
    for wrapper in reversed(wrappers):
        given = "".join(f", {key}={value}" for key, value in WRAPPERS[wrapper].items())
        text = f"{wrapper}({text}{given})"
    mx.random.seed(3)
    mx.kernel.use(emitter)
    try:
        update = mx.optimizer.get_updater(mx.optimizer.create(text, rescale_grad=RESCALE, **arguments(name)))
        weights, every = weights_and_gradients()
        weights = [weight.astype(dtype) for weight in weights]
        for grads in every:
            update(list(NAMES), [grad.astype(dtype) for grad in grads], weights)
    finally:
        mx.kernel.use(None)
    return weights


def check(wrappers: tuple[str, ...], name: str) -> None:
    found = {emitter: computed(wrappers, name, emitter) for emitter in ("llvm", "numpy")}
    for one, other, wanted in zip(*found.values(), computed_by_hand(wrappers, name), strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("wrapper", "name"), PAIRS)
def test_a_wrapper_around_a_rule(wrapper: str, name: str) -> None:
    check((wrapper,), name)


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("outer", "inner"), NESTED)
def test_a_wrapper_around_a_wrapper(outer: str, inner: str) -> None:
    check((outer, inner), "adamw")


def test_every_wrapper_is_here() -> None:
    assert set(WRAPPERS) == set(BY_HAND) == {name for name in RULES if issubclass(CLASSES[name], mx.optimizer.Wrapper)}
