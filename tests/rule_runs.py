"""All shipped rules, and runs with arrays wherever a test wants them; shared by several tests of rules."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import mxcore as mx
from mxcore.step.program import program_of
from mxcore.testing.subject import Subject, own_fields, required, subjects

CLASSES = {
    record.name: mx.catalogue.load_record(record)
    for record in {record.distribution: record for record in mx.catalogue.records("optimizer")}.values()
}
RULES = sorted(name for name, cls in CLASSES.items() if cls.runs_rule())


def named(name: str, inner: str) -> str:
    """Return a string that creates an optimizer: a wrapper around another one, and one with a loss if it needs that."""
    if "loss" in CLASSES[name].examples[0]:
        return f"{name}(loss=1.0)"
    return f"{name}({inner})" if required(CLASSES[name]) else name


COMMON = {"learning_rate": 0.1, "clip_gradient": 1.5, "wd": 0.01, "multi_precision": True}
Place = Callable[[Any, int], Any]
DTYPES = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-42, 3e38, 1e-7]
SIZES = (200, 40_000, 1, 0, (12, 70))


def _branches(name: str) -> list[Any]:
    """Return arguments with which a rule has other slots or takes other branches, each kind once."""
    cls = CLASSES[name]
    found: dict[Any, Subject] = {}
    for subject in subjects(cls):
        optimizer = cls(**{**subject.settings, **COMMON})
        program = program_of(optimizer)
        values = [getattr(optimizer, field.name) for field in own_fields(cls) if field.name in program.numbers]
        static = tuple(value if isinstance(value, (bool, str, type(None))) else "a number" for value in values)
        found.setdefault((program.slots, static), subject)
    return [
        pytest.param(name, {**subject.settings, **COMMON}, id="-".join([name, *subject.settings]))
        for subject in found.values()
    ]


@mx.hyperparameters
class WholeLanguage(mx.optimizer.Optimizer):
    """A rule of everything that rules may use and that is exact to the last bit."""

    slots = ("kept",)

    @staticmethod
    def rule(weight, grad, kept, *, lr):  # type: ignore[no-untyped-def]
        small, large = np.minimum(weight, grad), np.maximum(abs(weight), np.abs(-grad))
        one = ((weight < grad) & (kept <= 0)) | ~(weight > 0.3)
        other = np.logical_and(weight >= small, np.logical_or(grad != 0, np.logical_not(weight == kept)))
        step = np.where(one, np.clip(grad, -0.7, 1 / 3), np.square(np.sign(weight) - kept / 7))
        step = np.where(other, step + np.sqrt(large) * 1.1, np.minimum(2.5e-3 * small**2, np.inf))
        within = np.minimum(np.maximum(kept, -np.inf), np.inf * lr)
        kept = np.where(abs(step) == np.inf, within, 0.9 * kept + 0.1 * step)
        step = np.where(np.isfinite(step), step, np.where(np.isnan(grad) | np.isinf(step), grad > 0, kept))
        step = step + np.floor(3 * weight) - np.rint(2.5 * grad) + np.ceil(kept) + one * grad
        kept = np.where(np.where(other, one, kept > weight) == (weight > 0), kept, np.minimum(one, kept))
        return np.where(step != step, np.nan, weight - lr * np.floor(1.5 + np.exp(lr)) % 4 * step), kept


@mx.hyperparameters
class Functions(mx.optimizer.Optimizer):
    """A rule of the functions that libraries round differently, with a slot for each."""

    slots = ("exp", "log", "tanh", "power", "root", "base", "sin", "cos", "arctan2", "log1p")

    @staticmethod
    def rule(weight, grad, exp, log, tanh, power, root, base, sin, cos, arctan2, log1p):  # type: ignore[no-untyped-def]
        size = abs(weight)
        powers = size**grad, size**0.25, 1.75**grad
        angles = np.sin(grad), np.cos(grad), np.arctan2(weight, grad)
        return weight, np.exp(grad), np.log(grad), np.tanh(grad), *powers, *angles, np.log1p(grad)

    @staticmethod
    def wanted(weight: Any, grad: Any) -> list[Any]:
        """Return the slots, computed by NumPy in about twice the precision, and rounded."""
        wide = np.float64 if grad.dtype == np.float32 else np.longdouble
        with np.errstate(all="ignore"):
            _, *slots = Functions.rule(weight.astype(wide), grad.astype(wide), *[None] * len(Functions.slots))
            return [slot.astype(grad.dtype) for slot in slots]


@mx.hyperparameters
class Reductions(mx.optimizer.Optimizer):
    """A rule of everything that may be reduced, over parameters, rows and all parameters."""

    slots = ("kept", mx.Slot("most", shape=()), mx.Slot("steps", shape=()))
    elementwise = False

    @staticmethod
    def rule(weight, grad, kept, most, steps, *, lr, size, ndim):  # type: ignore[no-untyped-def]
        x = np.where(np.isfinite(weight), weight, 0.5)
        x = np.where(abs(x) < 1e6, x, 1.0)
        step = x / (1 + mx.norm(x, over="all")) + mx.dot(x, kept, over="row") / size
        step = step - mx.mean(x > 0.1) * mx.max(abs(x)) / (1 + mx.norm(step)) + mx.mean(x > 0.3, over="row")
        step = np.where(mx.sum(grad > 0, over="all") > mx.sum(grad > 0), step, -step)
        most = np.maximum(most, mx.norm(x))
        kept = 0.5 * kept + np.where(mx.max(grad, over="row") != mx.max(grad, over="row"), 0.25, x / most) * ndim
        return weight - lr * step, kept, most, steps + 1


CLASSES["the-whole-language"] = WholeLanguage
CLASSES["reductions"] = Reductions
CLASSES["functions"] = Functions
every_rule = pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *(branch for name in RULES for branch in _branches(name)),
        *_branches("the-whole-language"),
        *_branches("reductions"),
    ],
)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: np.dtype(dtype).name)


def accepted(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments for a class, without weight decay and clipping if it does not allow them."""
    kept = {**CLASSES[name].examples[0], **arguments}
    for dropped in ("", "wd", "clip_gradient"):
        kept.pop(dropped, None)
        try:
            CLASSES[name](**kept)
        except ValueError:
            continue
        return kept
    raise AssertionError(f"{name} takes none of {arguments}")


def values(dtype: Any, sizes: Sequence[Any] = SIZES, seed: int = 1) -> list[Any]:
    """Return arrays of normal numbers; half of the first one are special numbers, the others have comparable norms.

    Imaginary parts are the real ones in reverse.
    """
    rng = np.random.default_rng(seed)
    first, *others = (rng.normal(size=size) for size in sizes)
    first = np.where(rng.random(first.size) < 0.5, rng.choice(SPECIAL, first.size), first)
    with np.errstate(over="ignore"):
        found = [array.astype(dtype) for array in (first, *others)]
    for array in found:
        if np.iscomplexobj(array):
            array.imag = array.real[::-1]
    return found


def assert_same_bits(got: Sequence[Any], wanted: Sequence[Any]) -> None:
    """Assert that arrays are equal, where any NaN equals any NaN."""
    for one, other in zip(got, wanted, strict=True):
        assert one.dtype == other.dtype
        if np.iscomplexobj(one):
            np.testing.assert_array_equal(one.real, other.real)
            one, other = one.imag, other.imag
        np.testing.assert_array_equal(one.astype(np.float64), other.astype(np.float64))


def assert_functions_agree(dtype: Any, place: Place) -> None:
    """Assert that the functions of rules are within 4 units in the last place of the exact value."""
    rng = np.random.default_rng(3)
    weights, grads = values(dtype), values(dtype, seed=2)
    grads[1] = (grads[1] * 10 ** rng.uniform(-30, 30, grads[1].size)).astype(dtype)
    run = Run("functions", {}, weights, place)
    run.step(grads)
    for weight, grad, state in zip(weights, grads, run.states, strict=True):
        for slot, got, wanted in zip(Functions.slots, state, Functions.wanted(weight, grad), strict=True):
            assert got.dtype == wanted.dtype == dtype
            assert np.array_equal(np.isnan(got), np.isnan(wanted)), slot
            np.testing.assert_array_max_ulp(got, wanted, maxulp=4)


class Run:
    """An updater with its arrays, on the host and where ``place(array, parameter number)`` puts them."""

    def __init__(self, name: str, arguments: Any, weights: Sequence[Any], place: Place) -> None:
        self.place, self.optimizer = place, CLASSES[name](**arguments)
        weights = [array.copy() for array in weights]
        states = [self.optimizer.create_state_multi_precision(number, one) for number, one in enumerate(weights)]
        self.placed: list[Any] = []
        self.host: list[Any] = []
        self.update = mx.optimizer.get_updater(self.optimizer)
        self.weights = [self._keep(array, number) for number, array in enumerate(weights)]
        self.states = states
        self.update.states = {number: self._keep(state, number) for number, state in enumerate(states)}

    def _keep(self, state: Any, number: int) -> Any:
        """Put the arrays of a state where they belong."""
        if isinstance(state, tuple):
            return tuple(self._keep(one, number) for one in state)
        if state is not None:
            self.host.append(state)
            self.placed.append(self.place(state, number))
        return state if state is None else self.placed[-1]

    def step(self, grads: Sequence[Any]) -> None:
        """Update all weights, from new gradient arrays."""
        placed = [self.place(grad, number) for number, grad in enumerate(grads)]
        self.update(list(range(len(grads))), placed, self.weights)

    @property
    def plans(self) -> list[Any]:
        """The plans of the last call."""
        runner = self.update._runner
        (step,) = [*runner._singles.values(), *runner._lists.values()]
        return step.plans


def after_three_steps(name: str, arguments: Any, dtype: Any, place: Place) -> Run:
    """Return a run over weights of some sizes, with new gradients at each step."""
    run = Run(name, arguments, values(dtype), place)
    for seed in (2, 3, 4):
        run.step(values(dtype, seed=seed))
    return run


def on_host(array: Any, _: int) -> Any:
    """Return the place of arrays that stay where they are."""
    return array


def after_sam(context: Any, dtype: Any, optimizer: str, adaptive: bool) -> list[Any]:
    """Return, on the host, the weights after each first and each second step of SAM on a device."""
    rng, found = np.random.default_rng(3), []
    sam = mx.SAM(optimizer, rho=0.5, adaptive=adaptive, learning_rate=0.1, multi_precision=True)

    def arrays() -> list[Any]:
        return [context.array(np.asarray(rng.normal(size=size)).astype(dtype)) for size in (9000, (50, 30), 1)]

    weights = arrays()
    for _ in range(3):
        for step in (sam.first_step, sam.second_step):
            step(arrays(), weights)
            found += [mx.backend.backend_of(weight).to_host(weight).copy() for weight in weights]
    return found
