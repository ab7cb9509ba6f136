"""Array code runs on a GPU, as far as a double of CuPy can tell, with the same bits as NumPy."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import invoke
from device_free.double import Library
from rule_runs import CLASSES, RULES, after_sam

import mxcore as mx

ARRAY_CODE = sorted({record.name for record in mx.catalogue.records("optimizer")} - set(RULES))
OPTIONS = {
    "apollo": [{}, {"rank": 2}],
    "kron": [{}, {"max_size_triangular": 3}],
    "mixed": [{"patterns": ["0|1", ".*"], "optimizers": ["average(adam)", "sgd"]}],
    "sophia": [{"estimator": "gradient"}],
    "lbsgd": [{"momentum": 0.5, "batch_scale": 2, "warmup_strategy": way} for way in ("linear", "lars", "none")],
}
CASES = [(name, options) for name in ARRAY_CODE for options in OPTIONS.get(name, [{}])]
SHAPES = [(4, 3), (5,), (2, 3, 2)]


def host(array: Any) -> Any:
    return mx.backend.backend_of(array).to_host(array)


def leaves(state: Any) -> list[Any]:
    return (
        [leaf for one in state for leaf in leaves(one)] if isinstance(state, tuple) else [state] * (state is not None)
    )


def trained(context: Any, name: str, dtype: Any, options: Any, layout: str = "C", steps: int = 4) -> list[Any]:
    """Weights and states after some updates, on the host."""
    rng = np.random.default_rng(1)
    optimizer = mx.optimizer.create(name, learning_rate=0.1, clip_gradient=1.0, **options)
    update = mx.optimizer.get_updater(optimizer)

    def arrays() -> list[Any]:
        return [context.array(np.asarray(rng.normal(size=shape), dtype, order=layout)) for shape in SHAPES]

    weights = arrays()
    for _ in range(steps):
        update(list(range(len(SHAPES))), arrays(), weights)
    return [host(array) for array in [*weights, *leaves(tuple(update.states.values()))]]


def assert_equal(got: list[Any], wanted: list[Any]) -> None:
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(one.astype("f8"), other.astype("f8"))


@pytest.mark.parametrize("device", [0, 1])
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=[f"{name}-{at}" for at, (name, _) in enumerate(CASES)])
def test_an_optimizer_with_an_update_of_its_own(
    name: str, options: Any, dtype: str, device: int, double: Library
) -> None:
    options = {**options, "multi_precision": True}
    assert_equal(*(trained(context, name, dtype, options) for context in (mx.gpu(device), mx.cpu())))


def test_a_line_search(double: Library) -> None:
    def minimized(context: Any) -> list[Any]:
        scales, weights = context.array(np.array([1.0, 30.0, 400.0])), [context.array(np.array([3.0, -2.0, 1.0]))]

        def function(weights: Any) -> tuple[float, Any]:
            return float(host(scales * weights[0] ** 4).sum()), [4 * scales * weights[0] ** 3]

        update, found = mx.optimizer.get_updater(mx.optimizer.create("lbfgs")), None
        for _ in range(9):
            found = update.search(function, weights, found)
        assert found[0] < 1
        return [host(weights[0])]

    assert_equal(minimized(mx.gpu(0)), minimized(mx.cpu()))


def test_there_are_such_optimizers() -> None:
    assert {"groupadagrad", "lbsgd"} <= set(ARRAY_CODE)


@pytest.mark.filterwarnings("ignore:.*without multi_precision:UserWarning")
@pytest.mark.parametrize("name", RULES)
def test_half_precision_without_a_master_runs_the_rule_itself(name: str, double: Library) -> None:
    options = {**CLASSES[name].examples[0], "wd": 0.01}
    assert_equal(*(trained(context, name, "f2", options) for context in (mx.gpu(1), mx.cpu())))


@pytest.mark.parametrize("layout", ["F", "A"])
@pytest.mark.parametrize("name", ["adam", "lamb"])
def test_arrays_in_another_order_go_through_copies_on_the_device(name: str, layout: str, double: Library) -> None:
    assert_equal(*(trained(context, name, "f4", {}, layout) for context in (mx.gpu(1), mx.cpu())))


def test_a_gradient_that_lies_in_another_order_than_the_one_before_is_seen(double: Library) -> None:
    grad = np.arange(12, dtype="f4").reshape(3, 4)
    for context in (mx.cpu(), mx.gpu(1)):
        weight, update = context.array(np.ones((3, 4), "f4")), mx.optimizer.get_updater(mx.optimizer.SGD())
        update.optimizer.set_learning_rate(0.5)
        for order in ("C", "C", "F", "C"):
            update(0, context.array(np.asarray(grad, order=order)), weight)
        assert host(weight).tolist() == (1 - 2 * grad).tolist()


def test_strided_arrays_go_through_copies_on_the_device(double: Library) -> None:
    for context in (mx.cpu(), mx.gpu(1)):
        wide, grad = context.array(np.ones((4, 6), "f4")), context.array(np.ones((4, 3), "f4"))
        with context.backend.on(1):
            weight = wide[:, ::2]
        for _ in range(2):
            mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=0.25))(0, grad, weight)
        assert host(wide).tolist() == [[0.5, 1.0] * 3] * 4


def test_every_initializer_gives_the_bits_of_the_host(double: Library) -> None:
    for record in mx.catalogue.records("initializer"):
        cls = mx.init.registry.get(record.qualified_name)
        for arguments in cls.examples:
            try:
                made = [context.array(np.zeros((8, 8), "f4")) for context in (mx.cpu(), mx.gpu(1))]
                for array in made:
                    mx.random.seed(1)
                    cls(**arguments)("x_weight", array)
            except ValueError:  # it needs other shapes or names
                continue
            assert_equal([host(made[1])], [made[0]])


def test_norms_are_those_of_the_host(double: Library) -> None:
    array = np.arange(70_000, dtype="f4")
    assert host(mx.norm(mx.gpu(1).array(array))) == mx.norm(array)


@pytest.mark.parametrize("arguments", [{}, {"accumulate": 2}], ids=str)
def test_a_saved_state_goes_on_where_it_stopped(double: Library, arguments: Any, tmp_path: Path) -> None:
    weights = {}
    for context in (mx.cpu(), mx.gpu(1)):
        weight, grad = (context.array(np.ones(5, "f4")) for _ in range(2))
        update = mx.optimizer.get_updater(mx.optimizer.create("adam", **arguments))
        update("w", grad, weight)
        mx.save_state(tmp_path / "state", update, {"w": weight})
        again = mx.optimizer.get_updater(mx.optimizer.create("adam", **arguments))
        mx.load_state(tmp_path / "state", again)
        again("w", grad, weight)
        weights[context] = host(weight)
    assert_equal(*([weight] for weight in weights.values()))
    assert (weights[mx.cpu()] != 1).all()


# --- the module extension --------------------------------------------------------------------------------------------


def network() -> Any:
    """Return a network of nearly every operator."""
    sym = mx.symbol
    words = sym.Embedding(sym.Variable("words"), input_dim=7, output_dim=4, name="words_table")
    layer = sym.FullyConnected(sym.Variable("data"), num_hidden=6, name="fc1")
    layer = sym.BatchNorm(sym.LeakyReLU(layer, act_type="prelu", name="act1"), fix_gamma=False, name="bn1")
    parts = [
        sym.Activation(layer, act_type=kind, name=kind) for kind in ("relu", "sigmoid", "tanh", "softrelu", "softsign")
    ]
    joint = sym.Concat(sym.Flatten(words), *parts, name="joint")
    joint = sym.Dropout(2 * joint + joint / 2 - joint * joint, p=0.25, name="drop")
    return sym.SoftmaxOutput(
        sym.FullyConnected(1 - joint, num_hidden=3, name="fc2"), use_ignore=True, normalization="valid", name="softmax"
    )


def fitted(context: Any, optimizer: str) -> Any:
    """Return the parameters of a network after two epochs."""
    mx.random.seed(3)
    rng = np.random.default_rng(1)
    data = {"data": rng.normal(size=(20, 5)), "words": rng.integers(0, 7, (20, 2))}
    batches = mx.io.NDArrayIter(data, rng.integers(0, 3, 20), batch_size=8)
    module = mx.mod.Module(network(), data_names=["data", "words"], context=context)
    module.fit(
        batches, eval_data=batches, eval_metric=["acc", "ce"], optimizer=optimizer, initializer="xavier", num_epoch=2
    )
    return {name: host(array) for part in module.get_params() for name, array in part.items()}


@pytest.mark.parametrize("optimizer", ["adam", "lars", "groupadagrad"])
def test_a_module_trains_to_the_same_bits(optimizer: str, double: Library) -> None:
    on_cpu, on_gpu = fitted(mx.cpu(), optimizer), fitted(mx.gpu(1), optimizer)
    assert on_cpu.keys() == on_gpu.keys()
    assert_equal(list(on_gpu.values()), list(on_cpu.values()))


@pytest.mark.parametrize("loss", ["LinearRegressionOutput", "LogisticRegressionOutput"])
def test_the_other_losses_have_the_same_gradients(loss: str, double: Library) -> None:
    found = []
    for context in (mx.cpu(), mx.gpu(1)):
        net = getattr(mx.symbol, loss)(mx.symbol.Variable("data"), name="out")
        module = mx.mod.Module(net, label_names=["out_label"], context=context)
        module.bind([("data", (4, 3))], [("out_label", (4, 3))], inputs_need_grad=True, grad_req="add")
        module.init_params()
        batch = mx.io.DataBatch([np.linspace(-1, 1, 12).reshape(4, 3)], [np.eye(4, 3)])
        for _ in range(2):
            module.forward_backward(batch)
        found.append([host(array) for array in (*module.get_outputs(), *module.get_input_grads())])
    assert_equal(*found)


def test_the_command_trains_on_the_device(double: Library, tmp_path: Path) -> None:
    command = mx.catalogue.load("command", "train")
    text = []
    for device in ("cpu", "gpu:1"):
        done = invoke(command, ["--epochs=1", "--seed=1", f"--device={device}", f"--out={tmp_path / device[:3]}"])
        assert done.exit_code == 0, done.output
        text.append((tmp_path / device[:3] / "metrics.csv").read_text())
    assert text[0] == text[1]
    assert {device for device, _, _ in double.devices.launched} == {1}


@pytest.mark.parametrize("device", [0, 1])
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
@pytest.mark.parametrize(("optimizer", "adaptive"), [("adam", False), ("dcasgd", True)])
def test_both_steps_of_sam(optimizer: str, adaptive: bool, dtype: str, device: int, double: Library) -> None:
    assert_equal(*(after_sam(context, dtype, optimizer, adaptive) for context in (mx.gpu(device), mx.cpu())))
