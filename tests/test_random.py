"""Random numbers are functions of the seed and of names, or of a position that can be saved."""

import numpy as np
import pytest

import mxcore as mx


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
