"""Reductions and noise in rules: their values, their fixed bits, and what a rule cannot do with them."""

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
from mxcore.kernel.rule.reduction import BLOCK, KINDS, LANES
from mxcore.kernel.run.direct import DirectPlan
from mxcore.kernel.run.layout import Sections
from mxcore.kernel.run.plan import chunks_of
from mxcore.kernel.run.reduced import FewReduced, Reduced
from mxcore.native import pool

SIZES = (0, 1, LANES - 1, LANES + 1, BLOCK, 2 * BLOCK + 3)


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
    chunks = [x[begin : begin + BLOCK].astype("f8") for begin in range(0, size, BLOCK)]
    sums = [in_order(in_order(chunk[lane::LANES] ** 2) for lane in range(LANES)) for chunk in chunks]
    norm = mx.norm(x)
    assert norm.dtype == dtype
    assert norm == np.dtype(dtype).type(math.sqrt(in_order(sums)))
    np.testing.assert_allclose(norm, np.linalg.norm(x.astype("f8")), rtol=1e-6)


@given(st.lists(st.floats(), min_size=1, max_size=FewReduced.MOST), st.sampled_from(["f4", "f8"]))
def test_python_numbers_and_arrays_give_the_same_reductions(found: list[float], dtype: str) -> None:
    sections = tuple(Sections.of((size,), by_row=False) for size in range(1, len(found) + 1))
    names = [(name, over) for name in KINDS for over in ("parameter", "all")]
    every = [kind(names, sections, chunks_of(sections, BLOCK), dtype) for kind in (Reduced, FewReduced)]
    for one in every:
        one.partials[:] = np.array(found)[:, None]
        one.partials[:, :2] = abs(one.partials[:, :2])  # the first are norms, of which these are squares
        one.finish(range(len(names)))
        one.fold(range(1, len(names), 2), 7)
    of_arrays, of_numbers = every
    np.testing.assert_array_equal(of_numbers.exact, of_arrays.exact)
    np.testing.assert_array_equal(of_numbers.values, of_arrays.values)
    np.testing.assert_array_equal(np.signbit(of_numbers.exact[:, ::2]), np.signbit(of_arrays.exact[:, ::2]))
    for column in range(1, len(names), 2):
        np.testing.assert_array_equal(of_numbers.contributed(column), of_arrays.contributed(column))


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
    monkeypatch.setattr(pool, "PARALLEL_FROM", 1)
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
        (lambda weight, grad: mx.norm(weight), "returns a reduction for 'weight'"),
        (lambda weight, grad: weight - mx.norm(mx.norm(grad)), "takes the norm of a reduction, which is not an array"),
        (lambda weight, grad: weight - mx.norm(grad > 0), "takes the norm of a mask, which is not an array"),
        (lambda weight, grad, lr: weight - mx.norm(lr), "takes the norm of a number, which is not an array"),
    ],
)
def test_what_a_rule_cannot_do_with_norms(rule: Any, message: str, emitter: str) -> None:
    weight = np.ones(3)
    with pytest.raises(RuleError, match=message):
        mx.optimizer.get_updater(of_rule(rule))(0, np.ones(3), weight)
    assert weight.tolist() == [1, 1, 1]


# --- of parameters, rows, and all parameters -------------------------------------------------------------------------

REDUCED: dict[str, Any] = {
    "norm": lambda x: np.sqrt(np.sum(x.astype("f8") ** 2)),
    "sum": lambda x: np.sum(x.astype("f8")),
    "mean": lambda x: np.mean(x.astype("f8")),
    "dot": lambda x: np.sum(x.astype("f8") * x.astype("f8")),
    "max": lambda x: np.max(x),
}
SHAPES = [(3,), (7, 5), (2, 3, 4), (BLOCK + 9, 2), (2, BLOCK + 9), ()]


def reduce(name: str, x: Any, **keywords: Any) -> Any:
    return getattr(mx, name)(*[x] * (2 if name == "dot" else 1), **keywords)


def each_way(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run rules as compiled code, as NumPy calls, and as they stand."""
    for way in ("llvm", "numpy", "direct"):
        with monkeypatch.context() as patch:
            mx.kernel.use("numpy" if way == "direct" else way)
            if way == "direct":
                patch.setattr("mxcore.kernel.run.choose.plan_of", DirectPlan)
            yield way
    mx.kernel.use(None)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("over", ["parameter", "row", "all"])
@pytest.mark.parametrize("name", REDUCED)
def test_a_rule_may_reduce(name: str, over: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def rule(weight: Any, grad: Any) -> Any:
        return reduce(name, weight - grad, over=over) + 0 * weight

    rng = np.random.default_rng(1)
    first = [rng.normal(size=shape).astype(dtype) for shape in SHAPES]
    grads = [rng.normal(size=shape).astype(dtype) for shape in SHAPES]
    results = []
    for way in each_way(monkeypatch):
        weights = [array.copy() for array in first]
        mx.optimizer.get_updater(of_rule(rule))(list(range(len(SHAPES))), grads, weights)
        results.append([array.tobytes() for array in weights])
        differences = [(one - other).astype(dtype) for one, other in zip(first, grads, strict=True)]
        whole = np.concatenate([one.ravel() for one in differences])
        for found, x in zip(weights, differences, strict=True):
            rows = x if over == "row" and x.ndim > 1 else [whole if over == "all" else x]
            wanted = [REDUCED[name](row) for row in rows]
            by_row = found.reshape(len(rows), -1)
            assert (by_row == by_row[:, :1]).all(), way
            np.testing.assert_allclose(by_row[:, 0], wanted, rtol=2e-6 if dtype == "f4" else 1e-13, atol=2e-6)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("over", ["parameter", "all"])
def test_all_parameters_are_added_up_in_the_order_of_the_call_whatever_their_dtypes(
    over: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimizer = of_rule(lambda weight, grad: 0 * weight + mx.norm(grad, over=over))
    optimizer.multi_precision = True
    grads = [np.array([value], dtype) for value, dtype in ((3, "f4"), (1, "f2"), (4, "f8"), (1, "f2"), (3, "f4"))]
    for way in each_way(monkeypatch):
        update, weights = mx.optimizer.get_updater(optimizer), [np.zeros_like(grad) for grad in grads]
        for _ in range(2):
            update(list("abcde"), grads, weights)
        found = [float(weight[0]) for weight in weights]
        assert found == ([6.0] * 5 if over == "all" else [3.0, 1.0, 4.0, 1.0, 3.0]), way


def test_reductions_over_all_parameters_have_the_bits_of_a_sum_in_order(emitter: str) -> None:
    rng = np.random.default_rng(2)
    sizes = (BLOCK + 1, 3, 2 * BLOCK, 1, 0, 700)
    grads = [rng.normal(size=size).astype("f4") for size in sizes]
    sums = [float(mx.dot(grad.astype("f8"), grad.astype("f8"))) for grad in grads]
    weights = [np.zeros_like(grad) for grad in grads]
    optimizer = of_rule(lambda weight, grad: 0 * weight + mx.norm(grad, over="all"))
    mx.optimizer.get_updater(optimizer)(list(range(len(sizes))), grads, weights)
    wanted = np.float32(math.sqrt(in_order(sums)))
    assert {float(value) for weight in weights for value in weight} == {float(wanted)}


def test_a_reduction_may_depend_on_one_over_all_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    def rule(weight: Any, grad: Any) -> Any:
        unit = grad / mx.norm(grad, over="all")
        return weight - unit / mx.max(abs(unit)) + mx.sum(unit > 0.1, over="all")

    for way in each_way(monkeypatch):
        weights = [np.zeros(2), np.zeros((1, 2))]
        grads = [np.array([3.0, 0.0]), np.array([[0.0, -4.0]])]
        mx.optimizer.get_updater(of_rule(rule))([0, 1], grads, weights)
        np.testing.assert_allclose(np.concatenate([weights[0], weights[1][0]]), [0, 1, 1, 2], err_msg=way)


def test_a_rule_may_ask_for_the_size_and_the_number_of_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    def rule(weight: Any, grad: Any, size: Any, ndim: int) -> Any:
        return weight + (size if ndim > 1 else -size) / mx.sum(grad)

    for way in each_way(monkeypatch):
        weights = [np.zeros(4), np.zeros((2, 3)), np.zeros(2)]
        mx.optimizer.get_updater(of_rule(rule))([0, 1, 2], [np.full_like(one, 0.5) for one in weights], weights)
        assert [weight.flat[0] for weight in weights] == [-2, 2, -2], way


def test_a_hyperparameter_of_such_a_name_is_what_the_rule_takes() -> None:
    def rule(weight: Any, grad: Any, *, size: float, ndim: int) -> Any:
        return weight + 0 * grad + size + ndim

    cls = type("Sample", (mx.optimizer.Optimizer,), {"rule": staticmethod(rule), "size": mx.hyperparameter(0.25)})
    cls.__annotations__ = {"size": float}
    weight = np.zeros((2, 2))
    mx.optimizer.get_updater(mx.hyperparameters(cls)())(0, np.zeros((2, 2)), weight)
    assert weight[0, 0] == 2.25
    wrapped = mx.optimizer.Centralized(mx.hyperparameters(cls)())
    mx.optimizer.get_updater(wrapped)(0, np.zeros((2, 2)), weight)
    assert weight[0, 0] == 4.5


def test_a_host_slot_may_depend_on_reductions(monkeypatch: pytest.MonkeyPatch) -> None:
    def rule(weight: Any, grad: Any, most: Any, total: Any, *, t: Any) -> Any:
        most = np.maximum(most, mx.norm(grad))
        return weight - grad / most, most, total + t * mx.norm(grad, over="all")

    slots = (mx.Slot("most", shape=()), mx.Slot("total", init=1.0, shape=()))
    for way in each_way(monkeypatch):
        update, weights = mx.optimizer.get_updater(of_rule(rule, slots=slots)), [np.zeros(1), np.zeros(1, "f4")]
        for first, second in ((3.0, 4.0), (6.0, 1.0), (0.3, 0.4)):
            update(["a", "b"], [np.array([first]), np.array([second], "f4")], weights)
        total = 1 + 5 + 2 * math.hypot(6, 1) + 3 * math.hypot(0.3, np.float32(0.4))
        numbers = update.optimizer.host_numbers
        assert {name: own["most"] for name, own in numbers.items()} == {"a": 6.0, "b": 4.0}, way
        assert [own["total"] for own in numbers.values()] == pytest.approx([total] * 2, rel=1e-14)
        np.testing.assert_allclose(weights, [[-2.05], [-1.35]], rtol=1e-6)
        again = mx.optimizer.get_updater(of_rule(rule, slots=slots))
        again.set_states(update.get_states())
        assert again.optimizer.host_numbers == numbers


def test_parameters_that_begin_with_equal_host_slots_part(monkeypatch: pytest.MonkeyPatch) -> None:
    optimizer = of_rule(lambda weight, grad, own: (weight - own, own + mx.sum(grad)), slots=(mx.Slot("own", shape=()),))
    for way in each_way(monkeypatch):
        update, weights = mx.optimizer.get_updater(optimizer), [np.zeros(2), np.zeros(2)]
        for _ in range(3):
            update(["a", "b"], [np.full(2, 0.5), np.full(2, 2.0)], weights)
        assert update.tally.host_numbers == {"a": {"own": 3.0}, "b": {"own": 12.0}}, way
        np.testing.assert_array_equal(weights, [[-3.0, -3.0], [-12.0, -12.0]])


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda weight, grad, kept: (weight, mx.norm(grad, over="row")), "must be one number per parameter"),
        (lambda weight, grad, kept: (weight, mx.norm(grad) > 1), "returns a mask for 'kept'"),
        (lambda weight, grad, kept: (weight - mx.norm(grad, over="rows"), kept), "over must be one of 'parameter'"),
        (lambda weight, grad, kept: (weight - mx.dot(grad, kept), kept), "takes a number, which is not an array"),
        (lambda weight, grad, kept: (weight - np.mean(grad), kept), r"calls np\.mean: use mxcore\.mean"),
        (lambda weight, grad, kept: (weight - grad.sum(), kept), r"uses \.sum of an array"),
        (lambda weight, grad, kept: (weight - np.max(grad), kept), r"calls np\.max: use mxcore\.max"),
    ],
)
def test_what_a_rule_cannot_do_with_reductions(rule: Any, message: str) -> None:
    optimizer = of_rule(rule, slots=(mx.Slot("kept", shape=()),))
    with pytest.raises((RuleError, ValueError), match=message):
        mx.optimizer.get_updater(optimizer)(0, np.ones(3), np.ones(3))


def test_a_reduction_over_all_cannot_depend_on_a_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    def rule(weight: Any, grad: Any, special: bool) -> Any:
        return weight - (mx.norm(grad, over="all") if special else 1)

    optimizer = of_rule(rule, flags=lambda self, name: {"special": name == "a"})
    for way in each_way(monkeypatch):
        weights = [np.ones(3), np.ones(3)]
        with pytest.raises(RuleError, match="must be computed for every parameter"):
            mx.optimizer.get_updater(optimizer)(["a", "b"], [np.ones(3), np.ones(3)], weights)
        assert (np.stack(weights) == 1).all(), way


@pytest.mark.parametrize(
    ("number", "expected"), [(lambda x: 1 / x, math.inf), (lambda x: (x - 1) ** 0.5, math.nan), (lambda x: x * x, 0.0)]
)
def test_numbers_from_reductions_follow_numpy_where_python_refuses(emitter: str, number: Any, expected: float) -> None:
    def rule(weight, grad, kept, *, lr):  # type: ignore[no-untyped-def]
        return weight - lr * grad, number(mx.sum(grad))

    updater = mx.optimizer.get_updater(of_rule(rule, slots=(mx.Slot("kept", shape=()),)))
    updater(0, np.array([1.0, -1.0]), np.zeros(2))
    np.testing.assert_equal(updater.optimizer.host_numbers[0]["kept"], expected)
