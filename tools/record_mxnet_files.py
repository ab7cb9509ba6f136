"""Record files that MXNet 1.9.1 writes: ``python tools/record_mxnet_files.py`` in an environment with it.

That is Python 3.8 with mxnet 1.9.1 and numpy 1.23. The ``.params``, ``.states`` and ``-symbol.json`` files go to
``tests/golden/mxnet-files``, and to ``expected.npz`` there the weights that MXNet reaches when it loads the states
again and goes on. ``index.json`` says which is which.
"""

import json
from pathlib import Path

import mxnet as mx
import numpy as np

HERE = Path(__file__).parent.parent / "tests" / "golden" / "mxnet-files"
SHAPES = {"fc_weight": (3, 4), "fc_bias": (4,)}
NAMES = dict(enumerate(SHAPES))
STEPS = 3
COMMON = {"learning_rate": 0.05, "wd": 0.01, "rescale_grad": 0.5, "clip_gradient": 2.0}
RUNS = {
    "sgd": ("sgd", {}),
    "sgd-momentum": ("sgd", {"momentum": 0.9}),
    "sgd-half": ("sgd", {"momentum": 0.9, "multi_precision": True}),
    "sgd-half-plain": ("sgd", {"multi_precision": True}),
    "ccsgd": ("ccsgd", {"momentum": 0.9}),
    "nag": ("nag", {"momentum": 0.9, "wd": 0.0}),
    "nag-half": ("nag", {"momentum": 0.9, "wd": 0.0, "multi_precision": True}),
    "adam": ("adam", {}),
    "adam-half": ("adam", {"multi_precision": True}),
    "adagrad": ("adagrad", {}),
    "rmsprop": ("rmsprop", {}),
    "rmsprop-centered": ("rmsprop", {"centered": True, "clip_weights": 1.0}),
    "adadelta": ("adadelta", {"learning_rate": None, "wd": 0.001}),
    "ftrl": ("ftrl", {}),
    "ftml": ("ftml", {}),
    "adamax": ("adamax", {}),
    "nadam": ("nadam", {}),
    "signum": ("signum", {"wd_lh": 0.01}),
    "lamb": ("lamb", {}),
    "lamb-half": ("lamb", {"multi_precision": True}),
    "lars": ("lars", {"momentum": 0.9, "eta": 0.1}),
    "lbsgd": ("lbsgd", {"momentum": 0.9, "warmup_strategy": "power2", "batch_scale": 2, "updates_per_epoch": 3}),
    "dcasgd": ("dcasgd", {"lamda": 0.5}),
    "groupadagrad": ("groupadagrad", {"wd": 0.0}),
    "adam-factor": ("adam", {"lr_scheduler": ("FactorScheduler", {"step": 2, "factor": 0.5, "base_lr": 0.1})}),
    "sgd-multifactor": (
        "sgd",
        {"momentum": 0.9, "lr_scheduler": ("MultiFactorScheduler", {"step": [1, 4], "factor": 0.5, "base_lr": 0.1})},
    ),
    "sgd-poly": ("sgd", {"lr_scheduler": ("PolyScheduler", {"max_update": 8, "base_lr": 0.1, "pwr": 2})}),
    "sgd-cosine": (
        "sgd",
        {"lr_scheduler": ("CosineScheduler", {"max_update": 8, "base_lr": 0.1, "final_lr": 0.01, "warmup_steps": 2})},
    ),
    "adam-multipliers": ("adam", {"begin_num_update": 10}),
}


def options(given):
    found = {name: value for name, value in {**COMMON, **given}.items() if value is not None}
    if "lr_scheduler" in found:
        name, arguments = found["lr_scheduler"]
        found["lr_scheduler"] = getattr(mx.lr_scheduler, name)(**arguments)
        del found["learning_rate"]
    return found


def make(name, given, names):
    optimizer = mx.optimizer.create(name, param_idx2name=names, **options(given))
    if "begin_num_update" in given:
        optimizer.set_lr_mult({"fc_bias": 2.0})
        optimizer.set_wd_mult({"fc_weight": 0.5})
    return optimizer


def step(updater, weights, grads):
    for index in range(len(weights)):
        updater(index, mx.nd.array(grads[index], dtype=weights[index].dtype), weights[index])


def record_states(arrays, index):
    rng = np.random.default_rng(7)
    for run, (name, given) in RUNS.items():
        dtype = "float16" if "half" in run else "float32"
        names = {0: "fc_weight"} if name in ("groupadagrad", "nadam") else NAMES
        shapes = [SHAPES[one] for one in names.values()]
        grads = [[rng.normal(size=shape).astype(dtype) for shape in shapes] for _ in range(2 * STEPS)]
        weights = [mx.nd.array(rng.normal(size=shape), dtype=dtype) for shape in shapes]
        updater = mx.optimizer.get_updater(make(name, given, names))
        for number in range(STEPS):
            step(updater, weights, grads[number])
        middle = [one.copy() for one in weights]
        for kind, dump in (("plain", False), ("optimizer", True)):
            data = updater.get_states(dump_optimizer=dump)
            (HERE / (f"{run}-{kind}.states")).write_bytes(data)
            again = mx.optimizer.get_updater(make(name, given, names))
            again.set_states(data)
            weights = [one.copy() for one in middle]
            for number in range(STEPS, 2 * STEPS):
                step(again, weights, grads[number])
            for one, array in zip(names.values(), weights):  # noqa: B905 - of Python 3.10
                arrays[f"{run}/{kind}/{one}"] = array.asnumpy()
        for number, one in names.items():
            arrays[f"{run}/before/{one}"] = middle[number].asnumpy()
            for at in range(STEPS):
                arrays[f"{run}/grads/{at}/{one}"] = grads[STEPS + at][number]
        kept = {key: value for key, value in {**COMMON, **given}.items() if value is not None}
        if "lr_scheduler" in kept:
            del kept["learning_rate"]
        index["states"][run] = {"optimizer": name, "arguments": kept, "names": list(names.values())}


def record_params(index):
    rng = np.random.default_rng(3)
    matrix = mx.nd.array(rng.normal(size=(2, 3)))
    mx.nd.save(str(HERE / "list.params"), [matrix, mx.nd.arange(4)])
    mx.nd.save(str(HERE / "one.params"), matrix)
    mx.nd.save(str(HERE / "dict.params"), {"weight": matrix, "bias": mx.nd.array([1, 2, 3])})
    mx.nd.save(str(HERE / "none.params"), [])
    dtypes = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool")
    mx.nd.save(str(HERE / "dtypes.params"), {one: mx.nd.array([0, 1, 1], dtype=one) for one in dtypes})
    mx.nd.save(str(HERE / "sparse.params"), {"x": mx.nd.array([[0, 0], [1, 2]]).tostype("row_sparse")})
    with mx.util.np_shape(True):
        mx.nd.save(
            str(HERE / "shapes.params"), {"scalar": mx.np.array(3.0).as_nd_ndarray(), "empty": mx.nd.zeros((0, 3))}
        )
    index["params"] = {"matrix": matrix.asnumpy().tolist()}


def network():
    data = mx.sym.Variable("data")
    weight = mx.sym.Variable("fc1_weight", lr_mult=2.0, wd_mult=0.5, init=mx.init.Xavier(magnitude=2))
    hidden = mx.sym.FullyConnected(data, weight=weight, num_hidden=5, name="fc1", attr={"__mine__": "first"})
    hidden = mx.sym.BatchNorm(hidden, name="bn", fix_gamma=False)
    hidden = mx.sym.Activation(hidden, act_type="tanh", name="act")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(hidden, num_hidden=3, name="fc2"), name="softmax")


def record_module(arrays, index):
    rng = np.random.default_rng(11)
    data, label = rng.normal(size=(24, 4)).astype("float32"), rng.integers(0, 3, 24).astype("float32")
    settings = {"learning_rate": 0.1, "momentum": 0.9, "wd": 0.001}
    batches = mx.io.NDArrayIter(data, label, batch_size=8)
    module = mx.mod.Module(network())
    module.fit(batches, optimizer="sgd", optimizer_params=settings, initializer=mx.init.Xavier(), num_epoch=2)
    prefix = str(HERE / "net")
    module.save_checkpoint(prefix, 2, save_optimizer_states=True)
    module.save_params(str(HERE / "saved.params"))
    batches.reset()
    module = mx.mod.Module.load(prefix, 2, load_optimizer_states=True)
    module.bind(batches.provide_data, batches.provide_label)
    arrays["module/predicted"] = module.predict(batches).asnumpy()
    module = mx.mod.Module.load(prefix, 2, load_optimizer_states=True)
    batches.reset()
    module.fit(batches, optimizer="sgd", optimizer_params=settings, begin_epoch=2, num_epoch=4)
    for found in module.get_params():
        arrays.update({f"module/after/{name}": one.asnumpy() for name, one in found.items()})
    arrays["module/data"], arrays["module/label"] = data, label
    index["module"] = {"settings": settings}


def record_devices():
    """Record states of a Module on two devices, which are kept in a store by name, or twice by number without one."""
    net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc"), name="softmax")
    batches = mx.io.NDArrayIter(np.ones((8, 3)), np.arange(8) % 2, batch_size=4)
    for name, store in (("store", "local"), ("devices", None)):
        module = mx.mod.Module(net, context=[mx.cpu(0), mx.cpu(1)])
        module.fit(batches, optimizer_params={"momentum": 0.9}, num_epoch=1, kvstore=store)
        updater = module._kvstore._updater if store else module._updater
        (HERE / f"{name}-plain.states").write_bytes(updater.get_states())
        (HERE / f"{name}-optimizer.states").write_bytes(updater.get_states(dump_optimizer=True))


def record_symbols():
    network().save(str(HERE / "mlp-symbol.json"))
    a, b = mx.sym.Variable("a", shape=(2, 3)), mx.sym.Variable("b", dtype="float64")
    both = mx.sym.Group([2 * a + b, mx.sym.Dropout(mx.sym.Flatten(a - b), p=0.25, name="drop")])
    both.save(str(HERE / "group-symbol.json"))
    image = mx.sym.Convolution(mx.sym.Variable("data"), kernel=(3, 3), num_filter=2, name="conv")
    mx.sym.Flatten(image).save(str(HERE / "convolution-symbol.json"))


def main():
    HERE.mkdir(exist_ok=True)
    mx.random.seed(5)
    arrays, index = {}, {"mxnet": mx.__version__, "states": {}}
    record_params(index)
    record_states(arrays, index)
    record_module(arrays, index)
    record_devices()
    record_symbols()
    np.savez_compressed(str(HERE / "expected.npz"), **arrays)
    (HERE / "index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
