"""States: evaluation weights, files of mxcore, and checkpoints of orbax."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import orbax.checkpoint
import pytest

import mxcore as mx

NAMES = ["adamw", "nadam", "prodigy", "lookahead(average(nadam))", "sgld", "mixed"]


def created(name, **arguments):
    if name == "mixed":
        return mx.optimizer.create("mixed", patterns=["fc", ".*"], optimizers=["nadam", "lookahead(sgd)"])
    return mx.optimizer.create(name, learning_rate=0.01, **arguments)


@pytest.mark.parametrize("name", ["average(adam)", "schedulefreeadamw", "lookahead(average(sgd))", "madgrad", "adam"])
@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_evaluation_weights_agree(name, dtype, runs):
    params = runs.model(dtype)
    grads = runs.gradients(params, 10)
    trained, update = runs.own(created(name), params, grads)
    tx = mx.jax.transformation(created(name))
    found, state = runs.jax(tx, params, grads)
    wanted = update.evaluation_weights({"conv_weight": trained["conv_weight"]})["conv_weight"]
    given = jax.jit(lambda state, params: mx.jax.evaluation_weights(tx, state, params))(state, found)
    assert runs.error(given["conv_weight"], wanted) <= runs.TOLERANCE
    assert (runs.error(given, found) > 1e-3) == (name not in ("madgrad", "adam"))


def test_evaluation_weights_of_a_chain_and_of_masters(runs):
    params = runs.model(ml_dtypes.bfloat16)
    inner = mx.jax.transformation("average(sgd)", learning_rate=0.1, multi_precision=True)
    tx = optax.chain(optax.clip_by_global_norm(1.0), inner)
    params, state = runs.jax(tx, params, runs.gradients(params, 5))
    found = mx.jax.evaluation_weights(inner, state, params)
    host = {"conv_weight": np.array(params["conv_weight"])}
    wanted = mx.jax.to_updater(inner, state, params).evaluation_weights(host)["conv_weight"]
    assert found["conv_weight"].dtype == jnp.bfloat16
    assert runs.error(found["conv_weight"], wanted) == 0
    assert runs.error(found["conv_weight"], host["conv_weight"]) > 0.01
    with pytest.raises(ValueError, match="expected one state of mx.jax.transformation, found 0"):
        mx.jax.evaluation_weights(inner, optax.EmptyState(), params)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_mxcore_goes_on_there_and_here(name, runs, tmp_path):
    params = runs.model()
    grads = runs.gradients(params, 20)
    tx = mx.jax.transformation(created(name))
    half, state = runs.jax(tx, params, grads[:10])
    wanted, _ = runs.jax(tx, half, grads[10:], state)

    mx.save_state(tmp_path / "state", mx.jax.to_updater(tx, state, half))
    update = mx.optimizer.get_updater(created(name))
    mx.load_state(tmp_path / "state", update)
    assert update.optimizer.num_update == 10
    own = jax.tree.map(np.array, half)
    for one in grads[10:]:
        update.update(one, own)
    assert runs.error(own, wanted) <= runs.TOLERANCE

    update = mx.optimizer.get_updater(created(name))
    mx.load_state(tmp_path / "state", update)
    back = mx.jax.from_updater(tx, update, half)
    assert jax.tree.structure(back) == jax.tree.structure(state)
    for a, b in zip(jax.tree.leaves(back), jax.tree.leaves(state), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_masters_and_frozen_parameters_are_converted(runs):
    arguments = {"learning_rate": 0.01, "multi_precision": True, "groups": {"fc": {"frozen": True}}}
    params = runs.model(ml_dtypes.bfloat16)
    tx = mx.jax.transformation("adam", **arguments)
    found, state = runs.jax(tx, params, runs.gradients(params, 3))
    update = mx.jax.to_updater(tx, state, found)
    assert set(update.states) == {"conv_weight", "scale_weight"}
    assert update.states["conv_weight"][0].dtype == np.float32
    back = mx.jax.from_updater(tx, update, found)
    assert runs.error(back.slots["master"]["conv_weight"], state.slots["master"]["conv_weight"]) == 0


def test_an_updater_that_does_not_fit_is_refused(runs):
    params = {"a": jnp.ones(2), "b": jnp.ones(3)}
    host = jax.tree.map(np.array, params)
    tx, update = mx.jax.transformation("adam"), mx.optimizer.get_updater(mx.optimizer.create("adam"))
    update("a", np.ones(2, np.float32), host["a"])
    with pytest.raises(ValueError, match="has no parameter 'b'"):
        mx.jax.from_updater(tx, update, params)
    for _ in range(2):
        update("b", np.ones(3, np.float32), host["b"])
    with pytest.raises(ValueError, match=r"equally often, got the counts \[1, 2\]"):
        mx.jax.from_updater(tx, update, params)
    with pytest.raises(ValueError, match="has the slots"):
        mx.jax.from_updater(mx.jax.transformation("sgd", momentum=0.9), update, params)
    with pytest.raises(ValueError, match=r"has shape \(2,\), not \(4,\)"):
        mx.jax.from_updater(tx, update, {"a": jnp.ones(4)})


def test_parameters_with_the_same_settings_share_their_numbers(runs):
    def made(**arguments):
        optimizer = mx.optimizer.create("lookahead(nadam)", learning_rate=0.01, **arguments)
        optimizer.set_lr_mult({"scale_weight": 0.5})
        return optimizer

    params = runs.model()
    grads = runs.gradients(params, 10)
    for groups, rows in ((None, 2), ({"fc.gamma": {"beta1": 0.5}}, 3), ({"scale": {"frozen": True}}, 2)):
        tx = mx.jax.transformation(made(groups=groups))
        wanted, update = runs.own(made(groups=groups), params, grads)
        found, state = runs.jax(tx, params, grads)
        assert runs.error(found, wanted) <= runs.TOLERANCE
        assert state.numbers["inner/product"].shape == (rows, 2)
        kept = update.tally.host_numbers
        back = mx.jax.to_updater(tx, state, found).tally.host_numbers
        for index in kept:
            assert back[index] == pytest.approx(kept[index], rel=1e-12)
    kept["fc.weight"]["inner/product"] = 0.5
    with pytest.raises(ValueError, match="'inner/product' of parameter 'fc.weight' is 0.5"):
        mx.jax.from_updater(tx, update, params)


def test_numbers_that_depend_on_elements_have_a_row_for_each_parameter(runs):
    params = runs.model()
    grads = runs.gradients(params, 5)
    make = lambda: mx.optimizer.create("dog", granularity="parameter")
    tx = mx.jax.transformation(make())
    _, state = runs.jax(tx, params, grads)
    _, update = runs.own(make(), params, grads)
    for name, numbers in state.numbers.items():
        assert numbers.shape == (4, 2)
        wanted = [
            update.tally.host_numbers[index][name] for index in ("conv_weight", "fc.gamma", "fc.weight", "scale_weight")
        ]
        np.testing.assert_allclose(np.asarray(numbers, np.float64).sum(1), wanted, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_orbax_saves_and_restores(name, runs, tmp_path):
    params = runs.model()
    grads = runs.gradients(params, 10)
    tx = mx.jax.transformation(created(name))
    half, state = runs.jax(tx, params, grads[:5])
    wanted, _ = runs.jax(tx, half, grads[5:], state)
    with orbax.checkpoint.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "step", {"params": half, "state": state})
        checkpointer.wait_until_finished()
        empty = jax.eval_shape(lambda: {"params": jax.tree.map(jnp.asarray, params), "state": tx.init(params)})
        restored = checkpointer.restore(tmp_path / "step", empty)
    found, _ = runs.jax(tx, restored["params"], grads[5:], restored["state"])
    assert runs.error(found, wanted) == 0
