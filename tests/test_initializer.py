"""The base class of initializers: names decide, and values depend only on the seed and the name."""

import logging
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mxcore as mx
from mxcore.initializer import InitDesc, Initializer


def filled(initializer: Initializer, desc: str, shape: tuple[int, ...] = (4, 3), dtype: Any = np.float32) -> Any:
    array = np.full(shape, 7, dtype)
    initializer(desc, array)
    return array


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fc_bias", 0),
        ("mybias", 0),
        ("bn_gamma", 1),
        ("bn_beta", 0),
        ("q_min", 0),
        ("q_max", 1),
        ("fc_bias_quantize", 0),
    ],
)
@pytest.mark.parametrize("kind", [str, InitDesc])
def test_the_end_of_a_name_decides(kind: Any, name: str, value: float) -> None:
    assert (filled(mx.init.Uniform(), kind(name)) == value).all()


@pytest.mark.parametrize(
    ("name", "value"), [("bn_moving_mean", 0), ("bn_moving_var", 1), ("bn_moving_inv_var", 0), ("bn_moving_avg", 0)]
)
def test_plain_names_also_know_the_moving_averages(name: str, value: float) -> None:
    assert (filled(mx.init.Uniform(), name) == value).all()


def test_spatial_transformers_start_as_the_identity() -> None:
    assert filled(mx.init.Uniform(), "stn_loc_bias", (6,)).tolist() == [1, 0, 0, 0, 1, 0]
    assert not filled(mx.init.Uniform(), "stn_loc_weight").any()
    with pytest.raises(ValueError, match=r"'stn_loc_bias' must have shape \(6,\)"):
        filled(mx.init.Uniform(), "stn_loc_bias", (3,))


@pytest.mark.parametrize("name", ["embedding", InitDesc("bn_moving_mean")])
def test_a_name_that_no_rule_covers_is_an_error_that_says_what_to_do(name: str) -> None:
    with pytest.raises(ValueError, match=f"cannot tell how to initialise '{name}'.*Variable"):
        filled(mx.init.Uniform(), name)


def test_an_attribute_overrules_the_name() -> None:
    assert (filled(mx.init.Uniform(), InitDesc("fc_bias", {"__init__": '["constant", {"value": 3}]'})) == 3).all()
    assert (filled(mx.init.Uniform(), InitDesc("moving_mean", {"__init__": "one"})) == 1).all()


def test_the_model_wide_initializer_is_known_to_the_others() -> None:
    desc, uniform = InitDesc("fc_weight"), mx.init.Uniform()
    uniform(desc, np.zeros(3))
    assert desc.global_init is uniform


def test_values_do_not_depend_on_the_order_or_on_the_other_parameters() -> None:
    names = ["a_weight", "b_weight", "c_weight"]
    forward = {name: filled(mx.init.Normal(), name).tobytes() for name in names}
    backward = {name: filled(mx.init.Normal(), name).tobytes() for name in reversed(names)}
    assert forward == backward
    assert len(set(forward.values())) == 3


def test_values_written_the_mxnet_way_depend_on_the_name_alone_too() -> None:
    class Noise(Initializer):
        def _init_weight(self, name: str, arr: Any) -> None:
            mx.random.uniform(-1, 1, out=arr)
            arr[:] += mx.random.normal(0, 1, arr.shape)

    first = filled(Noise(), "a_weight")
    mx.random.normal()
    filled(Noise(), "b_weight")
    np.testing.assert_array_equal(first, filled(Noise(), "a_weight"))


def test_the_type_of_a_name_does_not_matter() -> None:
    texts = ["x_weight", InitDesc("x_weight"), np.str_("x_weight")]
    assert len({filled(mx.init.Normal(), text).tobytes() for text in texts}) == 1


def test_the_seed_decides() -> None:
    first = filled(mx.init.Normal(), "x_weight")
    mx.random.seed(2)
    assert (first != filled(mx.init.Normal(), "x_weight")).any()


def test_quantised_weights_are_small_integers() -> None:
    values = filled(mx.init.Uniform(), InitDesc("fc_weight_quantize"), (100,))
    assert set(values) <= set(range(-127, 128))
    assert len(set(values)) > 10


@given(shape=st.lists(st.integers(0, 4), max_size=3).map(tuple), dtype=st.sampled_from(["f2", "f4", "f8"]))
def test_any_shape_dtype_and_layout_gets_the_same_values(shape: tuple[int, ...], dtype: str) -> None:
    plain = filled(mx.init.Normal(), "x_weight", shape, dtype)
    fortran = np.full(shape, 7, dtype, order="F")
    strided = np.full((*shape, 2), 7, dtype)
    mx.init.Normal()("x_weight", fortran)
    mx.init.Normal()("x_weight", strided[..., 0])
    np.testing.assert_array_equal(plain, fortran)
    np.testing.assert_array_equal(plain, strided[..., 0])
    assert (strided[..., 1] == 7).all()
    assert plain.dtype == dtype


def test_a_subclass_without_values_says_what_to_define() -> None:
    with pytest.raises(NotImplementedError, match=r"must define values\(desc, shape, rng\) or _init_weight"):
        filled(Initializer(), "x_weight")


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="the name of a parameter must be a string, got 3"):
        mx.init.Zero()(3, np.zeros(2))
    with pytest.raises(TypeError, match="expected a NumPy or CuPy array, got builtins.list"):
        mx.init.Zero()("x_weight", [1, 2])
    frozen = np.zeros(2)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="cannot initialise 'x_weight': the array is read-only"):
        mx.init.Zero()("x_weight", frozen)


def test_equality_is_by_class_and_arguments() -> None:
    assert mx.init.Uniform(0.5) == mx.init.Uniform(0.5) != mx.init.Uniform(0.25)
    assert mx.init.Zero() != mx.init.One()
    assert mx.init.Constant(np.ones(2)) == mx.init.Constant([1, 1])


def test_text_repeats_what_a_constructor_passed_on() -> None:
    @mx.init.register
    class Own(Initializer):
        def __init__(self, a: int, b: Any = None) -> None:
            super().__init__(a=a, b=b)
            self.a = a

    assert Own(3, np.array([1.0])).dumps() == '["own", {"a": 3, "b": [1.0]}]'
    assert mx.init.create(Own(3).dumps()).a == 3


def test_verbosity_logs_each_parameter(caplog: pytest.LogCaptureFixture) -> None:
    initializer = mx.init.Constant(2).set_verbosity(True)
    with caplog.at_level(logging.INFO):
        filled(initializer, "fc_weight")
        filled(initializer.set_verbosity(True, lambda array: "shape " + str(array.shape)), "fc_bias")
        filled(initializer.set_verbosity(False), "x_weight")
    assert caplog.messages == [
        "Initialized fc_weight as constant: 2.0",
        "Initialized fc_bias as constant: shape (4, 3)",
    ]


def test_numpys_own_generator_is_not_touched() -> None:
    with warnings.catch_warnings():
        before = np.random.get_state()[1].copy()  # noqa: NPY002 - the one that must not move
        filled(mx.init.Normal(), "x_weight")
        np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_create_reads_names_in_any_case_and_passes_instances() -> None:
    assert mx.init.create("XAVIER") == mx.init.Xavier()
    instance = mx.init.Zero()
    assert mx.init.create(instance) is instance
    assert mx.init is mx.initializer
