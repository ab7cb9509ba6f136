"""Typical runs: for every form of call, an update has the bits of a plain loop, and is counted once."""

import copy
import ctypes
import gc
import pickle
import weakref
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import mxcore as mx
from mxcore.kernel.run.layout import address, layout_of
from mxcore.native.driver import driver
from mxcore.native.words import DONE, MOVED, RECORD, WRITTEN, JobField
from mxcore.step import Counts
from mxcore.step.program import program_of
from mxcore.step.rates import Rates

NAMES = ["a_weight", "b_bias", "c_weight", "d_gamma", "e_weight"]
SIZES = [3, 1, 5, 3, 4]


@pytest.fixture(params=["llvm", "numpy"])
def emitter(request: pytest.FixtureRequest) -> Iterator[str]:
    mx.kernel.use(request.param)
    yield request.param
    mx.kernel.use(None)


def adam(**arguments: Any) -> mx.optimizer.Optimizer:
    return mx.optimizer.create("adam", **{"learning_rate": 0.1, **arguments})


# --- any sequence of calls -------------------------------------------------------------------------------------------


class Loop:
    """The same run as a loop over dicts: one parameter after the other, with the rule itself."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer, self.program = optimizer, program_of(optimizer)
        self.counts: dict[Any, int] = {}
        self.states: dict[Any, Any] = {}
        self.kept: dict[Any, Any] = {}
        self.num_update = 0

    def __call__(self, indices: list[Any], grads: list[Any], weights: list[Any]) -> None:
        optimizer, slots = self.optimizer, [slot for slot in self.program.slots if not slot.on_host]
        host = {slot.name: slot.init for slot in self.program.slots if slot.on_host}
        for index in indices:
            self.counts[index] = self.counts.get(index, 0) + 1
        self.num_update = max(self.num_update, *(self.counts[index] for index in indices))
        scheduler = optimizer.lr_scheduler
        rate = optimizer.lr if scheduler is None else scheduler(self.num_update)
        for index, grad, weight in zip(indices, grads, weights, strict=True):
            state = self.states.setdefault(index, {slot.name: np.zeros_like(weight) for slot in slots})
            numbers = {name: getattr(optimizer, name) for name in self.program.all_numbers if hasattr(optimizer, name)}
            numbers |= {"lr": rate * optimizer.multiplier(index, optimizer.lr_mult, "lr_mult")}
            numbers |= {"wd": optimizer.wd * optimizer.multiplier(index, optimizer.wd_mult, "wd_mult")}
            numbers |= {"t": self.counts[index], "num_update": self.num_update, **self.kept.get(index, host)}
            result = self.program.apply(np, {"weight": weight, "grad": grad, **state}, numbers)
            new, values = self.program.unpack(result)
            self.kept[index] = {name: values[name] for name in host}
            for name, array in state.items():
                array[...] = values[name]
            weight[...] = new


calls = st.one_of(
    st.tuples(st.just("call"), st.lists(st.integers(0, 4), min_size=1, max_size=5, unique=True)),
    st.tuples(st.just("single"), st.lists(st.integers(0, 4), min_size=1, max_size=1)),
    st.tuples(st.just("bound"), st.lists(st.integers(0, 4), min_size=1, max_size=5, unique=True)),
    st.tuples(st.just("elsewhere"), st.lists(st.integers(0, 4), min_size=1, max_size=5, unique=True)),
    st.tuples(st.sampled_from(["lr", "wd", "rescale", "multiplier", "saved", "copied"]), st.lists(st.integers(1, 3))),
)


@pytest.mark.parametrize("kernel", ["llvm", "numpy"])
@pytest.mark.parametrize("name", ["adam", "sgd", "nadam"])
@given(sequence=st.lists(calls, max_size=14), scheduled=st.booleans())
def test_any_sequence_of_calls_gives_the_bits_of_a_loop(
    kernel: str, name: str, sequence: list[Any], scheduled: bool
) -> None:
    mx.kernel.use(kernel)
    try:
        _compare(name, sequence, scheduled)
    finally:
        mx.kernel.use(None)


def _compare(name: str, sequence: list[Any], scheduled: bool) -> None:
    def make() -> Any:
        schedule = mx.lr_scheduler.FactorScheduler(2, 0.7, base_lr=0.5) if scheduled else None
        arguments = {"momentum": 0.9} if name == "sgd" else {}
        names = dict(enumerate(NAMES))
        return mx.optimizer.create(name, lr_scheduler=schedule, wd=0.1, param_idx2name=names, **arguments)

    run, loop, copies = Run(make()), Loop(make()), [np.ones(size, "f4") for size in SIZES]
    for number, (kind, chosen) in enumerate(sequence):
        rng = np.random.default_rng(number)
        grads = [rng.normal(size=size).astype("f4") for size in SIZES]
        if hasattr(run, kind):
            own = [grads[place] for place in chosen if place < 5]
            getattr(run, kind)(chosen, own)
            if kind not in ("saved", "copied"):
                loop(chosen, own, [copies[place] for place in chosen])
            continue
        for optimizer in (run.update.optimizer, loop.optimizer):
            _assign(optimizer, kind, len(chosen), scheduled)
        loop.program = program_of(loop.optimizer)
    assert run.update.optimizer._index_update_count == loop.counts
    assert run.update.optimizer.num_update == loop.num_update
    for weight, wanted in zip(run.weights, copies, strict=True):
        np.testing.assert_array_equal(weight, wanted)


class Run:
    """An updater and its weights, with a method for each way to continue."""

    def __init__(self, optimizer: Any) -> None:
        self.update = mx.optimizer.get_updater(optimizer)
        self.weights = [np.ones(size, "f4") for size in SIZES]
        self.steps: dict[Any, Any] = {}

    def call(self, chosen: list[int], grads: list[Any]) -> None:
        self.update(chosen, grads, [self.weights[place] for place in chosen])

    def single(self, chosen: list[int], grads: list[Any]) -> None:
        self.update(chosen[0], grads[0], self.weights[chosen[0]])

    def bound(self, chosen: list[int], grads: list[Any]) -> None:
        key = tuple(chosen)
        if key not in self.steps:
            held = [np.zeros(SIZES[place], "f4") for place in chosen]
            self.steps[key] = held, self.update.bind([self.weights[place] for place in chosen], held, chosen)
        for buffer, grad in zip(self.steps[key][0], grads, strict=True):
            buffer[...] = grad
        self.steps[key][1]()

    def elsewhere(self, chosen: list[int], grads: list[Any]) -> None:
        """Continue with other arrays in place of the weights."""
        for place in chosen:
            self.weights[place] = self.weights[place].copy()
        self.steps.clear()
        self.call(chosen, grads)

    def saved(self, *_: Any) -> None:
        self.update.set_states(self.update.get_states())

    def copied(self, *_: Any) -> None:
        self.update, self.weights = copy.deepcopy(self.update), [weight.copy() for weight in self.weights]
        self.steps.clear()


def _assign(optimizer: Any, kind: str, number: int, scheduled: bool) -> None:
    match kind:
        case "lr" if scheduled:
            optimizer.lr_scheduler.base_lr = 0.1 * (1 + number)
        case "lr":
            optimizer.lr = 0.1 * (1 + number)
        case "wd":
            optimizer.wd = 0.25 * number
        case "rescale":
            optimizer.rescale_grad = 1 / (1 + number)
        case "multiplier":
            optimizer.lr_mult[number] = 0.5


# --- counts ----------------------------------------------------------------------------------------------------------


def test_two_updaters_of_one_optimizer_count_separately() -> None:
    optimizer = adam()
    one, other = (mx.optimizer.get_updater(optimizer) for _ in range(2))
    first, second = np.ones(2), np.ones(2)
    for _ in range(3):
        one(0, np.ones(2), first)
    assert optimizer._index_update_count == {0: 3}
    other(0, np.ones(2), second)
    assert optimizer._index_update_count == {0: 1}
    assert optimizer.num_update == 1
    np.testing.assert_allclose(second, 0.9, rtol=1e-6)  # Adam's first step is the rate
    one(0, np.ones(2), first)
    assert optimizer.num_update == 4


def test_what_is_counted_before_the_first_updater_is_its_own() -> None:
    optimizer = adam()
    optimizer._index_update_count[0] = 40
    optimizer.num_update = 40
    mx.optimizer.get_updater(optimizer)(0, np.ones(1), np.ones(1))
    assert optimizer._index_update_count == {0: 41}
    assert optimizer.num_update == 41


def test_a_mapping_that_is_assigned_is_counted_in(emitter: str) -> None:
    optimizer, counts = adam(), {0: 9}
    update = mx.optimizer.get_updater(optimizer)
    update([0, 1], [np.ones(1)] * 2, [np.ones(1), np.ones(1)])
    optimizer._index_update_count = counts
    update([0, 1], [np.ones(1)] * 2, [np.ones(1), np.ones(1)])
    assert counts == {0: 10, 1: 1}
    assert optimizer.num_update == 10


def test_an_optimizer_with_rates_of_its_own_moves_at_every_step(emitter: str) -> None:
    class Own(mx.optimizer.SGD):  # type: ignore[name-defined,misc]
        def _get_lr(self, index: Any) -> float:
            return 0.25

    update, weight, grad = mx.optimizer.get_updater(Own()), np.zeros(2), np.ones(2)
    for _ in range(5):
        update(0, grad, weight)
    assert weight.tolist() == [-1.25, -1.25]
    assert update.optimizer.num_update == 5


def test_a_count_of_zero_that_is_assigned_is_like_none(emitter: str) -> None:
    optimizer, weights = adam(), [np.zeros(2), np.zeros(2)]
    optimizer._index_update_count[0] = 0
    for _ in range(2):
        mx.optimizer.get_updater(optimizer)([0, 1], [np.ones(2), np.ones(2)], weights)
    assert weights[0].tolist() == weights[1].tolist()


def test_an_exchanged_optimizer_goes_on_with_the_counts() -> None:
    update, weight = mx.optimizer.get_updater(adam()), np.ones(1)
    update(0, np.ones(1), weight)
    update.optimizer = adam(learning_rate=0.5)
    update(0, np.ones(1), weight)
    assert update.optimizer.num_update == 2


def test_cohorts_are_split_by_calls_and_joined_by_a_call_over_all() -> None:
    counts = Counts()
    a, b, c = counts.cohorts_of(["a", "b", "c"], begin=3)
    assert a is b is c
    assert dict(counts) == {}  # nothing has been counted yet
    a.cell.value += 1
    assert dict(counts) == {"a": 4, "b": 4, "c": 4}
    (alone,) = counts.cohorts_of(["b"], begin=3)
    assert (alone.count, alone.size, a.size) == (4, 1, 2)
    assert counts.cohorts_of(["a", "b"], begin=3)[1] is alone  # which did not have all parameters
    joined = counts.cohorts_of(["c", "b", "a"], begin=3)
    assert len(set(joined)) == 1
    assert joined[0].size == 3
    assert (a.size, alone.size) == (0, 0)
    counts["a"] = 4
    assert joined[0].size == 2
    with pytest.raises(KeyError):
        del counts["z"]


def test_a_direct_call_counts_where_the_running_updater_does() -> None:
    class Twice(mx.optimizer.SGD):  # type: ignore[name-defined,misc]
        def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
            super().update(index, weight, grad, state)
            super().update(index, weight, grad, state)

    update, weight = mx.optimizer.get_updater(Twice(learning_rate=0.25)), np.ones(2)
    update([0, 1], [np.ones(2), np.ones(2)], [weight, np.ones(2)])
    assert weight.tolist() == [0.5, 0.5]
    assert update.optimizer._index_update_count == {0: 2, 1: 2}


# --- arrays ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("called", ["updater", "optimizer"])
def test_other_arrays_in_a_parameters_place_are_checked_again(called: str, emitter: str) -> None:
    optimizer, buffer = adam(), np.ones(10, "f4")
    update, states = mx.optimizer.get_updater(optimizer), [optimizer.create_state(0, buffer[:4]) for _ in range(2)]

    def run(one: Any, other: Any) -> None:
        grads = [np.ones(4, "f4"), np.ones(4, "f4")]
        if called == "updater":
            update([0, 1], grads, [one, other])
        else:
            optimizer.update([0, 1], [one, other], grads, states)

    run(buffer[:4], buffer[4:8])
    run(buffer[4:8], buffer[:4])
    before, counts = buffer.copy(), dict(optimizer._index_update_count)
    for one, other in ((buffer[:4], buffer[3:7]), (buffer[:4], buffer[:4]), (buffer[2:6], buffer[:4])):
        with pytest.raises(ValueError, match="share memory|same weight array"):
            run(one, other)
        np.testing.assert_array_equal(buffer, before)
        assert dict(optimizer._index_update_count) == counts
    frozen = buffer[:4].copy()
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        run(frozen, buffer[4:8])
    run(buffer[6:], buffer[:4])
    assert dict(optimizer._index_update_count) == {0: 3, 1: 3}


def test_an_array_that_is_changed_in_place_is_noticed(emitter: str) -> None:
    update, weight, grad = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0)), np.ones(6), np.ones(6)
    update(0, grad, weight)
    weight.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        update(0, grad, weight)
    weight.flags.writeable = True
    if emitter == "numpy":
        return  # there, NumPy refuses to resize an array that a step has seen, because of a weak reference
    weight.resize(4096, refcheck=False)  # other memory, of the same object
    with pytest.raises(ValueError, match=r"has shape \(6,\), but the weight has shape \(4096,\)"):
        update(0, grad, weight)
    weight[:] = 3
    update(0, np.ones(4096), weight)
    assert (weight == 2).all()
    assert update.optimizer.num_update == 2


def test_a_state_that_is_replaced_is_the_one_that_is_updated(emitter: str) -> None:
    update, weight = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0, momentum=0.5)), np.zeros(2)
    update(0, np.ones(2), weight)
    update.states[0] = mine = np.full(2, 10.0)
    update(0, np.ones(2), weight)
    assert mine.tolist() == [4, 4]
    assert weight.tolist() == [3, 3]
    update.states = {0: np.full(2, 20.0)}
    update(0, np.ones(2), weight)
    assert weight.tolist() == [12, 12]
    update.states.clear()
    update(0, np.ones(2), weight)
    assert weight.tolist() == [11, 11]


@pytest.mark.parametrize("listed", [False, True])
def test_no_array_is_held_that_the_program_has_let_go(listed: bool, emitter: str) -> None:
    update = mx.optimizer.get_updater(adam(multi_precision=True))
    weights = [np.ones((2, 3), "f4"), np.ones(5, "f8"), np.ones(4, "f2"), np.asfortranarray(np.ones((3, 2)))]
    grads = [np.ones_like(weight) for weight in weights]
    kept = [weakref.ref(array) for array in (*weights, *grads)]
    for _ in range(2):
        if listed:
            update([0, 1, 2, 3], grads, weights)
        for index, (weight, grad) in enumerate(zip(weights, grads, strict=True)):
            update(index, grad, weight)
    states = [update.states[0][0], update.states[2][0]]
    kept += [weakref.ref(array) for array in states]
    del weights, grads, weight, grad, states
    update.states.clear()
    assert [ref() is None for ref in kept] == [True] * len(kept)


@given(
    shape=hnp.array_shapes(min_dims=0, max_dims=3, max_side=4),
    dtype=st.sampled_from(["f2", "f4", "f8", ">f4", ml_dtypes.bfloat16]),
    order=st.sampled_from("CF"),
    change=st.sampled_from(["none", "other", "shape", "dtype", "order", "frozen", "kind", "list"]),
)
def test_native_code_finds_in_arrays_what_numpy_says_of_them(shape: Any, dtype: Any, order: str, change: str) -> None:
    array = np.ones(shape, dtype, order=order)  # type: ignore[call-overload]
    job, other = _job(array), array
    match change:
        case "other":
            other = np.copy(array, order="K")
        case "shape":
            other = np.ones((*shape, 1), dtype)
        case "dtype":
            other = array.astype("i4")
        case "order":
            other = np.ones((2, *shape), dtype)[1]
        case "frozen":
            other = array.view()
            other.flags.writeable = False
        case "kind":
            other = array.view(np.recarray)
        case "list":
            other = array.tolist()
    same = isinstance(other, np.ndarray) and layout_of(other) == layout_of(array)
    listed = [other]
    job[0][JobField.LISTS] = id(listed)
    found = driver().look(ctypes.addressof(job[0]))
    assert found == (0 if not same else DONE if other is array else MOVED)
    assert not same or job[2].value == address(other)


def _job(array: Any) -> Any:
    """Return the check of an array that has been seen before."""
    layout, place = layout_of(array), ctypes.c_uint64(address(array))
    axes = ctypes.addressof(layout.listed)
    strides = axes + 8 * array.ndim
    expected = (id(layout.kind), id(layout.dtype), array.ndim | WRITTEN, axes, strides, 0x501)
    flags = 0x500 | bool(layout.flags[2])
    record = (ctypes.c_uint64 * RECORD)(*expected, flags, ctypes.addressof(place))
    job = (ctypes.c_uint64 * JobField.WORDS)()
    job[JobField.LENGTHS], job[JobField.RECORDS] = 1, ctypes.addressof(record)
    return job, record, place, layout


# --- what a run leaves behind ----------------------------------------------------------------------------------------


def _objects(kind: type) -> int:
    gc.collect()
    return sum(type(one) is kind for one in gc.get_objects())


def test_ten_thousand_different_lists_are_not_remembered(emitter: str) -> None:
    update, weights = mx.optimizer.get_updater(adam()), [np.ones(1, "f4") for _ in range(40)]
    rng = np.random.default_rng(1)
    for _ in range(10_000 if emitter == "llvm" else 1000):
        chosen = rng.choice(40, rng.integers(2, 5), replace=False).tolist()
        update(chosen, [np.ones(1, "f4")] * len(chosen), [weights[place] for place in chosen])
    assert len(update._runner._lists) <= 64
    assert sum(update.optimizer._index_update_count.values()) > 10_000 // 10


def test_optimizers_that_are_dropped_leave_nothing_behind() -> None:
    refs = []
    for _ in range(2000):
        optimizer = adam()
        mx.optimizer.get_updater(optimizer)(0, np.ones(1, "f4"), np.ones(1, "f4"))
        optimizer.update(0, np.ones(1, "f4"), np.ones(1, "f4"), optimizer.create_state(0, np.ones(1, "f4")))
        refs.append(weakref.ref(optimizer))
        del optimizer
    assert not any(ref() for ref in refs)  # without garbage collection, since there are no reference cycles


def test_a_class_that_is_defined_again_shares_or_frees_the_code_of_the_former_one() -> None:
    from mxcore.kernel.run import host, plan

    classes = []
    for number in range(300):

        def rule(weight, grad, *, lr, number=number % 150):  # type: ignore[no-untyped-def]
            return weight - lr * grad * (1 + number)

        made = mx.hyperparameters(
            type("Again", (mx.optimizer.Optimizer,), {"rule": staticmethod(rule), "number": number % 150})
        )
        mx.optimizer.get_updater(made(learning_rate=0.5))(0, np.ones(1, "f4"), np.ones(1, "f4"))
        classes.append(weakref.ref(made))
        del made, rule
    gc.collect()
    alive = sum(ref() is not None for ref in classes)
    assert alive <= plan.traced.cache_info().maxsize  # type: ignore[operator]
    assert host._functions.cache_info().currsize <= 128


@pytest.mark.nightly
def test_two_million_steps_do_not_grow() -> None:
    import sys

    resource = pytest.importorskip("resource", reason="the system does not say how much memory was used")

    update, weights = mx.optimizer.get_updater(adam(learning_rate=1e-8)), [np.ones(4, "f4"), np.ones(3, "f4")]
    step = update.bind(weights, [np.ones(4, "f4"), np.ones(3, "f4")])

    def run(times: int) -> tuple[int, int]:
        for number in range(times // 4):
            update(number % 2, np.ones(4 - number % 2, "f4"), weights[number % 2])
            update([0, 1], [np.ones(4, "f4"), np.ones(3, "f4")], [weight[:] for weight in weights])
            step()
            update(0, np.ones(4, "f4"), weights[0])
        gc.collect()
        return sys.getallocatedblocks(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    blocks, memory = run(100_000)
    more_blocks, more_memory = run(2_000_000)
    assert more_blocks - blocks < 200
    assert more_memory - memory < 1024  # KiB


# --- rates -----------------------------------------------------------------------------------------------------------


@mx.hyperparameters
class Listed(mx.lr_scheduler.LRScheduler):
    """A schedule that reads an attribute that can be changed in place."""

    table: Any = mx.hyperparameter(None)

    def rate(self, t: Any) -> Any:
        """Return the rate of an update, from the table."""
        return self.base_lr * np.asarray(self.table["rates"])[np.minimum(np.asarray(t, int), 3)]


class Shared(mx.lr_scheduler.LRScheduler):
    """A schedule that reads an attribute of its class."""

    factor = 0.5

    def rate(self, t: Any) -> Any:
        """Return the rate of an update."""
        return self.base_lr * self.factor**t


def test_a_rate_is_always_what_the_schedule_says_when_it_is_asked() -> None:
    rates, listed = Rates(), Listed(base_lr=1.0, table={"rates": [1.0, 2.0, 3.0, 4.0]})
    assert rates.ask(listed, 2) == 3.0
    listed.table["rates"][2] = 7.0
    assert rates.ask(listed, 2) == listed(2) == 7.0
    shared = Shared(1.0)
    assert rates.ask(shared, 2) == 0.25
    Shared.factor = 0.25
    assert rates.ask(shared, 2) == shared(2) == 0.0625
    steps = [3, 6]
    multi = mx.lr_scheduler.MultiFactorScheduler(step=steps, factor=0.5, base_lr=1.0)
    assert rates.ask(multi, 4) == 0.5
    steps[0] = 100
    assert rates.ask(multi, 5) == multi(5) == 0.5
    with pytest.raises(TypeError):
        multi.step[1] = 100


@given(
    name=st.sampled_from(["cosine", "factor", "multifactor", "poly"]),
    order=st.lists(st.integers(1, 700), min_size=1, max_size=12),
    rate=st.floats(0.01, 1.0),
)
def test_rates_ahead_of_time_are_those_of_one_call_after_the_other(name: str, order: list[int], rate: float) -> None:
    cls = mx.lr_scheduler.registry.get(name)
    schedule, rates = cls(**cls.examples[0], warmup_steps=5), Rates()
    for number, update in enumerate(order):
        if number % 5 == 4:
            schedule.base_lr = rate * number
        assert rates.ask(schedule, update) == schedule(update)


# --- copies ----------------------------------------------------------------------------------------------------------


class Parameter:
    """An object that a program passes in ``param_dict``; it cannot be copied."""

    lr_mult, wd_mult = 0.5, 1.0

    def __reduce__(self) -> Any:
        raise TypeError("not to be copied")


def _run(update: Any, weights: list[Any], first: int, last: int) -> bytes:
    for step in range(first, last):
        rng = np.random.default_rng(step)
        update([0, "b"], [rng.normal(size=3).astype("f4"), rng.normal(size=2)], weights)
    return b"".join(weight.tobytes() for weight in weights)


def _go_on(pickled: bytes, weights: list[Any]) -> bytes:
    return _run(pickle.loads(pickled), weights, 3, 6)


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("name", ["adam", "nadam", "lamb", "sgld", "dcasgd", "lbsgd"])
def test_a_copy_goes_on_with_the_same_bits(name: str, used: bool) -> None:
    schedule = mx.lr_scheduler.FactorScheduler(2, 0.5, base_lr=0.1)
    optimizer = mx.optimizer.create(name, lr_scheduler=schedule, param_dict={0: Parameter()})
    update, weights = mx.optimizer.get_updater(optimizer), [np.ones(3, "f4"), np.ones(2)]
    if used:
        _run(update, weights, 0, 3)
    start = [weight.copy() for weight in weights]
    deep, pickled = copy.deepcopy(update), pickle.dumps(update)
    wanted = _run(update, weights, 3, 6)
    assert _run(deep, [weight.copy() for weight in start], 3, 6) == wanted
    assert _go_on(pickled, [weight.copy() for weight in start]) == wanted
    assert deep.optimizer._index_update_count == update.optimizer._index_update_count
    assert deep.optimizer is not update.optimizer


def test_a_process_pool_takes_an_updater() -> None:
    update, weights = mx.optimizer.get_updater(adam()), [np.ones(3, "f4"), np.ones(2)]
    _run(update, weights, 0, 3)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        got = pool.submit(_go_on, pickle.dumps(update), [weight.copy() for weight in weights]).result()
    assert got == _run(update, weights, 3, 6)


def test_an_updater_says_what_it_holds() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=0.5, momentum=0.9))
    update(["w", "b"], [np.ones(2), np.ones(1)], [np.ones(2), np.ones(1)])
    text = repr(update)
    assert text.startswith("Updater(SGD(momentum=0.9")
    assert text.endswith("2 parameters, num_update=1)")


# --- whole lists -----------------------------------------------------------------------------------------------------


class Together(mx.optimizer.Optimizer):
    """Divides every gradient by the norm of all of them."""

    seen: Any = None

    def create_state(self, index: Any, weight: Any) -> Any:
        return np.zeros_like(weight)

    def update_all(self, indices: list[Any], weights: list[Any], grads: list[Any], states: list[Any]) -> None:
        self.seen = [indices, [weight.dtype for weight in weights], dict(self._index_update_count)]
        size = np.sqrt(sum(float((grad.astype("f8") ** 2).sum()) for grad in grads))
        if not np.isfinite(size):
            raise FloatingPointError("the gradients are not finite")
        for weight, grad, state in zip(weights, grads, states, strict=True):
            state += 1
            weight -= self._get_lr(indices[0]) * grad / size


def test_a_class_may_update_all_weights_of_a_call_at_once() -> None:
    update = mx.optimizer.get_updater(Together(learning_rate=1.0, multi_precision=True))
    weights = [np.zeros(1, "f4"), np.zeros(1, "f2")]
    update(["a", "b"], [np.full(1, 3, "f4"), np.full(1, 4, "f2")], weights)
    assert [float(weight[0]) for weight in weights] == pytest.approx([-0.6, -0.8], rel=1e-3)
    assert update.optimizer.seen == [["a", "b"], [np.float32, np.float32], {"a": 1, "b": 1}]
    assert update.states["b"][0].dtype == np.float32  # the master, which has moved
    update("a", np.full(1, 3, "f4"), weights[0])
    assert weights[0][0] == pytest.approx(-1.6)
    before = [weight.copy() for weight in weights]
    with pytest.raises(FloatingPointError):
        update(["a", "b"], [np.full(1, np.inf, "f4"), np.ones(1, "f2")], weights)
    assert [weight.tolist() for weight in weights] == [weight.tolist() for weight in before]
    assert update.optimizer._index_update_count == {"a": 2, "b": 1}
    assert update.optimizer.num_update == 2


@settings(max_examples=20)
@given(st.integers(0, 3))
def test_a_call_that_fails_leaves_no_trace(place: int) -> None:
    update = mx.optimizer.get_updater(adam())
    grads = [np.ones(2) for _ in range(4)]
    grads[place] = np.ones(3)
    with pytest.raises(ValueError, match="the gradient has shape"):
        update([0, 1, 2, 3], grads, [np.ones(2) for _ in range(4)])
    assert update.states == {}
    assert update.optimizer._index_update_count == {}
    assert update.optimizer.num_update == 0
