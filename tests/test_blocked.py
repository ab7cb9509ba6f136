"""Rules as tables of NumPy calls: nothing in them can be interrupted, and choices have the bits of np.where."""

import gc
import sys
import threading
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterable
from itertools import product, starmap
from operator import call
from typing import Any

import numpy as np
import pytest
from rule_runs import CLASSES, SPECIAL, every_rule

import mxcore as mx
from mxcore.kernel.emit.blocked import Blocked, emit
from mxcore.kernel.rule.reduction import BLOCK
from mxcore.kernel.rule.trace import trace
from mxcore.kernel.rule.traced import Traced
from mxcore.kernel.run.layout import CHUNK
from mxcore.random.fill import fill_normal, normal_calls
from mxcore.step.program import Settings

every_float = pytest.mark.parametrize("dtype", ["f4", "f8"])


def python_called_by(table: Iterable[Any]) -> list[str]:
    """Run a table, and return the Python functions that ran meanwhile."""
    called: list[str] = []

    def note(frame: Any, event: str, _: object) -> None:
        if event == "call":
            called.append(frame.f_code.co_qualname)

    gc.disable()  # others may have something to do after a collection
    sys.setprofile(note)
    try:
        deque(starmap(call, table), 0)
    finally:
        sys.setprofile(None)
        gc.enable()
    return called


def test_python_that_runs_is_seen() -> None:
    array = np.zeros(3)
    assert python_called_by([(np.copyto, array, 1.0)]) == ["copyto"]


def traced(optimizer: Any) -> Traced:
    settings = Settings(optimizer)
    return trace(settings.program, {**settings.static[0], "weight.ndim": 1})


class Chunk:
    """Return arrays of some size for the last stage of a rule, and for those before it."""

    def __init__(self, rule: Traced, dtype: str, size: int = 200) -> None:
        rng = np.random.default_rng(1)
        self.stages = [emit(rule, stage, dtype) for stage in rule.stages]
        self.scratch = [stage.room(dtype, [(size,)]) for stage in self.stages]
        self.arrays = [rng.normal(size=size).astype(dtype) for _ in range(len(rule.arrays) + rule.noisy)]
        drawn = zip(rule.uniforms, rng.random(len(rule.uniforms)), strict=True)
        # No number is equal to another: a rate is not 0.
        self.uniforms = [np.array(0 if node.op == "equal" else value, dtype) for node, value in drawn]
        self.reductions = [np.array(value, dtype) for value in rng.random(len(rule.reductions))]
        self.sums = np.zeros((-(-size // BLOCK), len(rule.reductions)))

    @property
    def last(self) -> Blocked:
        return self.stages[-1]

    def calls(self, stage: int = -1) -> tuple[Any, ...]:
        every = self.arrays, self.uniforms, self.reductions
        arrays, uniforms, reductions = ([[one] for one in each] for each in every)
        (table,) = self.stages[stage].calls(arrays, *self.scratch[stage], uniforms, reductions, [self.sums])
        return table

    def bits(self) -> bytes:
        return b"".join(array.tobytes() for array in self.arrays)


@every_float
@every_rule
@np.errstate(all="ignore")
def test_no_python_runs_while_a_chunk_is_computed(name: str, arguments: Any, dtype: str) -> None:
    chunk = Chunk(traced(CLASSES[name](**arguments)), dtype)
    before = chunk.bits()
    *measuring, writing = [chunk.calls(stage) for stage in range(len(chunk.stages))]
    assert chunk.bits() == before
    for table in measuring:
        assert {"_measure", "partials"} <= set(python_called_by(table))
        assert chunk.bits() == before
    assert python_called_by(writing) == []
    assert chunk.bits() != before


@every_float
@every_rule
@np.errstate(all="ignore")
def test_calls_that_are_repeatable_follow_the_numbers(name: str, arguments: Any, dtype: str) -> None:
    kept, built = (Chunk(traced(CLASSES[name](**arguments)), dtype) for _ in range(2))
    table = kept.calls()
    for factor in (1, 3):
        for chunk in (kept, built):
            for number in (*chunk.uniforms, *chunk.reductions):
                number *= factor
        python_called_by(table)
        python_called_by(built.calls())
        assert not kept.last.repeatable or kept.bits() == built.bits()


def test_calls_are_repeatable_unless_numbers_decide_what_they_are() -> None:
    @mx.hyperparameters
    class Halting(mx.optimizer.Optimizer):
        """Does nothing at a learning rate of 0."""

        @staticmethod
        def rule(weight, grad, *, lr):  # type: ignore[no-untyped-def]
            return np.where(lr == 0, weight, weight - lr * grad)

    optimizers = [CLASSES["adam"](), CLASSES["sgd"](), Halting(), CLASSES["lamb"]()]
    found = [Chunk(traced(optimizer), "f4").last.repeatable for optimizer in optimizers]
    assert found == [True, True, False, False]


Rule = Callable[..., Any]
CHOICES: dict[str, Rule] = {
    "into a new place": lambda weight, grad, kept: np.where(weight < grad, grad, kept) + 1,
    "over the first": lambda weight, grad, kept: np.where(grad < kept, weight, grad),
    "over the second": lambda weight, grad, kept: np.where(grad < kept, grad, weight),
    "of results": lambda weight, grad, kept: np.where(weight < kept, grad + kept, grad - kept),
    "of one": lambda weight, grad, kept: np.where(grad < kept, weight, weight),
    "where it is compared": lambda weight, grad, kept: np.where(weight < grad, grad, weight),
    "0 or": lambda weight, grad, kept: np.where(weight < grad, 0, kept),
    "or 0": lambda weight, grad, kept: np.where(weight < grad, kept, 0),
    "0 or itself": lambda weight, grad, kept: np.where(kept < grad, 0, weight),
    "-0 or": lambda weight, grad, kept: np.where(weight < grad, -0.0, kept),
    "or nan": lambda weight, grad, kept: np.where(weight < grad, kept, np.nan),
}


def optimizer_of(rule: Rule, names: tuple[str, ...]) -> Any:
    """Return an optimizer whose slots have these names, and whose rule is this one."""
    arguments = ", ".join(("weight", "grad", *names))
    namespace: dict[str, Any] = {"rule": rule}
    exec(f"def named({arguments}): return rule({arguments})", namespace)
    body = {"slots": names, "rule": staticmethod(namespace["named"])}
    return mx.hyperparameters(type("Made", (mx.optimizer.Optimizer,), body))()


@every_float
@pytest.mark.parametrize("choice", CHOICES)
def test_choices_have_the_bits_of_where(choice: str, dtype: str) -> None:
    def rule(weight: Any, grad: Any, kept: Any) -> Any:
        return CHOICES[choice](weight, grad, kept), kept

    triples = np.array(list(product(SPECIAL, repeat=3)), dtype)
    chunk = Chunk(traced(optimizer_of(rule, ("kept",))), dtype, len(triples))
    with np.errstate(all="ignore"):
        for array, values in zip(chunk.arrays, triples.T, strict=False):
            array[:] = values
        wanted = np.asarray(CHOICES[choice](*triples.T)).astype(dtype)
        python_called_by(chunk.calls())
    found = chunk.arrays[0]
    bits = f"u{found.itemsize}"
    same = found.view(bits) == np.ascontiguousarray(wanted).view(bits)
    assert (same | (np.isnan(found) & np.isnan(wanted))).all()


@pytest.mark.parametrize(
    ("order", "scratch"), [("abc", 0), ("bac", 1), ("bca", 1), ("cab", 1), ("aab", 0), ("bcc", 0), ("baa", 1)]
)
def test_arrays_may_change_places(order: str, scratch: int) -> None:
    def rule(weight: Any, grad: Any, a: Any, b: Any, c: Any) -> Any:
        return weight - grad, *({"a": a, "b": b, "c": c}[name] for name in order)

    graph = traced(optimizer_of(rule, ("a", "b", "c")))
    chunk, names = Chunk(graph, "f4"), graph.arrays  # without slots that neither change nor go elsewhere
    olds = {name: array.copy() for name, array in zip(names, chunk.arrays, strict=True)}
    python_called_by(chunk.calls())
    found = dict(zip(names, chunk.arrays, strict=True))
    assert (found["weight"] == olds["weight"] - olds["grad"]).all()
    for name, other in zip("abc", order, strict=True):
        assert name == other if name not in found else (found[name] == olds[other]).all()
    assert chunk.last.scratch == scratch


def test_slots_may_have_any_name() -> None:
    names = ("np", "multiply", "setitem", "partial", "s0", "b0", "u0", "c0", "arrays", "zip", "repeat", "bits")

    def rule(weight: Any, grad: Any, *slots: Any) -> Any:
        return np.where(weight < 0.5, np.maximum(grad * 2, weight), sum(slots)), *slots

    chunk = Chunk(traced(optimizer_of(rule, names)), "f4")
    weight, grad, *slots = (array.copy() for array in chunk.arrays)
    python_called_by(chunk.calls())
    assert (chunk.arrays[0] == rule(weight, grad, *slots)[0]).all()


# --- noise -----------------------------------------------------------------------------------------------------------


@every_float
@pytest.mark.parametrize("size", [0, 1, 1000, CHUNK])
def test_no_python_runs_while_noise_is_drawn(dtype: str, size: int) -> None:
    found, wanted = (np.zeros(size, dtype) for _ in range(2))
    table = list(normal_calls(found, 1 << 127, 5))
    assert python_called_by(table) == []
    fill_normal(wanted, 1 << 127, offset=5)
    assert found.tobytes() == wanted.tobytes()
    found[:] = 0
    python_called_by(table)
    assert found.tobytes() == wanted.tobytes()


def test_no_python_runs_while_an_array_is_filled() -> None:
    called: list[str] = []
    mx.kernel.use("numpy")
    gc.disable()
    sys.setprofile(lambda frame, event, _: called.append(frame.f_code.co_name) if event == "call" else None)
    try:
        fill_normal(np.zeros(CHUNK, "f4"), 1)
    finally:
        sys.setprofile(None)
        gc.enable()
        mx.kernel.use(None)
    assert called.count("calls") > 1  # each resumption of a generator counts
    assert called[called.index("commit") :] == ["commit"]


def test_the_noise_of_many_chunks_is_drawn_in_one_scratch() -> None:
    noise = np.empty(CHUNK, "f4")
    normal_calls(noise, 1, 0)
    tracemalloc.start()
    tables = [normal_calls(noise, 1, chunk * CHUNK) for chunk in range(100)]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(tables) == 100
    assert size < noise.nbytes * len(tables) / 20


def test_tables_of_many_lengths_take_turns() -> None:
    sizes = [1, 40, 333, 5000, 20_000, CHUNK, 7]
    found, wanted = ([np.empty(size, "f4") for size in sizes] for _ in range(2))
    table = [row for key, noise in enumerate(found) for row in normal_calls(noise, key, key)]
    python_called_by(table)
    for key, noise in enumerate(wanted):
        fill_normal(noise, key, offset=key)
    assert b"".join(map(np.ndarray.tobytes, found)) == b"".join(map(np.ndarray.tobytes, wanted))


def test_threads_do_not_share_scratch() -> None:
    found = [np.empty(400_000, "f4") for _ in range(3)]
    rounds = 3

    def draw(key: int) -> None:
        for _ in range(rounds):
            deque(starmap(call, normal_calls(found[key], key, 0)), 0)

    threads = [threading.Thread(target=draw, args=(key,)) for key in range(len(found))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for key, noise in enumerate(found):
        wanted = np.empty_like(noise)
        fill_normal(wanted, key)
        assert noise.tobytes() == wanted.tobytes()
