"""NDArray, and the functions of mx.nd, have MXNet's shapes, dtypes and arguments."""

import copy
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import mxcore as mx

nd = mx.nd


def values(array: Any) -> Any:
    return array.asnumpy().tolist()


def test_arrays_have_mxnets_attributes() -> None:
    x = nd.array([[1, 2, 3], [4, 5, 6]])
    assert (x.shape, x.ndim, x.size, x.dtype, x.stype) == ((2, 3), 2, 6, np.float32, "default")
    assert x.context == x.ctx == mx.cpu()
    assert isinstance(x, nd.NDArray)
    assert isinstance(x, np.ndarray)
    assert type(x.asnumpy()) is np.ndarray
    assert repr(x) == "\n[[1. 2. 3.]\n [4. 5. 6.]]\n<NDArray 2x3 @cpu(0)>"
    assert x.T.shape == (3, 2)
    assert x.as_in_context(mx.cpu()) is x
    assert x.detach() is x


def test_reductions_of_everything_have_the_shape_1() -> None:
    x = nd.array([[1, 2], [3, 4]])
    for found, number in ((x.sum(), 10), (x.mean(), 2.5), (x.max(), 4), (x.min(), 1), (x.prod(), 24)):
        assert found.shape == (1,)
        assert found.asscalar() == number
        assert isinstance(found.asscalar(), float)
    assert x.norm().asscalar() == pytest.approx(30**0.5)
    assert nd.norm(x, ord=1, axis=0).asnumpy().tolist() == [4, 6]
    with pytest.raises(ValueError, match="one element"):
        x.asscalar()


def test_axes_may_be_kept_or_excluded() -> None:
    x = nd.array(np.arange(24).reshape(2, 3, 4))
    assert nd.sum(x, axis=(0, 2), exclude=True).shape == (2, 4)
    assert x.sum(axis=1, exclude=True).asnumpy().tolist() == nd.sum(x, axis=(0, 2)).asnumpy().tolist()
    assert x.mean(axis=-1, keepdims=True).shape == (2, 3, 1)
    assert nd.max(x, axis=0, keepdims=1).shape == (1, 3, 4)
    out = nd.zeros((2, 3))
    assert nd.sum(x, axis=2, out=out) is out
    assert values(out[1]) == [54, 70, 86]
    assert x.argmax(axis=1).dtype == np.float32


def test_elements_and_slices_are_views() -> None:
    x = nd.zeros((2, 3))
    x[0][:] = 1
    x[1, 2] = 5
    row = x[1]
    row += 2
    assert values(x) == [[1, 1, 1], [2, 2, 7]]
    assert x[1, 2].shape == (1,)
    assert x[1][2].asscalar() == 7
    assert x[:, 1:2].shape == (2, 1)
    assert [values(one) for one in x] == values(x)
    assert values(x[nd.array([1, 0])]) == [[2, 2, 7], [1, 1, 1]]
    y = nd.array([1, 2, 3])
    y[1] = nd.array([9])
    assert values(y) == [1, 9, 3]


def test_operators_keep_float32_and_compare_to_0_and_1() -> None:
    x = nd.array([1, 2, 3])
    assert (np.float64(0.1) * x).dtype == (x * np.float64(0.1)).dtype == (2 / x).dtype == np.float32
    assert isinstance(np.float64(2) * x, nd.NDArray)
    assert values(x > 2) == [0, 0, 1]
    assert (x == x).dtype == np.float32
    assert values((x > 1) - (x < 3)) == [-1, 0, 1]
    assert values(-x + abs(x) ** 2 % 4) == [0, -2, -2]
    same = x
    x += 1
    x *= np.ones(3, np.float32)
    assert same is x
    assert values(x) == [2, 3, 4]
    assert bool(x[0] > 1)
    assert float(x[1]) == 3
    assert (x == None) is False  # noqa: E711


def test_dtypes_are_converted_as_numpy_does() -> None:
    x = nd.ones(2) + nd.ones(2, dtype="float64")
    assert (x.dtype, values(x)) == (np.float64, [2, 2])
    x = nd.ones(2)
    x -= nd.ones(2, dtype="float64")
    assert (x.dtype, values(x)) == (np.float32, [0, 0])


def test_nothing_is_left_to_wait_for() -> None:
    x = nd.zeros(2)
    under = nd.bare(x)
    x += 1
    assert under.tolist() == [1, 1]
    assert x.wait_to_read() is None
    assert nd.waitall() is None


def test_numpy_functions_take_ndarrays() -> None:
    x = nd.array([4, 9])
    assert isinstance(np.sqrt(x), nd.NDArray)
    assert values(np.maximum(x, 5)) == [5, 9]
    assert np.sum(x).asscalar() == 13
    assert np.linalg.norm(x) == pytest.approx(97**0.5)
    out = nd.zeros(2)
    np.add(x, 1, out=out)
    assert values(out) == [5, 10]
    assert values(np.clip(x, 5, 6)) == [5, 6]
    assert np.where(x > 5, x, 0).tolist() == [0, 9]


def test_memory_is_shared_with_the_array_underneath() -> None:
    plain = np.zeros(3)
    view = nd.wrap(plain)
    view[1:] = 2
    assert plain.tolist() == [0, 2, 2]
    assert nd.bare(view).base is plain
    assert not nd.wrap(np.broadcast_to(1.0, (2,))).writable


def test_copies() -> None:
    x = nd.array([1, 2])
    y = nd.zeros(2, dtype="float64")
    assert x.copyto(y) is y
    assert values(y) == [1, 2]
    for other in (x.copy(), x.copyto(mx.cpu()), copy.deepcopy(x), pickle.loads(pickle.dumps(x)), x.astype("float32")):
        assert isinstance(other, nd.NDArray)
        other[:] = 7
    assert values(x) == [1, 2]
    assert x.astype(np.float32, copy=False) is x
    assert x.astype("float16").dtype == np.float16


def test_creation() -> None:
    assert nd.array(3).shape == (1,)
    assert nd.array(np.arange(2)).dtype == np.int64
    assert nd.array([1, 2], dtype="int32").dtype == np.int32
    assert nd.zeros(3, ctx=mx.cpu(), dtype=np.float64).dtype == np.float64
    assert nd.zeros((2, 1), mx.cpu(), "float16", stype="default").dtype == np.float16
    assert values(nd.full((2,), 7)) == [7, 7]
    assert values(nd.arange(0, 4, 2, repeat=2)) == [0, 0, 2, 2]
    assert values(nd.eye(2)) == [[1, 0], [0, 1]]
    assert values(nd.linspace(0, 1, 3)) == [0, 0.5, 1]
    out = nd.zeros(2)
    assert nd.ones(2, out=out) is out
    assert values(out) == [1, 1]
    assert nd.zeros_like(nd.ones((2, 3), dtype="float64")).dtype == np.float64
    with pytest.raises(ValueError, match="row_sparse"):
        nd.zeros((2, 2), stype="row_sparse")


def test_joining_and_splitting() -> None:
    a, b = nd.ones((2, 2)), nd.zeros((2, 2))
    assert nd.concat(a, b, dim=0).shape == (4, 2)
    assert nd.concatenate([a, b]).shape == (4, 2)
    assert nd.stack(a, b, axis=1).shape == (2, 2, 2)
    parts = nd.split(nd.arange(6).reshape((2, 3)), num_outputs=3, axis=1, squeeze_axis=True)
    assert [values(one) for one in parts] == [[0, 3], [1, 4], [2, 5]]
    assert nd.add_n(a, a, b).sum().asscalar() == 8


@pytest.mark.parametrize(("shape", "reverse", "expected"), [
    ((4, 0, 2), False, (4, 3, 2)), ((-1, 0), False, (8, 3)), ((2, -2), False, (2, 3, 4)), ((-3, 0), False, (6, 4)),
    ((-4, 1, -1, -2), False, (1, 2, 3, 4)), ((0, -3), False, (2, 12)), ((-1, 0), True, (6, 4)),
])  # fmt: skip
def test_codes_of_reshape(shape: Any, reverse: bool, expected: Any) -> None:
    assert nd.zeros((2, 3, 4)).reshape(shape, reverse=reverse).shape == expected
    assert nd.reshape(nd.zeros((2, 3, 4)), shape=shape, reverse=reverse).shape == expected


def test_shapes() -> None:
    x = nd.arange(6).reshape(2, 3)
    assert nd.zeros((2, 3, 4)).flatten().shape == (2, 12)
    assert x.expand_dims(axis=1).shape == (2, 1, 3)
    assert x.expand_dims(axis=1).squeeze(axis=1).shape == (2, 3)
    assert nd.transpose(nd.zeros((2, 3, 4)), axes=(1, 0, 2)).shape == (3, 2, 4)
    assert x[:, :1].broadcast_to((0, 4)).shape == (2, 4)
    assert nd.broadcast_axis(x[:, :1], axis=1, size=2).shape == (2, 2)
    assert values(nd.slice(x, begin=(0, 1), end=(1, None))) == [[1, 2]]
    assert values(nd.slice_axis(x, axis=1, begin=-1, end=None)) == [[2], [5]]
    assert values(nd.slice_like(x, nd.zeros((1, 2)))) == [[0, 1]]
    assert values(nd.tile(nd.array([1, 2]), 2)) == [1, 2, 1, 2]
    assert values(nd.flip(x, axis=1)) == [[2, 1, 0], [5, 4, 3]]


def test_choosing() -> None:
    x = nd.array([[3, 1, 2], [6, 5, 4]])
    assert values(nd.topk(x, k=2)) == [[0, 2], [0, 1]]
    assert values(nd.topk(x, k=1, ret_typ="value", is_ascend=True)) == [[1], [4]]
    assert values(nd.topk(x, k=1, ret_typ="mask")) == [[1, 0, 0], [1, 0, 0]]
    both = nd.topk(x, axis=None, k=2, ret_typ="both")
    assert [values(one) for one in both] == [[6, 5], [3, 4]]
    assert values(nd.sort(x, is_ascend=False)) == [[3, 2, 1], [6, 5, 4]]
    assert values(x.argsort()) == [[1, 2, 0], [2, 1, 0]]
    assert values(nd.take(x, nd.array([1, 9]))) == [[6, 5, 4], [6, 5, 4]]
    assert values(nd.pick(x, nd.array([0, 2]))) == [3, 4]
    assert values(nd.one_hot(nd.array([1, 5]), 2)) == [[0, 1], [0, 0]]
    assert values(nd.where(x > 3, x, nd.zeros_like(x))) == [[0, 0, 0], [6, 5, 4]]
    assert values(nd.where(nd.array([0, 1]), x, -x)) == [[-3, -1, -2], [6, 5, 4]]
    with pytest.raises(ValueError, match="ret_typ"):
        nd.topk(x, ret_typ="values")


def test_products() -> None:
    a, b = nd.array([[1, 2], [3, 4]]), nd.array([[1, 0], [1, 1]])
    assert values(nd.dot(a, b)) == [[3, 2], [7, 4]]
    assert values(nd.dot(a, b, transpose_a=True)) == values(nd.dot(a.T, b))
    assert values(nd.dot(a, b, transpose_b=True)) == values(nd.dot(a, b.T))
    assert nd.dot(a[0], b[0]).shape == (1,)
    assert nd.batch_dot(nd.ones((5, 2, 3)), nd.ones((5, 4, 3)), transpose_b=True).shape == (5, 2, 4)


UNARY = {
    "abs": np.abs, "ceil": np.ceil, "exp": np.exp, "fix": np.trunc, "log1p": np.log1p, "negative": np.negative,
    "reciprocal": lambda x: 1 / x, "relu": lambda x: np.maximum(x, 0), "rsqrt": lambda x: x**-0.5,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "sign": np.sign, "softsign": lambda x: x / (1 + abs(x)),
    "sqrt": np.sqrt, "square": np.square, "tanh": np.tanh,
}  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_elements_are_functions_and_methods_with_out(name: str) -> None:
    given = np.array([0.25, 1.0, 2.5])
    expected = UNARY[name](given)
    x, out = nd.array(given), nd.zeros(3, dtype="float64")
    np.testing.assert_allclose(getattr(nd, name)(x).asnumpy(), expected)
    np.testing.assert_allclose(getattr(x, name)().asnumpy(), expected)
    assert getattr(nd, name)(x, out=out) is out
    np.testing.assert_allclose(out.asnumpy(), expected)
    np.testing.assert_allclose(getattr(nd, name)(given).asnumpy(), expected)


def test_rounding_is_away_from_zero_and_a_function_may_work_in_place() -> None:
    x = nd.array([-2.5, -0.4, 0.5, 1.5])
    assert values(x.round()) == [-3, 0, 1, 2]
    nd.sign(x, out=x)
    assert values(x) == [-1, -1, 1, 1]


def test_functions_of_two_arrays() -> None:
    x, y = nd.array([[1, 2]]), nd.array([[2], [1]])
    assert values(nd.broadcast_add(x, y)) == [[3, 4], [2, 3]]
    assert values(nd.broadcast_greater(x, y)) == [[0, 0], [0, 1]]
    assert values(nd.maximum(x, 1.5)) == [[1.5, 2]]
    assert values(nd.power(2, x)) == [[2, 4]]
    assert values(nd.lesser_equal(x, 1)) == [[1, 0]]
    assert values(nd.elemwise_mul(x, x)) == [[1, 4]]


def test_softmax_and_its_logarithm() -> None:
    x = np.array([[1.0, 2.0, 900.0]])
    assert values(nd.softmax(nd.array(x))) == [[0, 0, 1]]
    assert values(nd.log_softmax(nd.array(x))) == [[-899, -898, 0]]


def test_gradients_are_not_recorded_and_the_error_says_so() -> None:
    x = nd.ones(2)
    for call in (x.attach_grad, x.backward):
        with pytest.raises(NotImplementedError, match="PyTorch or JAX"):
            call()
    with pytest.raises(AttributeError, match="documentation"):
        nd.Convolution  # noqa: B018


def test_contexts() -> None:
    assert mx.Context("cpu", 0) == mx.context.cpu() == mx.context.current_context()
    assert mx.context.num_gpus() == mx.num_gpus() >= 0
    assert nd.zeros(1, mx.context.cpu_pinned()).context == mx.cpu()


# --- random numbers --------------------------------------------------------------------------------------------------

DRAWS: dict[str, tuple[dict[str, float], float, float]] = {
    "uniform": ({"low": -1, "high": 3}, 1, 16 / 12),
    "normal": ({"loc": 2, "scale": 3}, 2, 9),
    "exponential": ({"scale": 2}, 2, 4),
    "gamma": ({"alpha": 3, "beta": 2}, 6, 12),
    "poisson": ({"lam": 4}, 4, 4),
    "negative_binomial": ({"k": 3, "p": 0.5}, 3, 6),
    "generalized_negative_binomial": ({"mu": 2, "alpha": 0.5}, 2, 4),
}


@pytest.mark.parametrize("name", DRAWS)
def test_draws_have_their_moments_and_depend_on_the_seed(name: str) -> None:
    arguments, mean, variance = DRAWS[name]
    draw = getattr(nd.random, name)
    drawn = []
    for _ in range(2):
        mx.random.seed(3)
        drawn.append(draw(**arguments, shape=(100, 200)))
    assert (drawn[0] == drawn[1]).min().asscalar() == 1
    assert drawn[0].dtype == np.float32
    assert drawn[0].mean().asscalar() == pytest.approx(mean, abs=5 * (variance / 20000) ** 0.5)
    assert drawn[0].asnumpy().var() == pytest.approx(variance, rel=0.1)
    out = nd.zeros((50, 40), dtype="float64")
    assert draw(**arguments, out=out) is out
    assert out.asnumpy().std() > 0
    like = getattr(nd.random, f"{name}_like")(*arguments.values(), data=out)
    assert (like.shape, like.dtype) == (out.shape, out.dtype)


def test_arrays_of_parameters_give_draws_for_each() -> None:
    drawn = nd.random.uniform(nd.array([0, 10]), nd.array([1, 11]), shape=1000)
    assert drawn.shape == (2, 1000)
    assert 0 <= drawn[0].min().asscalar() < drawn[0].max().asscalar() < 1
    assert 10 <= drawn[1].min().asscalar() < drawn[1].max().asscalar() <= 11


def test_integers_rows_and_categories() -> None:
    drawn = nd.random.randint(2, 5, shape=1000)
    assert set(drawn.asnumpy().tolist()) == {2, 3, 4}
    assert drawn.dtype == np.int32
    assert sorted(values(nd.random.shuffle(nd.arange(5)))) == [0, 1, 2, 3, 4]
    chosen, logs = nd.random.multinomial(nd.array([[0, 1], [0.5, 0.5]]), shape=400, get_prob=True)
    assert chosen.shape == logs.shape == (2, 400)
    assert chosen[0].min().asscalar() == 1
    assert 0.4 < chosen[1].astype("float32").mean().asscalar() < 0.6
    assert logs[1, 0].asscalar() == pytest.approx(np.log(0.5))
    assert nd.random.normal().shape == (1,)
    assert nd.random.randn(2, 3).shape == (2, 3)


def test_the_random_module_of_the_core_fills_ndarrays() -> None:
    out = nd.zeros(1000)
    mx.random.uniform(-0.5, 0.5, out=out)
    assert out.dtype == np.float32
    assert 0.4 < abs(out).max().asscalar() <= 0.5


def test_mx_random_has_the_functions_of_mx_nd_random() -> None:
    mx.random.seed(3, ctx=mx.cpu())
    drawn = mx.random.randint(0, 5, shape=(100,))
    assert set(drawn.asnumpy().tolist()) == {*range(5)}
    assert sorted(mx.random.shuffle(mx.nd.arange(9)).asnumpy().tolist()) == [*range(9)]
    assert mx.random.randn(2, 3, loc=1).shape == (2, 3)
    for draw in (mx.random.uniform, mx.random.normal):
        found = draw(0, 1, (3, 2), "float64", mx.cpu())
        assert isinstance(found, mx.nd.NDArray)
        assert (found.shape, found.dtype, found.context) == ((3, 2), np.float64, mx.cpu())
        plain = draw(shape=2)
        assert isinstance(plain, np.ndarray)
        assert not isinstance(plain, mx.nd.NDArray)
        assert plain.asnumpy().tolist() == plain.tolist()
        assert (plain.context, plain.norm().shape, plain.sum().ndim) == (mx.cpu(), (1,), 0)
        assert (plain < 9).dtype == bool
        assert type(pickle.loads(pickle.dumps(plain))) is np.ndarray
        assert repr(plain).startswith("array(")
        out = mx.nd.zeros((4,))
        assert draw(out=out) is out
        assert float(abs(out).sum().asscalar()) > 0
    with pytest.raises(AttributeError, match="no_such"):
        mx.random.no_such  # noqa: B018


def test_mx_random_draws_bare_arrays_for_programs_without_mx_nd() -> None:
    program = """
import sys, numpy as np, mxcore as mx
assert type(mx.random.uniform(shape=2)) is np.ndarray
assert "mxcore_nd" not in sys.modules
assert type(mx.random.uniform(shape=2, ctx=mx.cpu())) is not np.ndarray
"""
    subprocess.run([sys.executable, "-c", program], check=True)
