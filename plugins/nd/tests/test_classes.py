"""Optimizers and initializers in the form of MXNet's page and tutorials, which are handed NDArrays."""

import math
import subprocess
import sys
from types import FunctionType
from typing import Any

import numpy as np
import pytest

import mxcore as mx

Optimizer = mx.optimizer.Optimizer


class Momentum(Optimizer):
    """SGD with momentum, the way the documentation of MXNet shows it."""

    def __init__(self, momentum: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.momentum = momentum

    def create_state(self, index, weight):
        if self.momentum == 0.0:
            return None
        return mx.nd.zeros(weight.shape, weight.context, dtype=weight.dtype)

    def update(self, index, weight, grad, state):
        self._update_count(index)
        lr, wd = self._get_lr(index), self._get_wd(index)
        grad = grad * self.rescale_grad
        if self.clip_gradient is not None:
            grad = mx.nd.clip(grad, -self.clip_gradient, self.clip_gradient)
        if state is None:
            weight[:] += -lr * (grad + wd * weight)
        else:
            state[:] *= self.momentum
            state[:] += -lr * (grad + wd * weight)
            weight[:] += state


class WithFunctions(Optimizer):
    """The same with the fused function, and a tuple of one state and a number per call in a list."""

    def create_state(self, index, weight):
        return [mx.nd.zeros(shape=weight.shape, ctx=weight.context, dtype=weight.dtype), 0]

    def update(self, index, weight, grad, state):
        self._update_count(index)
        kwargs = {"momentum": 0.9, "rescale_grad": self.rescale_grad}
        if self.clip_gradient:
            kwargs["clip_gradient"] = self.clip_gradient
        state[1] += 1
        mx.nd.sgd_mom_update(
            weight, grad, state[0], out=weight, lr=self._get_lr(index), wd=self._get_wd(index), **kwargs
        )


class Layerwise(mx.optimizer.SGD):
    """LARS in miniature: it scales the rate of SGD by norms, and lets SGD update."""

    def update(self, index, weight, grad, state):
        norms = weight.norm().asscalar(), grad.norm().asscalar()
        self.ratio = 0.01 * norms[0] / norms[1] if norms[0] > 0 and norms[1] > 0 else 1.0
        super().update(index, weight, grad, state)

    def _get_lr(self, index):
        return super()._get_lr(index) * self.ratio


class Bounded(Optimizer):
    """AdaBound in miniature."""

    def create_state(self, index, weight):
        return (
            mx.nd.zeros(weight.shape, weight.context, dtype=weight.dtype),
            mx.nd.zeros(weight.shape, weight.context, dtype=weight.dtype),
        )

    def update(self, index, weight, grad, state):
        self._update_count(index)
        t, lr = self._index_update_count[index], self._get_lr(index)
        mean, var = state
        mean[:] = 0.9 * mean + 0.1 * grad
        var[:] = 0.999 * var + 0.001 * mx.nd.square(grad)
        low, high = 0.1 * (1 - 1 / (0.001 * t + 1)), 0.1 * (1 + 1 / (0.001 * t))
        rate = lr * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        weight[:] -= mx.nd.clip(rate / (mx.nd.sqrt(var) + 1e-8), low, high) * mean


def _norm_of(array: Any) -> float:
    """Return a norm, as a helper outside of the class would."""
    return float(mx.nd.norm(array).asscalar())


class Normalized(Optimizer):
    """What uses mx.nd only in a function that it calls."""

    def update(self, index, weight, grad, state):
        self._update_count(index)
        weight[:] -= self._get_lr(index) / _norm_of(grad) * grad.square().sqrt() * grad.sign()


class PerWeight(mx.init.Initializer):
    def __init__(self, scale: float) -> None:
        super().__init__(scale=scale)
        self.scale = scale

    def _init_weight(self, _, arr):
        arr[:] = mx.nd.random.uniform(-self.scale, self.scale, shape=arr.shape, ctx=arr.context)


class IntoPlace(mx.init.Initializer):
    def _init_weight(self, _, arr):
        mx.random.uniform(-0.5, 0.5, out=arr)
        arr *= 2

    def _init_bias(self, _, arr):
        arr[:] = arr.shape[0] * mx.nd.ones_like(arr)


def trained(optimizer: Any, dtype: Any = np.float32, steps: int = 5) -> tuple[np.ndarray, Any]:
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(3, 4)).astype(dtype)
    update = mx.optimizer.get_updater(optimizer)
    for _ in range(steps):
        update("fc_weight", rng.normal(size=weight.shape).astype(dtype), weight)
    return weight, update


SETTINGS = {"learning_rate": 0.1, "wd": 0.01, "rescale_grad": 0.5, "clip_gradient": 0.3}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cls", [Momentum, WithFunctions])
def test_momentum_written_for_mxnet_is_that_of_sgd(cls: Any, dtype: Any) -> None:
    own = {"momentum": 0.9} if cls is Momentum else {}
    weight, update = trained(cls(**SETTINGS, **own), dtype)
    expected, _ = trained(mx.optimizer.SGD(momentum=0.9, **SETTINGS), dtype)
    np.testing.assert_allclose(weight, expected, rtol=1e-5 if dtype is np.float32 else 1e-12)
    assert type(weight) is np.ndarray
    state = update.states["fc_weight"]
    assert isinstance(state if cls is Momentum else state[0], mx.nd.NDArray)


def test_a_master_weight_is_an_ndarray_as_well() -> None:
    weight, update = trained(Momentum(momentum=0.9, multi_precision=True, **SETTINGS), np.float16)
    expected, reference = trained(mx.optimizer.SGD(momentum=0.9, multi_precision=True, **SETTINGS), np.float16)
    np.testing.assert_allclose(update.states["fc_weight"][0], reference.states["fc_weight"][0], rtol=1e-5)
    np.testing.assert_allclose(weight, expected, rtol=1e-3)


def test_norms_and_a_call_of_the_parents_update() -> None:
    weight, _ = trained(Layerwise(momentum=0.9, learning_rate=0.5))
    rng = np.random.default_rng(0)
    expected, mom = rng.normal(size=(3, 4)).astype(np.float32), 0
    for _ in range(5):
        grad = rng.normal(size=(3, 4)).astype(np.float32)
        mom = 0.9 * mom - 0.5 * 0.01 * np.linalg.norm(expected) / np.linalg.norm(grad) * grad
        expected = expected + mom
    np.testing.assert_allclose(weight, expected, rtol=1e-5)


def test_bounds_and_square_roots() -> None:
    weight, _ = trained(Bounded(learning_rate=0.01), np.float64)
    expected, _ = trained(mx.optimizer.AdaBound(learning_rate=0.01), np.float64)
    np.testing.assert_allclose(weight, expected, rtol=1e-6)


def test_a_class_that_uses_mx_nd_only_in_a_helper() -> None:
    weight, _ = trained(Normalized(learning_rate=0.5), steps=1)
    rng = np.random.default_rng(0)
    before, grad = (rng.normal(size=(3, 4)).astype(np.float32) for _ in range(2))
    np.testing.assert_allclose(weight, before - 0.5 / np.linalg.norm(grad) * grad, rtol=1e-5)


@pytest.mark.parametrize("make", [
    lambda: Momentum(momentum=0.9, learning_rate=0.1), lambda: WithFunctions(learning_rate=0.1),
    lambda: Bounded(learning_rate=0.1),
])  # fmt: skip
def test_a_saved_state_holds_arrays_and_resumes_to_the_same_bits(make: Any) -> None:
    weight, update = trained(make())
    again = mx.optimizer.get_updater(make())
    again.set_states(update.get_states())
    other, grad = weight.copy(), np.full(weight.shape, 0.3, np.float32)
    for _ in range(2):
        update("fc_weight", grad, weight)
        again("fc_weight", grad, other)
    assert (weight == other).all()


def test_weights_that_are_ndarrays_get_the_same_bits_from_a_rule() -> None:
    for name in ("adam", "lamb", "soap"):
        rng = np.random.default_rng(0)
        plain, update, again = (
            rng.normal(size=(4, 3)),
            *(mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.1)) for _ in range(2)),
        )
        weight = mx.nd.array(plain)
        for _ in range(3):
            grad = rng.normal(size=plain.shape)
            update("fc_weight", grad, plain)
            again("fc_weight", mx.nd.array(grad), weight)
        assert (weight.asnumpy() == plain).all()
        other = mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.1))
        other.set_states(again.get_states())
        again("fc_weight", mx.nd.ones_like(weight), weight)
        other("fc_weight", np.ones_like(plain), plain)
        assert (weight.asnumpy() == plain).all()


def test_wrappers_and_mixed_hand_over_ndarrays() -> None:
    mx.optimizer.register(Momentum)
    around, _ = trained(mx.optimizer.create("lookahead(momentum)", k=2, momentum=0.9, learning_rate=0.1))
    expected, _ = trained(mx.optimizer.create("lookahead(sgd)", k=2, momentum=0.9, learning_rate=0.1))
    np.testing.assert_allclose(around, expected, rtol=1e-5)
    parts = [Momentum(momentum=0.9, learning_rate=0.1)]
    mixed, _ = trained(mx.optimizer.Mixed([".*"], parts))
    alone, _ = trained(Momentum(momentum=0.9, learning_rate=0.1))
    assert (mixed == alone).all()


def test_the_hand_written_class_of_the_page_trains_a_module() -> None:
    mx.optimizer.register(Momentum)
    mx.random.seed(1)
    points = np.asarray(mx.random.normal(shape=(200, 2)))
    labels = (points**2).sum(axis=1) < 1.4
    hidden = mx.sym.Activation(mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=16), act_type="tanh")
    net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(hidden, num_hidden=2), name="softmax")
    batches = mx.io.NDArrayIter(mx.nd.array(points), mx.nd.array(labels), batch_size=50)
    module = mx.mod.Module(net, context=mx.cpu())
    module.fit(
        batches,
        optimizer="momentum",
        optimizer_params={"learning_rate": 0.5, "momentum": 0.9},
        initializer=PerWeight(0.5),
        num_epoch=40,
    )
    assert module.score(batches, "acc")[0][1] > 0.9


class Nesterov(mx.optimizer.SGD):
    """Asks whether there is a state as code from before MXNet 1.0 does."""

    def update(self, index, weight, grad, state):
        assert isinstance(weight, mx.nd.NDArray)
        self._update_count(index)
        lr = self._get_lr(index)
        if state:
            state *= self.momentum
            state += grad
            grad += self.momentum * state
        weight += -lr * grad


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_an_update_that_overrides_that_of_sgd_is_called_and_may_ask_if_state(momentum: float) -> None:
    weight, grad = np.ones(3), np.ones(3)
    update = mx.optimizer.get_updater(Nesterov(momentum=momentum, learning_rate=0.1))
    for _ in range(2):
        update(0, grad.copy(), weight)
    first, second = 1 + momentum, 1 + momentum * (1 + momentum)
    assert weight == pytest.approx(1 - 0.1 * (first + second))


def test_an_array_of_several_elements_is_neither_true_nor_false() -> None:
    x = mx.nd.array([1, 2])
    handed = mx.nd.present(np.ones(2))
    for array in (x, handed > 0, handed[:], handed + 1):
        with pytest.raises(ValueError, match=r"shape \(2,\) is neither true nor false"):
            bool(array)
    assert bool(handed)
    assert [bool(mx.nd.array([value])) for value in (0, 2)] == [False, True]
    assert [bool(mx.nd.present(np.full(1, value))) for value in (0, 2)] == [False, True]
    assert not mx.nd.zeros((0,))


@pytest.mark.parametrize("name", ["acc", "mse", "ce", "f1", "loss", "custom"])
def test_metrics_take_ndarrays(name: str) -> None:
    labels, scores = np.array([0, 1, 1], np.float32), np.array([[0.8, 0.2], [0.9, 0.1], [0.3, 0.7]], np.float32)
    preds = scores[:, 1] if name == "mse" else scores
    function = mx.metric.np(lambda label, pred: float(((pred > 0.5).argmax(1) == label).mean()))
    values = []
    for wrap in (mx.nd.array, np.asarray):
        metric = function if name == "custom" else mx.metric.create(name)
        metric.reset()
        metric.update([wrap(labels)], [wrap(preds)])
        values.append(metric.get()[1])
    assert values[0] == values[1]


def test_initializers_fill_bare_arrays_through_ndarrays() -> None:
    weight, bias = np.zeros((20, 5), np.float32), np.zeros(4)
    PerWeight(0.25)("fc_weight", weight)
    assert 0.2 < abs(weight).max() <= 0.25
    IntoPlace()("fc_weight", weight)
    IntoPlace()("fc_bias", bias)
    assert 0.9 < abs(weight).max() <= 1
    assert bias.tolist() == [4] * 4
    own = mx.init.InitDesc("any", {"__init__": mx.init.register(PerWeight)(0.25).dumps()})
    mx.init.Zero()(own, weight)
    assert 0.2 < abs(weight).max() <= 0.25


def test_a_class_written_with_numpy_gets_bare_arrays() -> None:
    seen = []

    class Plain(Optimizer):
        def create_state(self, index, weight):
            return np.zeros_like(weight)

        def update(self, index, weight, grad, state):
            seen.extend(map(type, (weight, grad, state)))
            weight[grad > 0] = 0

    assert mx.nd.NDArray  # it has been used
    trained(Plain())
    assert set(seen) == {np.ndarray}


def test_names_that_numpy_and_cupy_share_with_mxnet_leave_arrays_bare() -> None:
    seen = []

    class Plain(Optimizer):
        def update(self, index, weight, grad, state):
            seen.append(type(weight))
            if isinstance(weight, np.ndarray):
                np.copyto(weight, -grad)

    class Mixed(Optimizer):
        def update(self, index, weight, grad, state):
            seen.append(type(weight))
            weight[:] = np.linalg.norm(grad.asnumpy())

    trained(Plain(), steps=1)
    weight, _ = trained(Mixed(), steps=1)
    assert seen[0] is np.ndarray
    assert issubclass(seen[1], mx.nd.NDArray)
    assert (weight > 0).all()


def test_a_list_call_leaves_the_callers_lists_alone() -> None:
    weights, grads = [np.ones(2), np.ones(3)], [np.ones(2), np.ones(3)]
    update = mx.optimizer.get_updater(Momentum(learning_rate=0.5))
    update([0, 1], grads, weights)
    assert {type(one) for one in weights + grads} == {np.ndarray}
    assert [one.tolist() for one in weights] == [[0.5] * 2, [0.5] * 3]


@pytest.mark.parametrize("used", [False, True])
def test_nd_is_imported_only_by_what_uses_it(used: bool) -> None:
    body = "mx.nd.zeros(weight.shape, weight.context)" if used else "weight * 0"
    program = f"""
import sys, numpy as np, mxcore as mx
class Mine(mx.optimizer.Optimizer):
    def create_state(self, index, weight):
        return {body}
    def update(self, index, weight, grad, state):
        state[:] = 0.9 * state - 0.1 * grad
        weight[:] += state
assert "mxcore_nd" not in sys.modules
mx.optimizer.get_updater(Mine())(0, np.ones(2), np.ones(2))
assert ("mxcore_nd" in sys.modules) is {used}
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_no_class_of_this_project_is_handed_ndarrays() -> None:
    for namespace in (mx.optimizer, mx.init):
        for name in dir(namespace):
            found = getattr(namespace, name)
            if isinstance(found, type) and found.__module__.startswith("mxcore"):
                methods = [one.__code__ for one in vars(found).values() if isinstance(one, FunctionType)]
                assert "presented" not in {code.co_name for code in methods}, name
