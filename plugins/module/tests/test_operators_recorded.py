"""Operators and their gradients against numbers recorded from MXNet 1.9.1; see golden/record_operators.py."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from mxcore_module.executor import Executor

import mxcore as mx

GOLDEN = Path(__file__).parent / "golden"
TABLE = runpy.run_path(str(GOLDEN / "operator_cases.py"))
RECORDED: dict[str, dict[str, np.ndarray]] = {}
with np.load(GOLDEN / "operators.npz") as file:
    for key, array in file.items():
        case, _, what = key.partition("|")
        RECORDED.setdefault(case, {})[what] = array


def test_every_case_was_recorded():
    assert set(TABLE["CASES"]) == set(RECORDED)


def computed(name, recorded):
    with mx.name.NameManager():
        net, shapes, value = TABLE["prepared"](name, mx.symbol, mx.rnn)
    parts = net.list_arguments(), net.list_outputs(), net.list_auxiliary_states()
    found = {"names": np.array([",".join(part) for part in parts])}
    run = Executor.allocate(net, mx.cpu(), shapes)

    def fill():
        for key, array in {**run.arg_dict, **run.aux_dict}.items():
            array[...] = value(key, array.shape)

    fill()
    found |= {f"predict{number}": one for number, one in enumerate(run.forward(is_train=False))}
    fill()
    outputs = run.forward(is_train=True)
    found |= {f"out{number}": one for number, one in enumerate(outputs)}
    if any(key.startswith("grad/") for key in recorded):
        run.backward([TABLE["values"](f"{name}/head{k}", "normal", one.shape) for k, one in enumerate(outputs)])
        found |= {f"grad/{key}": one for key, one in run.grad_dict.items()}
    return found | {f"aux/{key}": one for key, one in run.aux_dict.items()}


# MXNet's gradient of selu takes the output for the input below 0, and out_grad takes it for the gradient from above.
WRONG = {("selu", "grad/x"), ("softmax output, out_grad", "grad/x")}


@pytest.mark.parametrize("name", RECORDED)
def test_names_outputs_and_gradients_are_those_of_mxnet(name):
    recorded = RECORDED[name]
    found = computed(name, recorded)
    assert found["names"].tolist() == recorded["names"].tolist()
    for key, wanted in recorded.items():
        if key != "names" and (name, key) not in WRONG:
            assert found[key].shape == wanted.shape, key
            np.testing.assert_allclose(found[key], wanted, rtol=2e-4, atol=2e-5, err_msg=key)
