"""Optimizers of mxcore as algorithms of sigpy: reconstructions, complex images, proximal steps, ends and states."""

from pathlib import Path
from typing import Any

import mxcore_sigpy
import numpy as np
import pytest
import sigpy as sp
import sigpy.mri as mr

import mxcore as mx

SIZE, COILS, WEIGHT = 48, 6, 1e-3


def run(alg: Any) -> Any:
    while not alg.done():
        alg.update()
    return alg


@pytest.fixture(scope="module")
def scan() -> tuple[Any, Any, Any]:
    """A complex image, the operator of a parallel-MRI scan of half of the lines, and noisy measurements."""
    shape, rng = (SIZE, SIZE), np.random.default_rng(0)
    image = sp.shepp_logan(shape) * np.exp(1j * np.linspace(0, 2, SIZE))
    lines = np.zeros(shape)
    lines[:, ::2] = lines[:, SIZE // 2 - 5 : SIZE // 2 + 5] = 1
    A = sp.linop.Multiply((COILS, *shape), lines) * mr.linop.Sense(mr.birdcage_maps((COILS, *shape)))
    noise = rng.normal(size=A.oshape) + 1j * rng.normal(size=A.oshape)
    return image, A, A(image) + 0.005 * lines * noise


def least_squares(A: Any, y: Any) -> Any:
    right = A.H(y)
    return lambda x: A.N(x) - right + WEIGHT * x


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("adam", {"learning_rate": 0.05}),
        ("nag", {"learning_rate": 0.3, "momentum": 0.9}),
        ("average(adam)", {"learning_rate": 0.05, "beta": 0.9}),
        ("yogi", {"lr_scheduler": mx.lr_scheduler.create("cosine", max_update=200, base_lr=0.1)}),
    ],
)
def test_a_sense_reconstruction_is_within_one_percent_of_conjugate_gradients(
    name: str, arguments: dict[str, Any], dtype: Any, scan: tuple[Any, Any, Any]
) -> None:
    image, A, y = scan
    best = sp.app.LinearLeastSquares(A, y, lamda=WEIGHT, max_iter=100, show_pbar=False).run()
    x = np.zeros((SIZE, SIZE), dtype)
    alg = run(mx.sigpy.Gradient(least_squares(A, y.astype(dtype)), x, name, max_iter=200, **arguments))
    assert alg.x is x
    errors = [np.linalg.norm(one - image) / np.linalg.norm(image) for one in (best, x, alg.evaluation)]
    assert errors[0] < 0.2
    assert errors[1] == pytest.approx(errors[0], rel=0.01)
    assert errors[2] == pytest.approx(errors[0], rel=0.01)
    assert alg.evaluation.dtype == dtype


@pytest.mark.parametrize("proxg", [None, sp.prox.L1Reg((20,), 0.5)])
def test_sgd_is_sigpys_gradient_method(proxg: Any) -> None:
    rng = np.random.default_rng(1)
    A = sp.linop.MatMul((20, 1), rng.normal(size=(30, 20))) * sp.linop.Reshape((20, 1), (20,))
    y = rng.normal(size=(30, 1))
    ours, theirs = np.zeros(20), np.zeros(20)

    def gradf(x: Any) -> Any:
        return A.H(A(x) - y)

    mine = mx.sigpy.Gradient(gradf, ours, "sgd", proxg=proxg, max_iter=3000, tol=1e-6, learning_rate=0.01)
    own = sp.alg.GradientMethod(gradf, theirs, 0.01, proxg=proxg, max_iter=3000, tol=1e-6)
    run(mine), run(own)
    assert mine.iter == own.iter < 3000
    assert mine.resid == pytest.approx(own.resid, rel=1e-3)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    if proxg is not None:
        assert (ours == 0).any()


def test_it_runs_in_an_app_and_ends_after_max_iter(scan: tuple[Any, Any, Any]) -> None:
    _, A, y = scan

    class Reconstruction(sp.app.App):  # type: ignore[misc]
        def __init__(self) -> None:
            self.x, self.norms = np.zeros((SIZE, SIZE), complex), []
            alg = mx.sigpy.Gradient(least_squares(A, y), self.x, "adan", max_iter=7)
            super().__init__(alg, show_pbar=False)

        def _post_update(self) -> None:
            self.norms.append(np.linalg.norm(self.x))

        def _output(self) -> Any:
            return self.x

    app = Reconstruction()
    x = app.run()
    assert x is app.x
    assert app.alg.iter == app.alg.updater.optimizer.num_update == len(app.norms) == 7
    assert np.linalg.norm(x) == app.norms[-1] > app.norms[0] > 0


def test_a_run_resumes_to_the_bit(tmp_path: Path, scan: tuple[Any, Any, Any]) -> None:
    _, A, y = scan
    gradf, arguments = least_squares(A, y), {"learning_rate": 0.05, "k": 4}
    through, part = np.zeros((2, SIZE, SIZE), complex)
    run(mx.sigpy.Gradient(gradf, through, "lookahead(adam)", max_iter=20, **arguments))
    first = run(mx.sigpy.Gradient(gradf, part, "lookahead(adam)", max_iter=9, **arguments))
    mx.save_state(tmp_path / "state", first.updater, {"x": part})
    again = mx.sigpy.Gradient(gradf, np.zeros((SIZE, SIZE), complex), "lookahead(adam)", max_iter=11, **arguments)
    again.x[...] = mx.load_state(tmp_path / "state", again.updater)["x"]
    run(again)
    np.testing.assert_array_equal(again.x, through)


def test_weight_decay_reaches_the_image_and_what_does_not_fit_is_refused() -> None:
    x = np.ones(3, complex)
    run(mx.sigpy.Gradient(np.zeros_like, x, "adamw", max_iter=1, learning_rate=0.5, wd=0.5))
    np.testing.assert_allclose(x, 0.75)
    for start, message in [(np.ones(3), "dtype"), (x[:2], "shape")]:
        alg = mx.sigpy.Gradient(lambda _: np.ones(3, complex), start, "adam")
        with pytest.raises((TypeError, ValueError), match=message):
            alg.update()
        assert alg.iter == 0
    x.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        mx.sigpy.Gradient(np.ones_like, x, "adam").update()
    with pytest.raises(TypeError, match="has no argument 'alpha'"):
        mx.sigpy.Gradient(np.ones_like, x, "adam", alpha=0.1)
    assert isinstance(mx.sigpy.Gradient(np.ones_like, x), mxcore_sigpy.Gradient)
