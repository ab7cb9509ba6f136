"""The language of rules: what is allowed, the errors for what is not, and that a rule becomes one graph."""

import gc
import inspect
import itertools
import linecache
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rule_runs import SPECIAL

import mxcore as mx
from mxcore.kernel import RuleError
from mxcore.kernel.rule.operand import Number, weak
from mxcore.kernel.rule.operations import FUNCTIONS
from mxcore.kernel.rule.source import define
from mxcore.kernel.rule.trace import LANGUAGE
from mxcore.kernel.run.direct import DirectPlan

ROOT = Path(__file__).resolve().parent.parent
WAYS = ("llvm", "numpy", "rule")
Rule = Callable[..., Any]


def made(rule: Rule, **members: Any) -> Any:
    return mx.hyperparameters(type("Made", (mx.optimizer.Optimizer,), {"rule": staticmethod(rule), **members}))


def given(body: Rule) -> Rule:
    """Return a rule with the usual arguments."""

    def rule(weight, grad, *, lr, t):  # type: ignore[no-untyped-def]
        return body(weight, grad, lr, t)

    return rule


def run(rule: Rule, way: str, weight: Any, grad: Any, steps: int = 3, **arguments: Any) -> Any:
    """Return the weight after some steps, with an emitter or by calling the rule itself."""
    update, weight = mx.optimizer.get_updater(made(rule)(**{"learning_rate": 0.3, **arguments})), weight.copy()
    with pytest.MonkeyPatch.context() as patch:
        if way == "rule":
            patch.setattr("mxcore.kernel.run.choose.plan_of", DirectPlan)
        else:
            patch.setattr("mxcore.native.emitters._chosen", [way])
        for _ in range(steps):
            update("w", grad, weight)
    return weight


# --- numbers ---------------------------------------------------------------------------------------------------------

NUMBERS: dict[str, Rule] = {
    "minimum": lambda lr, t: np.minimum(1, t / 2),
    "maximum": lambda lr, t: np.maximum(lr, 1 / t),
    "where": lambda lr, t: np.where(t % 2 == 0, lr, 2 * lr),
    "where of constants": lambda lr, t: np.where((t > 1) & (lr < 1), 0.75, 0.25),
    "exp": lambda lr, t: np.exp(-lr * t),
    "exp that overflows": lambda lr, t: np.minimum(np.exp(1000 * t), 2.0),
    "log": lambda lr, t: np.log(t + lr),
    "log of 0": lambda lr, t: np.maximum(np.log(0 * t), -1.5),
    "remainder": lambda lr, t: t % 2 + lr % 0.25 + 5 % lr,
    "floor division": lambda lr, t: t // 2 + 1 // lr,
    "math.floor": lambda lr, t: math.floor(t / 2),
    "math.ceil": lambda lr, t: math.ceil(t / 2),
    "round": lambda lr, t: round(t / 2),
    "np.floor": lambda lr, t: np.floor(t * 0.7) + np.ceil(t * 0.7) + np.rint(t * 0.7),
    "clip": lambda lr, t: np.clip(t, 2, 2.5),
    "root": lambda lr, t: np.sqrt(1 - lr**t) + np.square(lr) + np.power(lr, t),
    "others": lambda lr, t: np.sin(t) + np.cos(t) + np.arctan2(t, lr) + np.log1p(t) + np.tanh(t) + np.sign(t) + abs(-t),
    "tests": lambda lr, t: np.where(np.isnan(lr) | ~np.isfinite(t), 1.0, 2.0),
}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", NUMBERS)
def test_what_numbers_are_used_for_is_computed_on_the_host(name: str, dtype: str) -> None:
    weight, grad = np.array([1.0, -2.0, 0.5], dtype), np.array([0.5, 0.25, -1.0], dtype)
    wanted = weight.copy()
    for t in (1, 2, 3):
        with np.errstate(all="ignore"):
            wanted -= wanted.dtype.type(NUMBERS[name](0.3, t)) * grad
    for way in WAYS:
        got = run(given(lambda weight, grad, lr, t: weight - NUMBERS[name](lr, t) * grad), way, weight, grad)
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, wanted, err_msg=way)


@pytest.mark.filterwarnings("error")
def test_functions_of_numbers_do_not_warn() -> None:
    for way in ("llvm", "numpy"):
        run(
            given(lambda weight, grad, lr, t: weight - np.minimum(np.exp(1e4 * t), 1) * grad),
            way,
            np.ones(2),
            np.ones(2),
        )


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("kind", [float, np.float64, np.float32])
@np.errstate(over="ignore", divide="ignore")
def test_numbers_stay_weak_where_a_rule_is_called_with_bare_arrays(name: str, kind: Any) -> None:
    rule = made(given(lambda weight, grad, lr, t: weight - NUMBERS[name](lr, t) * grad)).rule
    arrays = np.ones(2, np.float32), np.ones(2, np.float32)
    assert rule(*arrays, lr=kind(0.3), t=2).dtype == np.float32
    program = mx.kernel.Program("Made", rule, (), "after_clip", ("lr", "t"))
    numbers = {"lr": kind(0.3), "t": np.int64(2), "rescale_grad": np.float64(0.5)}
    assert program.apply(np, {"weight": arrays[0], "grad": arrays[1]}, numbers).dtype == np.float32


def test_a_weak_number_is_a_number() -> None:
    number = weak(np.int64(3))
    assert isinstance(number, Number)
    assert (number, number // 2, -number, number**2, 1 / number) == (3, 1, -3, 9, 1 / 3)
    assert {number: 1}[3] == 1  # type: ignore[index]
    assert weak(None) is None
    assert weak(True) is True
    assert weak("text") == "text"


def test_a_rule_keeps_its_signature_and_source() -> None:
    rule = mx.optimizer.Adam.rule
    assert [*inspect.signature(rule).parameters][:4] == ["weight", "grad", "mean", "variance"]
    assert inspect.getsource(rule).lstrip().startswith("@staticmethod")


def test_generated_source_goes_only_when_other_source_is_made() -> None:
    """The garbage collector may free a function while linecache iterates over its entries."""
    source = "def f():\n    return 1\n"
    file = define("f", source, "a test", {}).__code__.co_filename
    gc.collect()
    assert "".join(linecache.getlines(file)) == source
    define("g", "def g(): ...", "a test", {})
    assert file not in linecache.cache


# --- arrays ----------------------------------------------------------------------------------------------------------

EXACT: dict[str, Rule] = {
    "isnan": lambda x, y: np.where(np.isnan(x), y, x),
    "isfinite": lambda x, y: np.where(np.isfinite(x), x, y),
    "isinf": lambda x, y: np.where(np.isinf(x), y, 1 + x * 0),
    "floor": lambda x, y: np.floor(x * y),
    "ceil": lambda x, y: np.ceil(x * y),
    "rint": lambda x, y: np.rint(x * y) + np.rint(x),
    "positive": lambda x, y: +x - np.positive(y),
    "a choice of masks": lambda x, y: np.where(np.where(x > 0, y > 0, x < y), x, y),
    "a choice of masks and booleans": lambda x, y: np.where(np.where(x > 0, True, x < y), x, y),
    "a mask as a branch": lambda x, y: np.where(x > y, x > 0, y),
    "a mask as the other branch": lambda x, y: np.where(x > y, y, x > 0),
    "a mask as a factor": lambda x, y: (x > 0) * y,
    "a mask as a term": lambda x, y: x - (y > 0) + (x == y),
    "a mask beside an array": lambda x, y: np.maximum(x, y > 0) / np.minimum(2 + (x < y) * y, y),
    "a mask as a power": lambda x, y: x ** (y > 0),
    "equal masks": lambda x, y: np.where((x > 0) == (y > 0), x, y),
    "ordered masks": lambda x, y: np.where((x > 0) < (y > 0), x, y),
    "a mask and a number": lambda x, y: np.where((x > 0) != 1, x, y),
    "a mask and a boolean": lambda x, y: np.where((x > 0) & True, x, y),
    "an array as a condition": lambda x, y: np.where(x, y, 1 + x),
    "a norm as a condition": lambda x, y: np.where(mx.norm(np.where(np.isfinite(x), x, 0)), y, x),
    "a norm and masks": lambda x, y: np.where(mx.norm(np.where(np.isfinite(y), y, 0)) > 1, x > 0, y),
}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", EXACT)
def test_what_is_exact_has_numpys_bits(name: str, dtype: str) -> None:
    rng = np.random.default_rng(1)
    special = [*SPECIAL, 0.5, -0.5, 1.5, 2.5, -2.5, 1e9, -1e17, *rng.normal(size=30)]
    with np.errstate(all="ignore"):
        weight, grad = np.array(list(itertools.product(special, special))).astype(dtype).T.copy()
        wanted = np.asarray(EXACT[name](weight, grad))
    assert wanted.dtype == dtype
    for way in ("llvm", "numpy"):
        got = run(given(lambda weight, grad, lr, t: EXACT[name](weight, grad)), way, weight, grad, steps=1)
        np.testing.assert_array_equal(got, wanted, err_msg=way)


# --- what is refused -------------------------------------------------------------------------------------------------

COUNT = itertools.count()
KEPT: list[Any] = []


def remembering(weight: Any, grad: Any, lr: Any, t: Any) -> Any:
    KEPT.append(grad)
    return weight - KEPT[0]


def assigning(weight: Any, grad: Any, lr: Any, t: Any) -> Any:
    weight[...] = weight - lr * grad
    return weight


def forgetting(weight: Any, grad: Any, lr: Any, t: Any) -> Any:
    weight = weight - lr * grad


REFUSED: list[tuple[Rule, str]] = [
    (lambda w, g, lr, t: w - max(lr, 0.1) * g, r"calls max\(\) with a number: use np\.maximum"),
    (lambda w, g, lr, t: min(w, g), r"calls min\(\) with a mask: use np\.minimum"),
    (lambda w, g, lr, t: w - math.exp(lr) * g, r"calls exp\(\) with a number: use np\.exp"),
    (lambda w, g, lr, t: w - math.pow(lr, math.floor(t)) * g, r"calls pow\(\) with a number: use np\.power"),
    (lambda w, g, lr, t: math.atan2(w, g), r"calls atan2\(\) with an array: use np\.arctan2"),
    (lambda w, g, lr, t: w - math.isnan(g), r"calls isnan\(\) with an array: use np\.isnan"),
    (lambda w, g, lr, t: math.floor(w), r"calls floor\(\) with an array: use np\.floor"),
    (lambda w, g, lr, t: round(w), r"calls round\(\) with an array: use np\.rint"),
    (lambda w, g, lr, t: w * math.trunc(lr), r"calls math\.trunc on a number: use np\.floor"),
    (lambda w, g, lr, t: w - math.erf(lr) * g, r"calls erf\(\) with a number: it has no value yet"),
    (lambda w, g, lr, t: w - np.float32(lr) * g, r"calls float32\(\) with a number: it has no value yet"),
    (lambda w, g, lr, t: w - np.asarray(g), r"calls asarray\(\) with an array: it has no value yet"),
    (lambda w, g, lr, t: w - float(lr) * g, r"calls float\(\) with a number: it has no value yet"),
    (lambda w, g, lr, t: [w for _ in range(t)], r"calls range\(\) with a number: it has no value yet"),
    (lambda w, g, lr, t: [w, g][t], "turns a number into a Python number"),
    (lambda w, g, lr, t: w if lr else g, r"branches on a number \(if, and, or, not\): use np\.where, &, \| and ~"),
    (lambda w, g, lr, t: np.where(0 < w < g, w, g), "branches on a mask"),
    (lambda w, g, lr, t: w @ g, r"uses @ on an array: matrices belong in update\(\)"),
    (lambda w, g, lr, t: np.ones((2, 2)) @ g, r"calls np\.matmul, which rules do not support"),
    (lambda w, g, lr, t: np.where((w > 0) ^ (g > 0), w, g), r"uses \^ on a mask: use != on masks"),
    (lambda w, g, lr, t: w % lr, r"uses % or // on an array: use np\.floor"),
    (lambda w, g, lr, t: divmod(t, 2), "calls divmod with a number: use // and %"),
    (lambda w, g, lr, t: w * len(g), r"calls len\(\) on an array"),
    (lambda w, g, lr, t: sum(g), "iterates over an array"),
    (lambda w, g, lr, t: w if 0 in g else g, "tests whether a value is in an array"),
    (lambda w, g, lr, t: g[0], "indexes an array"),
    (assigning, "assigns to elements of an array: return new values instead"),
    (lambda w, g, lr, t: w - np.sum(g, axis=0), r"calls np\.sum: use mxcore\.sum"),
    (lambda w, g, lr, t: w - g.mean(), r"uses \.mean of an array"),
    (lambda w, g, lr, t: np.add.reduce(g), r"calls np\.sum: use mxcore\.sum"),
    (lambda w, g, lr, t: np.cbrt(g), r"calls np\.cbrt: use mxcore\.cbrt, which has the same bits"),
    (lambda w, g, lr, t: np.maximum(w, g, out=w), r"calls np\.maximum, with out=: pass only arrays and numbers, by"),
    (lambda w, g, lr, t: np.clip(g, a_min=0, a_max=1), r"calls np\.clip, with a_min=, with a_max=: pass only"),
    (lambda w, g, lr, t: np.where(g > 0), r"calls np\.where with 1 argument\(s\)"),
    (lambda w, g, lr, t: w * None, "computes with NoneType None"),
    (lambda w, g, lr, t: w > 0, "returns a mask for 'weight', which must be an array"),
    (lambda w, g, lr, t: lr, "returns a number for 'weight', which must be an array"),
    (lambda w, g, lr, t: w - (g > 0) * lr, r"uses masks as numbers \(multiply\): use &, \| and ~, and np\.where"),
    (lambda w, g, lr, t: w * -(g > 0), r"uses masks as numbers \(negative\)"),
    (lambda w, g, lr, t: w * sum([w > 0, g > 0]), r"uses masks as numbers \(add\)"),
    (lambda w, g, lr, t: np.where(~g, w, g), "uses logical_not on an array: compare it first"),
    (lambda w, g, lr, t: w * np.where(g > 0, w > 0, 0.5), "np.where with two numbers, which gives float64"),
    (forgetting, r"Made\.rule must return \(weight\), got None: is its return missing\?"),
    (lambda w, g, lr, t: [w], r"must return \(weight\), got a list"),
    (lambda w, g, lr, t: (w, g), r"must return \(weight\), got 2 value\(s\)"),
    (remembering, "uses a value that it kept from another call"),
    (lambda w, g, lr, t: w - np.random.rand() * g, "computes something different each time it is called: take rand"),  # noqa: NPY002
    (lambda w, g, lr, t: w - random.random() * g, "computes something different each time"),
    (lambda w, g, lr, t: w - next(COUNT) * g, "computes something different each time"),
    (lambda w, g, lr, t: w if next(COUNT) % 2 else g, "computes something different each time"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_what_a_rule_cannot_do_is_an_error_that_names_it(body: Rule, message: str) -> None:
    KEPT.clear()
    for way in ("llvm", "numpy"):
        weight = np.ones(2, "f4")
        with pytest.raises(TypeError, match=message) as caught:
            run(given(body), way, weight, np.ones(2, "f4"))
        assert weight.tolist() == [1, 1]
        assert (LANGUAGE in str(caught.value)) == isinstance(caught.value, RuleError)
        assert len(str(caught.value)) < 250


def test_messages_lead_to_a_list_of_the_whole_language() -> None:
    file, _, anchor = LANGUAGE.partition("#")
    text = (ROOT / file).read_text("utf-8")
    heading = f"\n## {anchor.replace('-', ' ').capitalize()}\n"
    assert text.count(heading) == 1
    section = text.partition(heading)[2].partition("\n## ")[0]
    assert [name for name in FUNCTIONS if name not in section.split()] == []


@pytest.mark.parametrize(("dtype", "powers"), [("float32", (-45, 38.5)), ("float64", (-323, 308.2))])
def test_cube_roots_of_arrays_are_within_an_ulp_with_the_same_bits(dtype: str, powers: tuple[float, float]) -> None:
    sizes = (10 ** np.linspace(*powers, 30_000)).astype(dtype)
    x = np.concatenate([sizes, -sizes, np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype)])
    exact = np.cbrt(x.astype(np.longdouble)).astype(dtype)
    rule, found = given(lambda weight, grad, lr, t: mx.cbrt(grad)), []
    for way in WAYS:
        root = run(rule, way, np.zeros_like(x), x, steps=1)
        assert (root == exact).mean() > 0.8
        np.testing.assert_array_max_ulp(root, exact, 1)
        np.testing.assert_array_equal(np.signbit(root), np.signbit(x))
        found.append(root.tobytes())
    assert len(set(found)) == 1


@pytest.mark.parametrize("way", WAYS)
def test_cube_roots_of_numbers_and_reductions(way: str) -> None:
    rule = given(
        lambda weight, grad, lr, t: weight - mx.cbrt(lr) * mx.cbrt(-mx.max(abs(grad))) * mx.cbrt(mx.sum(0 * grad) + t)
    )
    weight = run(rule, way, np.zeros(3), np.array([1.0, -27.0, 8.0]), steps=1, learning_rate=0.125)
    np.testing.assert_allclose(weight, 1.5, rtol=1e-15)


def test_a_value_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    def printing(weight: Any, grad: Any, lr: Any, t: Any) -> Any:
        print(grad, f"{lr:.3f}", grad > 0, mx.norm(grad), sep="\n")  # noqa: T201
        deep = grad
        for _ in range(200):
            deep = deep * deep + lr
        print(deep)  # noqa: T201
        return weight - lr * grad

    run(given(printing), "numpy", np.ones(2), np.ones(2))
    end = "of the rule of Made, without values yet"
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        f"<an array {end}: grad>",
        f"<a number {end}: lr>",
        f"<a mask {end}: greater(grad, 0)>",
        f"<a reduction {end}: norm(grad)>",
    ]
    assert lines[:5] == lines[5:]  # as a rule is called twice
    assert len(lines[4]) < 500


@pytest.mark.parametrize("kind", [mx.optimizer.Optimizer, mx.initializer.Initializer, mx.lr_scheduler.LRScheduler])
def test_a_forgotten_decorator_is_named(kind: Any) -> None:
    Swift = type("Swift", (kind,), {"beta": mx.hyperparameter(0.5), "__annotations__": {"beta": float}})
    Swifter = mx.hyperparameters(type("Swifter", (Swift,), {}))
    for make in (Swift, Swifter, lambda: Swift(beta=0.5)):
        with pytest.raises(TypeError, match="put @mx.hyperparameters above class Swift, which declares 'beta'"):
            make()
