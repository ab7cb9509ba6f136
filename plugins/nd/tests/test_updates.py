"""The update functions are the formulas that MXNet documents, and the optimizers of this project."""

from typing import Any

import numpy as np
import pytest

import mxcore as mx

nd = mx.nd
SHAPE = (3, 4)
LR, WD, RESCALE, CLIP = 0.05, 0.01, 0.5, 0.4
COMMON = {"wd": WD, "rescale_grad": RESCALE, "clip_gradient": CLIP}


class OnFunctions:
    """A weight with its state, updated by a function of mx.nd at the rate that the optimizer would use."""

    def __init__(self, weight: np.ndarray, states: int) -> None:
        self.weight = nd.array(weight)
        self.states = [nd.zeros(SHAPE, dtype=weight.dtype) for _ in range(states)]
        self.t = 0


def adam_rate(lr: float, t: int, beta1: float = 0.9, beta2: float = 0.999) -> float:
    return lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t)


def lamb(run: OnFunctions, grad: Any) -> None:
    g = nd.lamb_update_phase1(run.weight, grad, *run.states, t=run.t, epsilon=1e-6, **COMMON)
    nd.lamb_update_phase2(run.weight, g, run.weight.norm(), g.norm(), lr=LR, out=run.weight)


def simple(name: str, rate: Any = lambda t: LR, **more: Any) -> Any:
    def step(run: OnFunctions, grad: Any) -> None:
        getattr(nd, name)(run.weight, grad, *run.states, lr=rate(run.t), out=run.weight, **COMMON, **more)

    return step


def ftml(run: OnFunctions, grad: Any) -> None:
    named = {"wd": WD, "rescale_grad": RESCALE, "clip_grad": CLIP}
    nd.ftml_update(run.weight, grad, *run.states, lr=LR, t=run.t, out=run.weight, **named)


CASES: dict[str, tuple[str, dict[str, Any], int, Any]] = {
    "sgd_update": ("sgd", {}, 0, simple("sgd_update")),
    "sgd_mom_update": ("sgd", {"momentum": 0.9}, 1, simple("sgd_mom_update", momentum=0.9)),
    "nag_mom_update": ("nag", {"momentum": 0.9}, 1, simple("nag_mom_update", momentum=0.9)),
    "adam_update": ("adam", {}, 2, simple("adam_update", lambda t: adam_rate(LR, t))),
    "rmsprop_update": (
        "rmsprop",
        {"gamma1": 0.8, "clip_weights": 1.2},
        1,
        simple("rmsprop_update", gamma1=0.8, clip_weights=1.2),
    ),
    "rmspropalex_update": (
        "rmsprop",
        {"gamma1": 0.8, "gamma2": 0.7, "centered": True},
        3,
        simple("rmspropalex_update", gamma1=0.8, gamma2=0.7),
    ),
    "ftrl_update": ("ftrl", {"lamda1": 0.02, "beta": 0.5}, 2, simple("ftrl_update", lamda1=0.02, beta=0.5)),
    "ftml_update": ("ftml", {}, 3, ftml),
    "signum_update": ("signum", {"momentum": 0.8, "wd_lh": 0.1}, 1, simple("signum_update", momentum=0.8, wd_lh=0.1)),
    "signsgd_update": ("signum", {"momentum": 0.0}, 0, simple("signsgd_update")),
    "lamb_update_phase1": ("lamb", {}, 2, lamb),
}


@pytest.mark.parametrize("name", CASES)
def test_the_function_is_the_optimizer_of_the_same_settings(name: str) -> None:
    optimizer, settings, states, step = CASES[name]
    rng = np.random.default_rng(1)
    weight = rng.normal(size=SHAPE)
    run = OnFunctions(weight, states)
    update = mx.optimizer.get_updater(mx.optimizer.create(optimizer, learning_rate=LR, **COMMON, **settings))
    for t in range(1, 9):
        grad = rng.normal(size=SHAPE)
        update("fc_weight", grad, weight)
        run.t = t
        step(run, nd.array(grad))
    np.testing.assert_allclose(run.weight.asnumpy(), weight, rtol=1e-9, atol=1e-12)
    assert run.weight.dtype == np.float64


def clip(x: np.ndarray) -> np.ndarray:
    return np.clip(x, -CLIP, CLIP)


def test_one_step_is_the_formula_written_out() -> None:
    rng = np.random.default_rng(2)
    w, g, m, v = (rng.random(SHAPE) + 0.1 for _ in range(4))
    state = {name: nd.array(value) for name, value in {"m": m, "v": v}.items()}
    scaled, decayed = clip(RESCALE * g), clip(RESCALE * g + WD * w)

    new = nd.sgd_update(nd.array(w), nd.array(g), lr=LR, **COMMON)
    np.testing.assert_allclose(new.asnumpy(), (1 - LR * WD) * w - LR * scaled)
    new = nd.sgd_mom_update(nd.array(w), nd.array(g), state["m"], lr=LR, momentum=0.9, **COMMON)
    np.testing.assert_allclose(state["m"].asnumpy(), 0.9 * m - LR * WD * w - LR * scaled)
    np.testing.assert_allclose(new.asnumpy(), w + state["m"].asnumpy())
    state["m"][:] = m
    new = nd.adam_update(nd.array(w), nd.array(g), state["m"], state["v"], lr=LR, **COMMON)
    mean, variance = 0.9 * m + 0.1 * decayed, 0.999 * v + 0.001 * decayed**2
    np.testing.assert_allclose(new.asnumpy(), w - LR * mean / (np.sqrt(variance) + 1e-8))
    np.testing.assert_allclose(state["v"].asnumpy(), variance)


@pytest.mark.parametrize(("name", "optimizer", "momentum"), [
    ("mp_sgd_update", "sgd", 0.0), ("mp_sgd_mom_update", "sgd", 0.9), ("mp_nag_mom_update", "nag", 0.9),
])  # fmt: skip
def test_half_precision_is_updated_through_the_float32_weight(name: str, optimizer: str, momentum: float) -> None:
    rng = np.random.default_rng(3)
    weight = rng.normal(size=SHAPE).astype(np.float16)
    half, full = nd.array(weight), nd.array(weight.astype(np.float32))
    states = [nd.zeros(SHAPE)] if momentum else []
    named = {"momentum": momentum} if momentum else {}
    update = mx.optimizer.get_updater(
        mx.optimizer.create(optimizer, learning_rate=LR, multi_precision=True, **named, **COMMON)
    )
    for _ in range(6):
        grad = rng.normal(size=SHAPE).astype(np.float16)
        update("fc_weight", grad, weight)
        getattr(nd, name)(half, nd.array(grad), *states, full, lr=LR, out=half, **named, **COMMON)
    assert half.dtype == np.float16
    np.testing.assert_allclose(half.asnumpy(), weight, rtol=2e-3)
    np.testing.assert_allclose(full.asnumpy(), update.states["fc_weight"][0], rtol=1e-5)


def test_several_weights_in_one_call_are_the_single_calls() -> None:
    rng = np.random.default_rng(4)
    weights, grads, moms = ([rng.normal(size=n).astype(np.float32) for n in (2, 3)] for _ in range(3))
    alone = [(nd.array(w), nd.array(g), nd.array(m)) for w, g, m in zip(weights, grads, moms, strict=True)]
    for (w, g, m), lr, wd in zip(alone, (0.1, 0.2), (0.0, 0.3), strict=True):
        nd.sgd_mom_update(w, g, m, lr=lr, wd=wd, momentum=0.9, out=w)
    for name, rates in (
        ("multi_sgd_mom_update", {"lrs": [0.1, 0.2], "wds": [0.0, 0.3]}),
        ("preloaded_multi_sgd_mom_update", None),
    ):
        data = [nd.array(one) for row in zip(weights, grads, moms, strict=True) for one in row]
        inputs = data if rates else [*data, nd.array([0.1, 0.2]), nd.array([0.0, 0.3])]
        getattr(nd, name)(*inputs, momentum=0.9, num_weights=2, out=[data[0], data[3]], **(rates or {}))
        for (w, _, m), new, mom in zip(alone, data[::3], data[2::3], strict=True):
            np.testing.assert_allclose(new.asnumpy(), w.asnumpy(), rtol=1e-6)
            np.testing.assert_allclose(mom.asnumpy(), m.asnumpy(), rtol=1e-6)


def test_arrays_that_do_not_fit_several_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="2 arrays for each"):
        nd.multi_sgd_update(nd.ones(1), nd.ones(1), nd.ones(1), lrs=[0.1], wds=[0], num_weights=1)


def test_mp_lamb_and_the_forms_of_multi_mp_sgd_copy_into_the_half_weight() -> None:
    half, full = nd.ones(3, dtype="float16"), nd.ones(3)
    mean, var, grad = nd.zeros(3), nd.zeros(3), nd.ones(3, dtype="float16")
    g = nd.mp_lamb_update_phase1(half, grad, mean, var, full, t=1, wd=0.0)
    assert g.dtype == np.float32
    nd.mp_lamb_update_phase2(half, g, full.norm(), g.norm(), full, lr=0.5, out=half)
    np.testing.assert_allclose(half.asnumpy(), 0.5, rtol=1e-3)
    nd.multi_mp_sgd_update(half, grad, full, lrs=[0.25], wds=[0.0], num_weights=1, out=[half])
    np.testing.assert_allclose(half.asnumpy(), 0.25, rtol=1e-3)


def test_lamb_limits_the_norm_and_takes_a_ratio_of_1_for_zeros() -> None:
    w, g = nd.array([3.0, 4.0]), nd.array([1.0, 0.0])
    assert nd.lamb_update_phase2(w, g, w.norm(), g.norm(), lr=1, upper_bound=2).asnumpy().tolist() == [1.0, 4.0]
    assert nd.lamb_update_phase2(w, g, nd.zeros(1), g.norm(), lr=1).asnumpy().tolist() == [2.0, 4.0]
    assert nd.lamb_update_phase2(w, nd.zeros(2), w.norm(), nd.zeros(1), lr=1).asnumpy().tolist() == [3.0, 4.0]


def adamw(w: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, lr: float, eta: float, wd: float) -> Any:
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    return w - eta * (lr * m / (np.sqrt(v) + 1e-8) + wd * w), m, v


@pytest.mark.parametrize("scale", [0.5, "array"])
def test_adamw_takes_the_rescaling_as_a_number_or_an_array(scale: Any) -> None:
    rng = np.random.default_rng(5)
    w, g, m, v = (rng.random(3) for _ in range(4))
    expected = adamw(w, 0.5 * g, m, v, 0.1, 0.7, 0.2)
    arrays = [nd.array(one) for one in (w, g, m, v)]
    given = nd.array([0.5]) if scale == "array" else scale
    nd.contrib.adamw_update(*arrays, given, lr=0.1, eta=0.7, wd=0.2, out=arrays[0])
    for found, one in zip((arrays[0], arrays[2], arrays[3]), expected, strict=True):
        np.testing.assert_allclose(found.asnumpy(), one)


@pytest.mark.parametrize("scale", [0.0, np.inf, np.nan])
def test_adamw_leaves_out_a_step_whose_loss_scale_overflowed(scale: float) -> None:
    w, m, v = nd.ones(2), nd.ones(2), nd.ones(2)
    nd.contrib.adamw_update(w, nd.ones(2), m, v, nd.array([scale]), lr=0.1, eta=1, wd=0.2, out=w)
    assert [one.asnumpy().tolist() for one in (w, m, v)] == [[1, 1]] * 3


def test_adamw_over_lists_and_half_precision() -> None:
    weights, grads = [nd.ones(2), nd.ones(3)], [nd.ones(2), nd.ones(3)]
    means, variances = [nd.zeros(2), nd.zeros(3)], [nd.zeros(2), nd.zeros(3)]
    halves, fulls = [nd.ones(2, dtype="float16")], [nd.ones(2)]
    numbers = {"lrs": [0.1, 0.2], "wds": [0.0, 0.1], "etas": [1.0, 0.5]}
    nd.contrib.multi_adamw_update(weights, grads, means, variances, nd.array([2.0]), out=weights, **numbers)
    for w, lr, wd, eta in zip(weights, *numbers.values(), strict=True):
        expected = adamw(np.ones(1), np.full(1, 2.0), np.zeros(1), np.zeros(1), lr, eta, wd)[0]
        np.testing.assert_allclose(w.asnumpy(), expected[0], rtol=1e-6)
    one = {name: values[:1] for name, values in numbers.items()}
    state = [nd.zeros(2)], [nd.zeros(2)]
    nd.contrib.multi_mp_adamw_update(
        halves, [nd.ones(2, dtype="float16")], *state, fulls, nd.array([2.0]), out=halves, **one
    )
    np.testing.assert_allclose(fulls[0].asnumpy(), weights[0].asnumpy(), rtol=1e-6)
    np.testing.assert_allclose(halves[0].asnumpy(), fulls[0].asnumpy(), rtol=1e-3)


def test_group_adagrad_is_the_optimizer() -> None:
    rng = np.random.default_rng(6)
    weight = rng.normal(size=SHAPE)
    ours, history = nd.array(weight), nd.zeros((3, 1), dtype="float64")
    update = mx.optimizer.get_updater(mx.optimizer.create("groupadagrad", learning_rate=LR, rescale_grad=RESCALE))
    for _ in range(4):
        grad = rng.normal(size=SHAPE)
        update("fc_weight", grad, weight)
        nd.contrib.group_adagrad_update(ours, nd.array(grad), history, lr=LR, rescale_grad=RESCALE, out=ours)
    np.testing.assert_allclose(ours.asnumpy(), weight)


def test_lars_rates_and_sums_of_squares() -> None:
    weights, grads = [nd.array([3.0, 4.0]), nd.zeros(2)], [nd.array([0.0, 2.0]), nd.ones(2)]
    sums = nd.multi_sum_sq(*weights, num_arrays=2), nd.multi_sum_sq(*grads, num_arrays=2)
    assert sums[0].asnumpy().tolist() == [25.0, 0.0]
    rates = nd.multi_lars(nd.array([1.0, 1.0]), *sums, nd.array([0.1, 0.1]), eta=0.5, rescale_grad=0.25)
    np.testing.assert_allclose(rates.asnumpy(), [0.5 * 5 / (0.25 * 2 + 0.1 * 5), 1.0], rtol=1e-6)


def test_finite_checks_and_resetting() -> None:
    good, bad = nd.ones(2), nd.array([1.0, np.nan])
    assert nd.all_finite(good).asscalar() == 1
    assert nd.multi_all_finite(good, bad, num_arrays=2).asscalar() == 0
    kept = nd.zeros(1)
    assert nd.multi_all_finite(good, init_output=False, out=kept).asscalar() == 0
    nd.reset_arrays(good, bad, num_arrays=2)
    assert good.asnumpy().tolist() == bad.asnumpy().tolist() == [0, 0]


def test_gradients_are_never_written_to() -> None:
    grad = nd.ones(3)
    before = grad.asnumpy()
    for name, states in (("adam_update", 2), ("rmsprop_update", 1), ("ftrl_update", 2)):
        getattr(nd, name)(nd.ones(3), grad, *(nd.zeros(3) for _ in range(states)), lr=0.1, **COMMON)
    assert (grad.asnumpy() == before).all()
