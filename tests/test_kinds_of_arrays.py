"""Arrays that are refused because results would be wrong (integers, masks), and complex ones, which are filled."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxcore as mx

NAMES = ["normal", "uniform", "xavier", "msraprelu", "orthogonal", "zero", "one"]


def masked(*shape: int) -> Any:
    return np.ma.masked_less(np.ones(shape), 0.5)


# --- masked ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["adam", "sgd", "groupadagrad"])
@pytest.mark.parametrize("role", ["weight", "gradient"])
@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
def test_masked_arrays_are_not_updated(name: str, role: str, first: bool) -> None:
    update, weight = mx.optimizer.get_updater(mx.optimizer.create(name)), np.ones(2)
    if not first:
        update(0, np.ones(2), weight)
    before, states, count = weight.copy(), len(update.states), update.optimizer.num_update
    grad, hidden = (masked(2), weight) if role == "gradient" else (np.ones(2), weight.view(np.ma.MaskedArray))
    for call in (lambda: update(0, grad, hidden), lambda: update([0], [grad], [hidden])):
        with pytest.raises(TypeError, match=f"the {role} of parameter 0: expected an array without a mask"):
            call()
    assert weight.tolist() == before.tolist()
    assert (len(update.states), update.optimizer.num_update) == (states, count)


@pytest.mark.parametrize("name", NAMES)
def test_masked_arrays_are_not_initialised(name: str) -> None:
    array = masked(4, 4)
    with pytest.raises(TypeError, match=r"expected an array without a mask, got a MaskedArray: pass array.filled"):
        mx.init.create(name)("fc_weight", array)
    assert (array == 1).all()


def test_masked_arrays_are_not_saved(tmp_path: Path) -> None:
    update = mx.optimizer.get_updater(mx.optimizer.SGD())
    with pytest.raises(TypeError, match="cannot save"):
        mx.save_state(tmp_path / "x", update, params={"w": masked(2)})
    update.states[0] = masked(2)
    with pytest.raises(TypeError, match="cannot save"):
        mx.save_state(tmp_path / "x", update)
    assert list(tmp_path.iterdir()) == []


# --- integers and booleans -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [int, np.int8, np.uint16, bool])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("parameter", ["fc_weight", "fc_bias", "bn_gamma"])
def test_integers_and_booleans_are_not_initialised(name: str, dtype: Any, parameter: str) -> None:
    array = np.ones((4, 4), dtype)
    for initializer in (mx.init.create(name), mx.init.Mixed([f".*{parameter[-4:]}"], [name])):
        with pytest.raises(TypeError, match=f"cannot initialise '{parameter}': its dtype is {np.dtype(dtype)}; pass"):
            initializer(parameter, array)
    assert array.all()


def test_quantised_weights_are_integers() -> None:
    array = np.zeros(100, np.int8)
    mx.init.Uniform()("fc_weight_quantize", array)
    assert len(set(array.tolist())) > 10


# --- complex ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("normal", {"sigma": 0.5}),
        ("uniform", {"scale": 0.5}),
        ("xavier", {}),
        ("xavier", {"rnd_type": "gaussian"}),
        ("msraprelu", {}),
        ("orthogonal", {}),
        ("orthogonal", {"rand_type": "normal"}),
    ],
)
def test_both_parts_of_a_complex_weight_share_the_variance(name: str, arguments: dict[str, Any], dtype: Any) -> None:
    mx.random.seed(3)
    initializer, array = mx.init.create(name, **arguments), np.zeros((100, 120), dtype)
    initializer("fc_weight", array)
    _, deviation = initializer.moments(array.shape)
    assert array.real.std() == pytest.approx(deviation / 2**0.5, rel=0.05)
    assert array.imag.std() == pytest.approx(deviation / 2**0.5, rel=0.05)
    assert abs(np.corrcoef(array.real.ravel(), array.imag.ravel())[0, 1]) < 0.05
    again = np.zeros_like(array)
    initializer("fc_weight", again)
    assert again.tobytes() == array.tobytes()


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5)])
def test_a_complex_orthogonal_weight_is_unitary(shape: tuple[int, int]) -> None:
    array = np.zeros(shape, complex)
    mx.init.Orthogonal(scale=1.0)("fc_weight", array)
    product = array @ array.conj().T if shape[0] <= shape[1] else array.conj().T @ array
    assert product == pytest.approx(np.eye(min(shape)), abs=1e-12)


def test_what_is_not_random_stays_real() -> None:
    for name, parameter, value in (("one", "fc_weight", 1), ("xavier", "bn_gamma", 1), ("xavier", "fc_bias", 0)):
        array = np.full(2, 7j)
        mx.init.create(name)(parameter, array)
        assert array.tolist() == [value, value]


def test_complex_numbers_are_drawn_around_the_mean() -> None:
    rng = mx.random.Generator(7, dtype=np.complex64)
    for drawn in (rng.uniform(1, 3, 10_000), rng.normal(2, 0.5, 10_000)):
        assert drawn.dtype == np.complex64
        assert drawn.mean() == pytest.approx(2, abs=0.03)
    assert mx.random.Generator(7).uniform(size=2, dtype=np.complex128).imag.all()


# --- layouts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["xavier", "msraprelu"])
@pytest.mark.parametrize(
    ("factor", "arguments", "shape", "fan"),
    [
        ("in", {"transposed": True}, (64, 32, 3, 3), 64 * 9),
        ("out", {"transposed": True}, (64, 32, 3, 3), 32 * 9),
        ("in", {"groups": 4}, (64, 8, 3, 3), 8 * 9),
        ("out", {"groups": 4}, (64, 8, 3, 3), 64 * 9 / 4),
        ("avg", {"groups": 4}, (64, 8, 3, 3), (8 * 9 + 64 * 9 / 4) / 2),
        ("in", {"groups": 4, "transposed": True}, (64, 8, 3, 3), 64 * 9 / 4),
        ("in", {"transposed": True}, (300, 200), 300),
        ("in", {"axes": (-1, -2)}, (3, 3, 32, 64), 32 * 9),
        ("out", {"axes": (-1, -2), "groups": 4}, (3, 3, 8, 64), 64 * 9 / 4),
        ("out", {"axes": [[1, 2], 0]}, (64, 4, 8), 32),
    ],
)
def test_fans_of_transposed_and_grouped_layers(
    name: str, factor: str, arguments: dict[str, Any], shape: tuple[int, ...], fan: float
) -> None:
    own: dict[str, Any] = {"magnitude": 2, "rnd_type": "gaussian"} if name == "xavier" else {"slope": 0}
    initializer = mx.init.create(name, factor_type=factor, **own, **arguments)
    array = np.zeros(shape)
    initializer("conv_weight", array)
    assert initializer.moments(shape)[1] == pytest.approx((2 / fan) ** 0.5)
    assert array.std() == pytest.approx((2 / fan) ** 0.5, rel=0.03)
    assert mx.init.create(initializer.dumps()) == initializer
    assert initializer != mx.init.create(name, factor_type=factor, **own)


@pytest.mark.parametrize("axes", [0, (0,), (0, 0), (0, True), (0, ()), ((0, 1), 1), "01"])
def test_what_names_no_two_axes_is_refused_at_once(axes: object) -> None:
    with pytest.raises(ValueError, match=r"axes must be None or \(output axes, input axes\)"):
        mx.init.Xavier(axes=axes)


@pytest.mark.parametrize("axes", [(0, 2), (-3, 0), (0, -2)])
def test_axes_that_a_weight_does_not_have_are_refused(axes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"'fc_weight' has shape \(4, 3\), of which axes=.* are not different axes"):
        mx.init.Xavier(axes=axes)("fc_weight", np.zeros((4, 3)))


@pytest.mark.parametrize("name", ["xavier", "msraprelu"])
def test_groups_that_do_not_divide_the_channels_are_refused(name: str) -> None:
    with pytest.raises(
        ValueError, match=r"'conv_weight' has shape \(6, 2\), whose output channels are not divisible by groups=4"
    ):
        mx.init.create(name, groups=4)("conv_weight", np.zeros((6, 2)))
