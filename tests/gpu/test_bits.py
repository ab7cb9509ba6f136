"""A GPU gives the same bits as the host, wherever mxcore controls the order of operations."""

from typing import Any

import numpy as np
import pytest
from rule_runs import COMMON, after_sam, after_three_steps, assert_same_bits, every_dtype, every_rule, on_host

import mxcore as mx
from mxcore.backend import Context
from mxcore.kernel import commit
from mxcore.kernel.run.device import DevicePlan
from mxcore.random import philox_cuda, philox_numpy
from mxcore.random.distributions import DISTRIBUTIONS

ELEMENTS = 100_003


def host(array: Any) -> Any:
    return mx.backend.backend_of(array).to_host(array)


@every_dtype
@every_rule
def test_a_rule(name: str, arguments: Any, dtype: Any, gpu: Context) -> None:
    wanted = after_three_steps(name, arguments, dtype, on_host)
    got = after_three_steps(name, arguments, dtype, lambda array, _: gpu.array(array))
    assert {type(plan) for plan in got.plans} == {DevicePlan}
    assert_same_bits([host(array) for array in got.placed], wanted.host)


@pytest.mark.parametrize("name", ["sgd", "lamb", "average(adam)", "cautious(adam)", "agc(adam)"])
def test_clipping_by_the_norm_of_all_gradients(name: str, gpu: Context) -> None:
    dtypes, sizes = ("f4", "f2", "f8", "f4"), (70_000, 300, (50, 30), 1)
    optimizers = [
        mx.optimizer.create(name, learning_rate=0.1, clip_global_norm=2.0, multi_precision=True) for _ in range(2)
    ]
    found = []
    for optimizer, context in zip(optimizers, (mx.cpu(), gpu), strict=True):
        rng, update = np.random.default_rng(1), mx.optimizer.get_updater(optimizer)
        weights = [
            context.array(rng.normal(size=size).astype(dtype)) for size, dtype in zip(sizes, dtypes, strict=True)
        ]
        for _ in range(3):
            update(list(range(4)), [context.array(rng.normal(size=w.shape).astype(w.dtype)) for w in weights], weights)
        found.append([host(weight) for weight in weights])
    assert_same_bits(found[1], found[0])


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
@pytest.mark.parametrize("adaptive", [False, True])
def test_both_steps_of_sam(adaptive: bool, dtype: str, gpu: Context) -> None:
    assert_same_bits(*(after_sam(context, dtype, "adam", adaptive) for context in (gpu, mx.cpu())))


@pytest.mark.parametrize("layout", ["F", "strided"])
@pytest.mark.parametrize("name", ["adam", "lamb"])
def test_other_layouts(name: str, layout: str, gpu: Context) -> None:
    values, found = np.linspace(-1, 1, 12, dtype="f4").reshape(3, 4), []
    for context in (mx.cpu(), gpu):
        grad = context.array(values)
        wide = context.array(np.ones((3, 8), "f4", order="F" if layout == "F" else "C"))
        update = mx.optimizer.get_updater(mx.optimizer.create(name))
        for _ in range(2):
            update(0, grad, wide[:, :4] if layout == "F" else wide[:, ::2])
        found.append(host(wide))
    assert_same_bits([found[1]], [found[0]])


@pytest.mark.filterwarnings("ignore:.*small updates are lost:UserWarning")
@every_rule
def test_half_precision_without_masters(name: str, arguments: Any, gpu: Context) -> None:
    arguments = {**arguments, "multi_precision": False}
    wanted = after_three_steps(name, arguments, np.float16, on_host)
    got = after_three_steps(name, arguments, np.float16, lambda array, _: gpu.array(array))
    assert_same_bits([host(array) for array in got.placed], wanted.host)


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
@pytest.mark.parametrize("name", ["adam", "lamb", "sgld"])
def test_arrays_may_begin_anywhere(name: str, dtype: str, gpu: Context, xp: Any) -> None:
    def between_packs(array: Any, number: int) -> Any:
        begin = 1 + number % 3
        placed = xp.empty(begin + array.size, array.dtype)[begin:].reshape(array.shape)
        placed[...] = gpu.array(array)
        return placed

    wanted = after_three_steps(name, COMMON, dtype, on_host)
    got = after_three_steps(name, COMMON, dtype, between_packs)
    assert_same_bits([host(array) for array in got.placed], wanted.host)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_random_fills(name: str, gpu: Context, xp: Any) -> None:
    distribution = DISTRIBUTIONS[name]
    dtype = {"u32": np.uint32, "f32": np.float32, "f64": np.float64}[distribution.type]
    numbers = {"low": -1.25, "width": 3.7, "top": 2.4, "loc": 0.3, "scale": 1.7}
    parameters = [dtype(numbers[one]) for one in distribution.parameters]
    wanted = np.empty(ELEMENTS, dtype)
    philox_numpy.fill(distribution, wanted, 0, 7 | 11 << 64, parameters)
    backend: Any = gpu.backend
    with backend.on(0):
        out = xp.empty(ELEMENTS, dtype)
        fill = backend.cuda.kernel(philox_cuda.source(distribution), f"{distribution.name}_fill")
        commit([fill(-(-ELEMENTS // 64), 64, [out, *map(np.uint64, (0, ELEMENTS, 7, 11)), *parameters])])
    assert host(out).tobytes() == wanted.tobytes()


def test_initial_values(gpu: Context) -> None:
    made = []
    for context in (mx.cpu(), gpu):
        mx.random.seed(1)
        array = context.array(np.zeros((64, 48), "f4"))
        mx.init.create("xavier")("fc_weight", array)
        made.append(host(array))
    assert_same_bits([made[1]], [made[0]])


def test_a_saved_state_goes_on_with_the_same_bits(gpu: Context, tmp_path: Any) -> None:
    grads = [np.random.default_rng(seed).normal(size=ELEMENTS).astype("f4") for seed in range(4)]
    weight, update = gpu.array(np.ones(ELEMENTS, "f4")), mx.optimizer.get_updater(mx.optimizer.create("adam"))
    for number, grad in enumerate(grads):
        if number == 2:
            mx.save_state(tmp_path / "state", update, {"w": weight})
            stopped, again = gpu.array(host(weight)), mx.optimizer.get_updater(mx.optimizer.create("adam"))
            mx.load_state(tmp_path / "state", again)
        update("w", gpu.array(grad), weight)
    for grad in grads[2:]:
        again("w", gpu.array(grad), stopped)
    assert_same_bits([host(stopped)], [host(weight)])


@pytest.mark.parametrize("name", ["groupadagrad", "lbsgd"])
def test_array_code_agrees_but_for_rounding(name: str, gpu: Context) -> None:
    rng, found = np.random.default_rng(1), []
    grads = [rng.normal(size=(50, 40)).astype("f4") for _ in range(3)]
    for context in (mx.cpu(), gpu):
        weight = context.array(np.ones((50, 40), "f4"))
        update = mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.1))
        for grad in grads:
            update(0, context.array(grad), weight)
        found.append(host(weight))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5, atol=1e-6)


def test_a_module_trains_as_on_the_host_but_for_rounding(gpu: Context) -> None:
    found = []
    for context in (mx.cpu(), gpu):
        mx.random.seed(3)
        rng = np.random.default_rng(1)
        batches = mx.io.NDArrayIter(rng.normal(size=(64, 20)), rng.integers(0, 3, 64), batch_size=16)
        layer = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=16, name="fc1")
        layer = mx.symbol.BatchNorm(mx.symbol.Activation(layer, act_type="relu", name="act"), name="bn")
        net = mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(layer, num_hidden=3, name="fc2"), name="softmax")
        module = mx.mod.Module(net, context=context)
        module.fit(batches, batches, optimizer="adam", initializer="xavier", num_epoch=2)
        found.append([host(array) for part in module.get_params() for array in part.values()])
    for got, wanted in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4)
