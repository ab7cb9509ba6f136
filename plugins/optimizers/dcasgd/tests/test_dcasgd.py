"""DC-ASGD corrects a delayed gradient for how the weight has changed since its worker pulled it.

Run as a program, it prints the losses that the README states.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import mxcore as mx
from mxcore.optimizer import Optimizer, Updater

Array = npt.NDArray[Any]
WORKERS, STEPS, BATCH, SAMPLES, FEATURES, CLASSES = 32, 500, 16, 512, 20, 5


def one(value: float) -> Array:
    return np.full(1, value)


def start(**settings: Any) -> Updater:
    return mx.optimizer.get_updater(mx.optimizer.DCASGD(**{"learning_rate": 0.5, "lamda": 0.5, **settings}))


def test_without_workers_the_backup_is_the_weight_before_the_last_update() -> None:
    weight, updater = one(1.0), start()
    updater(0, one(1.0), weight)
    assert (weight.tolist(), updater.states[0].tolist()) == ([0.5], [1.0])
    updater(0, one(1.0), weight)
    assert weight.tolist() == [0.5 - 0.5 * (1 + 0.5 * (0.5 - 1.0))]


def test_a_worker_is_compensated_from_where_it_last_pulled() -> None:
    weight, updater = one(1.0), start()
    for worker in ("a", "b"):
        updater.pulled(worker, 0, weight)
        updater(0, one(1.0), weight, worker=worker)
    assert weight.tolist() == [0.0 - 0.5 * 0.0]
    updater(0, one(1.0), weight, worker="a")  # pulled 1, twice: what it keeps is written by a pull alone
    assert weight.tolist() == [-0.5 * (1 + 0.5 * (0.0 - 1.0))]
    assert updater.worker_states[0]["a"]["backup"].tolist() == [1.0]
    updater.pulled("a", 0, weight)
    before = weight.copy()
    updater(0, one(1.0), weight, worker="a")
    assert weight.tolist() == (before - 0.5).tolist()


def test_a_worker_that_has_not_pulled_is_refused() -> None:
    weight, updater = one(1.0), start()
    with pytest.raises(ValueError, match="parameter 0: worker 3 has not pulled it; .* call updater.pulled"):
        updater(0, one(1.0), weight, worker=3)
    assert (weight.tolist(), updater.states, updater.optimizer.num_update) == ([1.0], {}, 0)


def test_workers_are_told_apart_inside_wrappers() -> None:
    weight = one(1.0)
    updater = mx.optimizer.get_updater(mx.optimizer.create("average(dcasgd)", learning_rate=0.5, lamda=0.5))
    updater.pulled("a", 0, weight)
    weight[:] = 0.5
    updater(0, one(1.0), weight, worker="a")
    assert weight.tolist() == [0.5 - 0.5 * (1 + 0.5 * (0.5 - 1.0))]
    assert updater.worker_states[0]["a"]["inner/backup"].tolist() == [1.0]


def test_a_single_worker_is_never_late() -> None:
    weight, plain = one(1.0), one(1.0)
    updater, sgd = start(lamda=2.0), mx.optimizer.get_updater(mx.optimizer.SGD(learning_rate=0.5))
    for grad in (1.0, -3.0, 2.0):
        updater.pulled(0, 0, weight)
        updater(0, one(grad), weight, worker=0)
        sgd(0, one(grad), plain)
    assert weight.tobytes() == plain.tobytes()


def test_the_momentum_of_dcasgd_works() -> None:
    weight, updater = one(1.0), start(momentum=0.5, lamda=0.0)
    for _ in range(2):
        updater(0, one(1.0), weight)
    assert weight.tolist() == [1.0 - 0.5 - 0.75]


def test_adaptive_divides_by_the_root_of_the_mean_square() -> None:
    weight, updater = one(1.0), start(adaptive=True, m=0.75, epsilon=1e-12)
    for _ in range(2):
        updater(0, one(2.0), weight)
    mean_square = 0.75 * (0.25 * 4.0) + 0.25 * 4.0
    expected = -0.5 * (2 + 0.5 / mean_square**0.5 * 4.0 * (0.0 - 1.0))
    np.testing.assert_allclose(weight, [expected])


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.5, "adaptive": True}, {"multi_precision": True}])
def test_workers_in_lists_and_after_resuming_give_the_same_bits(settings: dict[str, Any]) -> None:
    dtype = "float16" if settings.get("multi_precision") else "float32"
    rng = np.random.default_rng(0)
    first = [rng.normal(size=shape).astype(dtype) for shape in [(3, 2), (2,)]]
    grads = [[rng.normal(size=w.shape).astype(dtype) for w in first] for _ in range(10)]
    singly, listed = [w.copy() for w in first], [w.copy() for w in first]
    updater, resumed = start(**settings), start(**settings)
    for step, pair in enumerate(grads):
        for index in range(2):
            updater.pulled((step + 1) % 3, index, singly[index])
        resumed.pulled((step + 1) % 3, [0, 1], listed)
        if not step:
            updater.pulled(0, [0, 1], singly)
            resumed.pulled(0, [0, 1], listed)
        for index in range(2):
            updater(index, pair[index], singly[index], worker=step % 3)
        resumed([0, 1], pair, listed, worker=step % 3)
        if step == 4:
            saved, resumed = resumed.get_states(), start(**settings)
            resumed.set_states(saved)
    assert [w.tobytes() for w in singly] == [w.tobytes() for w in listed]


def test_an_optimizer_that_knows_no_workers_is_refused_before_anything_changes() -> None:
    weight, updater = one(1.0), mx.optimizer.get_updater(mx.optimizer.SGD())
    with pytest.raises(ValueError, match="SGD does not distinguish workers: leave out worker=3"):
        updater(0, one(1.0), weight, worker=3)
    assert (weight.tolist(), updater.states, updater.optimizer.num_update) == ([1.0], {}, 0)


def test_a_worker_is_an_integer_or_text() -> None:
    with pytest.raises(TypeError, match=r"worker must be an integer or a string, got 1\.5"):
        start().pulled(1.5, 0, one(1.0))  # type: ignore[arg-type]


# --- the paper's claim, simulated ------------------------------------------------------------------------------------


def softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def final_loss(optimizer: Optimizer, seed: int) -> float:
    """Softmax regression on overlapping clusters, with workers whose gradients are some updates old."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(CLASSES, size=SAMPLES)
    data = 0.7 * rng.normal(size=(CLASSES, FEATURES))[labels] + 2 * rng.normal(size=(SAMPLES, FEATURES))
    weight, targets, updater = np.zeros((FEATURES, CLASSES)), np.eye(CLASSES)[labels], Updater(optimizer)
    pulled = [weight.copy()] * WORKERS
    for worker in range(WORKERS * updater.tells_workers):
        updater.pulled(worker, 0, weight)
    for _ in range(STEPS):
        worker, rows = int(rng.integers(WORKERS)), rng.integers(SAMPLES, size=BATCH)
        grad = data[rows].T @ (softmax(data[rows] @ pulled[worker]) - targets[rows]) / BATCH
        updater(0, grad, weight, worker=worker if updater.tells_workers else None)
        pulled[worker] = weight.copy()
        if updater.tells_workers:
            updater.pulled(worker, 0, weight)
    return -float(np.log((softmax(data @ weight) * targets).sum(axis=1)).mean())


def losses(make: Callable[..., Optimizer], rate: float, seeds: int) -> Array:
    return np.array([final_loss(make(learning_rate=rate), seed) for seed in range(seeds)])


def paper(learning_rate: float) -> Optimizer:
    return mx.optimizer.DCASGD(lamda=2.0, adaptive=True, learning_rate=learning_rate)


def test_with_32_workers_and_a_large_rate_it_ends_lower_than_sgd() -> None:
    compensated, plain = losses(paper, 0.1, 20), losses(mx.optimizer.SGD, 0.1, 20)
    assert (compensated < plain).sum() >= 19
    assert compensated.mean() < plain.mean() - 0.05


if __name__ == "__main__":
    for rate in (0.003, 0.005, 0.01, 0.015, 0.02, 0.03, 0.1, 0.2):
        ours, sgd = losses(paper, rate, 20), losses(mx.optimizer.SGD, rate, 20)
        better = int((ours < sgd).sum())
        sys.stdout.write(f"{rate:5}: DC-ASGD {ours.mean():.4f}, SGD {sgd.mean():.4f}, lower in {better} of 20\n")
