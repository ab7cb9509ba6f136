"""The kernel layer: every emitter gives the same bits for all arrays, and nothing that it caches becomes stale."""

import ctypes
import gc
import threading
import traceback
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.lib.stride_tricks import as_strided
from rule_runs import CLASSES, assert_functions_agree, every_rule, on_host

import mxcore as mx
from mxcore.kernel.run.direct import DirectPlan
from mxcore.kernel.run.layout import CHUNK
from mxcore.native.driver import driver
from mxcore.native.emitters import get_num_threads, set_num_threads
from mxcore.native.pool import PARALLEL_FROM


@pytest.fixture(params=["llvm", "numpy"])
def emitter(request: pytest.FixtureRequest) -> Iterator[str]:
    mx.kernel.use(request.param)
    yield request.param
    mx.kernel.use(None)


@pytest.fixture
def threads() -> Iterator[None]:
    before = get_num_threads()
    yield
    set_num_threads(before)


def laid_out(array: Any, layout: str) -> Any:
    """Return an array of the same values with another memory layout."""
    if layout == "strided":
        wide = np.zeros((*array.shape, 3), array.dtype)
        wide[..., 1] = array
        return wide[..., 1]
    return np.array(array, order=layout)


def trajectory(way: str, name: str, weight: Any, grads: list[Any], layouts: list[str], **arguments: Any) -> list[Any]:
    """Return the weight and the state after some steps, run by llvm, by blocked NumPy or by the rule itself."""
    update = mx.optimizer.get_updater(CLASSES[name](**arguments))
    weight = laid_out(weight, layouts[0])
    with pytest.MonkeyPatch.context() as patch:
        if way == "rule":
            patch.setattr("mxcore.kernel.run.choose.plan_of", DirectPlan)
        mx.kernel.use(None if way == "rule" else way)
        for number, grad in enumerate(grads):
            update("x_weight", laid_out(grad, layouts[1]), weight)
            if number == 0:
                weight[...] *= weight.dtype.type(0.5)  # as a program may, between two updates
        mx.kernel.use(None)
    return [np.array(array, np.float64) for array in (weight, *flattened(update.states["x_weight"]))]


def flattened(state: Any) -> list[Any]:
    """Return the arrays of a state, the master first."""
    if isinstance(state, tuple):
        return [array for one in state for array in flattened(one)]
    return [] if state is None else [state]


numbers = st.one_of(st.floats(-2, 2, width=32), st.sampled_from([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-42, 3e38]))
cases = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5).flatmap(
    lambda shape: st.lists(hnp.arrays("f4", shape, elements=numbers), min_size=3, max_size=3)
)


@pytest.mark.filterwarnings(
    "ignore:invalid value:RuntimeWarning",
    "ignore:overflow:RuntimeWarning",
    "ignore:.*small updates are lost:UserWarning",
)
@pytest.mark.sampled(3)
@every_rule
@given(
    arrays=cases,
    dtype=st.sampled_from(["f4", "f8", "f2", ml_dtypes.bfloat16]),
    masters=st.booleans(),
    layouts=st.lists(st.sampled_from("CF"), min_size=2, max_size=2),
)
def test_every_way_to_run_a_rule_gives_the_same_bits(
    name: str, arguments: Any, arrays: list[Any], dtype: Any, masters: bool, layouts: list[str]
) -> None:
    arguments = {**arguments, "multi_precision": masters}
    weight, *grads = (array.astype(dtype) for array in arrays)
    wanted = trajectory("rule", name, weight, grads, layouts, **arguments)
    for way in ("llvm", "numpy"):
        for got, array in zip(trajectory(way, name, weight, grads, layouts, **arguments), wanted, strict=True):
            np.testing.assert_array_equal(got, array, err_msg=way)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_functions_agree_with_numpys_to_the_last_places(dtype: str, emitter: str) -> None:
    assert_functions_agree(np.dtype(dtype), on_host)


@pytest.mark.parametrize("layout", ["C", "F", "strided"])
@pytest.mark.parametrize("other", ["C", "F", "strided"])
def test_layouts_may_differ_and_nothing_around_an_array_is_touched(layout: str, other: str, emitter: str) -> None:
    rng = np.random.default_rng(1)
    weight, *grads = (rng.normal(size=(3, 4, 5)) for _ in range(3))
    wanted = trajectory("rule", "adam", weight, grads, ["C", "C"])
    for got, array in zip(trajectory(emitter, "adam", weight, grads, [layout, other]), wanted, strict=True):
        np.testing.assert_array_equal(got, array)
    wide = np.full((4, 6), 7.0)
    update = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0))
    update(0, np.ones((2, 3)), wide[1:3, ::2])
    assert (wide[1:3, ::2] == 6).all()
    assert (wide == 7).sum() == 18


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_rounded_as_numpy_rounds_it(dtype: str) -> None:
    dtype = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(size=5000), [0, -0.0, np.inf, -np.inf, np.nan, 1e-7, 6e4]])
    weight, *grads = (rng.permutation(values).astype(dtype) for _ in range(3))
    ways = [
        trajectory(way, "adam", weight, grads, ["C", "C"], multi_precision=True, learning_rate=0.1)[0]
        for way in ("rule", "llvm", "numpy")
    ]
    for got in ways[1:]:
        np.testing.assert_array_equal(got.astype("f4"), ways[0].astype("f4"))


def test_results_do_not_depend_on_the_number_of_threads(threads: None, emitter: str) -> None:
    rng = np.random.default_rng(1)
    sizes = (PARALLEL_FROM, 3, CHUNK + 1)
    results = []
    for count in (1, 2, 5):
        set_num_threads(count)
        weights = [np.ones(size, np.float32) for size in sizes]
        update = mx.optimizer.get_updater(mx.optimizer.Adam(learning_rate=0.1))
        for step in range(3):
            rng = np.random.default_rng(step)
            update([0, 1, 2], [rng.normal(size=size).astype("f4") for size in sizes], weights)
        results.append(b"".join(weight.tobytes() for weight in weights))
    assert results[0] == results[1] == results[2]


def test_a_number_of_threads_is_at_least_1() -> None:
    with pytest.raises(ValueError, match="the number of threads must be an integer of at least 1, got 0"):
        set_num_threads(0)


# --- what is held on to ----------------------------------------------------------------------------------------------


def test_arrays_live_as_long_as_a_step_may_write_to_them(emitter: str) -> None:
    update = mx.optimizer.get_updater(mx.optimizer.Adam(learning_rate=0.1))
    weights, grads = [np.ones(1000) for _ in range(9)], [np.ones(1000) for _ in range(9)]
    step = update.bind(weights, grads)
    step()
    expected = weights[0].copy()
    del weights, grads
    update.states.clear()
    gc.collect()
    litter = [np.full(1000, np.nan) for _ in range(50)]
    step()
    assert len(litter) == 50
    again = update.bind([expected], [np.ones(1000)], indices=["other"])
    again()
    assert np.isfinite(expected).all()


def test_gradients_may_be_new_arrays_at_every_step(emitter: str) -> None:
    sizes, layouts = (3, 1, 5), ("C", "F", "strided")
    update, kept = (mx.optimizer.get_updater(mx.optimizer.Adam(learning_rate=0.1)) for _ in range(2))
    weights, copies = ([np.ones((size, 2), "f4") for size in sizes] for _ in range(2))
    held = [np.zeros((size, 2), "f4") for size in sizes]
    for step in range(12):
        rng = np.random.default_rng(step)
        grads = [laid_out(rng.normal(size=(size, 2)).astype("f4"), layouts[step % 3]) for size in sizes]
        for grad, buffer in zip(grads, held, strict=True):
            buffer[...] = grad
        update([0, 1, 2], grads, weights)
        kept([0, 1, 2], held, copies)
        gc.collect()
    for weight, copy in zip(weights, copies, strict=True):
        np.testing.assert_array_equal(weight, copy)


@pytest.mark.parametrize("layouts", [("strided", "C"), ("C", "strided"), ("C", "F"), ("strided", "F")])
def test_what_is_written_into_an_array_between_steps_is_seen(layouts: tuple[str, str], emitter: str) -> None:
    weight, grad = (laid_out(np.zeros((2, 3)), layout) for layout in layouts)
    step = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0)).bind([weight], [grad])
    for value in (1.0, 2.0):
        weight[...], grad[...] = 10, value
        step()
        assert (weight == 10 - value).all()


@pytest.mark.parametrize(
    ("grad", "error", "message"),
    [
        (np.ones(3, "f4"), ValueError, r"parameter 1: the gradient has shape \(3,\), but the weight has shape \(2,\)"),
        (np.ones(2, "f2"), TypeError, "parameter 1: the gradient is float16, the weight float32"),
        ([1, 1], TypeError, "expected a NumPy or CuPy array, got builtins.list"),
    ],
)
def test_a_new_gradient_that_does_not_fit_is_refused(grad: Any, error: Any, message: str, emitter: str) -> None:
    update, weights = (
        mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=0.5)),
        [np.ones(2, "f4"), np.ones(2, "f4")],
    )
    good = [np.ones(2, "f4"), np.ones(2, "f4")]
    update([0, 1], good, weights)
    with pytest.raises(error, match=message):
        update([0, 1], [np.full(2, 9, "f4"), grad], weights)
    assert [weight.tolist() for weight in weights] == [[0.5, 0.5]] * 2
    assert update.optimizer.num_update == 1
    update([0, 1], good, weights)
    assert [weight.tolist() for weight in weights] == [[0, 0]] * 2


def test_two_optimizers_run_in_two_threads(emitter: str) -> None:
    def train(seed: int, results: dict[int, bytes]) -> None:
        rng = np.random.default_rng(seed)
        weights = [np.ones(size, "f4") for size in (5, 100_000)]
        update = mx.optimizer.get_updater(mx.optimizer.Adam(learning_rate=0.1))
        for _ in range(20):
            update([0, 1], [rng.normal(size=weight.size).astype("f4") for weight in weights], weights)
        results[seed] = b"".join(weight.tobytes() for weight in weights)

    alone: dict[int, bytes] = {}
    together: dict[int, bytes] = {}
    for seed in (1, 2):
        train(seed, alone)
    running = [threading.Thread(target=train, args=(seed, together)) for seed in (1, 2)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert alone == together


def test_a_failure_while_compiling_leaves_everything_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(source: str) -> Any:
        raise RuntimeError("no such instruction")

    monkeypatch.setattr("mxcore.native.compile.compile_ir", broken)
    mx.kernel.use("llvm")
    cls = mx.hyperparameters(
        type("Fresh", (mx.optimizer.Optimizer,), {"rule": staticmethod(lambda weight, grad: weight - 0.125 * grad)})
    )
    update, weight = mx.optimizer.get_updater(cls()), np.ones(2)
    with pytest.raises(RuntimeError, match="no such instruction"):
        update(0, np.ones(2), weight)
    mx.kernel.use(None)
    assert weight.tolist() == [1, 1]
    assert update.optimizer.num_update == 0
    assert update.optimizer._index_update_count == {}


def misaligned() -> Any:
    return np.zeros(17, np.uint8)[1:].view("f8")


BUFFER = np.ones(6)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([BUFFER[:4], BUFFER[2:]], "the weight of parameter 1 and the weight of parameter 0 share memory"),
        ([as_strided(np.ones(1), (3,), (0,))], "the weight of parameter 0 has elements that share memory"),
        ([as_strided(np.ones(9), (3, 3), (8, 8))], "the weight of parameter 0 has elements that share memory"),
        ([as_strided(np.ones(9), (2, 2, 2), (24, 16, 8))], "the weight of parameter 0 has elements that share memory"),
        ([np.ones(2, ">f8")], "the weight of parameter 0 is byte-swapped or misaligned"),
        ([misaligned()], "the weight of parameter 0 is byte-swapped or misaligned"),
    ],
)
def test_arrays_that_cannot_be_updated_in_place_are_refused(weights: list[Any], message: str, emitter: str) -> None:
    update, before = mx.optimizer.get_updater(mx.optimizer.SGD()), [weight.copy() for weight in weights]
    with pytest.raises(ValueError, match=message):
        update(list(range(len(weights))), [np.ones_like(weight) for weight in weights], weights)
    for weight, copy in zip(weights, before, strict=True):
        np.testing.assert_array_equal(weight, copy)
    assert update.optimizer.num_update == 0


def test_axes_may_be_interlaced(emitter: str) -> None:
    memory = np.zeros(12)
    weight = as_strided(memory, (3, 2), (16, 56))  # elements 0, 2, 4 and 7, 9, 11
    mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0))(0, -np.ones((3, 2)), weight)
    assert memory.tolist() == [1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1]


def test_interleaved_weights_share_no_element(emitter: str) -> None:
    whole = np.ones(6)
    update = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0))
    update([0, 1], [np.full(3, 0.5), np.full(3, 0.25)], [whole[::2], whole[1::2]])
    assert whole.tolist() == [0.5, 0.75] * 3


# --- what may change between steps -----------------------------------------------------------------------------------


def test_whatever_is_assigned_between_steps_takes_effect(emitter: str) -> None:
    class Parameter:
        lr_mult = wd_mult = 1.0

    def changes(update: Any, parameter: Parameter) -> Iterator[Any]:
        optimizer = update.optimizer
        yield optimizer.lr_mult.update({0: 0.5})
        yield optimizer.wd_mult.update({"b_weight": 2.0})
        yield optimizer.set_lr_mult({1: 0.25})
        yield optimizer.lr_mult.setdefault(0, 3.0)
        yield optimizer.lr_mult.__setitem__(0, 2.0)
        yield optimizer.lr_mult.__delitem__(0)
        yield optimizer.lr_mult.__ior__({2: 0.5, 0: 4.0})
        yield optimizer.lr_mult.pop(0)
        yield optimizer.lr_mult.popitem()
        yield optimizer.wd_mult.clear()
        yield setattr(optimizer, "lr_mult", {1: 0.75})
        yield optimizer.lr_mult.update({1: 0.25})
        yield setattr(optimizer, "rescale_grad", 0.125)
        yield setattr(optimizer, "clip_gradient", 0.01)
        yield setattr(optimizer, "wd", 0.0)
        yield setattr(optimizer, "wd", 0.5)
        yield setattr(optimizer, "beta1", 0.5)
        yield setattr(parameter, "lr_mult", 3.0)
        yield optimizer.idx2name.update({0: "c_bias"})
        yield optimizer._index_update_count.update({0: 40})
        yield setattr(optimizer.lr_scheduler, "base_lr", 0.25)
        yield update.set_states(update.get_states())

    def run(way: str) -> bytes:
        parameter, weights = Parameter(), [np.ones(3), np.ones(4), np.ones(2)]
        optimizer = mx.optimizer.Adam(
            wd=0.1,
            lr_scheduler=mx.lr_scheduler.FactorScheduler(2, 0.5, base_lr=0.5),
            param_idx2name={0: "a_weight", 1: "b_weight", 2: "c_weight"},
            param_dict={2: parameter},
        )
        update, grads = mx.optimizer.get_updater(optimizer), [np.full(weight.size, 0.5) for weight in weights]
        step = update.bind(weights, grads) if way == "bound" else lambda: update([0, 1, 2], grads, weights)
        for _ in changes(update, parameter):
            for _ in range(2):
                step() if way != "anew" else (update._runner.forget(), step())
        return b"".join(weight.tobytes() for weight in weights)

    assert run("called") == run("bound") == run("anew")


def test_what_is_assigned_to_an_attribute_that_is_not_declared_takes_effect_too(emitter: str) -> None:
    class Plain(mx.optimizer.Optimizer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.factor = 0.5

        @staticmethod
        def rule(weight, grad, *, lr, factor):  # type: ignore[no-untyped-def]
            return weight - lr * factor * grad

    weights, grads = [np.ones(1), np.ones(1)], [np.ones(1), np.ones(1)]
    update = mx.optimizer.get_updater(Plain(learning_rate=1.0))
    step = update.bind(weights[:1], grads[:1])
    for factor in (0.5, 2.0, 0.25):
        update.optimizer.factor = factor  # type: ignore[attr-defined]
        step()
        update([1], grads[1:], weights[1:])
    assert weights == [1 - 2.75, 1 - 2.75]


def test_flags_follow_names_that_change(emitter: str) -> None:
    class Biased(mx.optimizer.Optimizer):
        def flags(self, name: str) -> dict[str, bool]:
            return {"is_bias": name.endswith("_bias")}

        @staticmethod
        def rule(weight, grad, *, lr, is_bias):  # type: ignore[no-untyped-def]
            return weight - lr * grad if is_bias else weight

    weight, grad = np.zeros(1), np.ones(1)
    update = mx.optimizer.get_updater(Biased(learning_rate=1.0, param_idx2name={0: "a_weight"}))
    step = update.bind([weight], [grad])
    for change, wanted in (
        (lambda names: None, 0),
        (lambda names: names.update({0: "a_bias"}), -1),
        (lambda names: names.update({0: "a_weight"}), -1),
        (lambda names: setattr(update.optimizer, "idx2name", {0: "a_bias"}), -2),
    ):
        change(update.optimizer.idx2name)
        step()
        assert weight == [wanted]


def test_counts_are_there_when_somebody_looks() -> None:
    update = mx.optimizer.get_updater(mx.optimizer.SGD(begin_num_update=2))
    step = update.bind([np.ones(1), np.ones(1)], [np.ones(1), np.ones(1)], indices=["a", 7])
    for count in range(3, 6):
        step()
        if count != 4:
            assert update.optimizer._index_update_count == {"a": count, 7: count}
            assert dict(update.optimizer._index_update_count.items()) == {"a": count, 7: count}
    update("a", np.ones(1), np.ones(1))
    step()
    assert update.optimizer._index_update_count == {"a": 7, 7: 6}
    assert update.optimizer.num_update == 7


def test_a_step_counts_for_the_device_that_is_set() -> None:
    def run(*, anew: bool) -> float:
        optimizer, weight, grad = mx.optimizer.Adam(learning_rate=0.1), np.zeros(1), np.ones(1)
        update = mx.optimizer.get_updater(optimizer)
        for device in (0, 0, 0, 1, 0):
            optimizer._set_current_context(device)
            if anew:
                update._runner.forget()
            grad[:] = device + 0.5
            update([0], [grad], [weight])
        assert optimizer._all_index_update_counts == {0: {0: 4}, 1: {0: 1}}
        return float(weight[0])

    assert run(anew=False) == run(anew=True)


def test_a_bound_step_goes_on_with_a_state_that_was_loaded(emitter: str) -> None:
    weights, grads = [np.ones(3)], [np.ones(3)]
    update = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0, momentum=0.5))
    step = update.bind(weights, grads)
    step()
    saved, kept = update.get_states(), weights[0].copy()
    step()
    after = weights[0].copy()
    update.set_states(saved)
    weights[0][...] = kept
    step()
    np.testing.assert_array_equal(weights[0], after)


def test_a_bound_step_goes_on_with_a_state_that_was_assigned(emitter: str) -> None:
    weights, grads = [np.zeros(3)], [np.ones(3)]
    update = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=1.0, momentum=0.5))
    step = update.bind(weights, grads)
    for _ in range(3):
        step()
    weights[0][...], update.states[0] = 0, np.zeros(3)
    for _ in range(3):
        step()
    assert weights[0].tolist() == [-4.25] * 3
    assert update.states[0].tolist() == [-1.75] * 3


def test_a_class_without_a_rule_can_be_bound_too() -> None:
    class Plain(mx.optimizer.Optimizer):
        def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
            weight -= grad

    weights = [np.ones(2)]
    mx.optimizer.get_updater(Plain()).bind(weights, [np.full(2, 0.25)])()
    assert weights[0].tolist() == [0.75] * 2


def test_the_emitter_is_chosen_by_name(run_python: Any) -> None:
    program = "import mxcore as mx; print(mx.kernel.in_use())"
    assert run_python(program, MXCORE_KERNEL="numpy").strip() == "numpy"
    assert run_python(program, MXCORE_KERNEL="llvm").strip() == "llvm"
    missing = "import sys; sys.modules['llvmlite'] = None; " + program
    assert run_python(missing, MXCORE_KERNEL="").strip() == "numpy"
    with pytest.raises(ValueError, match="the kernel must be 'llvm' or 'numpy', got 'cuda'"):
        mx.kernel.use("cuda")


class ArrayHead(ctypes.Structure):
    """``PyArrayObject_fields`` of NumPy's ndarraytypes.h, behind what every object begins with.

    Extensions read these fields through macros that are compiled into them, so that no release which runs extensions of
    an earlier one can move them.
    """

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("nd", ctypes.c_int),
        ("dimensions", ctypes.POINTER(ctypes.c_ssize_t)),
        ("strides", ctypes.POINTER(ctypes.c_ssize_t)),
        ("base", ctypes.c_void_p),
        ("descr", ctypes.c_void_p),
        ("flags", ctypes.c_int),
    )


@pytest.mark.parametrize(
    "array",
    [np.zeros(()), np.zeros((0, 3)), np.arange(12.0).reshape(3, 4)[::2, ::-1], np.zeros((2, 3), "f2", order="F")],
    ids=["scalar", "empty", "strided", "Fortran"],
)
def test_the_head_of_an_array_object_is_where_numpys_abi_puts_it(array: Any) -> None:
    head = ArrayHead.from_address(id(array) + object.__basicsize__)
    assert head.data == array.ctypes.data
    assert tuple(head.dimensions[: head.nd]) == array.shape
    assert tuple(head.strides[: head.nd]) == array.strides
    assert head.base == (None if array.base is None else id(array.base))
    assert head.descr == id(array.dtype)
    assert head.flags & 0x0507 == array.flags.num & 0x0507  # both orders, own memory, alignment, writeability


def test_gradients_are_read_from_the_heads_of_their_arrays() -> None:
    assert driver().reads_arrays


@pytest.mark.parametrize("kernel", ["llvm", "numpy"])
def test_a_traceback_shows_the_line_of_generated_code_that_failed(kernel: str) -> None:
    @mx.hyperparameters
    class Damped(mx.optimizer.Optimizer):
        damping: float = mx.hyperparameter(1.0)
        slots = ()

        @staticmethod
        def rule(weight, grad, *, lr, damping):  # type: ignore[no-untyped-def]
            return weight - lr / damping * grad

    mx.kernel.use(kernel)
    weight = np.ones(2)
    update = mx.optimizer.get_updater(Damped(damping=0.0))
    try:
        with pytest.raises(ZeroDivisionError) as caught:
            update("weight", np.ones(2), weight)
    finally:
        mx.kernel.use(None)
    last = traceback.extract_tb(caught.tb)[-1]
    assert last.filename.startswith("<")
    assert " / " in str(last.line)
    assert weight.tolist() == [1.0, 1.0]
