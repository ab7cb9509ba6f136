"""What optimizers and initializers in public repositories do that no signature of MXNet's says."""

import importlib
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import mxcore as mx

Arrays = Any


@pytest.mark.parametrize("given", [np.array([0.5]), np.array(0.5), np.float32(0.5), np.array([[0.5]])])
def test_rescale_grad_is_assigned_an_array_of_one_element(given: Any) -> None:
    optimizer = mx.optimizer.SGD(learning_rate=1.0, rescale_grad=given)
    optimizer.rescale_grad = 1.0
    optimizer.rescale_grad = given
    weight = np.ones(2, np.float32)
    mx.optimizer.get_updater(optimizer)(0, np.ones(2, np.float32), weight)
    assert weight.tolist() == [0.5, 0.5]
    assert type(optimizer.rescale_grad) is float


def test_rescale_grad_of_several_elements_is_refused() -> None:
    optimizer = mx.optimizer.SGD()
    with pytest.raises(ValueError, match="rescale_grad"):
        optimizer.rescale_grad = np.ones(2)
    assert optimizer.rescale_grad == 1.0


def test_kwargs_of_an_initializer_are_those_of_dumps() -> None:
    class Mine(mx.init.Initializer):
        def __init__(self, values: Arrays, scale: float) -> None:
            super().__init__(values=values, scale=scale)

        def dumps(self) -> str:
            self._kwargs["values"] = self._kwargs["values"].tolist()
            return json.dumps(["mine", self._kwargs])

    for initializer in (mx.init.Constant(np.array([1.0, 2.0])), mx.init.Xavier(magnitude=2), mx.init.Zero()):
        name, arguments = json.loads(initializer.dumps())
        assert initializer._kwargs == arguments
        assert mx.init.create(json.dumps([name, initializer._kwargs])) == initializer
    assert mx.init.Xavier(magnitude=2)._kwargs["magnitude"] == 2
    assert json.loads(Mine(np.array([1.0]), 2).dumps()) == ["mine", {"values": [1.0], "scale": 2}]


def test_classes_made_at_run_time_from_all_built_in_ones_are_registered_under_their_names() -> None:
    made = {}
    for name in dir(mx.optimizer):
        base = getattr(mx.optimizer, name)
        if isinstance(base, type) and issubclass(base, mx.optimizer.SGD):

            def update(self: Any, index: Any, weight: Arrays, grad: Arrays, state: Any, base: Any = base) -> None:
                base.update(self, index, weight, 2 * grad, state)

            made[name] = type(f"Doubled{name}", (base,), {"update": update})
            mx.optimizer.Optimizer.register(made[name])
    assert "SGD" in made
    optimizer = mx.optimizer.create("doubledsgd", learning_rate=0.25)
    assert type(optimizer) is made["SGD"] is mx.optimizer.DoubledSGD
    assert mx.optimizer.registry.name_of(made["SGD"]) == "doubledsgd"
    weight = np.ones(2)
    updater = mx.optimizer.get_updater(optimizer)
    updater(0, np.ones(2), weight)
    assert weight.tolist() == [0.5, 0.5]
    updater.set_states(updater.get_states(dump_optimizer=True))
    assert type(updater.optimizer) is made["SGD"]


def test_arguments_named_kwargs_may_be_positional_and_kept() -> None:
    @mx.optimizer.register
    class Positional(mx.optimizer.Optimizer):
        def __init__(self, power: float = 1.0, *kwargs: Any) -> None:
            super().__init__(*kwargs)
            self.power, self.kwargs = power, kwargs

        def update(self, index: Any, weight: Arrays, grad: Arrays, state: Any) -> None:
            self._update_count(index)
            weight -= self._get_lr(index) * self.rescale_grad * grad**self.power

    class Kept(Positional):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(2.0, 0.5)
            self.kwargs = kwargs
            self.lr = kwargs.get("learning_rate", 0.01)

    optimizer = mx.optimizer.create("positional", 2.0, 0.5, {0: "fc_weight"}, 0.1)
    assert (optimizer.rescale_grad, optimizer.idx2name, optimizer.wd) == (0.5, {0: "fc_weight"}, 0.1)
    weight = np.ones(1)
    update = mx.optimizer.get_updater(Kept(learning_rate=0.5))
    update(0, np.full(1, 2.0), weight)
    assert weight.tolist() == [0.0]
    update.set_states(update.get_states(dump_optimizer=True))
    assert update.optimizer.kwargs["learning_rate"] == 0.5
    assert "kwargs" not in repr(update.optimizer)


@pytest.mark.parametrize("with_rule", [True, False])
def test_a_scheduler_may_return_a_tuple_to_an_overridden_get_lr(with_rule: bool) -> None:
    class Cycle(mx.lr_scheduler.LRScheduler):
        def __call__(self, num_update: int) -> Any:
            return 0.5 / num_update, 0.0

    class Cycled(mx.optimizer.SGD):
        def _get_lr(self, index: Any) -> float:
            rate, self.other = self.lr_scheduler(self.num_update)
            return rate

    class InCode(Cycled):
        def update(self, index: Any, weight: Arrays, grad: Arrays, state: Any) -> None:
            self._update_count(index)
            weight -= self._get_lr(index) * grad

    optimizer = (Cycled if with_rule else InCode)(lr_scheduler=Cycle())
    updater = mx.optimizer.get_updater(optimizer)
    weight = np.ones(1)
    for _ in range(2):
        updater(0, np.ones(1), weight)
    assert weight.tolist() == [0.25]
    updater.set_states(updater.get_states(dump_optimizer=True))
    updater([0], [np.ones(1)], [weight])
    assert weight[0] == pytest.approx(0.25 - 0.5 / 3)


def test_dumps_names_the_class_even_if_an_alias_was_registered_first() -> None:
    @mx.init.register
    @mx.init.alias("doubled_xavier")
    class Doubled(mx.init.Xavier):
        pass

    assert json.loads(Doubled(magnitude=2).dumps())[0] == "doubled"
    assert type(mx.init.create(Doubled().dumps())) is Doubled


@pytest.mark.parametrize("name", ["sgd", "lamb", "lars"])
def test_a_class_that_expects_lists_as_mxnet_passes_them_to_its_parent(name: str) -> None:
    parent = type(mx.optimizer.create(name))

    class Averaging(parent):  # type: ignore[misc, valid-type]
        def __init__(self, **kwargs: Any) -> None:
            self.slow: dict[Any, Any] = {}
            super().__init__(**kwargs)
            self._fast = super().update_multi_precision

        def update(self, index: Any, weight: Arrays, grad: Arrays, state: Any) -> None:
            raise AssertionError("updaters of MXNet don't call it")

        def update_multi_precision(self, index: Any, weight: Arrays, grad: Arrays, state: Any) -> None:
            before = [one.copy() for one in weight]
            self._fast(index, weight, grad, state)
            for one, array, former in zip(index, weight, before, strict=True):
                self.slow[one] = array.copy()
                array[:] = (array + former) / 2

    weights = [np.ones((2, 3), np.float32), np.full(2, 2, np.float32)]
    others = [weight.copy() for weight in weights]
    grads = [np.full_like(weight, 0.5) for weight in weights]
    averaging = Averaging(learning_rate=0.1)
    mx.optimizer.get_updater(averaging)([0, 1], grads, weights)
    mx.optimizer.get_updater(parent(learning_rate=0.1))([0, 1], grads, others)
    for index, (weight, other) in enumerate(zip(weights, others, strict=True)):
        np.testing.assert_array_equal(averaging.slow[index], other)
        np.testing.assert_allclose(weight, (other + 1 + index) / 2, rtol=1e-6)
    assert averaging.num_update == 1


@pytest.mark.parametrize("program", [
    "import mxcore.ndarray as nd; found = nd.zeros", "from mxcore.ndarray import zeros as found",
    "from mxcore.nd.contrib import adamw_update as found", "from mxcore.ndarray.random import uniform as found",
    "from mxcore.metric import EvalMetric as found", "from mxcore.io import DataIter, DataBatch as found",
    "from mxcore.mod import Module as found", "from mxcore.symbol import Variable, FullyConnected as found",
    "from mxcore.context import cpu as found", "from mxcore.init import Xavier as found",
    "from mxcore.random import randint as found", "import mxcore.kv; found = mxcore.kv.create",
])  # fmt: skip
def test_namespaces_are_imported_like_submodules(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; print(found.__module__)"], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.startswith("mxcore")


def test_a_namespace_is_one_module_under_all_of_its_names() -> None:
    for name in ("nd", "ndarray", "io", "metric", "symbol", "sym", "mod"):
        module = getattr(mx, name)
        assert importlib.import_module(f"mxcore.{name}") is module
        assert module.__spec__.name == module.__name__
    assert importlib.import_module("mxcore.ndarray.contrib") is mx.nd.contrib
    for absent in ("gluon", "nothing", "num_gpus", "__nothing__", "nd.nothing"):
        with pytest.raises(ModuleNotFoundError, match=f"mxcore.{absent}"):
            importlib.import_module(f"mxcore.{absent}")
