"""Lists with arrays on two devices."""

from typing import Any

import numpy as np
import pytest
from rule_runs import Run, assert_same_bits, on_host, values

import mxcore as mx
from mxcore.backend import BackendError, Context


@pytest.mark.parametrize("name", ["adam", "lamb", "groupadagrad"])
def test_each_device_updates_its_own(name: str, gpu: Context, second: Context) -> None:
    contexts = [gpu, second]
    sizes = (4096, 40_000, 1, 100)
    rng = np.random.default_rng(1)
    places = (on_host, lambda array, number: contexts[number % 2].array(array))
    runs = [Run(name, {}, values("f4", sizes), place) for place in places]
    for _ in range(2):
        grads = [rng.normal(size=size).astype("f4") for size in sizes]
        for run in runs:
            run.step(grads)
    host, device = runs
    assert_same_bits([gpu.backend.to_host(array) for array in device.placed], host.host)


def test_the_current_device_stays_the_current_one(gpu: Context, second: Context, xp: Any) -> None:
    weight = second.array(np.ones(3, "f4"))
    with xp.cuda.Device(0):
        mx.optimizer.get_updater(mx.optimizer.SGD())(0, second.array(np.ones(3, "f4")), weight)
        assert xp.cuda.runtime.getDevice() == 0
    assert weight.device.id == 1


def test_arrays_of_a_parameter_on_two_devices_are_refused(gpu: Context, second: Context) -> None:
    with pytest.raises(ValueError, match=r"is on gpu\(1\), its weight on gpu\(0\)"):
        mx.optimizer.get_updater(mx.optimizer.SGD())(0, second.array(np.ones(3, "f4")), gpu.array(np.ones(3, "f4")))


def test_a_device_too_many_is_an_error(gpu: Context) -> None:
    with pytest.raises(BackendError, match=r"gpu\(99\) was asked for"):
        mx.gpu(99).array([1.0])
