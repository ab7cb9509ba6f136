"""Duplicates, wrong configurations, resuming, optimizers that travel, asynchronous training."""

import threading
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import ray
from mxcore_kvstore_ray.calls import Calls
from mxcore_kvstore_ray.records import Push
from mxcore_kvstore_ray.travel import pack, unpack
from training import KEYS, alone, initial, on_all, opened, status, workers

import mxcore as mx


@pytest.fixture(scope="module")
def trainers() -> list[Any]:
    return workers(4)


def pulled(store: Any, key: str) -> list[float]:
    out = np.empty(3, np.float32)
    store.pull(key, out=out)
    return out.tolist()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def store() -> Any:
    with mx.kv.create("dist_sync", job="shared", timeout=5.0, trust=True) as store:
        yield store


@pytest.fixture(scope="module")
def asynchronous() -> Any:
    with mx.kv.create("dist_async", job="async", servers=2, dtype="bfloat16") as store:
        yield store


@pytest.fixture
def key(store: Any, job: str) -> str:
    """A key of the shared store that is a vector of three zeros."""
    store.init(job, np.zeros(3, np.float32))
    return job


def test_a_duplicate_is_applied_once(store: Any, key: str) -> None:
    store.set_optimizer(mx.optimizer.create("sgd", learning_rate=1.0))
    store.push(key, np.ones(3, np.float32))
    number = status("shared")["updates"]
    again = Push(rank=0, number=number, keys=(key,), places=(0,), among=(0,))
    reply = Calls(10.0)("shared/server/0", "push", again, [np.ones(3, np.float32)])
    assert (reply.seen, status("shared")["updates"], pulled(store, key)) == (number, number, [-1.0] * 3)


def test_without_an_optimizer_the_sum_becomes_the_weight(trainers: Any, job: str) -> None:
    pair = opened(trainers[:2], job=job)
    on_all(pair, "call", "init", "w", np.zeros(3, np.float32))
    ray.get([one.call.remote("push", "w", np.full(3, 10.0**rank)) for rank, one in enumerate(pair)], timeout=30)
    out = np.zeros(3, np.float32)
    assert all(one.tolist() == [11.0] * 3 for one in on_all(pair, "pulled", "w", out))
    on_all(pair, "call", "close")


def test_pulled_weights_are_copies(store: Any, key: str) -> None:
    out = np.empty(3, np.float32)
    store.pull(key, out=out)
    out += 1
    assert pulled(store, key) == [0.0] * 3


def test_a_stopped_run_goes_on_with_the_same_bits(trainers: Any, job: str, tmp_path: Path) -> None:
    options = {"job": job, "servers": 2, "checkpoint": str(tmp_path), "interval": 4}
    pair = opened(trainers[:2], **options)
    on_all(pair, "train", "adam, clipped", 7)
    on_all(pair, "call", "close")
    opened(pair, **options)
    resumed = on_all(pair, "train", "adam, clipped", 12, resume=True)
    assert resumed == [alone("adam, clipped", 12, 2)] * 2
    on_all(pair, "call", "close")


def test_optimizer_states_move_between_engines(job: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"learning_rate": 0.1, "clip_global_norm": 0.5}
    local = mx.kv.create("local")
    with mx.kv.create("dist_sync", job=job, servers=2) as store:
        for one in (store, local):
            one.init(KEYS, initial())
            one.set_optimizer(mx.optimizer.create("adam", **options))
        for target in (None, local, store):  # each loads what the other one saved
            if target is not None:
                (store if target is local else local).save_optimizer_states(tmp_path / "states")
                target.load_optimizer_states(tmp_path / "states")
            found: list[Any] = [initial(), initial()]
            for one, out in zip((store, local), found, strict=True):
                one.pushpull(KEYS, initial(), out=out)
            assert [one.tobytes() for one in found[0]] == [one.tobytes() for one in found[1]]


def test_a_module_trains_as_on_a_local_store(store: Any) -> None:
    found = []
    for kvstore in ("local", store):
        net = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=3, name="fc")
        rng = np.random.default_rng(0)
        x = rng.normal(size=(32, 4)).astype(np.float32)
        batches = mx.io.NDArrayIter(x, rng.integers(0, 3, 32), batch_size=8)
        mod = mx.mod.Module(mx.symbol.SoftmaxOutput(net, name="softmax"))
        mx.random.seed(3)
        options = {"optimizer": "adam", "optimizer_params": {"learning_rate": 0.1}}
        mod.fit(batches, kvstore=kvstore, initializer=mx.init.create("uniform"), num_epoch=3, **options)
        found.append(mod.get_params()[0]["fc_weight"])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


# --- wrong configurations --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 1}, r"rank must be in \[0, 1\), as num_workers says, got 1"),
        ({"servers": 0}, "servers must be at least 1"),
        ({"dtype": "float8"}, "dtype must be 'float32' or 'bfloat16', got 'float8'"),
        ({"interval": 3}, "checkpoint and interval belong together"),
        ({"checkpoint": "x"}, "checkpoint and interval belong together"),
        ({"job": "a/b"}, "job must consist of letters"),
        ({"timeout": 0}, "timeout must be above 0"),
    ],
)
def test_wrong_settings_are_refused(job: str, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mx.kv.create("dist_sync", **{"job": job, **options})


def test_other_settings_than_those_of_the_job_are_refused(store: Any) -> None:
    with pytest.raises(ValueError, match=r"other settings than the job 'shared': workers=2 \(not 1\), timeout=7.0"):
        mx.kv.create("dist_sync", job="shared", num_workers=2, timeout=7.0, trust=True)


def test_a_second_process_of_one_rank_is_refused(store: Any, trainers: Any) -> None:
    with pytest.raises(ValueError, match="worker 0 of job 'shared' is running already: process"):
        ray.get(trainers[0].open.remote(job="shared", timeout=5.0, trust=True), timeout=30)


def test_other_shapes_keys_and_optimizers_are_refused_where_they_are(trainers: Any, job: str) -> None:
    pair = opened(trainers[:2], job=job, timeout=2.0)

    def both(first: Any, second: Any) -> list[Any]:
        found: list[Any] = []
        for one in [pair[rank].call.remote(*call) for rank, call in enumerate((first, second))]:
            try:
                found.append(ray.get(one, timeout=30))
            except Exception as error:
                found.append(error)
        return found

    good, other = np.zeros(3, np.float32), np.zeros(4, np.float32)
    first, second = both(("init", "w", good), ("init", "w", other))
    assert first is None
    assert isinstance(second, ValueError)
    assert "key 'w' has shape (3,) and dtype float32 in the store, but worker 1 has shape (4,)" in str(second)
    assert both(("init", "v", good), ("init", ["w", "v"], [good, good])) == [None, None]
    first, second = both(("set_optimizer", "sgd"), ("set_optimizer", "adam"))
    assert first is None
    assert isinstance(second, ValueError)
    assert "the servers have another optimizer than worker 1: SGD" in str(second)
    first, second = both(("push", "w", good), ("push", "v", good))
    refused, waiting = sorted((first, second), key=lambda one: isinstance(one, TimeoutError))
    assert isinstance(refused, ValueError)
    assert "synchronous workers push the same keys in the same order" in str(refused)
    assert isinstance(waiting, TimeoutError)
    assert status(job)["updates"] == 0
    on_all(pair, "leave")


def test_an_asynchronous_push_needs_an_optimizer(asynchronous: Any) -> None:
    asynchronous.init("w", np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="call set_optimizer first"):
        asynchronous.push("w", np.ones(3, np.float32))
    asynchronous.set_optimizer(mx.optimizer.create("sgd", learning_rate=1.0))
    asynchronous.push("w", np.full(3, 1.001, np.float32))
    assert pulled(asynchronous, "w") == [-1.0] * 3  # as bfloat16


def test_an_optimizer_that_fails_leaves_the_weights_and_the_count(store: Any, key: str) -> None:
    store.set_optimizer(Failing())
    updates = status("shared")["updates"]
    with pytest.raises(ArithmeticError, match="too big"):
        store.push(key, np.full(3, 2.0, np.float32))
    store.push(key, np.ones(3, np.float32))
    assert (pulled(store, key), status("shared")["updates"]) == ([-1.0] * 3, updates + 1)


# --- optimizers on their way -----------------------------------------------------------------------------------------


class Failing(mx.optimizer.Optimizer):
    """A class that no distribution has."""

    def create_state(self, index: Any, weight: Any) -> None:
        return None

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        if grad.max() > 1:
            raise ArithmeticError("too big")
        weight -= grad


def test_only_a_trusted_optimizer_is_pickled() -> None:
    with pytest.raises(ValueError, match="'failing' is not in an installed distribution. Pass trust=True"):
        pack(Failing())
    by_function = mx.optimizer.create("sgd", lr_scheduler=lambda t: 0.1)
    with pytest.raises(ValueError, match="cannot be sent to the servers by name and settings.*Pass trust=True"):
        pack(by_function)
    pickled = pack(by_function, trust=True)
    with pytest.raises(ValueError, match="is pickled, and this job does not have trust=True"):
        unpack(pickled)
    assert unpack(pickled, trust=True).optimizer.lr_scheduler(3) == 0.1


@pytest.mark.parametrize(
    "spec",
    [
        mx.optimizer.create("adam", lr_scheduler=mx.lr_scheduler.create("factor", step=10), clip_global_norm=1.0),
        mx.optimizer.create("lookahead(adam, k=3)", learning_rate=0.3, wd=0.1),
        mx.optimizer.create("sgd", param_idx2name={0: "a_bias", 1: "b_weight"}, groups={".*bias": {"wd": 0.0}}),
    ],
    ids=["schedule", "wrapper", "groups"],
)
def test_an_optimizer_arrives_with_its_settings(spec: Any) -> None:
    packed = pack(spec)
    arrived = unpack(packed).optimizer
    assert not packed.pickled
    assert pack(arrived).summary == packed.summary
    assert arrived.idx2name == spec.idx2name
    assert attrs.asdict(arrived, recurse=False).keys() == attrs.asdict(spec, recurse=False).keys()


def test_several_servers_refuse_what_they_cannot_divide(asynchronous: Any) -> None:
    with pytest.raises(ValueError, match="looks at all parameters together, which needs servers=1 or 'dist_sync'"):
        asynchronous.set_optimizer(mx.optimizer.create("adam", clip_global_norm=1.0))
    with pytest.raises(ValueError, match="needs servers=1"):
        asynchronous.set_optimizer(mx.optimizer.create("adam", on_nonfinite="skip"))


# --- asynchronous training -------------------------------------------------------------------------------------------


def test_a_compensated_gradient_is_that_of_its_worker(job: str) -> None:
    wanted, weight = mx.optimizer.get_updater(mx.optimizer.create("dcasgd", lamda=0.5)), np.zeros(3, np.float32)
    stores = [mx.kv.create("dist_async", job=job, rank=rank, num_workers=2) for rank in range(2)]
    for store in stores:
        store.init("w", np.zeros(3, np.float32))
        wanted.pulled(store.rank, "w", weight)
    threads = [threading.Thread(target=one.set_optimizer, args=["dcasgd(lamda=0.5)"]) for one in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for step, rank in enumerate((0, 1, 1, 0, 0)):
        stores[rank].push("w", np.full(3, rank + 1.0, np.float32))
        wanted("w", np.full(3, rank + 1.0, np.float32), weight, worker=rank)
        if step % 2:  # what a worker has is written when it pulls
            assert pulled(stores[rank], "w") == weight.tolist()
            wanted.pulled(rank, "w", weight)
    assert stores[0].staleness() == {0: 3, 1: 1, 3: 1}
    assert pulled(stores[0], "w") == weight.tolist()
    for store in stores:
        store._leave()


def test_four_asynchronous_workers_converge(trainers: Any, job: str) -> None:
    opened(trainers, type="dist_async", job=job, servers=2)
    losses = on_all(trainers, "fit", 150)
    assert max(losses) < 0.01  # 3 at the start
    assert [status(job, server)["updates"] for server in (0, 1)] == [600, 600]
    on_all(trainers, "call", "close")
