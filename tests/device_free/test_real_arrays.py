"""Real CuPy arrays, with the backend's own plans, tables and generated source, give the same bits as NumPy."""

import weakref
from typing import Any

import cupy
import numpy as np
import pytest
from device_free.on_cpu import CudaOnCpu, hosted, on_device
from rule_runs import (
    COMMON,
    DTYPES,
    Run,
    after_three_steps,
    assert_functions_agree,
    assert_same_bits,
    every_dtype,
    every_rule,
    on_host,
    values,
)

import mxcore as mx
from mxcore.kernel.emit import cuda as emitter
from mxcore.kernel.rule.reduction import BLOCK
from mxcore.kernel.run import device as device_plans
from mxcore.kernel.run.device import PIECE, DevicePlan


@every_dtype
@every_rule
def test_a_rule_gives_the_bits_of_the_numpy_backend(name: str, arguments: Any, dtype: Any, cuda: CudaOnCpu) -> None:
    host = after_three_steps(name, arguments, dtype, on_host)
    device = after_three_steps(name, arguments, dtype, on_device)
    assert {type(plan) for plan in device.plans} == {DevicePlan}
    assert {type(array) for array in device.placed} == {cupy.ndarray}
    assert_same_bits(device.host, host.host)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("name", ["adam", "lamb", "prodigy", "reductions", "sgld"])
def test_complex_arrays(name: str, dtype: Any, cuda: CudaOnCpu) -> None:
    host = after_three_steps(name, COMMON, dtype, on_host)
    device = after_three_steps(name, COMMON, dtype, on_device)
    assert {type(plan) for plan in device.plans} == {DevicePlan}
    assert_same_bits(device.host, host.host)


@pytest.mark.sampled(3)
@pytest.mark.filterwarnings("ignore:.*small updates are lost:UserWarning")
@pytest.mark.parametrize("dtype", DTYPES[2:], ids=lambda dtype: np.dtype(dtype).name)
@every_rule
def test_half_precision_without_masters(name: str, arguments: Any, dtype: Any, cuda: CudaOnCpu) -> None:
    arguments = {**arguments, "multi_precision": False}
    host = after_three_steps(name, arguments, dtype, on_host)
    device = after_three_steps(name, arguments, dtype, on_device)
    assert_same_bits(device.host, host.host)


@pytest.mark.parametrize("dtype", DTYPES[2:], ids=lambda dtype: np.dtype(dtype).name)
@pytest.mark.parametrize("name", ["adam", "lamb"])
def test_masters_follow_what_the_program_writes(name: str, dtype: Any, cuda: CudaOnCpu) -> None:
    host, device = (Run(name, COMMON, values(dtype), place) for place in (on_host, on_device))
    for seed in (2, 3, 4):
        for run in (host, device):
            run.step(values(dtype, seed=seed))
            for weight in run.host[: len(run.weights)]:
                weight[::2] *= dtype(0.5)
        assert_same_bits(device.host, host.host)


@every_dtype
@pytest.mark.parametrize("name", ["adam", "lamb", "sgld"])
def test_arrays_may_begin_anywhere(name: str, dtype: Any, cuda: CudaOnCpu) -> None:
    mirrors: dict[int, Any] = {}

    def between_packs(array: Any, number: int) -> Any:
        begin = 1 + number % 3
        mirror = np.empty(begin + array.size, array.dtype)[begin:].reshape(array.shape)
        mirror[...] = array
        placed = hosted(mirror)
        mirrors[id(placed)] = mirror
        return placed

    host = after_three_steps(name, COMMON, dtype, on_host)
    device = after_three_steps(name, COMMON, dtype, between_packs)
    assert_same_bits([mirrors[id(array)] for array in device.placed], host.host)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_functions_agree_with_numpys_to_the_last_places(dtype: str, cuda: CudaOnCpu) -> None:
    assert_functions_agree(np.dtype(dtype), on_device)


def test_a_rule_is_one_launch_for_all_parameters(cuda: CudaOnCpu) -> None:
    run = Run("adam", {}, values("f4"), on_device)
    run.step(values("f4"))
    pieces = sum(-(-array.size // PIECE) for array in run.weights)
    assert cuda.launched == [(0, "kernel", pieces)]


def test_a_rule_with_norms_measures_finishes_and_writes(cuda: CudaOnCpu) -> None:
    run = Run("lamb", {}, values("f4"), on_device)
    run.step(values("f4"))
    chunks, pieces = (sum(-(-array.size // size) for array in run.weights) for size in (BLOCK, PIECE))
    names = [(name, blocks) for _, name, blocks in cuda.launched]
    assert names == [("kernel", chunks), ("finish", 2 * len(run.weights)), ("kernel", pieces)]


def test_threads_that_do_not_wait_for_one_another_would_be_seen(
    cuda: CudaOnCpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    emit = emitter.emit
    monkeypatch.setattr(emitter, "emit", lambda *arguments: emit(*arguments).replace("__syncthreads();", ""))
    device_plans._sources.cache_clear()
    try:
        device = after_three_steps("lamb", COMMON, np.float32, on_device)
    finally:
        device_plans._sources.cache_clear()
    host = after_three_steps("lamb", COMMON, np.float32, on_host)
    with pytest.raises(AssertionError):
        assert_same_bits(device.host, host.host)


def test_empty_arrays_launch_nothing(cuda: CudaOnCpu) -> None:
    Run("sgd", {}, [np.zeros((0, 3), "f4")], on_device).step([np.zeros((0, 3), "f4")])
    assert cuda.launched == []


def test_tables_are_copied_once_and_then_only_what_has_changed(cuda: CudaOnCpu) -> None:
    weights, grads = ([hosted(array) for array in values("f4", seed=seed)] for seed in (1, 2))
    optimizer = mx.optimizer.SGD(learning_rate=0.1)
    step = mx.optimizer.get_updater(optimizer).bind(weights, grads)
    step()
    assert len(cuda.uploaded) > 1
    cuda.uploaded.clear()
    step()
    assert cuda.uploaded == []
    optimizer.lr = 0.2
    step()
    assert cuda.uploaded == [4]  # one float32


def test_multipliers_that_change_reach_the_device(cuda: CudaOnCpu) -> None:
    host, device = (Run("adam", {"wd": 0.1}, values("f4"), place) for place in (on_host, on_device))
    for multipliers in ({}, {1: 0.5}, {1: 0.5, 3: 2.0}, {0: 0.5}):
        for run in (host, device):
            run.optimizer.set_lr_mult(multipliers)
            run.step(values("f4", seed=2))
        assert_same_bits(device.host, host.host)


def test_another_stream_has_tables_of_its_own(cuda: CudaOnCpu) -> None:
    runs = [Run("adam", {}, values("f4"), place) for place in (on_host, on_device)]
    for stream in (0, 7, 7, 0):
        cuda.current_stream = stream
        for run in runs:
            run.step(values("f4", seed=stream))
        tables = runs[1].plans[0].tables
        assert tables.stream == stream
    host, device = runs
    assert_same_bits(device.host, host.host)


def test_new_gradients_are_taken_and_former_ones_are_let_go(cuda: CudaOnCpu) -> None:
    run = Run("adam", {}, values("f4"), on_device)
    kept: list[Any] = []

    def remembered(array: Any, _: int) -> Any:
        kept.append(weakref.ref(array))
        return hosted(array)

    run.place = remembered
    for seed in range(4):
        run.step(values("f4", seed=seed))
    assert [ref() is None for ref in kept] == [True] * len(kept)


def test_an_array_that_was_given_another_shape_is_noticed(cuda: CudaOnCpu) -> None:
    weight, grad = hosted(np.ones((3, 4), "f4")), hosted(np.ones((3, 4), "f4"))
    update = mx.optimizer.get_updater(mx.optimizer.SGD())
    for _ in range(3):
        update([0], [grad], [weight])
    grad.shape = (4, 3)
    with pytest.raises(ValueError, match="the gradient of parameter 0|parameter 0: the gradient"):
        update([0], [grad], [weight])


def test_gradients_of_another_kind_get_a_closer_look(cuda: CudaOnCpu) -> None:
    orders: tuple[Any, ...] = ("C", "F")
    host = [np.ones((3, 4), "f4", order=order) for order in orders]
    weights = [hosted(array) for array in host]
    update = mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=0.5))
    grads = [np.arange(12, dtype="f4").reshape(3, 4, order=order) for order in orders]

    def fresh() -> list[Any]:
        return [hosted(np.copy(grad, order="K")) for grad in grads]

    update([0, 1], fresh(), weights)
    for refused, error in (
        (hosted(np.ones((3, 4), "f2")), TypeError),
        (hosted(np.ones((4, 3), "f4")), ValueError),
        (np.ones((3, 4), "f4"), TypeError),
        ([[1.0] * 4] * 3, TypeError),
    ):
        for index in (0, 1):
            update([0, 1], fresh(), weights)  # from here on, gradients with the same layout skip the full check
            given = fresh()
            given[index] = refused
            with pytest.raises(error, match=f"the gradient of parameter {index}|parameter {index}: the gradient"):
                update([0, 1], given, weights)
    for array, grad in zip(host, grads, strict=True):
        assert array.tolist() == (1 - 9 * 0.5 * grad).tolist()


# --- devices ---------------------------------------------------------------------------------------------------------


def test_the_arrays_of_a_list_are_grouped_by_device(cuda: CudaOnCpu) -> None:
    places = (on_host, lambda array, number: hosted(array, number % 2))
    host, device = (Run("lamb", {}, values("f4"), place) for place in places)
    for run in (host, device):
        run.step(values("f4", seed=2))
    assert [plan.device for plan in device.plans] == [0, 1]
    assert {launched for launched, _, _ in cuda.launched} == {0, 1}
    assert_same_bits(device.host, host.host)


def test_arrays_of_one_parameter_on_two_devices_are_refused(cuda: CudaOnCpu) -> None:
    weight, grad = np.ones(3, "f4"), np.ones(3, "f4")
    update = mx.optimizer.get_updater(mx.optimizer.SGD())
    with pytest.raises(ValueError, match=r"the gradient of parameter 0 is on gpu\(1\), its weight on gpu\(0\)"):
        update(0, hosted(grad, 1), hosted(weight))
    placed = hosted(weight)
    update(0, hosted(grad), placed)
    with pytest.raises(ValueError, match=r"on gpu\(1\), its weight on gpu\(0\)"):
        update(0, hosted(grad, 1), placed)


def test_weights_that_share_memory_are_refused(cuda: CudaOnCpu) -> None:
    memory = hosted(np.ones(10, "f4"))
    update = mx.optimizer.get_updater(mx.optimizer.SGD())
    grads = [hosted(np.ones(6, "f4")) for _ in range(2)]
    with pytest.raises(ValueError, match="share memory"):
        update([0, 1], grads, [memory[:6], memory[4:]])
    update([0, 1], [grad[:5] for grad in grads], [memory[:5], memory[5:]])
