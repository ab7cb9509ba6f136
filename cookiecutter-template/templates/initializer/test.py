"""The values for one seed, and a law that they obey."""

import math

import mxcore as mx
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


# Edit here (3 of 7): the values for one seed, and a property that holds for every shape.
def initialised(*shape: int, gain: float = 1.0) -> npt.NDArray[np.float64]:
    """Return a weight of this shape, from one seed."""
    mx.random.seed(1)
    weight = np.empty(shape)
    mx.initializer.create("{{ cookiecutter.name }}", gain=gain)("fc_weight", weight)
    return weight


def test_golden_values() -> None:
    """Standard normal draws, divided by the root of a fan-in of 4, times the gain."""
    draws = np.array([-2.6317116, -2.1314296, -0.0014541, 1.5219449])
    np.testing.assert_allclose(initialised(1, 4).ravel(), draws / 2, atol=1e-6)
    np.testing.assert_allclose(initialised(1, 2, 2, gain=3.0).ravel(), draws * 1.5, atol=1e-6)


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.floats(0.1, 10))
def test_the_scale_follows_from_the_fan_in(out: int, fan_in: int, gain: float) -> None:
    """The draws are the same for every fan-in, apart from their scale."""
    weight = initialised(out, fan_in, gain=gain) * math.sqrt(fan_in) / gain
    np.testing.assert_allclose(weight.ravel(), initialised(out * fan_in, 1).ravel(), rtol=1e-9)


def test_a_vector_has_no_fan_in() -> None:
    with pytest.raises(ValueError, match="needs at least two axes"):
        initialised(3)
