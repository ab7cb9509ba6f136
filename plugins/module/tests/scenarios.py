"""Programs that run under MXNet 1.9.1 as they do here, for the numbers in ``golden/scenarios.json``.

``python scenarios.py mxnet golden/scenarios.json`` records them where MXNet is installed.
"""

import importlib
import json
import struct
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


def numbers(arrays):
    return {name: np.asarray(array.asnumpy(), np.float64).round(6).tolist() for name, array in sorted(arrays.items())}


def params(mx, shapes):
    rng = np.random.RandomState(7)
    return {name: mx.nd.array(rng.randn(*shape)) for name, shape in shapes.items()}


def samples(rows, columns, classes=3):
    rng = np.random.RandomState(3)
    return rng.randn(rows, columns).astype("float32"), rng.randint(0, classes, rows).astype("float32")


def normalized(mx):
    hidden = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=5, name="fc1")
    hidden = mx.sym.BatchNorm(mx.sym.Activation(hidden, act_type="tanh"), name="bn", fix_gamma=False)
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(hidden, num_hidden=3, name="fc2"), name="softmax")


@scenario
def contexts(mx):
    """Train on one to three contexts, with and without a store."""
    found = {}
    shapes = {
        "fc1_weight": (5, 4),
        "fc1_bias": (5,),
        "bn_gamma": (5,),
        "bn_beta": (5,),
        "fc2_weight": (3, 5),
        "fc2_bias": (3,),
    }
    aux = {"bn_moving_mean": mx.nd.zeros((5,)), "bn_moving_var": mx.nd.ones((5,))}
    cases = {
        "one": (mx.cpu(), "local", None),
        "two": ([mx.cpu(0), mx.cpu(1)], "local", None),
        "by load": ([mx.cpu(0), mx.cpu(1)], "device", [1, 2]),
        "apart": ([mx.cpu(0), mx.cpu(1), mx.cpu(2)], None, None),
    }
    for name, (context, kvstore, load) in cases.items():
        batches = mx.io.NDArrayIter(*samples(21, 4), batch_size=7)
        mod = mx.mod.Module(normalized(mx), context=context, work_load_list=load)
        mod.fit(
            batches,
            num_epoch=2,
            optimizer="adam",
            optimizer_params={"learning_rate": 0.1, "wd": 0.1},
            arg_params=params(mx, shapes),
            aux_params=aux,
            kvstore=kvstore,
        )
        arg_params, aux_params = mod.get_params()
        scores = {key: float(value) for key, value in mod.score(batches, ["acc", "ce"])}
        found[name] = {**numbers(arg_params), **numbers(aux_params), **scores}
    return found


@scenario
def buckets(mx):
    """Train networks of three depths that share their parameters."""

    def generate(key):
        hidden = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=4, name="fc1")
        for number in range(key):
            hidden = mx.sym.Activation(hidden, act_type="tanh", name="tanh%d" % number)  # noqa: UP031
        net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(hidden, num_hidden=3, name="fc2"), name="softmax")
        return net, ("data",), ("softmax_label",)

    class Buckets(mx.io.DataIter):
        provide_data = [("data", (6, 5))]
        provide_label = [("softmax_label", (6,))]
        default_bucket_key = 3

        def reset(self):
            self.batches = iter((1, 2, 3, 1, 2))

        def next(self):
            key = next(self.batches)
            x, y = samples(6, 5)
            return mx.io.DataBatch([mx.nd.array(x * key)], [mx.nd.array(y)], pad=0, bucket_key=key,
                                   provide_data=self.provide_data, provide_label=self.provide_label)  # fmt: skip

    batches = Buckets()
    batches.reset()
    mod = mx.mod.BucketingModule(generate, default_bucket_key=3)
    first = params(mx, {"fc1_weight": (4, 5), "fc1_bias": (4,), "fc2_weight": (3, 4), "fc2_bias": (3,)})
    mod.fit(batches, num_epoch=3, optimizer="adam", optimizer_params={"learning_rate": 0.1}, arg_params=first,
            aux_params={}, eval_metric=mx.metric.Accuracy())  # fmt: skip
    scores = {key: float(value) for key, value in mod.score(batches, ["acc", "ce"])}
    return {**numbers(mod.get_params()[0]), **scores}


def _chain(mx, contexts):
    hidden = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=4, name="fc1")
    first = mx.mod.Module(mx.sym.Activation(hidden, act_type="relu"), label_names=[], context=contexts)
    return mx.mod.SequentialModule().add(first), mx.sym.FullyConnected(
        mx.sym.Variable("data"), num_hidden=3, name="fc2"
    )


def _train_chain(mx, chain):
    first = params(mx, {"fc1_weight": (4, 5), "fc1_bias": (4,), "fc2_weight": (3, 4), "fc2_bias": (3,)})
    batches = mx.io.NDArrayIter(*samples(18, 5), batch_size=6)
    chain.fit(batches, num_epoch=2, optimizer_params={"learning_rate": 0.1}, arg_params=first, aux_params={})
    return numbers(chain.get_params()[0])


@scenario
def chain(mx):
    """Train two modules as a chain, on two contexts."""
    contexts = [mx.cpu(0), mx.cpu(1)]
    made, last = _chain(mx, contexts)
    made.add(
        mx.mod.Module(mx.sym.SoftmaxOutput(last, name="softmax"), context=contexts), take_labels=True, auto_wiring=True
    )
    return _train_chain(mx, made)


@scenario
def python_loss(mx):
    """Train two modules by a loss that is written in Python."""

    def gradient(scores, labels):
        p = np.exp(scores.asnumpy() - scores.asnumpy().max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        p[np.arange(len(p)), labels.asnumpy().astype(int)] -= 1
        return p

    made, last = _chain(mx, mx.cpu())
    made.add(mx.mod.Module(last, label_names=[]), auto_wiring=True)
    made.add(mx.mod.PythonLossModule(grad_func=gradient), take_labels=True, auto_wiring=True)
    return _train_chain(mx, made)


def seen(batches, epochs=2):
    found = []
    for _ in range(epochs):
        found.append([[[one.asnumpy().tolist() for one in (*batch.data, *(batch.label or ()))], batch.pad or 0]
                      for batch in batches])  # fmt: skip
        batches.reset()
    return found


def described(batches):
    return [[desc.name, list(desc.shape), np.dtype(desc.dtype).name, desc.layout]
            for desc in [*batches.provide_data, *batches.provide_label]]  # fmt: skip


@scenario
def iterators(mx):
    """Read epochs from the iterators over arrays, and those around others."""
    x, y = np.arange(10.0).reshape(5, 2), np.arange(5.0)
    found = {}
    for how in ("pad", "discard"):
        found[how] = seen(mx.io.NDArrayIter(x, y, batch_size=2, last_batch_handle=how))
    found["small"] = seen(mx.io.NDArrayIter(x, y, batch_size=12))
    named = mx.io.NDArrayIter({"b": x, "a": x + 1}, {"m": y, "l": y + 1}, batch_size=2)
    found["named"] = [described(named), seen(named, 1), named.idx.tolist()]
    several = mx.io.NDArrayIter([x, x + 1], [y, y], batch_size=5)
    found["several"] = described(several)
    typed = mx.io.NDArrayIter(mx.nd.array(x, dtype="float64"), mx.nd.array(y, dtype="int32"), batch_size=2)
    found["typed"] = described(typed)
    along = mx.io.NDArrayIter(x.T.reshape(2, 5, 1)[:, :2], batch_size=2, layout="TNC")
    found["layout"] = [described(along), seen(along, 1)]
    resized = mx.io.ResizeIter(mx.io.NDArrayIter(x, y, batch_size=2), 4)
    found["resized"] = [described(resized), seen(resized)]
    kept = mx.io.ResizeIter(mx.io.NDArrayIter(x, y, batch_size=2), 2, reset_internal=False)
    found["kept"] = seen(kept)
    both = mx.io.PrefetchingIter(
        [mx.io.NDArrayIter(x, y, batch_size=2), mx.io.NDArrayIter({"e": x}, {"f": y}, batch_size=2)],
        rename_data=[{"data": "A"}, {"e": "B"}],
        rename_label=[{"softmax_label": "C"}, {"f": "D"}],
    )
    found["prefetched"] = [described(both), seen(both)]
    return found


@scenario
def files(mx):
    """Read epochs from files."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: str(Path(folder) / name) for name in ("x", "y", "rows", "images", "labels")}
        np.savetxt(paths["x"], np.arange(10.0).reshape(5, 2), delimiter=",")
        np.savetxt(paths["y"], np.arange(5.0))
        rows = "1.0 0:0.5 2:1.25\n-2.0\n-3.0 0:0.6 1:2.4 2:1.25\n4 2:-1.5\n"
        Path(paths["rows"]).write_text(rows, encoding="utf-8")
        images = np.random.RandomState(0).randint(0, 256, (7, 4, 3)).astype(np.uint8)
        for name, kind, array in (("images", 2051, images), ("labels", 2049, np.arange(7, dtype=np.uint8))):
            Path(paths[name]).write_bytes(struct.pack(">%di" % (1 + array.ndim), kind, *array.shape) + array.tobytes())  # noqa: UP031
        table = {"data_csv": paths["x"], "data_shape": (2,), "batch_size": 2}
        labelled = mx.io.CSVIter(label_csv=paths["y"], label_shape=(1,), **table)
        found["csv"] = [described(labelled), seen(labelled, 3)]
        found["csv of integers"] = described(mx.io.CSVIter(dtype="int32", **{**table, "data_shape": (1, 2)}))
        found["libsvm"] = seen(mx.io.LibSVMIter(data_libsvm=paths["rows"], data_shape=(3,), batch_size=2))
        pictures = {
            "image": paths["images"],
            "label": paths["labels"],
            "batch_size": 3,
            "shuffle": False,
            "silent": True,
        }
        whole = mx.io.MNISTIter(**pictures)
        found["mnist"] = [described(whole), seen(whole)]
        found["flat"] = seen(mx.io.MNISTIter(flat=True, num_parts=2, part_index=1, **pictures))
    return found


def own_metrics(mx):  # noqa: C901  # the classes are short
    """Return metrics as programs for MXNet write them."""

    class Absolute(mx.metric.EvalMetric):
        def __init__(self, name="absolute"):
            super().__init__(name, has_global_stats=True)

        def update(self, labels, preds):
            mx.metric.check_label_shapes(labels, preds)
            for label, pred in zip(labels, preds):  # noqa: B905
                label, pred = label.asnumpy(), pred.asnumpy()
                found = float(abs(label - pred.argmax(axis=1)).sum())
                self.sum_metric += found
                self.global_sum_metric += found
                self.num_inst += label.size
                self.global_num_inst += label.size

    class Norm(mx.metric.EvalMetric):
        def __init__(self):
            super().__init__("norm")

        def update(self, labels, preds):
            for pred in preds:
                self.sum_metric += mx.nd.norm(pred).asscalar() + pred.sum().asscalar()
                self.num_inst += 1

    class Pair(mx.metric.EvalMetric):
        def __init__(self):
            self.number = 2
            super().__init__("pair")

        def reset(self):
            self.sums = [0.0] * self.number
            self.num_inst, self.sum_metric, self.global_num_inst, self.global_sum_metric = 0, 0.0, 0, 0.0

        def update(self, labels, preds):
            self.num_inst += 1
            for place in range(self.number):
                self.sums[place] += float(preds[0].asnumpy()[:, place].mean())

        def get(self):
            return ["first", "second"], [total / max(self.num_inst, 1) for total in self.sums]

    return {"absolute": Absolute(), "norm": Norm(), "pair": Pair()}


@scenario
def metrics(mx):  # noqa: C901  # a table of all metrics
    """Update every metric with random batches."""
    rng = np.random.RandomState(11)

    def largest(label, pred):
        return float(abs(pred).max()), len(label)

    made = {
        "acc": mx.metric.create("acc"),
        "acc of axis 0": mx.metric.Accuracy(axis=0, name="columns"),
        "top": mx.metric.create("top_k_acc", top_k=2),
        "ce": mx.metric.create("ce"),
        "nll": mx.metric.create("nll_loss", eps=1e-3),
        "perplexity": mx.metric.create("perplexity", ignore_label=None),
        "perplexity without 1": mx.metric.Perplexity(ignore_label=1),
        "pcc": mx.metric.create("pcc"),
        "torch": mx.metric.create("torch"),
        "caffe": mx.metric.create("caffe"),
        "loss": mx.metric.create("loss"),
        "list": mx.metric.create(["acc", "ce", mx.metric.TopKAccuracy(top_k=2)]),
        "custom": mx.metric.create(largest),
        "np": mx.metric.np(lambda label, pred: float(pred.sum()), name="summed"),
        **own_metrics(mx),
    }
    two = {"f1": mx.metric.F1(), "f1 micro": mx.metric.F1(average="micro"), "mcc": mx.metric.MCC(),
           "mcc micro": mx.metric.MCC(average="micro")}  # fmt: skip
    same = {name: mx.metric.create(name) for name in ("mae", "mse", "rmse", "pearsonr")}
    same["pearsonr micro"] = mx.metric.PearsonCorrelation(average="micro")
    found = {name: [] for name in (*made, *two, *same)}
    for number in range(4):
        p = rng.rand(6, 4).astype("float32") + 0.05
        p, label = p / p.sum(1, keepdims=True), rng.randint(0, 4, 6).astype("float32")
        q, binary = rng.rand(6, 2).astype("float32"), rng.randint(0, 2, 6).astype("float32")
        x, y = rng.randn(6, 3).astype("float32"), rng.randn(6, 3).astype("float32")
        for group, target, pred in ((made, label, p), (two, binary, q), (same, y, x)):
            for name, metric in group.items():
                if name == "acc of axis 0":
                    target = rng.randint(0, 6, 4).astype("float32")
                elif group is made:
                    target = label
                metric.update([mx.nd.array(target)], [mx.nd.array(pred)])
                values = [[key, float(value)] for key, value in metric.get_name_value()]
                found[name].append(values)
                if number == 1 and name != "pearsonr micro":  # which in MXNet has no local value
                    metric.reset_local()
    for group in (made, two, same):
        for name, metric in group.items():
            if name not in ("norm", "pair", "pearsonr micro"):  # for which MXNet has no other than the local ones
                found[name].append([[key, float(value)] for key, value in metric.get_global_name_value()])
            metric.reset()
            if name not in ("pair",):
                found[name].append([[key, str(value)] for key, value in metric.get_name_value()])
    return found


@scenario
def metrics_by_name(mx):
    """Choose the labels and outputs of metrics by their names."""
    labels = {"a": mx.nd.array([0, 1]), "b": mx.nd.array([1, 1])}
    preds = {"p": mx.nd.array([[0.9, 0.1], [0.8, 0.2]]), "q": mx.nd.array([[0.2, 0.8], [0.4, 0.6]])}
    one = mx.metric.Accuracy(output_names=["p"], label_names=["b"])
    all_of_them = mx.metric.Accuracy(name="all")
    group = mx.metric.CompositeEvalMetric(["acc", one], output_names=["p", "q"], label_names=["a", "b"])
    group.add("ce")
    for metric in (one, all_of_them, group):
        metric.update_dict(labels, preds)
    config = {key: str(value) for key, value in one.get_config().items()}
    again = mx.metric.create('["acc", {"axis": 0, "name": "again"}]')
    return {
        "one": float(one.get()[1]),
        "all": float(all_of_them.get()[1]),
        "group": [[key, float(value)] for key, value in group.get_name_value()],
        "config": config,
        "again": [str(again.axis), again.name, str(again)],
        "from config": mx.metric.create({"metric": "acc", "name": "c"}).name,
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    library = importlib.import_module(sys.argv[1])
    recorded = {name: function(library) for name, function in SCENARIOS.items()}
    Path(sys.argv[2]).write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n", encoding="utf-8")
