"""Record what MXNet 1.9.1 computes for the cases of ``operator_cases.py``: run it with a Python that has MXNet.

For each case there are the names (arguments, outputs, auxiliary states), the outputs of training (``out``) and of
prediction (``predict``), the gradients (``grad``) for normally distributed gradients of the outputs, and the auxiliary
states after one pass (``aux``). Where MXNet has no gradient, there is none here.
"""

import pathlib
import sys

import mxnet as mx
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from operator_cases import CASES, prepared, values  # noqa: E402


def record(name):
    with mx.name.NameManager():
        net, shapes, value = prepared(name, mx.sym, mx.rnn)
    arguments, states = net.list_arguments(), net.list_auxiliary_states()
    found = {"names": np.array([",".join(part) for part in (arguments, net.list_outputs(), states)])}
    integers = [key for key, one in CASES[name][1].items() if str(one[0]).startswith(("below", "length"))]
    requests = {key: "null" if key in integers else "write" for key in arguments}
    try:
        run = net.simple_bind(mx.cpu(), grad_req=requests, **shapes)
    except RuntimeError as error:
        print(name, "has no gradient:", str(error)[-100:].replace("\n", " "))
        run = net.simple_bind(mx.cpu(), grad_req="null", **shapes)

    def fill():
        for key, array in list(run.arg_dict.items()) + list(run.aux_dict.items()):
            array[:] = value(key, array.shape)

    fill()
    found.update({f"predict{k}": one.asnumpy() for k, one in enumerate(run.forward(is_train=False))})
    fill()
    outputs = run.forward(is_train=True)
    heads = [values(f"{name}/head{k}", "normal", one.shape) for k, one in enumerate(outputs)]
    found.update({f"out{k}": one.asnumpy() for k, one in enumerate(outputs)})
    try:
        run.backward([mx.nd.array(head) for head in heads])
        found.update({f"grad/{key}": one.asnumpy() for key, one in run.grad_dict.items() if one is not None})
    except mx.base.MXNetError as error:
        print(name, "has no gradient:", str(error)[:100].replace("\n", " "))
    found.update({f"aux/{key}": one.asnumpy() for key, one in run.aux_dict.items()})
    return {
        key: one
        for key, one in found.items()
        if not (key.startswith("predict") and np.array_equal(one, found["out" + key[7:]]))
    }


if __name__ == "__main__":
    everything = {}
    for case in CASES:
        try:
            everything.update({f"{case}|{key}": array for key, array in record(case).items()})
        except Exception as error:
            print("FAILED", case, str(error)[:300])
    np.savez_compressed(HERE / "operators.npz", **everything)
