"""Norms and noise in rules: their values, their fixed bits, and what a rule cannot do with them."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mxcore as mx
from mxcore.kernel import RuleError
from mxcore.kernel.rule.norm import CHUNK, LANES
from mxcore.kernel.run import host
from mxcore.kernel.run.direct import DirectPlan

SIZES = (0, 1, LANES - 1, LANES + 1, CHUNK, 2 * CHUNK + 3)


@pytest.fixture(params=["llvm", "numpy"])
def emitter(request: pytest.FixtureRequest) -> Iterator[str]:
    mx.kernel.use(request.param)
    yield request.param
    mx.kernel.use(None)


def of_rule(rule: Any, **attributes: Any) -> mx.optimizer.Optimizer:
    """Return an optimizer that consists of a rule."""
    cls = type("Sample", (mx.optimizer.Optimizer,), {"rule": staticmethod(rule), "decay": "own", **attributes})
    optimizer: mx.optimizer.Optimizer = mx.hyperparameters(cls)()
    return optimizer


def in_order(terms: Any) -> float:
    """Return a sum from the first term to the last."""
    total = 0.0
    for term in terms:
        total += float(term)
    return total


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("size", SIZES)
def test_a_norm_is_added_up_in_the_order_that_it_states(size: int, dtype: str) -> None:
    x = np.random.default_rng(1).normal(size=size).astype(dtype)
    chunks = [x[begin : begin + CHUNK].astype("f8") for begin in range(0, size, CHUNK)]
    sums = [in_order(in_order(chunk[lane::LANES] ** 2) for lane in range(LANES)) for chunk in chunks]
    norm = mx.norm(x)
    assert norm.dtype == dtype
    assert norm == np.dtype(dtype).type(math.sqrt(in_order(sums)))
    np.testing.assert_allclose(norm, np.linalg.norm(x.astype("f8")), rtol=1e-6)


@given(st.lists(st.floats(width=32), max_size=100))
def test_a_norm_takes_what_there_is(values: list[float]) -> None:
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(mx.norm(np.array(values)), np.linalg.norm(np.array(values)), rtol=1e-12)


def test_a_norm_does_not_depend_on_the_layout() -> None:
    x = np.random.default_rng(1).normal(size=(30, 40))
    assert mx.norm(x) == mx.norm(np.asfortranarray(x)) == mx.norm(np.repeat(x, 2, axis=1)[:, ::2])
    assert mx.norm(np.float32(-3)) == mx.norm(np.array(-3.0)) == 3


@pytest.mark.parametrize(("name", "arguments"), [("lamb", {}), ("lars", {"momentum": 0.5}), ("sgld", {})])
def test_long_arrays_have_the_bits_of_the_rule_on_any_number_of_threads(
    name: str, arguments: dict[str, Any], emitter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "PARALLEL_FROM", 1)
    rng, threads = np.random.default_rng(1), mx.get_num_threads()
    first = [rng.normal(size=size).astype("f4") for size in SIZES]
    grads = [[rng.permutation(array) for array in first] for _ in range(2)]

    def run() -> bytes:
        mx.random.seed(3)
        update = mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.1, wd=0.1, **arguments))
        weights = [array.copy() for array in first]
        for new in grads:
            update(list(range(len(SIZES))), new, weights)
        return b"".join(weight.tobytes() for weight in weights)

    results = []
    for count in (1, 2, 5):
        mx.set_num_threads(count)
        results.append(run())
    mx.set_num_threads(threads)
    monkeypatch.setattr("mxcore.kernel.run.choose.plan_of", DirectPlan)
    assert {run(), *results} == {results[0]}


def test_noise_follows_the_seed_the_parameter_and_the_count(emitter: str) -> None:
    def drawn(seed: int, name: str, counts: int) -> bytes:
        mx.random.seed(seed)
        optimizer = of_rule(lambda weight, grad, noise: noise + 0 * weight, idx2name={0: name})
        update, weight = mx.optimizer.get_updater(optimizer), np.zeros(50)
        for _ in range(counts):
            update(name, np.zeros(50), weight)
        return weight.tobytes()

    cases = list(itertools.product((1, 2), ("a", "b"), (1, 2)))
    assert [drawn(*case) for case in cases] == [drawn(*case) for case in cases]
    assert len({drawn(*case) for case in cases}) == len(cases)


def test_noise_follows_a_seed_that_is_set_between_two_steps(emitter: str) -> None:
    update, weight = mx.optimizer.get_updater(of_rule(lambda weight, grad, noise: noise + 0 * weight)), np.zeros(5)
    step, seen = update.bind([weight], [np.zeros(5)]), []
    for _ in range(2):
        mx.random.seed(4)
        update.optimizer._index_update_count[0] = 0
        step()
        seen.append(weight.tolist())
    step()
    assert seen[0] == seen[1] != weight.tolist()


def test_a_norm_may_depend_on_another(emitter: str) -> None:
    def rule(weight: Any, grad: Any) -> Any:
        unit = weight / mx.norm(weight)
        across = grad - grad / mx.norm(grad) + unit
        return across / mx.norm(across)

    weight = np.array([3.0, 4.0])
    mx.optimizer.get_updater(of_rule(rule))(0, np.array([0.0, 2.0]), weight)
    np.testing.assert_allclose(weight, np.array([0.6, 1.8]) / np.hypot(0.6, 1.8), rtol=1e-15)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda weight, grad: weight / np.linalg.norm(grad), r"calls np\.linalg\.norm: use mxcore\.norm"),
        (lambda weight, grad: mx.norm(weight), "returns a norm for 'weight'"),
        (lambda weight, grad: weight - mx.norm(mx.norm(grad)), "takes the norm of a norm, which is not an array"),
        (lambda weight, grad: weight - mx.norm(grad > 0), "takes the norm of a mask, which is not an array"),
        (lambda weight, grad, lr: weight - mx.norm(lr), "takes the norm of a number, which is not an array"),
    ],
)
def test_what_a_rule_cannot_do_with_norms(rule: Any, message: str, emitter: str) -> None:
    weight = np.ones(3)
    with pytest.raises(RuleError, match=message):
        mx.optimizer.get_updater(of_rule(rule))(0, np.ones(3), weight)
    assert weight.tolist() == [1, 1, 1]
