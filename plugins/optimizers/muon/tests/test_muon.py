"""Muon orthogonalizes the momentum of matrices, several at once, and leaves the rest to AdamW."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mxcore as mx

NAMES = {0: "embed_weight", 1: "fc1_weight", 2: "fc2_weight", 3: "fc2_bias", 4: "conv_weight", 5: "tall_weight"}
SHAPES = ((6, 4), (3, 5), (3, 5), (5,), (4, 2, 3), (5, 3))


def weights(step: int = 0) -> list[Any]:
    rng = np.random.default_rng(step)
    return [rng.standard_normal(shape).astype("float32") for shape in SHAPES]


def trained(make: Callable[[], Any], steps: int = 4, **settings: Any) -> list[Any]:
    params, update = weights(), mx.optimizer.get_updater(make(**{"param_idx2name": NAMES, **settings}))
    for step in range(1, steps + 1):
        update(list(NAMES), weights(step), params)
    return params


def test_a_step_has_singular_values_of_about_the_rate_whatever_those_of_the_gradient() -> None:
    rng = np.random.default_rng(3)
    rotations = [np.linalg.qr(rng.standard_normal((4, 4)))[0] for _ in range(2)]
    grad = rotations[0] @ np.diag([100.0, 10.0, 1.0, 0.5]) @ rotations[1]
    weight = np.zeros((4, 4))
    mx.optimizer.get_updater(mx.optimizer.Muon(0.5, wd=0.0, ns_steps=30, ns_coefficients=[1.875, -1.25, 0.375]))(
        0, grad, weight
    )
    np.testing.assert_allclose(weight, -0.5 * rotations[0] @ rotations[1], atol=1e-9)


@pytest.mark.parametrize(
    ("mode", "wide", "tall"),
    [("original", 1, 3**0.5), ("match_rms_adamw", 0.2 * 6**0.5, 0.2 * 6**0.5), ("spectral_unclamped", 3**-0.5, 3**0.5)],
)
def test_the_mode_gives_the_singular_values_for_any_shape(mode: str, wide: float, tall: float) -> None:
    for shape, expected in (((2, 6), wide), ((6, 2), tall)):
        weight = np.zeros(shape)
        muon = mx.optimizer.Muon(1, wd=0, scale_mode=mode, ns_steps=30, ns_coefficients=[1.875, -1.25, 0.375])
        mx.optimizer.get_updater(muon)(0, np.random.default_rng(3).standard_normal(shape), weight)
        np.testing.assert_allclose(np.linalg.svd(weight, compute_uv=False), expected, rtol=1e-9)


def test_matrices_updated_together_get_the_bits_of_those_updated_alone() -> None:
    params = weights()
    update = mx.optimizer.get_updater(mx.optimizer.Muon(0.1, flatten=True, param_idx2name=NAMES))
    for step in range(1, 5):
        for index, grad in enumerate(weights(step)):
            update(index, grad, params[index])
    for one, other in zip(params, trained(mx.optimizer.Muon, learning_rate=0.1, flatten=True), strict=True):
        assert one.tobytes() == other.tobytes()


def test_what_is_no_matrix_or_excluded_is_updated_by_adamw_with_its_own_values() -> None:
    ours = trained(
        mx.optimizer.Muon, learning_rate=0.1, adam_learning_rate=0.01, adam_beta1=0.8, adam_wd=0.2, exclude=["embed"]
    )
    theirs = trained(mx.optimizer.AdamW, learning_rate=0.01, beta1=0.8, wd=0.2)
    near = [np.allclose(one, other, rtol=1e-5, atol=1e-6) for one, other in zip(ours, theirs, strict=True)]
    assert near == [True, False, False, True, True, False]


def test_a_kernel_counts_as_a_matrix_on_request() -> None:
    flat, kernel = weights()[4].reshape(4, 6), weights()[4]
    for weight in (flat, kernel):
        update = mx.optimizer.get_updater(mx.optimizer.Muon(0.1, flatten=True))
        update(0, np.arange(24, dtype="float32").reshape(weight.shape), weight)
    assert kernel.tobytes() == flat.tobytes()


def test_the_rate_of_adamw_follows_schedule_multiplier_and_group() -> None:
    schedule = mx.lr_scheduler.FactorScheduler(step=2, factor=0.5, base_lr=0.1)
    muon = mx.optimizer.Muon(
        lr_scheduler=schedule, adam_learning_rate=0.01, param_idx2name=NAMES, groups={"conv": {"learning_rate": 0.3}}
    )
    muon.set_lr_mult({"fc2_bias": 2.0})
    muon.num_update = 3
    assert muon._rates_of_adamw(3) == pytest.approx((2.0 * 0.01 * 0.5, 0.0))  # a bias does not decay
    assert muon._rates_of_adamw(4) == pytest.approx((0.3 * 0.5, 0.01))


def test_muon_can_be_wrapped_and_part_of_a_mixed() -> None:
    plain = trained(mx.optimizer.Muon, steps=1, learning_rate=0.1)
    wrapped = trained(lambda **more: mx.optimizer.create("lookahead(muon, k=7)", **more), steps=1, learning_rate=0.1)
    mixed = trained(
        lambda **more: mx.optimizer.Mixed(["fc", ".*"], ["muon", "sgd"], **more), steps=1, learning_rate=0.1
    )
    for index, (one, other) in enumerate(zip(plain, wrapped, strict=True)):
        assert one.tobytes() == other.tobytes()
        assert (one.tobytes() == mixed[index].tobytes()) == NAMES[index].startswith("fc")
