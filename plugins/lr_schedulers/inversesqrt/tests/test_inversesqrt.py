"""InverseSqrtScheduler rises, and falls as one over the square root."""

import numpy as np

import mxcore as mx


def test_four_times_the_updates_are_half_the_rate() -> None:
    schedule = mx.lr_scheduler.InverseSqrtScheduler(25, 0.5)
    np.testing.assert_allclose([schedule(25 * 4**k + 1) for k in range(4)], [0.5, 0.25, 0.125, 0.0625], rtol=1e-14)


def test_it_rises_from_0_in_equal_steps() -> None:
    np.testing.assert_allclose(mx.lr_scheduler.InverseSqrtScheduler(5, 1.0)(np.arange(1, 7)), np.arange(6) / 5)


def test_it_is_the_schedule_of_the_transformer_one_update_later() -> None:
    schedule = mx.lr_scheduler.InverseSqrtScheduler(40, (512 * 40) ** -0.5)
    steps = np.arange(1, 500)
    np.testing.assert_allclose(schedule(steps + 1), 512**-0.5 * np.minimum(steps**-0.5, steps * 40**-1.5))


def test_without_a_warm_up_it_starts_at_the_base_rate() -> None:
    schedule = mx.lr_scheduler.InverseSqrtScheduler(0, 0.5)
    assert (schedule(1), schedule(30_001)) == (0.5, 0.25)
