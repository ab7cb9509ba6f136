import copy
import inspect
import json
import pickle

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mxcore_module.executor import Executor
from mxcore_module.name import NameManager, Prefix
from mxcore_module.operators import OPERATORS, Operator, ShapeError, register

import mxcore as mx

sym = mx.symbol


def mlp(**kwargs):
    hidden = sym.FullyConnected(sym.Variable("data"), num_hidden=8, name="fc1", **kwargs)
    return sym.SoftmaxOutput(
        sym.FullyConnected(sym.Activation(hidden, act_type="relu", name="relu1"), num_hidden=4, name="fc2"),
        name="softmax",
    )


# --- names -----------------------------------------------------------------------------------------------------------


def test_nodes_without_a_name_are_counted_by_operator():
    x = sym.Variable("x")
    with NameManager():
        made = [sym.FullyConnected(x, num_hidden=1), sym.Flatten(x), sym.FullyConnected(x, num_hidden=1), x + x, x + 1]
    assert [one.name for one in made] == ["fullyconnected0", "flatten0", "fullyconnected1", "_plus0", "_plusscalar0"]


def test_a_block_counts_from_zero_and_leaves_the_outer_count_alone():
    with NameManager() as outer:
        first = sym.Flatten(sym.Variable("x"))
        with NameManager():
            inner = sym.Flatten(sym.Variable("x"))
        second = sym.Flatten(sym.Variable("x"))
        outer.reset()
        third = sym.Flatten(sym.Variable("x"))
    assert [one.name for one in (first, inner, second, third)] == ["flatten0", "flatten0", "flatten1", "flatten0"]


def test_a_prefix_names_operators_and_their_parameters_but_no_variables():
    with Prefix("net_"):
        layer = sym.FullyConnected(sym.Variable("data"), num_hidden=3, name="fc")
    assert layer.list_arguments() == ["data", "net_fc_weight", "net_fc_bias"]


def test_a_call_that_fails_takes_no_number():
    with NameManager():
        with pytest.raises(ValueError, match="num_hidden"):
            sym.FullyConnected(sym.Variable("x"), num_hidden=0)
        assert sym.FullyConnected(sym.Variable("x"), num_hidden=1).name == "fullyconnected0"


# --- what a symbol consists of ---------------------------------------------------------------------------------------


def test_arguments_come_in_the_order_in_which_they_are_first_read():
    net = mlp()
    assert net.list_arguments() == ["data", "fc1_weight", "fc1_bias", "fc2_weight", "fc2_bias", "softmax_label"]
    assert net.list_outputs() == ["softmax_output"]
    assert net.name == "softmax"
    assert net.list_auxiliary_states() == []


def test_a_shared_variable_is_listed_once():
    x, w = sym.Variable("x"), sym.Variable("w")
    twice = sym.FullyConnected(sym.FullyConnected(x, w, num_hidden=3, no_bias=True), w, num_hidden=3, no_bias=True)
    assert twice.list_arguments() == ["x", "w"]


def test_auxiliary_states_are_no_arguments_but_inputs():
    layer = sym.BatchNorm(sym.Variable("x"), name="bn")
    assert layer.list_auxiliary_states() == ["bn_moving_mean", "bn_moving_var"]
    assert layer.list_arguments() == ["x", "bn_gamma", "bn_beta"]
    assert layer.list_inputs() == ["x", "bn_gamma", "bn_beta", "bn_moving_mean", "bn_moving_var"]


def test_a_missing_data_input_becomes_a_variable():
    assert sym.FullyConnected(num_hidden=2, name="fc").list_arguments() == ["fc_data", "fc_weight", "fc_bias"]


def test_internals_can_be_chosen_by_name():
    features = mlp().get_internals()["relu1_output"]
    assert features.list_arguments() == ["data", "fc1_weight", "fc1_bias"]
    with pytest.raises(ValueError, match="0 outputs are called 'relu9_output'"):
        mlp().get_internals()["relu9_output"]


def test_a_group_has_the_outputs_of_all_its_members():
    x = sym.Variable("x")
    group = sym.Group([sym.Flatten(x, name="a"), sym.Flatten(x, name="b")])
    assert group.list_outputs() == ["a_output", "b_output"]
    assert [one.name for one in group] == ["a", "b"]
    assert group[1].name == "b"
    assert group.name is None
    with pytest.raises(ValueError, match="2 outputs where one is needed"):
        sym.Flatten(group)
    with pytest.raises(TypeError, match="list of symbols"):
        sym.Group([x, 3])


def test_a_graph_may_be_deeper_than_pythons_stack():
    net = sym.Variable("x")
    for _ in range(3000):
        net = net + 1
    assert net.infer_shape(x=(2,))[1] == [(2,)]
    assert sym.load_json(net.tojson()).list_arguments() == ["x"]


# --- attributes ------------------------------------------------------------------------------------------------------


def test_a_variable_keeps_what_it_was_told_as_text():
    variable = sym.Variable(
        "w",
        attr={"mood": "calm"},
        shape=(3, 4),
        lr_mult=0.5,
        wd_mult=2,
        dtype="float64",
        init=mx.init.create("uniform", scale=0.5),
        __mine__="yes",
    )
    assert variable.attr_dict() == {
        "w": {
            "mood": "calm",
            "__shape__": "(3, 4)",
            "__lr_mult__": "0.5",
            "__wd_mult__": "2",
            "__dtype__": "1",
            "__init__": '["uniform", {"scale": 0.5}]',
            "__mine__": "yes",
        }
    }
    assert variable.attr("mood") == "calm"
    assert variable.attr("other") is None


@pytest.mark.parametrize(
    ("init", "text"),
    [
        ("xavier", '["xavier", {}]'),
        ('["uniform", {"scale": 1}]', '["uniform", {"scale": 1}]'),
        ({"initializer": "uniform", "scale": 1.0}, '["uniform", {"scale": 1.0}]'),
    ],
)
def test_an_initializer_may_be_given_as_text(init, text):
    assert sym.Variable("w", init=init).attr("__init__") == text


def test_variables_refuse_what_cannot_be_meant():
    with pytest.raises(TypeError, match="name of a Variable must be a string, got 3"):
        sym.Variable(3)
    with pytest.raises(ValueError, match="unknown argument 'shpae'"):
        sym.Variable("w", shpae=(3,))
    with pytest.raises(ValueError, match="'__mine__' must be a string, got 3"):
        sym.Variable("w", __mine__=3)
    with pytest.raises(ValueError, match="lr_mult must be a number"):
        sym.Variable("w", lr_mult="fast")
    with pytest.raises(TypeError, match="init must be an initializer"):
        sym.Variable("w", init=3)
    with pytest.raises(ValueError, match="dtype must be one of"):
        sym.Variable("w", dtype="complex128")
    with pytest.raises(ValueError, match="stype must be 'default'"):
        sym.Variable("w", stype="row_sparse")


def test_multipliers_pass_to_created_parameters_alone():
    attributes = sym.FullyConnected(
        sym.Variable("x"), sym.Variable("w"), num_hidden=2, name="fc", lr_mult=2, wd_mult=0, attr={"__mine__": "yes"}
    ).attr_dict()
    assert attributes["fc_bias"] == {"__lr_mult__": "2", "__wd_mult__": "0", "__mine__": "yes"}
    assert "w" not in attributes
    assert "x" not in attributes
    assert attributes["fc"]["num_hidden"] == "2"


def test_an_operators_own_initializers_show_on_given_variables_unless_these_have_their_own():
    mean, variance = sym.Variable("m"), sym.Variable("v", init="uniform")
    attributes = sym.BatchNorm(sym.Variable("x"), moving_mean=mean, moving_var=variance).attr_dict()
    assert attributes["m"]["__init__"] == '["zero", {}]'
    assert attributes["v"]["__init__"] == '["uniform", {}]'


# --- shapes ----------------------------------------------------------------------------------------------------------


def test_parameter_shapes_follow_from_the_data():
    arguments, outputs, auxiliaries = mlp().infer_shape(data=(10, 6))
    assert arguments == [(10, 6), (8, 6), (8,), (4, 8), (4,), (10,)]
    assert outputs == [(10, 4)]
    assert auxiliaries == []
    assert mlp().infer_shape((10, 6))[0] == arguments


def test_shapes_that_do_not_follow_are_a_warning_and_none():
    with pytest.warns(UserWarning, match="data None, fc1_weight None"):
        assert mlp().infer_shape() == (None, None, None)
    arguments, outputs, _ = mlp().infer_shape_partial()
    assert arguments == [()] * 6
    assert outputs == [()]


def test_a_zero_in_a_declared_shape_is_filled_in():
    weight = sym.Variable("w", shape=(3, 0))
    layer = sym.FullyConnected(sym.Variable("x"), weight, num_hidden=3, no_bias=True)
    assert layer.infer_shape(x=(2, 5))[0] == [(2, 5), (3, 5)]


def test_a_declared_shape_is_enough():
    assert sym.Flatten(sym.Variable("x", shape=(2, 3, 4))).infer_shape()[1] == [(2, 12)]


def test_a_conflict_names_variable_operator_and_both_shapes():
    layer = sym.FullyConnected(sym.Variable("x"), sym.Variable("w", shape=(3, 4)), num_hidden=3, name="fc")
    with pytest.raises(
        ShapeError,
        match=r"Variable 'w' has shape \(3, 4\) by its shape=, but \(3, 5\) by FullyConnected 'fc', as its weight",
    ):
        layer.infer_shape(x=(2, 5))


def test_a_conflict_between_two_uses_names_both_nodes():
    x, w = sym.Variable("x"), sym.Variable("w")
    first = sym.FullyConnected(x, w, num_hidden=3, no_bias=True, name="first")
    second = sym.FullyConnected(first, w, num_hidden=3, no_bias=True, name="second")
    with pytest.raises(ShapeError, match=r"\(3, 5\) by FullyConnected 'first'.*\(3, 3\) by FullyConnected 'second'"):
        second.infer_shape(x=(2, 5))


def test_an_operator_that_cannot_work_on_its_input_is_named():
    x = sym.Variable("x")
    with pytest.raises(ShapeError, match=r"SoftmaxOutput 'softmax': data must have shape \(batch, classes\).*Flatten"):
        sym.SoftmaxOutput(x, name="softmax").infer_shape(x=(2, 3, 4))
    with pytest.raises(ShapeError, match=r"elemwise_add 'sum': .*must have equal shapes.*\(2,\) and \(3,\)"):
        sym.elemwise_add(x, sym.Variable("y"), name="sum").infer_shape(x=(2,), y=(3,))


def test_an_unknown_operand_takes_the_shape_of_the_other_even_if_it_was_read_before():
    x, y = sym.Variable("x"), sym.Variable("y")
    early = sym.FullyConnected(y, num_hidden=2, name="fc")
    late = x + y
    assert sym.Group([early, late]).infer_shape(x=(4, 3))[0] == [(4, 3), (2, 3), (2,), (4, 3)]


def test_shapes_for_what_is_not_there_are_refused():
    with pytest.raises(ValueError, match="there is no argument 'dta'"):
        mlp().infer_shape(dta=(2, 3))
    with pytest.raises(ValueError, match="2 shapes were given for the 1 arguments"):
        sym.Flatten(sym.Variable("x")).infer_shape((1, 2), (1, 2))


def test_two_variables_of_one_name_are_refused():
    net = sym.Variable("x") + sym.Variable("x")
    with pytest.raises(ValueError, match="share the names x"):
        net.infer_shape(x=(2,))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 4))
def test_flatten_and_fully_connected_agree_on_the_number_of_inputs(shape, hidden):
    x = sym.Variable("x")
    direct = sym.FullyConnected(x, num_hidden=hidden, name="fc").infer_shape(x=tuple(shape))
    flattened = sym.FullyConnected(sym.Flatten(x), num_hidden=hidden, name="fc").infer_shape(x=tuple(shape))
    assert direct == flattened


# --- arithmetic ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (lambda x: x + 2, lambda x: x + 2),
        (lambda x: 2 + x, lambda x: x + 2),
        (lambda x: x - 2, lambda x: x - 2),
        (lambda x: 2 - x, lambda x: 2 - x),
        (lambda x: x * 3, lambda x: x * 3),
        (lambda x: np.float32(3) * x, lambda x: x * 3),
        (lambda x: x / 4, lambda x: x / 4),
        (lambda x: -x, lambda x: -x),
        (lambda x: x + x, lambda x: x + x),
        (lambda x: 3 * x - x * x, lambda x: 3 * x - x * x),
    ],
)
def test_arithmetic_means_what_it_says(expression, expected):
    from mxcore_module.executor import Executor

    run = Executor.allocate(expression(sym.Variable("x")), mx.cpu(), {"x": (3,)}, grad_req="null")
    values = np.array([-1.5, 0.25, 2.0], np.float32)
    run.fill("x", values)
    (output,) = run.forward()
    np.testing.assert_array_equal(output, expected(values))
    assert output.dtype == np.float32


def test_arithmetic_with_something_else_is_a_type_error():
    x = sym.Variable("x")
    for wrong in (lambda: x + "1", lambda: x * None, lambda: np.ones(3) * x, lambda: x / None):
        with pytest.raises(TypeError, match="unsupported operand"):
            wrong()


# --- operators by name -----------------------------------------------------------------------------------------------


def test_an_unknown_operator_or_option_says_what_there_is():
    x = sym.Variable("x")
    with pytest.raises(AttributeError, match="did you mean 'FullyConnected'"):
        sym.FullyConected  # noqa: B018
    with pytest.raises(TypeError, match="FullyConnected has no option 'num_hiden': did you mean 'num_hidden'"):
        sym.FullyConnected(x, num_hiden=3)
    with pytest.raises(TypeError, match="SoftmaxOutput has no option 'several': it takes grad_scale"):
        sym.SoftmaxOutput(x, several=True)
    with pytest.raises(TypeError, match="FullyConnected needs num_hidden="):
        sym.FullyConnected(x)
    with pytest.raises(ValueError, match="Activation: act_type must be one of 'relu'.*got 'gelu'"):
        sym.Activation(x, act_type="gelu")


def test_inputs_that_are_no_symbols_or_have_no_place_are_refused():
    x = sym.Variable("x")
    with pytest.raises(TypeError, match="data must be a symbol, .*got 3"):
        sym.Flatten(3)
    with pytest.raises(TypeError, match="but bias was given as well"):
        sym.FullyConnected(x, bias=x, num_hidden=3, no_bias=True)
    with pytest.raises(TypeError, match="Flatten: too many positional arguments"):
        sym.Flatten(x, x)
    with pytest.raises(ValueError, match="an attribute has a name such as"):
        sym.Flatten(x, attr={"mood": "calm"})


def test_every_operator_has_a_function_with_its_options_in_the_signature():
    for name, operator in OPERATORS.items():
        function = getattr(sym, name)
        parameters = inspect.signature(function).parameters
        assert {field.name for field in attrs.fields(operator)} <= set(parameters)
        assert function.__doc__.startswith(inspect.getdoc(operator))
        assert name.startswith("_") or name in dir(sym)


def test_options_may_be_given_by_position_as_in_mxnet():
    x = sym.Variable("x")
    assert sym.Activation(x, "tanh").list_attr() == {"act_type": "tanh"}
    assert sym.Dropout(x, 0.25).list_attr() == {"p": "0.25"}


def test_an_operator_of_ones_own_joins_the_table():
    try:

        @register(name="Twice")
        @attrs.frozen
        class Twice(Operator):
            """Twice the input."""

            def infer_shape(self, data):
                return (data,), data

            def forward(self, run, data):
                return 2 * data

            def backward(self, run, grad, data):
                return (2 * grad,)

        net = sym.Twice(sym.Variable("x"), name="twice")
        assert sym.load_json(net.tojson()).infer_shape(x=(2, 3))[1] == [(2, 3)]
    finally:
        del OPERATORS["Twice"]


# --- files -----------------------------------------------------------------------------------------------------------


def everything():
    x = sym.Variable("data", shape=(0, 6))
    a = sym.LeakyReLU(
        sym.BatchNorm(sym.FullyConnected(x, num_hidden=8, lr_mult=2), axis=1, fix_gamma=False), act_type="prelu"
    )
    b = sym.Activation(sym.FullyConnected(x, num_hidden=8, no_bias=True), act_type="softrelu")
    joint = sym.Dropout(sym.Concat(-a + b / 3, 2 - a * b, dim=1), p=0.25)
    words = sym.Flatten(sym.Embedding(sym.Variable("words"), input_dim=7, output_dim=3))
    return sym.Group([sym.SoftmaxOutput(joint, grad_scale=0.5, use_ignore=True, name="softmax"), words])


def test_text_and_back_is_the_same_graph(tmp_path):
    net = everything()
    net.save(tmp_path / "net.json")
    for again in (
        sym.load_json(net.tojson()),
        sym.load(tmp_path / "net.json"),
        pickle.loads(pickle.dumps(net)),
        copy.deepcopy(net),
    ):
        assert again.tojson() == net.tojson()
        assert again.attr_dict() == net.attr_dict()
        assert again.list_auxiliary_states() == net.list_auxiliary_states()
        assert again.infer_shape(data=(4, 6), words=(4, 2)) == net.infer_shape(data=(4, 6), words=(4, 2))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back_from_text_exactly(value):
    net = sym.Variable("x") * value
    assert sym.load_json(net.tojson()).tojson() == net.tojson()


def test_a_file_of_mxnet_can_be_read():
    text = json.dumps(
        {
            "nodes": [
                {"op": "null", "name": "data", "inputs": []},
                {"op": "null", "name": "fc_weight", "attrs": {"num_hidden": "4", "__lr_mult__": "2"}, "inputs": []},
                {"op": "FullyConnected", "name": "fc", "attrs": {"num_hidden": "4", "no_bias": "True"},
                 "inputs": [[0, 0, 0], [1, 0, 0]]},
                {"op": "null", "name": "softmax_label", "inputs": []},
                {"op": "SoftmaxOutput", "name": "softmax", "attr": {"grad_scale": "2"},
                 "inputs": [[2, 0, 0], [3, 0, 0]]},
            ],
            "arg_nodes": [0, 1, 3],
            "node_row_ptr": [0, 1, 2, 3, 4, 5],
            "heads": [[4, 0, 0]],
            "attrs": {"mxnet_version": ["int", 10901]},
        }
    )  # fmt: skip
    net = sym.load_json(text)
    assert net.list_arguments() == ["data", "fc_weight", "softmax_label"]
    assert net.infer_shape(data=(2, 5))[1] == [(2, 4)]


def test_text_that_is_no_symbol_says_what_is_wrong(tmp_path):
    with pytest.raises(ValueError, match="not the JSON of a symbol"):
        sym.load_json("{}")
    (tmp_path / "net.json").write_text("hello", encoding="utf-8")
    with pytest.raises(ValueError, match=r"net\.json: not the JSON of a symbol"):
        sym.load(tmp_path / "net.json")
    unknown = mlp().tojson().replace('"Activation"', '"Correlation"')
    with pytest.raises(ValueError, match="node 'relu1': there is no operator 'Correlation'"):
        sym.load_json(unknown)
    with pytest.raises(ValueError, match="node 'fc1': FullyConnected: cannot parse num_hidden from 'eight'"):
        sym.load_json(mlp().tojson().replace('"num_hidden": "8"', '"num_hidden": "eight"'))


def test_a_symbol_may_have_several_outputs():
    halves = sym.SliceChannel(sym.Variable("x"), num_outputs=2, axis=0, name="halves")
    assert halves.num_outputs == len(halves) == 2
    assert halves.list_outputs() == ["halves_output0", "halves_output1"]
    net = mx.symbol.Group([halves["halves_output1"], halves[0] * 2])
    again = sym.load_json(net.tojson())
    assert again.tojson() == net.tojson()
    run = Executor.allocate(again, mx.cpu(), {"x": (4,)})
    run.fill("x", [1, 2, 3, 4])
    assert [output.tolist() for output in run.forward(is_train=True)] == [[3, 4], [2, 4]]
    run.backward([np.array([5, 6]), np.array([7, 8])])
    assert run.grad_dict["x"].tolist() == [14, 16, 5, 6]


def test_an_output_that_nothing_reads_has_no_gradient():
    run = Executor.allocate(mx.symbol.split(mx.symbol.Variable("x"), num_outputs=3, axis=0)[1], mx.cpu(), {"x": (3, 1)})
    run.forward(is_train=True)
    run.backward(np.array([[5]]))
    assert run.grad_dict["x"].tolist() == [[0], [5], [0]]


def test_a_file_cannot_ask_for_an_output_that_does_not_exist():
    halves = sym.SliceChannel(sym.Variable("x"), num_outputs=2, axis=0, name="halves")
    graph = json.loads(halves[1].tojson())
    graph["heads"] = [[1, 2, 0]]
    with pytest.raises(ValueError, match="below 2"):
        mx.symbol.load_json(json.dumps(graph))


def test_sizes_of_zero_are_inferred_from_other_symbols_and_from_outputs():
    a, b, c = sym.Variable("a", shape=(2, 0)), sym.Variable("b"), sym.Variable("c", shape=(0, 3))
    assert (a * b + b * c).infer_shape() == ([(2, 3)] * 3, [(2, 3)], [])
    state = sym.FullyConnected(sym.Variable("state"), num_hidden=8, name="h2h")
    net = sym.FullyConnected(sym.Variable("x"), num_hidden=8, name="x2h") + state
    arguments, outputs, _ = net.infer_shape_partial(x=(10, 6))
    assert (arguments, outputs) == ([(10, 6), (8, 6), (8,), (), (), ()], [(10, 8)])
    assert net.infer_shape(x=(10, 6), state=(0, 8))[0][3:] == [(10, 8), (8, 8), (8,)]


def test_convolutions_and_pooling_infer_shapes_without_the_batch():
    net = sym.Pooling(sym.Convolution(sym.Variable("x"), kernel=(3, 3), num_filter=8, name="c"), kernel=(2, 2))
    arguments, outputs, _ = net.infer_shape_partial(x=(0, 3, 8, 8))
    assert (arguments, outputs) == ([(0, 3, 8, 8), (8, 3, 3, 3), (8,)], [(0, 8, 5, 5)])


def test_zeros_take_the_batch_of_what_they_are_used_with():
    run = Executor.allocate(sym.zeros((0, 2)) + sym.Variable("x"), mx.cpu(), {"x": (3, 2)})
    run.fill("x", np.ones((3, 2)))
    assert run.forward()[0].tolist() == [[1, 1]] * 3
    alone = Executor.allocate(sym.zeros((0, 2)), mx.cpu(), {})
    with pytest.raises(ShapeError, match="do not follow"):
        alone.forward()


def test_a_comparison_of_symbols_has_no_truth_value():
    a, b = sym.Variable("a"), sym.Variable("b")
    with pytest.raises(TypeError, match="no truth value"):
        bool(a == b)
    assert {a: 1}[a] == 1


def test_options_may_be_strings_and_0_or_1_as_in_mxnet():
    net = sym.Convolution(sym.Variable("x"), kernel="(3,3)", num_filter="4", no_bias=1, pad=[1, 1], name="c")
    assert net.list_arguments() == ["x", "c_weight"]
    assert net.infer_shape(x=(1, 2, 5, 5))[1] == [(1, 4, 5, 5)]
    with pytest.raises(ValueError, match="Convolution: kernel must be a tuple of integers, got 'wide'"):
        sym.Convolution(sym.Variable("x"), kernel="'wide'", num_filter=4)


def test_attributes_given_as_keywords_are_kept():
    assert sym.Flatten(sym.Variable("x"), __layout__="NC", name="f").attr("__layout__") == "NC"


def test_operators_of_your_own_are_classes():
    with pytest.raises(NotImplementedError, match="subclass mxcore_module.operators.Operator"):
        sym.Custom(sym.Variable("x"), op_type="mine")


def test_methods_are_the_functions_of_the_same_names():
    x = sym.Variable("x")
    net = x.reshape((4, 6)).transpose().sum(axis=0, keepdims=True).exp().astype("float64")
    assert net.infer_shape(x=(2, 3, 4))[1] == [(1, 4)]
    assert x.split(num_outputs=3, axis=1).num_outputs == len(x.split_v2(3, axis=1)) == 3


def test_arithmetic_of_two_numbers_is_refused():
    for function in (sym.pow, sym.maximum, sym.minimum, sym.hypot):
        with pytest.raises(TypeError, match="expected two symbols, or a symbol and a number, got 1 and 2"):
            function(1, 2)
