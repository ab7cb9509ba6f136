"""Key-value stores: arguments, MXNet's rules, the store of one process, and modules whose weights are in one."""

from typing import Any

import numpy as np
import pytest

import mxcore as mx


def filled(store: Any, key: Any, shape: tuple[int, ...] = (2,)) -> list[float]:
    out = np.empty(shape)
    store.pull(key, out=out)
    return out.tolist()  # type: ignore[no-any-return]


@pytest.fixture
def store() -> Any:
    store = mx.kv.create("local")
    store.init(["a", 3], [np.zeros(2), np.ones(2)])
    return store


def test_without_an_optimizer_the_sum_becomes_the_weight(store: Any) -> None:
    store.push("a", [np.ones(2), np.full(2, 2.0)])
    assert filled(store, "a") == [3, 3]
    store.push(["a", 3, "a"], [np.ones(2), np.full(2, 5.0), [np.ones(2), np.ones(2)]])
    assert (filled(store, "a"), filled(store, 3)) == ([3, 3], [5, 5])


def test_initial_weights_and_gradients_are_copied(store: Any) -> None:
    weight = np.full(2, 7.0)
    store.init("b", weight)
    weight[:] = 0
    assert filled(store, "b") == [7, 7]
    gradients = [np.ones(2), np.ones(2), np.ones(2)]
    store.push("a", gradients)
    assert all(one.tolist() == [1, 1] for one in gradients)
    store.push("a", gradients[0])
    gradients[0][:] = 9
    assert filled(store, "a") == [1, 1]


def test_a_push_is_one_call_of_the_optimizer() -> None:
    ours, theirs = mx.kv.create("local"), mx.optimizer.get_updater(mx.optimizer.create("lamb", clip_global_norm=0.5))
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape).astype(np.float32) for shape in ((3, 2), (2,), ())]
    keys = ["fc_weight", "fc_bias", "scale"]
    ours.init(keys, weights)
    ours.set_optimizer(mx.optimizer.create("lamb", clip_global_norm=0.5))
    for _ in range(3):
        grads = [[rng.normal(size=weight.shape).astype(np.float32) for _ in range(3)] for weight in weights]
        ours.push(keys, grads)
        theirs(keys, [one[0] + one[1] + one[2] for one in grads], weights)
    for key, weight in zip(keys, weights, strict=True):
        out = np.empty_like(weight)
        ours.pull(key, out)
        np.testing.assert_array_equal(out, weight)


def test_the_sum_of_arrays_without_axes_is_an_array() -> None:
    total = mx.kv.summed([np.array(1.0, np.float32), np.array(2.0, np.float32)])
    assert isinstance(total, np.ndarray)
    assert (total.shape, total.dtype, float(total)) == ((), np.float32, 3.0)
    store = mx.kv.create("local")
    store.init("scale", np.array(1.0))
    store.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.5, on_nonfinite="skip"))
    store.push("scale", [np.array(1.0), np.array(1.0)])
    assert filled(store, "scale", ()) == 0


def test_pushpull_and_broadcast_fill_arrays(store: Any) -> None:
    grads = [np.ones(2), np.ones(2)]
    store.pushpull("a", grads)
    assert [one.tolist() for one in grads] == [[2, 2], [2, 2]]
    out = [np.empty(2), np.empty(2)]
    store.pushpull(["a", 3], [np.ones(2), np.zeros(2)], out=out)
    assert [one.tolist() for one in out] == [[1, 1], [0, 0]]
    store.broadcast("new", np.full(2, 4.0), out=out)
    assert [one.tolist() for one in out] == [[4, 4], [4, 4]]


def test_a_function_may_update_as_in_the_tutorial(store: Any) -> None:
    def update(key: Any, value: Any, stored: Any) -> None:
        stored += value * 2

    store._set_updater(update)
    store.push(3, np.ones(2))
    store.push(3, [np.ones(2)] * 4)
    assert filled(store, 3) == [11, 11]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda store: store.init("a", np.zeros(2)), ValueError, "key 'a' has been initialized already"),
        (lambda store: store.init(["x", "x"], [np.zeros(2)] * 2), ValueError, "key 'x' has been"),
        (lambda store: store.init("x", [1.0]), TypeError, "list"),
        (lambda store: store.init("x", np.zeros(2, int)), TypeError, "key 'x': weights must be floating-point"),
        (lambda store: store.init(1.5, np.zeros(2)), TypeError, "keys must be integers or strings, got 1.5"),
        (lambda store: store.push("x", np.zeros(2)), KeyError, "key 'x' has not been initialized: call init first"),
        (lambda store: store.push("a", np.zeros(3)), ValueError, r"key 'a' has shape \(2,\) and dtype float64, got"),
        (lambda store: store.push("a", []), ValueError, "key 'a': there is no array"),
        (lambda store: store.push(["a", 3], [np.zeros(2)]), ValueError, "there are 2 keys, but value has 1 entries"),
        (lambda store: store.push(["a"], np.zeros(2)), TypeError, "value must be a list"),
        (lambda store: store.pull("a"), TypeError, "out must be an array"),
        (lambda store: store.row_sparse_pull("a"), NotImplementedError, "use pull"),
        (lambda store: store.set_gradient_compression({}), NotImplementedError, "dtype='bfloat16'"),
        (lambda store: store.save_optimizer_states("x"), ValueError, "call set_optimizer first"),
        (lambda store: store.set_optimizer("no_such"), ValueError, "cannot find optimizer"),
    ],
)
def test_errors_say_what_was_wrong_and_leave_the_store_as_it_was(
    store: Any, call: Any, error: Any, message: str
) -> None:
    with pytest.raises(error, match=message):
        call(store)
    assert (filled(store, "a"), filled(store, 3), [*store.shapes]) == ([0, 0], [1, 1], ["a", 3])


def test_an_array_that_cannot_be_filled_is_refused_before_the_push(store: Any) -> None:
    out = np.empty(2)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="key 'a': out is read-only"):
        store.pushpull("a", np.ones(2), out=out)
    assert filled(store, "a") == [0, 0]


def test_names_of_mxnet_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mx.kv.create("device").is_capable("Optimizer")
    assert not mx.kv.KVStore.is_capable("flight")
    assert mx.kv is mx.kvstore
    store = mx.kv.create("local")
    assert mx.kv.create(store) is store
    monkeypatch.setenv("DMLC_ROLE", "server")
    with pytest.raises(RuntimeError, match="DMLC_ROLE=server was set by MXNet's launcher.*mxcore launch -n 4"):
        mx.kv.create("dist_sync")


def test_optimizer_states_are_saved_and_go_on(tmp_path: Any) -> None:
    def trained(*steps: int, states: Any = None, start: Any = None) -> Any:
        store = mx.kv.create("local")
        store.init("w", np.ones(3) if start is None else start)
        store.set_optimizer(mx.optimizer.create("adam", learning_rate=0.1))
        if states is not None:
            store.load_optimizer_states(states)
        for step in steps:
            store.push("w", np.full(3, float(step)))
        return store

    whole, first = trained(1, 2, 3, 4), trained(1, 2)
    first.save_optimizer_states(tmp_path / "states")
    resumed = trained(3, 4, states=tmp_path / "states", start=np.array(filled(first, "w", (3,))))
    assert filled(whole, "w", (3,)) == filled(resumed, "w", (3,))


class Two(mx.kv.registry.get("local")):  # type: ignore[misc]
    """A worker of two that has found the same gradients as the other one."""

    type, num_workers = "dist_sync", 2

    def _push(self, keys: Any, grads: Any) -> None:
        super()._push(keys, [2 * grad for grad in grads])


def module() -> tuple[Any, Any]:
    net = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=3, name="fc")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 4))
    batches = mx.io.NDArrayIter(x, rng.integers(0, 3, 32), batch_size=8)
    return mx.mod.Module(mx.symbol.SoftmaxOutput(net, name="softmax"), fixed_param_names=["fc_bias"]), batches


@pytest.mark.parametrize("kvstore", [mx.kv.create("local"), Two()], ids=["local", "two workers"])
def test_a_module_trains_on_a_store_as_without(kvstore: Any, tmp_path: Any) -> None:
    found = []
    for one in ("local", kvstore):
        mod, batches = module()
        mx.random.seed(3)
        options = {"optimizer": "adam", "optimizer_params": {"learning_rate": 0.1}}
        mod.fit(batches, kvstore=one, initializer=mx.init.create("uniform"), num_epoch=3, **options)
        found.append(mod)
    (weights, _), (others, _) = (mod.get_params() for mod in found)
    np.testing.assert_allclose(others["fc_weight"], weights["fc_weight"], rtol=1e-5)
    assert found[1].optimizer.rescale_grad == 1 / (8 * kvstore.num_workers)
    found[1].save_checkpoint(str(tmp_path / "run"), 3, save_optimizer_states=True)
    found[1].load_optimizer_states(str(tmp_path / "run-0003.states"))
    assert found[1].score(batches, "acc")[0][1] > 0.5


def test_evaluation_weights_on_a_store_are_refused() -> None:
    mod, batches = module()
    mod.fit(batches, kvstore=mx.kv.create("local"), optimizer="schedulefreesgd", num_epoch=1)
    with pytest.raises(ValueError, match="the store 'local' does not give the weights with which to evaluate"):
        mod.score(batches, "acc")
