"""Every recorded call of an operator of ``mx.symbol`` on a double of CuPy: the bits of NumPy, forward and backward."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from device_free.double import Library
from mxcore_module.executor import Executor

import mxcore as mx

TABLE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "plugins/module/tests/golden/operator_cases.py"))


def passes(name: str, context: Any) -> list[Any]:
    """Return the outputs, gradients and states of a case."""
    with mx.name.NameManager():
        net, shapes, value = TABLE["prepared"](name, mx.symbol, mx.rnn)
    run = Executor.allocate(net, context, shapes)
    for key, array in {**run.arg_dict, **run.aux_dict}.items():
        run.fill(key, value(key, array.shape))
    outputs = run.forward(is_train=True)
    run.backward([TABLE["values"](f"{name}/head", "normal", one.shape) for one in outputs])
    found = [*outputs, *run.grad_dict.values(), *run.aux_dict.values()]
    return [context.backend.to_host(array) for array in found]


@pytest.mark.parametrize("name", TABLE["CASES"])
def test_an_operator_has_the_bits_of_numpy(name: str, double: Library) -> None:
    for on_cpu, on_gpu in zip(passes(name, mx.cpu()), passes(name, mx.gpu(1)), strict=True):
        np.testing.assert_array_equal(on_gpu, on_cpu)
