"""Orthogonal gives orthogonal rows or columns, without a preferred direction, with the same bits on any threads."""

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

import mxcore as mx


@pytest.mark.parametrize("rand_type", ["uniform", "normal"])
@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (8, 2, 3), (3, 4, 2, 2), (1, 7), (0, 3)])
def test_the_shorter_side_is_orthogonal(shape: tuple[int, ...], rand_type: str) -> None:
    mx.random.seed(1)
    array = np.empty(shape)
    mx.init.Orthogonal(1.5, rand_type)("x_weight", array)
    matrix = array.reshape(shape[0], int(np.prod(shape[1:])))
    rows, columns = matrix.shape
    gram = matrix.T @ matrix if rows >= columns else matrix @ matrix.T
    np.testing.assert_allclose(gram, 1.5**2 * np.eye(min(rows, columns)), atol=1e-13)


@pytest.mark.parametrize(("shape", "entry"), [((3, 3), (0, 0)), ((3, 3), (2, 1)), ((3, 2), (0, 1)), ((1, 3), (0, 0))])
def test_no_direction_is_preferred(shape: tuple[int, int], entry: tuple[int, int]) -> None:
    """Each coordinate of a random point on the sphere in three dimensions is uniform (Archimedes)."""
    mx.random.seed(1)
    entries = []
    for number in range(500):
        array = np.empty(shape)
        mx.init.Orthogonal(1, "normal")(f"x{number}_weight", array)
        entries.append(array[entry])
    assert stats.kstest(entries, "uniform", args=(-1, 2)).pvalue > 0.01


def test_orthogonal_has_the_same_bits_on_any_number_of_threads() -> None:
    code = """if True:
        import hashlib, numpy as np, mxcore as mx
        mx.random.seed(1)
        array = np.empty((300, 300))
        mx.init.Orthogonal()("x_weight", array)
        print(hashlib.sha256(array).hexdigest())"""
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        for threads in ("1", "4")
    ]
    assert runs[0].stdout == runs[1].stdout


@pytest.mark.parametrize("shape", [(), (3,)])
def test_a_vector_cannot_be_orthogonal(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="Orthogonal needs at least two axes: 'x_weight' has shape"):
        mx.init.Orthogonal()("x_weight", np.empty(shape))


def test_wrong_words_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="rand_type must be one of 'uniform', 'normal', got 'gaussian'"):
        mx.init.Orthogonal(rand_type="gaussian")
