import ast
import math
from pathlib import Path

import mxcore_module.operators
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mxcore_module.executor import Executor

import mxcore as mx

sym = mx.symbol
x, y = sym.Variable("x"), sym.Variable("y")


def executor(symbol, inputs, **kwargs):
    """Return an executor in float64 with these inputs, and normally distributed values for everything else."""
    names = symbol.list_inputs()
    run = Executor.allocate(
        symbol,
        mx.cpu(),
        {name: np.shape(value) for name, value in inputs.items()},
        dtypes=dict.fromkeys(names, "float64"),
        **kwargs,
    )
    rng = np.random.default_rng(7)
    for name in names:
        array = run.arg_dict.get(name, run.aux_dict.get(name))
        positive = name.endswith("var")
        run.fill(
            name, inputs.get(name, rng.uniform(0.5, 1.5, array.shape) if positive else rng.normal(size=array.shape))
        )
    return run


def value(run, is_train, function):
    mx.random.seed(3)  # the same dropout masks each time
    return function(run.forward(is_train=is_train)[0], run.arg_dict)


def check_gradient(symbol, inputs, *, loss=None, varied=None):
    """Compare the gradients of all floating inputs with central differences.

    Without ``loss``, the function is a random linear one of the output, whose gradient is passed to ``backward``.
    """
    run = executor(symbol, inputs)
    mx.random.seed(3)
    output = run.forward(is_train=True)[0]
    head = np.random.default_rng(11).normal(size=output.shape)
    run.backward(None if loss else head)
    function = loss or (lambda out, _: float((out * head).sum()))
    for name in varied or run.grad_dict:
        array, step = run.arg_dict[name], 1e-6
        numeric = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            kept = array[index]
            sides = []
            for side in (kept + step, kept - step):
                array[index] = side
                sides.append(value(run, True, function))
            array[index] = kept
            numeric[index] = (sides[0] - sides[1]) / (2 * step)
        np.testing.assert_allclose(run.grad_dict[name], numeric, rtol=1e-6, atol=1e-7, err_msg=name)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


GRADIENTS = {
    "fully connected": (sym.FullyConnected(x, num_hidden=3), normal(4, 5)),
    "fully connected, flattened": (sym.FullyConnected(x, num_hidden=3), normal(4, 2, 3)),
    "fully connected, not flattened": (sym.FullyConnected(x, num_hidden=3, flatten=False), normal(2, 3, 4)),
    "fully connected, no bias": (sym.FullyConnected(x, num_hidden=3, no_bias=True), normal(4, 5)),
    "relu": (sym.Activation(x, act_type="relu"), normal(4, 5)),
    "sigmoid": (sym.Activation(x, act_type="sigmoid"), 3 * normal(4, 5)),
    "tanh": (sym.Activation(x, act_type="tanh"), normal(4, 5)),
    "softrelu": (sym.Activation(x, act_type="softrelu"), 3 * normal(4, 5)),
    "softsign": (sym.Activation(x, act_type="softsign"), normal(4, 5)),
    "selu": (sym.LeakyReLU(x, act_type="selu"), normal(4, 5)),
    "gelu": (sym.LeakyReLU(x, act_type="gelu"), normal(4, 5)),
    "convolution": (sym.Convolution(x, kernel=(2, 2), stride=(2, 1), pad=(1, 0), num_filter=2), normal(2, 2, 3, 4)),
    "deconvolution": (sym.Deconvolution(x, kernel=(2, 3), stride=(2, 1), num_filter=2), normal(2, 2, 3, 2)),
    "pooling": (sym.Pooling(x, kernel=(2, 2), pool_type="max"), normal(2, 2, 3, 3)),
    "mean pooling": (sym.Pooling(x, kernel=(2, 2), pool_type="avg", pad=(1, 1)), normal(1, 2, 3, 3)),
    "softmax": (sym.softmax(x, axis=0), normal(3, 4)),
    "log softmax": (sym.log_softmax(x, temperature=2.0), normal(3, 4)),
    "layer norm": (sym.LayerNorm(x), normal(4, 5)),
    "instance norm": (sym.InstanceNorm(x), normal(2, 3, 4)),
    "group norm": (sym.GroupNorm(x, num_groups=2), normal(2, 4, 3)),
    "l2": (sym.L2Normalization(x), normal(2, 4)),
    "lrn": (sym.LRN(x, nsize=3), normal(2, 4, 2)),
    "norm": (sym.norm(x, axis=1), normal(3, 4)),
    "power": (sym.abs(x) ** 1.5 + 2**x, normal(3, 4)),
    "modulo": (x % 0.7, normal(3, 4)),
    "smooth l1": (sym.smooth_l1(x, scalar=1.5), normal(3, 4)),
    "error function": (sym.erf(x), normal(3, 4)),
    "take": (sym.take(x, sym.arange(2), axis=1), normal(3, 4)),
    "leaky": (sym.LeakyReLU(x, slope=0.1), normal(4, 5)),
    "prelu": (sym.LeakyReLU(x, act_type="prelu"), normal(4, 3, 2)),
    "flatten": (sym.Flatten(x), normal(2, 3, 4)),
    "dropout": (sym.Dropout(x, p=0.4, name="drop"), normal(6, 5)),
    "no dropout": (sym.Dropout(x, p=0), normal(2, 2)),
    "batch norm": (sym.BatchNorm(x, fix_gamma=False), normal(6, 3)),
    "batch norm, images": (sym.BatchNorm(x, fix_gamma=False, eps=0.1), normal(3, 2, 2, 2)),
    "batch norm, last axis": (sym.BatchNorm(x, fix_gamma=False, axis=-1), normal(3, 4, 2)),
    "batch norm, global": (sym.BatchNorm(x, fix_gamma=False, use_global_stats=True), normal(5, 3)),
    "plus scalar": (x + 2, normal(3, 2)),
    "minus scalar": (x - 2, normal(3, 2)),
    "scalar minus": (2 - x, normal(3, 2)),
    "times scalar": (x * -3, normal(3, 2)),
    "over scalar": (x / 4, normal(3, 2)),
}


@pytest.mark.parametrize(("symbol", "data"), GRADIENTS.values(), ids=GRADIENTS)
def test_the_gradient_is_that_of_the_output(symbol, data):
    check_gradient(symbol, {"x": data})


@pytest.mark.parametrize("symbol", [x + y, x - y, x * y, sym.Concat(x, y, dim=0), sym.Concat(x, y, x)])
def test_the_gradient_of_several_inputs_is_that_of_the_output(symbol):
    check_gradient(symbol, {"x": normal(3, 2), "y": normal(3, 2, seed=1)})


def test_a_node_that_is_read_several_times_sums_its_gradients():
    hidden = sym.Activation(sym.FullyConnected(x, sym.Variable("w"), num_hidden=5, no_bias=True), act_type="tanh")
    again = sym.FullyConnected(hidden * hidden + hidden, sym.Variable("v"), num_hidden=2, no_bias=True)
    check_gradient(again, {"x": normal(4, 5)})


def test_the_gradient_of_an_embedding_sums_over_repeated_rows():
    check_gradient(
        sym.Embedding(x, input_dim=4, output_dim=3, name="words"),
        {"x": np.array([[1, 1], [3, 0]])},
        varied=["words_weight"],
    )


@settings(max_examples=20, deadline=None)
@given(
    batch=st.integers(1, 4),
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    kinds=st.lists(st.sampled_from(["sigmoid", "tanh", "softrelu", "softsign"]), min_size=3, max_size=3),
)
def test_the_gradient_of_a_composition_is_that_of_the_output(batch, sizes, kinds):
    net = x
    for size, kind in zip(sizes, kinds, strict=False):
        net = sym.Activation(sym.FullyConnected(net, num_hidden=size), act_type=kind)
    check_gradient(net, {"x": normal(batch, 3)})


def test_the_target_shape_of_a_deconvolution_sets_its_padding():
    outputs = []
    for options in ({"target_shape": (6, 6)}, {"pad": (1, 1)}):
        run = executor(sym.Deconvolution(x, kernel=(4, 4), stride=(2, 2), num_filter=2, name="up", **options),
                       {"x": normal(2, 3, 3, 3)})  # fmt: skip
        outputs.append(run.forward()[0])
    np.testing.assert_array_equal(*outputs)


# --- losses ----------------------------------------------------------------------------------------------------------


def cross_entropy(label, scale=1.0):
    rows = np.arange(len(label))
    return lambda p, _: -scale * float(np.log(p[rows, label]).sum())


LABELS = np.array([2, 0, 1, 1])


def test_softmax_output_gradient_is_softmax_minus_onehot():
    run = executor(sym.SoftmaxOutput(x, name="out"), {"x": normal(4, 3), "out_label": LABELS})
    (p,) = run.forward(is_train=True)
    run.backward()
    np.testing.assert_allclose(p, np.exp(normal(4, 3)) / np.exp(normal(4, 3)).sum(1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(run.grad_dict["x"], p - np.eye(3)[LABELS], rtol=1e-12)
    assert not run.grad_dict["out_label"].any()


@pytest.mark.parametrize(
    ("options", "scale"),
    [({}, 1), ({"grad_scale": 0.5}, 0.5), ({"normalization": "batch"}, 1 / 4), ({"normalization": "valid"}, 1 / 4)],
)
def test_softmax_output_gradient_is_that_of_the_summed_cross_entropy(options, scale):
    inputs = {"x": normal(4, 3), "out_label": LABELS}
    check_gradient(sym.SoftmaxOutput(x, name="out", **options), inputs, loss=cross_entropy(LABELS, scale), varied=["x"])


def test_softmax_output_may_multiply_by_the_gradient_from_above():
    run = executor(sym.SoftmaxOutput(x, name="out", out_grad=True), {"x": normal(4, 3), "out_label": LABELS})
    (p,) = run.forward(is_train=True)
    run.backward(normal(4, 3, seed=2))
    np.testing.assert_allclose(run.grad_dict["x"], (p - np.eye(3)[LABELS]) * normal(4, 3, seed=2), rtol=1e-12)


def test_softmax_output_takes_probabilities_as_labels():
    target = np.random.default_rng(5).dirichlet(np.ones(3), size=4)
    inputs = {"x": normal(4, 3), "out_label": target}
    for normalization, scale in (("null", 1), ("batch", 1 / 4)):
        check_gradient(
            sym.SoftmaxOutput(x, name="out", normalization=normalization),
            inputs,
            loss=lambda p, _, scale=scale: -scale * float((target * np.log(p)).sum()),
            varied=["x"],
        )


def test_softmax_output_leaves_ignored_rows_without_gradient():
    label = np.array([2, -1, 1, -1])
    inputs = {"x": normal(4, 3), "out_label": label}
    run = executor(sym.SoftmaxOutput(x, name="out", use_ignore=True, normalization="valid"), inputs)
    (p,) = run.forward(is_train=True)
    run.backward()
    expected = (p - np.eye(3)[label]) / 2
    expected[[1, 3]] = 0
    np.testing.assert_allclose(run.grad_dict["x"], expected, rtol=1e-12)


def test_softmax_output_survives_a_batch_in_which_every_row_is_ignored():
    inputs = {"x": normal(2, 3), "out_label": np.full(2, -1)}
    run = executor(sym.SoftmaxOutput(x, name="out", use_ignore=True, normalization="valid"), inputs)
    run.forward(is_train=True)
    run.backward()
    assert not run.grad_dict["x"].any()


@pytest.mark.parametrize(
    ("shape", "label_shape"), [((4, 3), (4, 3)), ((4, 1), (4,)), ((4,), (4,)), ((4, 2, 3), (4, 6))]
)
def test_linear_regression_gradient_is_that_of_half_the_squared_error(shape, label_shape):
    label = normal(*label_shape, seed=1)
    per_row = math.prod(shape[1:])
    check_gradient(
        sym.LinearRegressionOutput(x, name="out", grad_scale=3),
        {"x": normal(*shape), "out_label": label},
        loss=lambda out, _: 3 * float(((out - label.reshape(shape)) ** 2).sum()) / 2 / per_row,
        varied=["x"],
    )


def test_logistic_regression_gradient_is_that_of_the_binary_cross_entropy():
    label = np.random.default_rng(1).integers(0, 2, (4, 3))
    check_gradient(
        sym.LogisticRegressionOutput(x, name="out"),
        {"x": normal(4, 3), "out_label": label},
        loss=lambda p, _: -float((label * np.log(p) + (1 - label) * np.log(1 - p)).sum()) / 3,
        varied=["x"],
    )


def test_a_loss_ignores_the_gradient_from_above():
    inputs = {"x": normal(4, 3), "out_label": LABELS}
    gradients = []
    for net, head in (
        (sym.SoftmaxOutput(x, name="out"), None),
        (7 * sym.SoftmaxOutput(x, name="out"), np.ones((4, 3))),
    ):
        run = executor(net, inputs)
        run.forward(is_train=True)
        run.backward(head)
        gradients.append(run.grad_dict["x"])
    np.testing.assert_array_equal(*gradients)


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"label must have shape \(4,\), or \(4, 3\) for probabilities, got \(4, 1\)"):
        sym.SoftmaxOutput(x, y).infer_shape(x=(4, 3), y=(4, 1))
    with pytest.raises(ValueError, match="label must have as many elements per row as data"):
        sym.LinearRegressionOutput(x, y).infer_shape(x=(4, 3), y=(4,))


# --- batch normalisation and dropout ---------------------------------------------------------------------------------


def test_batch_norm_normalises_the_batch_and_moves_its_averages():
    data = 3 + 2 * normal(64, 5)
    run = executor(sym.BatchNorm(x, fix_gamma=False, eps=1e-9, momentum=0.9, name="bn"), {"x": data})
    run.fill("bn_gamma", np.ones(5))
    run.fill("bn_beta", np.zeros(5))
    moving = {name: array.copy() for name, array in run.aux_dict.items()}
    (output,) = run.forward(is_train=True)
    np.testing.assert_allclose(output.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(output.var(axis=0), 1, rtol=1e-6)
    expected = {"bn_moving_mean": data.mean(axis=0), "bn_moving_var": data.var(axis=0)}
    for name, batch in expected.items():
        np.testing.assert_allclose(run.aux_dict[name], 0.9 * moving[name] + 0.1 * batch, rtol=1e-12)


@pytest.mark.parametrize(("is_train", "use_global_stats"), [(False, False), (True, True)])
def test_batch_norm_otherwise_uses_the_moving_averages_and_leaves_them(is_train, use_global_stats):
    data = normal(4, 3)
    run = executor(sym.BatchNorm(x, use_global_stats=use_global_stats, name="bn"), {"x": data})
    mean, variance = (run.aux_dict[f"bn_moving_{which}"].copy() for which in ("mean", "var"))
    (output,) = run.forward(is_train=is_train)
    expected = (data - mean) / np.sqrt(variance + 1e-3) + run.arg_dict["bn_beta"]
    np.testing.assert_allclose(output, expected, rtol=1e-12)
    np.testing.assert_array_equal(run.aux_dict["bn_moving_mean"], mean)


def test_batch_norm_holds_a_fixed_gamma_at_one_without_gradient():
    run = executor(sym.BatchNorm(x, name="bn"), {"x": normal(6, 3)})
    run.forward(is_train=True)
    run.backward(np.ones((6, 3)))
    np.testing.assert_array_equal(run.arg_dict["bn_gamma"], 1)
    np.testing.assert_array_equal(run.grad_dict["bn_gamma"], 0)
    np.testing.assert_allclose(run.grad_dict["bn_beta"], 6)


def test_batch_norm_needs_its_axis():
    with pytest.raises(ValueError, match=r"BatchNorm 'bn': data of shape \(4,\) has no axis 1"):
        sym.BatchNorm(x, name="bn").infer_shape(x=(4,))


def test_dropout_keeps_the_mean_and_is_off_outside_of_training():
    data = np.ones((200, 200))
    run = executor(sym.Dropout(x, p=0.2), {"x": data}, grad_req="null")
    np.testing.assert_array_equal(run.forward(is_train=False)[0], data)
    (dropped,) = run.forward(is_train=True)
    assert set(np.unique(dropped)) == {0, 1.25}
    assert abs(dropped.mean() - 1) < 6 * 0.5 / 200


def test_dropout_shares_its_mask_along_axes():
    run = executor(sym.Dropout(x, p=0.5, axes=(1,), name="drop"), {"x": np.ones((50, 7, 2))}, grad_req="null")
    (dropped,) = run.forward(is_train=True)
    np.testing.assert_array_equal(dropped, np.broadcast_to(dropped[:, :1], dropped.shape))
    assert set(np.unique(dropped)) == {0, 2}
    assert (dropped[:, 0, 0] != dropped[:, 0, 1]).any()


def test_random_slopes_are_drawn_in_training_and_their_mean_is_used_otherwise():
    layer = sym.LeakyReLU(x, act_type="rrelu", lower_bound=0.1, upper_bound=0.3, name="act")
    run = executor(layer, {"x": -np.ones((30, 30))})
    np.testing.assert_allclose(run.forward(is_train=False)[0], -0.2)
    (output,) = run.forward(is_train=True)
    assert -0.3 <= output.min() < -0.28 < -0.12 < output.max() <= -0.1
    run.backward(np.ones((30, 30)))
    np.testing.assert_array_equal(run.grad_dict["x"], -output)


def test_dropout_can_be_always_on():
    run = executor(sym.Dropout(x, p=0.5, mode="always"), {"x": np.ones((30, 30))}, grad_req="null")
    assert (run.forward(is_train=False)[0] == 0).any()


def test_dropout_masks_follow_from_the_seed_and_differ_from_pass_to_pass_and_node_to_node():
    net = sym.Group([sym.Dropout(x, name="a"), sym.Dropout(x, name="b")])
    run = executor(net, {"x": np.ones((10, 10))}, grad_req="null")

    def passes():
        mx.random.seed(5)
        return [output for _ in range(2) for output in run.forward(is_train=True)]

    first, again = passes(), passes()
    np.testing.assert_array_equal(first, again)
    assert len({output.tobytes() for output in first}) == 4


# --- what holds for all ----------------------------------------------------------------------------------------------


def test_an_embedding_takes_the_nearest_row_for_numbers_outside_of_its_table():
    table = np.arange(6.0).reshape(3, 2)
    run = executor(sym.Embedding(x, y, input_dim=3, output_dim=2), {"x": np.array([-5, 0, 2, 9]), "y": table})
    np.testing.assert_array_equal(run.forward()[0], table[[0, 0, 2, 2]])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", GRADIENTS)
def test_outputs_and_gradients_have_the_dtype_of_the_inputs(name, dtype):
    symbol, data = GRADIENTS[name]
    run = Executor.allocate(symbol, mx.cpu(), {"x": data.shape}, dtypes=dict.fromkeys(symbol.list_inputs(), dtype))
    run.fill("x", data)
    (output,) = run.forward(is_train=True)
    assert output.dtype == dtype
    run.backward(np.ones_like(output))
    assert {gradient.dtype for gradient in run.grad_dict.values()} == {np.dtype(dtype)}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("kind", ["SoftmaxOutput", "LinearRegressionOutput", "LogisticRegressionOutput"])
def test_losses_have_the_dtype_of_the_data(kind, dtype):
    for options in ({}, {"normalization": "valid"}, {"normalization": "batch"}):
        if options and kind != "SoftmaxOutput":
            continue
        operator = mxcore_module.operators.find(kind).create(options)
        data = normal(4, 3).astype(dtype)
        label = data if kind != "SoftmaxOutput" else LABELS.astype(dtype)
        run = mxcore_module.operators.Run(np, True, np.zeros)
        run.output = operator.forward(run, data, label)
        gradient, _ = operator.backward(run, None, data, label)
        assert run.output.dtype == gradient.dtype == dtype


@pytest.mark.parametrize("kind", ["sigmoid", "tanh", "softrelu", "softsign"])
def test_activations_stay_finite_for_large_numbers(kind):
    run = executor(sym.Activation(x, act_type=kind), {"x": np.array([-1e4, -50.0, 0.0, 50.0, 1e4])})
    (output,) = run.forward(is_train=True)
    run.backward(np.ones(5))
    assert np.isfinite(output).all()
    assert np.isfinite(run.grad_dict["x"]).all()


def test_softmax_stays_finite_for_large_numbers():
    run = executor(sym.SoftmaxOutput(x, name="out"), {"x": np.array([[1e4, -1e4, 0.0]]), "out_label": np.zeros(1)})
    np.testing.assert_array_equal(run.forward()[0], [[1, 0, 0]])


def test_operators_import_no_array_library():
    for path in Path(mxcore_module.operators.__file__).parent.glob("*.py"):
        imports = [
            node
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        names = {getattr(node, "module", None) or alias.name for node in imports for alias in node.names}
        assert not {name for name in names if name.split(".")[0] in ("numpy", "cupy")}, path
