"""Optimizers, initializers and schedulers as people write them for MXNet, for either library.

``tools/record_mxnet_classes.py`` runs them with MXNet, and ``tests/test_mxnet_classes.py`` here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

SHAPES = {"fc_weight": (3, 4), "fc_bias": (4,)}
STEPS = 6


def optimizers(mx: Any) -> dict[str, Any]:  # noqa: C901
    """Return functions that create optimizers, by name."""
    nd = mx.nd

    class Heavy(mx.optimizer.Optimizer):
        """Momentum with in-place operators, and no state without it."""

        def __init__(self, momentum=0.0, **kwargs):
            super().__init__(**kwargs)
            self.momentum = momentum

        def create_state(self, index, weight):
            if self.momentum == 0:
                return None
            return nd.zeros(weight.shape, weight.context, dtype=weight.dtype)

        def update(self, index, weight, grad, state):
            assert isinstance(weight, nd.NDArray)
            lr, wd = self._get_lr(index), self._get_wd(index)
            self._update_count(index)
            grad = grad * self.rescale_grad
            if self.clip_gradient is not None:
                nd.clip(grad, -self.clip_gradient, self.clip_gradient, out=grad)
            if state is None:
                weight[:] += -lr * (grad + wd * weight)
            else:
                state *= self.momentum
                state += -lr * (grad + wd * weight)
                weight[:] += state

    class Fused(mx.optimizer.Optimizer):
        """Adam's fused update with keywords, through a master of its own."""

        def create_state(self, index, weight):
            return tuple(nd.zeros(weight.shape, weight.context, dtype=weight.dtype) for _ in range(2))

        def create_state_multi_precision(self, index, weight):
            if self.multi_precision and weight.dtype == np.float16:
                master = weight.astype(np.float32)
                return self.create_state(index, master), master
            return self.create_state(index, weight)

        def update_multi_precision(self, index, weight, grad, state):
            self._update_count(index)
            t = self._index_update_count[index]
            lr = self._get_lr(index) * math.sqrt(1 - 0.99**t) / (1 - 0.9**t)
            known = {"beta1": 0.9, "beta2": 0.99, "rescale_grad": self.rescale_grad, "wd": self._get_wd(index)}
            if self.clip_gradient:
                known["clip_gradient"] = self.clip_gradient
            if weight.dtype == np.float16:
                (mean, var), master = state
                nd.adam_update(master, grad.astype("float32"), mean, var, out=master, lr=lr, **known)
                weight[:] = master.astype(weight.dtype)
            else:
                mean, var = state
                nd.adam_update(weight, grad, mean, var, out=weight, lr=lr, **known)

    class Blockwise(mx.optimizer.Optimizer):
        """A learning rate for each row, and shapes that depend on names."""

        def create_state(self, index, weight):
            self.rows = weight.shape[0] if self.idx2name[index].endswith("weight") else 1
            return nd.full((self.rows,), 0.5, ctx=weight.context), nd.zeros_like(weight)

        def update(self, index, weight, grad, state):
            self._update_count(index)
            scale, total = state
            square = nd.square(grad)
            matrix = len(weight.shape) == 2
            scale[:] = 0.9 * scale + 0.1 * (nd.mean(square, axis=1) if matrix else nd.mean(square))
            step = (grad.T / nd.sqrt(scale)).T if matrix else nd.broadcast_div(grad, scale.sqrt())
            total[:] = nd.elemwise_add(total, nd.abs(step))
            weight[:] -= self._get_lr(index) * nd.where(total > 2, nd.sign(step), step)

    class Nested(mx.optimizer.Optimizer):
        """A dict as state, arrays on the optimizer, and numbers from arrays."""

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.anchors = {}

        def create_state(self, index, weight):
            self.anchors[index] = weight.copy()
            return {"calls": 0, "sum": [nd.zeros(weight.shape)]}

        def update(self, index, weight, grad, state):
            self._update_count(index)
            state["calls"] += 1
            state["sum"][0] += grad**2
            new = weight - self.lr * grad / (state["sum"][0].sqrt() + 1e-3)
            new.copyto(weight)
            top = nd.topk(nd.abs(weight).reshape((-1,)), k=2, ret_typ="value")
            weight[:] = nd.minimum(weight, top[1])
            if state["calls"] % 2 == 0:
                anchor = self.anchors[index]
                anchor[:] += 0.5 * (weight - anchor)
                weight[0] = anchor[0]
                weight *= 1 / max(1.0, nd.norm(weight).asscalar())

    class Through(mx.optimizer.Optimizer):
        """NumPy in between."""

        def create_state(self, index, weight):
            return nd.array(np.zeros(weight.shape), ctx=weight.context)

        def update(self, index, weight, grad, state):
            self._update_count(index)
            mean = 0.9 * state.asnumpy() + 0.1 * np.clip(grad.asnumpy(), -1, 1)
            state[:] = mean
            weight[:] = weight.asnumpy() - self._get_lr(index) * mean
            weight[0:1] = weight[0:1] + nd.ones(weight[0:1].shape)

    class Delegating(mx.optimizer.Optimizer):
        """Does not call the constructor of its base class, and hands everything to another optimizer."""

        def __init__(self, **kwargs):
            self._inner_one = mx.optimizer.create("adam", **kwargs)

        def __getattr__(self, name):
            return getattr(self._inner_one, name)

        def create_state_multi_precision(self, index, weight):
            return self._inner_one.create_state_multi_precision(index, weight)

        def update_multi_precision(self, index, weight, grad, state):
            self._inner_one.update_multi_precision(index, weight, grad * 0.5, state)

    known = {"learning_rate": 0.1, "wd": 0.01, "rescale_grad": 0.5, "clip_gradient": 0.4}
    return {
        "heavy": lambda **names: Heavy(momentum=0.9, **known, **names),
        "heavy without state": lambda **names: Heavy(**known, **names),
        "fused": lambda **names: Fused(**known, **names),
        "fused half": lambda **names: Fused(multi_precision=True, **known, **names),
        "blockwise": lambda **names: Blockwise(learning_rate=0.1, **names),
        "nested": lambda **names: Nested(0.5, learning_rate=0.1, **names),
        "through": lambda **names: Through(learning_rate=0.1, **names),
        "delegating": lambda **names: Delegating(learning_rate=0.1, **names),
    }


def schedules(mx: Any) -> dict[str, Any]:
    """Return functions that create schedules, by name."""

    class Warm(mx.lr_scheduler.LRScheduler):
        def __init__(self, steps, warmup):
            super().__init__()
            self.steps, self.warmup, self.at = steps, warmup, 0

        def __call__(self, num_update):
            if num_update <= self.warmup:
                return num_update * self.base_lr / self.warmup
            while self.at < len(self.steps) and num_update > self.steps[self.at]:
                self.at += 1
                self.base_lr *= 0.5
            return self.base_lr

    class Bare(mx.lr_scheduler.LRScheduler):
        def __init__(self, base_lr, size):  # without the constructor of the base class
            self.base_lr, self.size = base_lr, size

        def __call__(self, num_update):
            return self.base_lr / self.size

    class Epochs(mx.lr_scheduler.MultiFactorScheduler):
        def __init__(self, epochs, size):
            super().__init__(step=[size * one for one in epochs], factor=0.5)

        def __call__(self, num_update):
            return 2 * super().__call__(num_update)

    return {
        "warm": lambda: Warm([3, 5], 2), "bare": lambda: Bare(0.4, 4), "epochs": lambda: Epochs([1, 2], 2),
        "function": lambda: lambda num_update: 0.1 / num_update,
    }  # fmt: skip


def initializers(mx: Any) -> dict[str, Any]:  # noqa: C901
    """Return functions that create initializers, by name."""
    nd = mx.nd

    class Value(mx.init.Initializer):
        def __init__(self, value):
            value = value.asnumpy().tolist() if isinstance(value, nd.NDArray) else value
            super().__init__(value=value)
            self.value = value

        def _init_weight(self, _, arr):
            arr[:] = nd.array(self.value)[0, 1] * 2

        def _init_bias(self, _, arr):
            arr[:] = np.arange(arr.shape[0])

    class Loops(mx.init.Initializer):
        def _init_weight(self, _, arr):
            for row in range(arr.shape[0]):
                for column in range(arr.shape[1]):
                    arr[row, column] = 10 * row + column
            arr[:, 1] = 3

    class Scaled(mx.initializer.Initializer):
        def __init__(self):
            super().__init__()
            self.base = mx.init.Constant(2.0)

        def _init_weight(self, name, arr):
            self.base._init_weight(name, arr)
            arr[:] = nd.log(arr[:])
            arr *= 3

    class Called(mx.init.Initializer):
        def __call__(self, desc, arr):
            if desc.endswith("bias"):
                self._init_bias(desc, arr)
            else:
                mx.random.uniform(-1, 1, out=arr)
                arr[:] = nd.sqrt(nd.sum(nd.square(arr), axis=0, keepdims=True)) > 0

    class Normed(mx.init.Initializer):
        def _init_weight(self, _, arr):
            drawn = mx.random.normal(shape=arr.shape, dtype=arr.dtype, ctx=arr.context)
            drawn = drawn / nd.maximum(drawn.norm(axis=0, keepdims=True), 1e-12)
            mx.nd.random.normal(0, 0.1, shape=arr.shape, out=arr)
            arr[:] = nd.broadcast_like(nd.norm(drawn, axis=0, keepdims=True), arr)

    return {
        "value": lambda: Value([[1, 2], [3, 4]]), "value of an array": lambda: Value(nd.array([[1, 2], [3, 4]])),
        "loops": Loops, "scaled": Scaled, "called": Called, "normed": Normed,
    }  # fmt: skip


def results(mx: Any) -> dict[str, Any]:
    """Return what all of them compute, as arrays of NumPy."""
    found = {}
    made = {
        name: lambda make=make: make(param_idx2name=dict(enumerate(SHAPES))) for name, make in optimizers(mx).items()
    }
    for name, make in schedules(mx).items():
        made[f"sgd {name}"] = lambda make=make: mx.optimizer.create("sgd", lr_scheduler=make())
    for name, make in made.items():
        rng = np.random.RandomState(0)
        update, dtype = mx.optimizer.get_updater(make()), "float16" if "half" in name else "float32"
        weights = [mx.nd.array(rng.normal(size=shape), dtype=dtype) for shape in SHAPES.values()]
        for _ in range(STEPS):
            for index, weight in enumerate(weights):
                update(index, mx.nd.array(rng.normal(size=weight.shape), dtype=dtype), weight)
        found.update({f"{name}/{one}": weights[index].asnumpy() for index, one in enumerate(SHAPES)})
    for name, make in initializers(mx).items():
        for one, shape in SHAPES.items():
            array = mx.nd.zeros(shape)
            make()(mx.init.InitDesc(one), array)
            found[f"{name}/{one}"] = array.asnumpy()
    return found
