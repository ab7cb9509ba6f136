"""Optimizers of mxcore in autograd's form: its own ones, its example, containers, callbacks, and errors."""

import itertools
from pathlib import Path
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from autograd.misc import flatten, optimizers
from autograd.scipy.special import logsumexp

import mxcore as mx

RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(4, 6))
LABELS = RNG.integers(4, size=240)
INPUTS = CENTRES[LABELS] + 0.7 * RNG.normal(size=(240, 6))
TARGETS = np.eye(4)[LABELS]
SIZES = (6, 12, 4)
BATCHES = 8


def network() -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(1)
    return [(0.1 * rng.normal(size=(m, n)), 0.1 * rng.normal(size=n)) for m, n in itertools.pairwise(SIZES)]


def scores(params: Any, inputs: Any) -> Any:
    for weight, bias in params:
        outputs = anp.dot(inputs, weight) + bias
        inputs = anp.tanh(outputs)
    return outputs - logsumexp(outputs, axis=1, keepdims=True)


def loss(params: Any, part: slice = slice(None)) -> Any:
    """The loss of autograd's example neural_net.py: the log posterior, with a prior on all parameters."""
    norm = anp.sum(flatten(params)[0] ** 2)
    return 0.001 * norm - anp.mean(anp.sum(scores(params, INPUTS[part]) * TARGETS[part], axis=1))


def batch_loss(params: Any, i: int) -> Any:
    size = len(INPUTS) // BATCHES
    return loss(params, slice(i % BATCHES * size, (i % BATCHES + 1) * size))


@pytest.fixture(scope="module")
def theirs() -> Any:
    return optimizers.adam(grad(batch_loss), network(), step_size=0.01, num_iters=240)


@pytest.mark.parametrize(
    ("name", "hyper"),
    [
        ("adam", {"learning_rate": 0.01, "epsilon_after_correction": True}),
        ("nadam", {"learning_rate": 0.03}),
        ("lookahead(adam, k=5)", {"learning_rate": 0.03}),
        ("schedulefreeadamw", {"learning_rate": 0.05}),
        ("muon", {"learning_rate": 0.02}),
    ],
)
def test_a_network_is_trained_at_least_as_well_as_by_autograds_adam(name: str, hyper: Any, theirs: Any) -> None:
    ours = mx.autograd.optimizer(name, **hyper)(grad(batch_loss), network(), num_iters=240)
    assert loss(theirs) < 0.4 < 1.3 < loss(network())
    assert loss(ours) < loss(theirs) + 1e-9
    assert (scores(ours, INPUTS).argmax(1) == LABELS).mean() > 0.9


@pytest.mark.parametrize(
    ("function", "settings", "name", "hyper"),
    [
        (optimizers.adam, {"step_size": 0.02}, "adam", {"learning_rate": 0.02, "epsilon_after_correction": True}),
        (optimizers.sgd, {"step_size": 0.2, "mass": 0.9}, "sgd", {"learning_rate": 0.2 * (1 - 0.9), "momentum": 0.9}),
    ],
)
def test_it_is_autograds_on_the_same_gradients(function: Any, settings: Any, name: str, hyper: Any) -> None:
    met: list[Any] = []
    theirs = function(grad(batch_loss), network(), lambda x, i, g: met.append(g), num_iters=100, **settings)
    ours = mx.autograd.optimizer(name, **hyper)(lambda x, i: met[i], network(), num_iters=100)
    np.testing.assert_allclose(flatten(ours)[0], flatten(theirs)[0], rtol=0, atol=1e-12)


def test_its_adam_has_another_epsilon_unless_told() -> None:
    small = [1e-8 * RNG.normal(size=3) for _ in range(50)]
    theirs = optimizers.adam(lambda x, i: small[i], np.ones(3), num_iters=50, step_size=0.1)
    ours = [
        mx.autograd.optimizer("adam", learning_rate=0.1, epsilon_after_correction=after)(
            lambda x, i: small[i], np.ones(3), num_iters=50
        )
        for after in (True, False)
    ]
    np.testing.assert_allclose(ours[0], theirs, atol=1e-12)
    assert np.abs(ours[1] - theirs).max() > 0.01


def test_a_callback_gets_what_autograds_gets() -> None:
    def run(function: Any, **settings: Any) -> list[tuple[Any, int, Any]]:
        seen: list[tuple[Any, int, Any]] = []
        function(grad(batch_loss), network(), lambda x, i, g: seen.append((x, i, g)), num_iters=5, **settings)
        return seen

    theirs = run(optimizers.sgd, step_size=0.1, mass=0.0)
    ours = run(mx.autograd.optimizer("sgd", learning_rate=0.1))
    assert [i for _, i, _ in ours] == [i for _, i, _ in theirs] == [0, 1, 2, 3, 4]
    for (x, _, g), (x2, _, g2) in zip(ours, theirs, strict=True):
        assert (type(x), type(x[0]), type(g), type(g[0])) == (list, tuple, list, tuple)
        np.testing.assert_allclose(flatten(x)[0], flatten(x2)[0], rtol=1e-12)
        np.testing.assert_allclose(flatten(g)[0], flatten(g2)[0], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    "x0",
    [
        3.0,
        np.ones((2, 3)),
        [1.0, 2.0],
        np.ones((2, 0)),
        {"b": np.ones(2), "a": (np.float64(2), [np.ones((2, 2))])},
        {},
    ],
    ids=["number", "array", "list of numbers", "empty", "nested", "nothing"],
)
@pytest.mark.filterwarnings("ignore:Output seems independent of input")  # autograd's, for an empty dict
def test_the_result_has_the_structure_of_the_start(x0: Any) -> None:
    def slope(x: Any, i: int) -> Any:
        return grad(lambda at: anp.sum(flatten(at)[0] ** 2))(x)

    theirs = optimizers.adam(slope, x0, num_iters=3, step_size=0.1)
    ours = mx.autograd.optimizer("adam", learning_rate=0.1, epsilon_after_correction=True)(slope, x0, num_iters=3)
    compare(ours, theirs)


def compare(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        one, other = list(one.values()), [other[key] for key in one]
    if isinstance(one, (list, tuple)):
        for a, b in zip(one, other, strict=True):
            compare(a, b)
    else:
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_the_start_is_not_changed_and_may_be_read_only_float32_or_of_integers() -> None:
    def slope(x: Any, i: int) -> Any:
        return {key: 2.0 * value for key, value in x.items()}

    x0 = {"single": np.ones(2, np.float32), "whole": np.array([1, 2]), "double": np.ones(2)}
    for one in x0.values():
        one.flags.writeable = False
    found = mx.autograd.optimizer("sgd", learning_rate=0.25)(slope, x0, num_iters=1)
    assert {key: value.dtype.name for key, value in found.items()} == {
        "single": "float32", "whole": "float64", "double": "float64",
    }  # fmt: skip
    np.testing.assert_array_equal(found["whole"], [0.5, 1.0])
    np.testing.assert_array_equal(x0["double"], 1.0)
    still = mx.autograd.optimizer("sgd")(slope, x0, num_iters=0)
    assert still["double"] is not x0["double"]


def test_complex_parameters_go_down_along_the_conjugate() -> None:
    def slope(z: Any, i: int) -> Any:
        return np.conj(grad(lambda at: anp.real((at - 1j) * anp.conj(at - 1j)))(z))

    found = mx.autograd.optimizer("adam", learning_rate=0.1)(slope, 1 + 2j, num_iters=400)
    assert abs(found - 1j) < 1e-3


def test_groups_go_by_paths_and_weight_decay_reaches_what_they_do_not_exempt() -> None:
    zero = [(np.zeros((6, 12)), np.zeros(12)), (np.zeros((12, 4)), np.zeros(4))]
    groups = {"0.1": {"frozen": True}, "1.1": {"wd": 0.0}}
    run = mx.autograd.optimizer("sgd", learning_rate=0.5, wd=0.1, groups=groups)
    start = network()
    (a, b), (c, d) = run(lambda x, i: zero, start, num_iters=1)
    for found, factor, before in zip((a, b, c, d), (0.95, 1.0, 0.95, 1.0), [*start[0], *start[1]], strict=True):
        np.testing.assert_allclose(found, factor * before, rtol=1e-12)
    alone = mx.autograd.optimizer("sgd", learning_rate=0.5, wd=0.1, groups={"x": {"wd": 0.2}})
    np.testing.assert_allclose(alone(lambda x, i: 0 * x, np.ones(2), num_iters=1), 0.9)


def test_each_run_begins_anew_and_an_updater_goes_on(tmp_path: Path) -> None:
    schedule = mx.lr_scheduler.create("cosine", max_update=20, base_lr=0.05)

    def started() -> Any:
        return mx.optimizer.get_updater(mx.optimizer.create("adamw", lr_scheduler=schedule, wd=0.01))

    slope = grad(lambda x, i: loss(x))
    run = mx.autograd.optimizer("adamw", lr_scheduler=schedule, wd=0.01)
    whole = run(slope, network(), num_iters=20)
    same = mx.autograd.optimizer(mx.optimizer.create("adamw", lr_scheduler=schedule, wd=0.01))
    for again in (run, same, same):
        np.testing.assert_array_equal(flatten(again(slope, network(), num_iters=20))[0], flatten(whole)[0])

    first = started()
    half = mx.autograd.optimizer(first)(slope, network(), num_iters=8)
    mx.save_state(tmp_path / "state", first)
    second = started()
    mx.load_state(tmp_path / "state", second)
    for updater in (first, second):
        resumed = mx.autograd.optimizer(updater)(slope, half, num_iters=12)
        np.testing.assert_array_equal(flatten(resumed)[0], flatten(whole)[0])


def test_evaluation_weights_are_returned() -> None:
    passed: list[Any] = []
    run = mx.autograd.optimizer("average(sgd)", beta=0.5, learning_rate=0.1)
    found = run(lambda x, i: 2 * x, np.ones(2), lambda x, i, g: passed.append(x), num_iters=3)
    trained = [*passed[1:], passed[-1] * 0.8]
    np.testing.assert_allclose(found, 0.25 * trained[0] + 0.25 * trained[1] + 0.5 * trained[2])


def test_an_optimizer_that_needs_the_loss_can_be_told() -> None:
    momo = mx.optimizer.create("momo", learning_rate=1.0)

    def slope(x: Any, i: int) -> Any:
        momo.observe(float(x @ x))
        return 2 * x

    assert np.abs(mx.autograd.optimizer(momo)(slope, np.ones(2), num_iters=400)).max() < 1e-3


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(TypeError, match="no argument 'step_size' .did you mean 'learning_rate'"):
        mx.autograd.optimizer("adam", step_size=0.1)
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd"))
    with pytest.raises(TypeError, match="an updater takes no 'wd': assign it to updater.optimizer"):
        mx.autograd.optimizer(updater, wd=0.1)
    run = mx.autograd.optimizer("sgd", learning_rate=0.1)
    with pytest.raises(ValueError, match=r"'x': the gradient has shape \(3,\)"):
        run(lambda x, i: np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match="no gradient has the path 'b'"):
        run(lambda x, i: {"a": x["a"]}, {"a": np.ones(2), "b": np.ones(2)})
    with pytest.raises(TypeError, match="x0 is being differentiated"):
        grad(lambda s: anp.sum(run(lambda x, i: 2 * x, s * np.ones(2))))(2.0)
