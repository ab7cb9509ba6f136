"""NovoGrad divides by a moving norm of the whole gradient, and starts from the first one."""

import numpy as np

import mxcore as mx


def test_the_first_step_has_the_norm_of_the_rate_whatever_the_gradient() -> None:
    for scale in (1e-3, 1e3):
        weight = np.zeros((2, 2))
        grad = scale * np.array([[1.0, 2.0], [2.0, 4.0]])
        mx.optimizer.get_updater(mx.optimizer.NovoGrad(0.25))(0, grad, weight)
        np.testing.assert_allclose(weight, -0.05 * np.array([[1.0, 2.0], [2.0, 4.0]]), rtol=1e-5)


def test_the_norm_is_one_number_per_parameter_and_decay_is_averaged_with_the_steps() -> None:
    updater = mx.optimizer.get_updater(
        mx.optimizer.NovoGrad(1.0, beta1=0.5, beta2=0.75, epsilon=0.0, wd=0.1, grad_averaging=True)
    )
    weight = np.array([1.0, -1.0])
    updater("w", np.array([3.0, 4.0]), weight)  # n = 25, u = (0.6 + 0.1, 0.8 - 0.1)
    np.testing.assert_allclose(weight, [0.3, -1.7])
    updater("w", np.array([0.0, 1.0]), weight)  # n = 0.75 · 25 + 0.25 · 1 = 19
    assert updater.optimizer.host_numbers["w"] == {"n": 19.0}
    step = np.array([0.03, 1 / 19**0.5 - 0.17])
    np.testing.assert_allclose(updater.states["w"], 0.5 * np.array([0.7, 0.7]) + 0.5 * step)
