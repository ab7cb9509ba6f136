"""The double of CuPy refuses what CuPy refuses, has what CuPy has, and catches every kind of mixing in an optimizer."""

import math
from collections.abc import Callable
from typing import Any

import cupy
import numpy as np
import pytest
from device_free.double import Library
from device_free.on_cpu import CudaOnCpu, hosted

import mxcore as mx

HOST = np.arange(6, dtype="f4").reshape(2, 3)

# Mixing that CuPy refuses before it needs a device, so that real arrays can be tested, too.
REFUSED: dict[str, Callable[[Any], Any]] = {
    "implicit conversion": lambda device: np.asarray(device),
    "conversion to a list of arrays": lambda device: np.array([device, device]),
    "host[...] = device": lambda device: HOST.copy().__setitem__(..., device),
    "device[...] = host": lambda device: device.__setitem__(..., HOST),
    "device[0] = host[0]": lambda device: device.__setitem__(0, HOST[0]),
    "device as an index": lambda device: HOST[device],
    "device @ host": lambda device: device @ HOST.T,
    "np.dot": lambda device: np.dot(device, HOST.T),
    "a function CuPy has not": lambda device: np.lexsort(device, unknown=1),
}


@pytest.mark.parametrize("mixing", REFUSED.values(), ids=REFUSED)
def test_the_double_refuses_what_the_real_arrays_refuse(
    mixing: Callable[[Any], Any], cuda: CudaOnCpu, double: Library
) -> None:
    with pytest.raises((TypeError, ValueError)) as real:
        mixing(hosted(HOST.copy()))
    with pytest.raises((TypeError, ValueError)) as ours:
        mixing(double.array(HOST))
    assert ours.type is real.type


def test_what_is_not_refused_gives_arrays_of_the_double(double: Library) -> None:
    device = double.array(HOST)
    total = (device * 2 + np.float32(1)).sum()
    assert type(total) is type(device)
    assert (total.shape, total.dtype) == ((), np.float32)
    assert (
        double.asnumpy(np.sqrt(np.where(device > 1, device, 4))).tolist()
        == np.sqrt(np.where(HOST > 1, HOST, 4)).tolist()
    )
    assert double.asnumpy(np.linalg.norm(device)) == np.linalg.norm(HOST)
    device[0] = 7
    device += device
    assert device.get().tolist() == [[14, 14, 14], [6, 8, 10]]
    assert device.T.get().tolist() == [[14, 6], [14, 8], [14, 10]]


@pytest.mark.parametrize("name", ["busday_count", "nextafter_of", "array_api_version", "spacing", "_private"])
def test_what_cupy_does_not_have_is_not_there(name: str, double: Library) -> None:
    assert not hasattr(cupy, name)
    with pytest.raises(AttributeError):
        getattr(double, name)


@pytest.mark.parametrize(
    "call",
    [
        lambda xp, a: xp.sum(a, where=a > 0),
        lambda xp, a: xp.exp(a, where=a > 0),
        lambda xp, a: np.exp(a, where=[True]),
        lambda xp, a: a.mean(axis=0, where=a > 0),
        lambda xp, a: xp.split(a, 2, 0, "more"),
        lambda xp, a: np.clip(a, 0, 1, where=True),
    ],
)
def test_calls_that_do_not_fit_cupys_signatures_are_refused(call: Any, double: Library) -> None:
    with pytest.raises(TypeError):
        call(double, double.array(HOST))


def test_work_on_another_device_is_refused(double: Library) -> None:
    with double.devices.on(1):
        device = double.array(HOST)
        device + 1
    with pytest.raises(ValueError, match="Array device must be same as the current device"):
        device + 1


# --- planted faults --------------------------------------------------------------------------------------------------


def _assigned(target: Any, values: Any) -> None:
    target[...] = values


FAULTS: dict[str, Callable[[Any, Any], Any]] = {
    "an operand": lambda weight, grad: weight - 0.1 * grad * np.ones(3, "f4"),
    "an operand before": lambda weight, grad: np.ones(3, "f4") * grad,
    "a ufunc": lambda weight, grad: np.maximum(grad, np.zeros(3, "f4")),
    "a ufunc's result": lambda weight, grad: np.sqrt(grad, out=np.zeros(3, "f4")),
    "a function": lambda weight, grad: np.where(np.array([True, False, True]), weight, grad),
    "a function of a list": lambda weight, grad: np.concatenate([grad, np.zeros(3, "f4")]),
    "a method": lambda weight, grad: grad.clip(np.zeros(3, "f4"), 1),
    "an implicit conversion": lambda weight, grad: np.asarray(grad) * 2,
    "an implicit conversion by a function": lambda weight, grad: math.fsum(grad),
    "host[...] = device": lambda weight, grad: _assigned(np.zeros(3, "f4"), grad),
    "device[...] = host": lambda weight, grad: _assigned(weight, np.zeros(3, "f4")),
    "device += host": lambda weight, grad: weight.__iadd__(np.zeros(3, "f4")),
    "host += device": lambda weight, grad: np.zeros(3, "f4").__iadd__(grad),
    "an index": lambda weight, grad: weight[np.array([0, 1])],
    "float()": lambda weight, grad: float(grad[0]),
    "math.sqrt()": lambda weight, grad: math.sqrt(abs(grad).sum()),
    "int()": lambda weight, grad: int(grad.sum()),
    "a branch": lambda weight, grad: weight if grad.sum() > 0 else grad,
    "a position": lambda weight, grad: [1, 2, 3][grad.argmax()],
}


class Planted(mx.optimizer.Optimizer):
    """Gradient descent as array code, with a fault at its end."""

    fault: Any = None

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        self._update_count(index)
        weight -= self._get_lr(index) * np.clip(grad, -1, 1)
        if self.fault is not None:
            self.fault(weight, grad)


def updated(fault: Any, place: Callable[[Any], Any]) -> Any:
    optimizer = Planted(learning_rate=0.5)
    vars(optimizer)["fault"] = fault
    weight = place(np.ones(3, "f4"))
    mx.optimizer.get_updater(optimizer)(0, place(np.array([0.5, 0.25, 4.0], "f4")), weight)
    return weight


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_caught(fault: Any, double: Library) -> None:
    updated(fault, np.array)  # works on the host
    with pytest.raises((TypeError, ValueError)):
        updated(fault, double.array)


def test_without_a_fault_it_runs(double: Library) -> None:
    assert updated(None, double.array).get().tolist() == [0.75, 0.875, 0.5]
