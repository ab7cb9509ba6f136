"""Workers, here threads, that meet after several steps: the formula, the bytes, checkpoints, and a real training."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import mxcore as mx


class Meeting:
    """Where the threads of one process exchange arrays."""

    def __init__(self, workers: int) -> None:
        self.barrier, self.sent, self.bytes = threading.Barrier(workers), [None] * workers, 0

    def gathered(self, rank: int, arrays: Any) -> Any:
        self.sent[rank] = arrays
        self.barrier.wait(20)
        found = list(self.sent)
        self.barrier.wait(20)
        return found


class Threads(mx.kv.KVStore):
    """A synchronous store for threads."""

    type = "dist_sync"

    def __init__(self, meeting: Meeting, rank: int) -> None:
        super().__init__()
        self.meeting, self.rank, self.num_workers = meeting, rank, len(meeting.sent)
        self.values: dict[Any, Any] = {}

    def _init(self, keys: Any, weights: Any) -> None:
        first = self.meeting.gathered(self.rank, [weight.copy() for weight in weights])[0]
        self.values |= {key: weight.copy() for key, weight in zip(keys, first, strict=True)}

    def _push(self, keys: Any, grads: Any) -> None:
        copies = [grad.copy() for grad in grads]  # others read them while these change
        if not self.rank:
            self.meeting.bytes += sum(grad.nbytes for grad in grads)
        for key, *every in zip(keys, *self.meeting.gathered(self.rank, copies), strict=True):
            self.values[key] = mx.kv.summed(every)

    def _pull(self, keys: Any) -> Any:
        return [self.values[key] for key in keys]

    def _set_optimizer(self, optimizer: Any) -> None:
        raise AssertionError

    save_optimizer_states = load_optimizer_states = _set_optimizer  # type: ignore[assignment]


def in_threads(workers: int, work: Callable[[Any], Any], **options: Any) -> tuple[list[Any], Meeting]:
    meeting = Meeting(workers)
    with ThreadPoolExecutor(workers) as pool:
        stores = [mx.kv.create("local_sgd", store=Threads(meeting, rank), **options) for rank in range(workers)]
        return list(pool.map(work, stores)), meeting


def gradient(rank: int, step: int) -> Any:
    return np.random.default_rng((rank, step)).normal(size=5).astype(np.float32)


def trained(store: Any, steps: range = range(12), states: Any = None) -> Any:
    weight = np.ones(5, np.float32)
    store.init("w", weight)
    store.set_optimizer(mx.optimizer.create("adam", learning_rate=0.1))
    if states is not None:
        store.load_optimizer_states(states)
    for step in steps:
        store.pushpull("w", gradient(store.rank, step), out=weight)
    return weight


def outer() -> Any:
    schedule = mx.lr_scheduler.create("factor", step=1, factor=0.5, base_lr=0.7)
    return mx.optimizer.create("nag", momentum=0.9, lr_scheduler=schedule)


def test_rounds_follow_the_formula() -> None:
    found, _ = in_threads(3, trained, steps=4, outer=outer())
    anchor, rule = np.ones(5, np.float32), mx.optimizer.get_updater(outer())
    inner = [mx.optimizer.get_updater(mx.optimizer.create("adam", learning_rate=0.1)) for _ in range(3)]
    for number in range(3):
        weights = [anchor.copy() for _ in range(3)]
        for step in range(4 * number, 4 * number + 4):
            for rank, weight in enumerate(weights):
                inner[rank]("w", gradient(rank, step), weight)
        rule("w", mx.kv.summed([anchor - weight for weight in weights]) / 3, anchor)
    for weight in found:
        np.testing.assert_array_equal(weight, anchor)
    assert rule.optimizer.num_update == 3


def test_one_step_per_round_and_a_rate_of_one_average_the_workers() -> None:
    def work(store: Any) -> Any:
        weight = np.zeros(5, np.float32)
        store.init("w", weight)
        store.set_optimizer(mx.optimizer.create("sgd", learning_rate=1.0))
        store.pushpull("w", gradient(store.rank, 0), out=weight)
        return weight

    found, _ = in_threads(2, work, steps=1)
    np.testing.assert_allclose(found[0], -(gradient(0, 0) + gradient(1, 0)) / 2, rtol=1e-6)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("steps", [4, 6])  # at the end of a round, and within one
def test_a_run_that_was_saved_goes_on_with_the_same_bits(steps: int, tmp_path: Any) -> None:
    def first(store: Any) -> Any:
        trained(store, range(steps))
        store.save_optimizer_states(tmp_path / "states")

    whole, _ = in_threads(2, trained, steps=4, outer=outer())
    in_threads(2, first, steps=4, outer=outer())
    assert sorted(file.name for file in tmp_path.iterdir()) == ["states", "states.1"]
    resumed, _ = in_threads(
        2, lambda store: trained(store, range(steps, 12), tmp_path / "states"), steps=4, outer=outer()
    )
    np.testing.assert_array_equal(resumed, whole)


def test_keys_that_are_pushed_one_by_one_meet_when_each_is_due() -> None:
    def work(store: Any) -> Any:
        store.init(["a", "b"], [np.zeros(1), np.zeros(1)])
        store.set_optimizer(mx.optimizer.create("sgd", learning_rate=1.0))
        for key in ("a", "b", "a"):
            store.push(key, np.ones(1))
        return store.rounds

    assert in_threads(2, work, steps=2)[0] == [{"a": 1, "b": 0}] * 2


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="steps must be a positive integer, got 0"):
        mx.kv.create("local_sgd", steps=0)
    store = Threads(Meeting(1), 0)
    store.type = "dist_async"
    with pytest.raises(ValueError, match="workers meet in a synchronous store, got 'dist_async'"):
        mx.kv.create("local_sgd", store=store)
    one = mx.kv.create("local_sgd")
    one.init("w", np.zeros(1))
    with pytest.raises(ValueError, match="call set_optimizer first"):
        one.push("w", np.zeros(1))


def test_a_sixteenth_of_the_bytes_trains_the_digits_as_well() -> None:
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    net = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=32, name="fc1")
    net = mx.symbol.FullyConnected(mx.symbol.Activation(net, act_type="relu"), num_hidden=10, name="fc2")
    net = mx.symbol.SoftmaxOutput(net, name="softmax")

    def fitted(store: Any) -> list[float]:
        own = slice(store.rank, 1408, 4)
        module = mx.mod.Module(net)
        module.fit(
            mx.io.NDArrayIter(x[own], y[own], batch_size=16), kvstore=store, num_epoch=24,
            initializer=mx.init.create("xavier"), optimizer_params={"learning_rate": 0.1, "momentum": 0.9},
        )  # fmt: skip
        parts = [mx.io.NDArrayIter(x[rows], y[rows], batch_size=389) for rows in (slice(1167), slice(1408, None))]
        return [dict(module.score(part, "ce"))["cross-entropy"] for part in parts]

    (often, *_), meeting = in_threads(4, fitted, steps=1)
    (seldom, *_), other = in_threads(4, fitted, steps=16)
    assert meeting.bytes == 16 * other.bytes
    assert seldom[0] <= 1.01 * often[0]  # of rows that were trained with
    assert seldom[1] <= 1.01 * often[1]  # and of others
