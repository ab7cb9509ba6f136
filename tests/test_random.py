"""Random numbers depend on the seed and names, or on a position that can be saved."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

import mxcore as mx
from mxcore.random import Generator
from mxcore.random.fill import fill_normal, fill_uniform


def test_a_key_gives_the_same_numbers_wherever_it_is_asked() -> None:
    first = mx.random.generator("a", 1).normal(size=4)
    mx.random.next_generator().normal()
    np.testing.assert_array_equal(first, mx.random.generator("a", np.int64(1)).normal(size=4))


def test_keys_do_not_run_into_each_other() -> None:
    keys = [("a", "b"), ("ab",), ("a, b",), ("a", 1), ("a", "1"), ("a1",), ()]
    assert len({mx.random.generator(*key).integers(2**60) for key in keys}) == len(keys)


def test_draws_without_a_name_move_on_and_can_be_repeated() -> None:
    state = mx.random.get_state()
    first, second = mx.random.uniform(shape=3), mx.random.uniform(shape=3)
    assert (first != second).any()
    mx.random.set_state(state)
    np.testing.assert_array_equal(first, mx.random.uniform(shape=3))


def test_a_fresh_seed_is_drawn_and_recorded(run_python: object) -> None:
    program = "import mxcore as mx; s = mx.random.current_seed(); a = mx.random.normal(); mx.random.seed(s); "
    program += "print(s, a == mx.random.normal())"
    seeds = [run_python(program).split() for _ in range(2)]  # type: ignore[operator]
    assert seeds[0][0] != seeds[1][0]
    assert seeds[0][1] == seeds[1][1] == "True"
    assert mx.random.seed() == mx.random.current_seed()


def test_arrays_are_drawn_with_shape_and_dtype_or_in_place() -> None:
    drawn = mx.random.uniform(2, 3, (2, 4), np.float64)
    assert (drawn.shape, drawn.dtype) == ((2, 4), np.float64)
    assert ((drawn >= 2) & (drawn < 3)).all()
    array = np.zeros((2, 3), np.float16, order="F")
    assert mx.random.normal(5, 0.1, out=array) is array
    assert abs(array.mean() - 5) < 0.5


@pytest.mark.parametrize("value", [-1, 1.5, "7", True])
def test_a_seed_is_a_whole_number(value: object) -> None:
    with pytest.raises(ValueError, match="seed must be an integer of at least 0"):
        mx.random.seed(value)  # type: ignore[arg-type]


def test_other_processes_draw_the_same(run_python: object) -> None:
    program = "import mxcore as mx; mx.random.seed(3); print(mx.random.generator('fc_weight').integers(2**62))"
    mx.random.seed(3)
    assert int(run_python(program)) == mx.random.generator("fc_weight").integers(2**62)  # type: ignore[operator]


# --- the generator ---------------------------------------------------------------------------------------------------


def test_the_bits_of_a_seed_are_fixed() -> None:
    """A change that makes this fail changes every result that anyone has recorded with a seed."""
    mx.random.seed(1)
    rng = mx.random.generator("fc_weight")
    assert rng.integers(1000, size=5).tolist() == [592, 467, 891, 647, 606]
    assert rng.permutation(6).tolist() == [4, 1, 5, 0, 2, 3]
    assert rng.uniform() == 0.19490605459027044
    weight = np.empty(3, np.float32)
    mx.init.Normal(1.0)("fc_weight", weight)
    assert weight.tolist() == [2.541989803314209, -1.9757524728775024, 0.028876272961497307]


@pytest.mark.parametrize(
    ("fill", "dtype", "bits"),
    [
        (fill_uniform, np.float32, ["0x1.a351180000000p-2", "0x1.52a5ea0000000p-1", "0x1.9ffb000000000p-7"]),
        (fill_uniform, np.float64, ["0x1.ed390f4409a5bp-1", "0x1.f88c96845c6b8p-1", "0x1.36436b8535181p-1"]),
        (fill_normal, np.float32, ["0x1.ab22500000000p+0", "-0x1.5d14f40000000p-3", "-0x1.08240c0000000p+0"]),
        (fill_normal, np.float64, ["-0x1.b1e4ccdd3b237p+0", "-0x1.5f0de8ff00b54p+1", "-0x1.2650fd18792d0p-3"]),
    ],
)
def test_the_bits_of_a_key_are_fixed(fill: Any, dtype: Any, bits: list[str]) -> None:
    array = np.empty(3, dtype)
    fill(array, 7, offset=30)
    assert [value.hex() for value in array.tolist()] == bits


def test_draws_of_one_generator_differ_and_come_back() -> None:
    first, again = Generator(3), Generator(3)
    drawn = [first.normal(size=5, dtype=dtype) for dtype in (np.float32, np.float32, np.float64, np.float16)]
    assert [values.dtype for values in drawn] == [np.float32, np.float32, np.float64, np.float16]
    assert len({float(values[0]) for values in drawn}) == 4
    for values in drawn:
        np.testing.assert_array_equal(values, again.normal(size=5, dtype=values.dtype))


def test_draws_never_overlap() -> None:
    rng, whole = Generator(3), np.empty(640, np.float32)
    fill_uniform(whole, 3)
    drawn = np.concatenate([rng.uniform(size=size, dtype=np.float32) for size in (1, 32, 33, 100, 7)])
    assert np.isin(drawn, whole).all()
    assert len(np.unique(drawn)) == drawn.size


def test_a_draw_without_a_size_is_a_number() -> None:
    rng = Generator(1)
    assert [type(draw()) for draw in (rng.uniform, rng.normal, rng.standard_normal)] == [float] * 3
    assert type(rng.integers(5)) is int
    assert rng.uniform(size=()).shape == ()


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-127, 128), (-(2**63), 2**63 - 1), (2**62, 2**63), (-5, -2)])
def test_integers_lie_within_their_bounds(low: int, high: int) -> None:
    drawn = Generator(1).integers(low, high, (4, 1000))
    assert drawn.dtype == np.int64
    assert low <= int(drawn.min()) <= int(drawn.max()) < high


def test_integers_are_equally_probable() -> None:
    counts = np.bincount(Generator(1).integers(7, size=70_000))
    assert stats.chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize(("low", "high"), [(0, None), (3, 3), (0, 2**63 + 1), (-(2**63), 2**63)])
def test_integers_that_do_not_exist_are_refused(low: int, high: int | None) -> None:
    with pytest.raises(ValueError, match="integers need low < high within the bounds of int64"):
        Generator(1).integers(low, high)


def test_permutations_hold_every_row_once() -> None:
    rows = np.arange(300).reshape(100, 3)
    permuted = Generator(1).permutation(rows)
    assert sorted(permuted[:, 0].tolist()) == rows[:, 0].tolist()
    assert (permuted != rows).any()
    Generator(1).shuffle(rows)
    np.testing.assert_array_equal(rows, permuted)


def test_every_permutation_is_equally_probable() -> None:
    rng = Generator(1)
    counts = np.unique([rng.permutation(3) @ [9, 3, 1] for _ in range(3000)], return_counts=True)[1]
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 0.01


def test_what_numpy_alone_has_is_drawn_from_the_same_key() -> None:
    first, again, other = (Generator(key).numpy().dirichlet([1, 2]) for key in (5, 5, 6))
    assert (first == again).all()
    assert (first != other).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_is_drawn_for_an_array_is_drawn_in_its_precision(dtype: Any) -> None:
    rng = mx.random.generator("x", dtype=dtype)
    assert rng.normal(size=3).dtype == (np.float64 if dtype == np.float64 else np.float32)


def test_a_parameter_is_drawn_in_place_where_it_can_be() -> None:
    array = np.empty((3, 4), np.float32)
    rng = mx.random.generator("x", dtype=array.dtype, out=array)
    assert rng.normal(size=(3, 4)) is array
    assert rng.normal(size=(3, 4)) is not array
    for other in (np.empty((4, 3), np.float32).T, np.empty((3, 4), np.float16)):
        assert mx.random.generator("x", dtype=other.dtype, out=other).normal(size=(3, 4)) is not other


def test_an_initializer_may_compute_with_what_was_drawn_in_place() -> None:
    class Difference(mx.init.Initializer):
        def values(self, desc: str, shape: tuple[int, ...], rng: Generator) -> np.ndarray[Any, Any]:
            return (rng.normal(size=shape) - rng.normal(size=shape)).T

    array, rng = np.empty((3, 3)), mx.random.generator("x_weight")
    Difference()("x_weight", array)
    np.testing.assert_array_equal(array, (rng.normal(size=(3, 3)) - rng.normal(size=(3, 3))).T)
