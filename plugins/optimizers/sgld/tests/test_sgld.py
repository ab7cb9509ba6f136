"""SGLD's noise depends on the seed, the parameter's name and its update count."""

from typing import Any

import numpy as np
import numpy.typing as npt

import mxcore as mx


def noise(name: str, steps: int = 1, seed: int = 3) -> npt.NDArray[Any]:
    mx.random.seed(seed)
    weight = np.zeros(1000)
    update = mx.optimizer.get_updater(mx.optimizer.SGLD(learning_rate=0.25, param_idx2name={0: name}))
    for _ in range(steps):
        update(0, np.zeros(1000), weight)
    return weight


def test_the_variance_of_the_noise_is_the_learning_rate() -> None:
    np.testing.assert_allclose(noise("a").var(), 0.25, rtol=0.15)


def test_the_noise_of_sgld_depends_on_seed_name_and_count() -> None:
    assert noise("a").tobytes() == noise("a").tobytes()
    others = [noise("b"), noise("a", seed=4), noise("a", steps=2) - noise("a")]
    assert all(abs(np.corrcoef(noise("a"), other)[0, 1]) < 0.2 for other in others)
