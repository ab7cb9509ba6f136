"""Transformations under JAX's transformations, and within optax's."""

import functools
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import mxcore as mx

NAMES = ["adamw", "nadam", "prodigy", "lookahead(lamb)", "sgld"]


def step_of(tx):
    def step(params, state, grads):
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    return step


def model(runs, steps=6):
    params = jax.tree.map(jnp.asarray, runs.model())
    return params, runs.gradients(runs.model(), steps)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_same_with_and_without_jit(name, runs):
    tx = mx.jax.transformation(name, learning_rate=0.01)
    params, grads = model(runs, 3)
    plain, compiled, state = params, params, tx.init(params)
    states = [state, state]
    step = step_of(tx)
    for one in grads:
        plain, states[0] = step(plain, states[0], one)
        compiled, states[1] = jax.jit(step)(compiled, states[1], one)
    assert runs.error(compiled, plain) <= 1e-6
    assert jax.tree.structure(states[0]) == jax.tree.structure(states[1])


@pytest.mark.parametrize("name", NAMES)
def test_scan(name, runs):
    tx = mx.jax.transformation(name, learning_rate=0.01, lr_scheduler="cosine(max_update=5)")
    params, grads = model(runs)
    stacked = jax.tree.map(lambda *ones: jnp.stack(ones), *grads)

    @jax.jit
    def train(params, state):
        return jax.lax.scan(lambda carry, one: (step_of(tx)(*carry, one), None), (params, state), stacked)[0]

    found, state = train(params, tx.init(params))
    assert int(state.count) == len(grads)
    assert runs.error(found, runs.jax(tx, params, grads)[0]) <= 1e-6


@pytest.mark.parametrize("order", [lambda f: jax.jit(jax.vmap(f)), lambda f: jax.vmap(jax.jit(f))])
@pytest.mark.parametrize("name", NAMES)
def test_vmap_trains_several_models_apart(name, order, runs):
    tx = mx.jax.transformation(name, learning_rate=0.01, lr_scheduler="cosine(max_update=5)")
    params, grads = model(runs, 3)
    models = jax.tree.map(lambda one: jnp.stack([one, 2 * one]), params)
    step, states = order(step_of(tx)), jax.vmap(tx.init)(models)
    for one in grads:
        models, states = step(models, states, jax.tree.map(lambda g: np.stack([g, -g]), one))
    second = jax.tree.map(lambda one: 2 * one, params)
    wanted, _ = runs.jax(tx, second, [jax.tree.map(np.negative, one) for one in grads])
    assert runs.error(jax.tree.map(lambda one: one[1], models), wanted) <= 2e-6


SHARDED = """
import jax, jax.numpy as jnp, numpy as np, optax, mxcore as mx
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
assert len(jax.devices()) == 2
mesh = Mesh(np.array(jax.devices()), ("data",))
params = {"w": jnp.arange(12.0).reshape(4, 3) / 10, "b": jnp.ones(3)}
batch, target = jnp.arange(32.0).reshape(8, 4) / 32, jnp.ones((8, 3))
loss = lambda p, x, y: jnp.mean((x @ p["w"] + p["b"] - y) ** 2)

for name in ("adamw", "nadam", "lamb", "prodigy"):
    tx = mx.jax.transformation(name, learning_rate=0.1)

    def step(p, s, x, y, over=()):
        grads = jax.grad(loss)(p, x, y)
        for axis in over:
            grads = jax.lax.pmean(grads, axis)
        updates, s = tx.update(grads, s, p)
        return optax.apply_updates(p, updates), s

    # Data parallel: replicated parameters, shards of the batch. Gradients of replicated values are sums already.
    data = jax.jit(jax.shard_map(lambda p, s, x, y: step(p, s, x, y, ("data",)), mesh=mesh,
        in_specs=(P(), P(), P("data"), P("data")), out_specs=(P(), P()), check_vma=False))
    # Sharded parameters: the compiler divides the work.
    rows = {"w": NamedSharding(mesh, P("data")), "b": NamedSharding(mesh, P())}
    alone = (params, tx.init(params))
    parallel = (params, tx.init(params))
    divided = jax.device_put(params, rows)
    divided = (divided, tx.init(divided))
    for _ in range(5):
        alone = jax.jit(step)(*alone, batch, target)
        parallel = data(*parallel, batch, target)
        divided = jax.jit(step)(*divided, batch, target)
    for found in (parallel, divided):
        for key in params:
            np.testing.assert_allclose(found[0][key], alone[0][key], rtol=0, atol=2e-6, err_msg=name)
    if "mean" in alone[1].slots:
        assert divided[1].slots["mean"]["w"].sharding.is_equivalent_to(rows["w"], 2), name
print("same")
"""


def test_shard_map_and_sharded_parameters_on_two_devices():
    env = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", SHARDED], env=env, capture_output=True, encoding="utf-8", timeout=300)
    assert done.stdout.strip() == "same", done.stderr[-3000:]


def test_parameters_and_state_can_be_donated(runs):
    tx = mx.jax.transformation("average(lookahead(nadam))", learning_rate=0.01)
    params, grads = model(runs)
    wanted, _ = runs.jax(tx, params, grads)
    found = jax.tree.map(jnp.array, params)
    state, step = tx.init(found), jax.jit(step_of(tx), donate_argnums=(0, 1))
    for one in grads:
        before = found
        found, state = step(found, state, one)
        assert all(array.is_deleted() for array in jax.tree.leaves(before))
    assert runs.error(found, wanted) <= 1e-6


def test_gradients_pass_through_an_update(runs):
    tx = mx.jax.transformation("adam", learning_rate=0.1)
    params = jnp.ones(2)

    def after(scale):
        found, state = params, tx.init(params)
        for _ in range(2):
            found, state = step_of(tx)(found, state, scale * found + 1)
        return found.sum()

    slope = float(jax.grad(jax.jit(after))(1.0))
    assert slope == pytest.approx(float(after(1.01) - after(0.99)) / 0.02, rel=0.05)


def test_what_does_not_look_at_parameters_needs_none():
    tx, theirs = mx.jax.transformation("adam", learning_rate=0.01), optax.adam(0.01)
    grads = {"w": jnp.arange(1.0, 4.0)}
    found, _ = jax.jit(tx.update)(grads, tx.init(grads))
    wanted, _ = theirs.update(grads, theirs.init(grads))
    np.testing.assert_allclose(found["w"], wanted["w"], atol=1e-6)
    for one in (mx.jax.transformation("adamw"), mx.jax.transformation("lamb"), mx.jax.transformation("madgrad")):
        with pytest.raises(ValueError, match=r"looks at the parameters: call update\(grads, state, params\)"):
            one.update(grads, one.init(grads))


def test_chains_masks_and_labels_of_optax(runs):
    params, grads = model(runs)
    mask = {"fc": {"weight": True, "gamma": False}, "conv_weight": True, "scale_weight": False}
    labels = jax.tree.map(lambda one: "ours" if one else "theirs", mask)
    ours = mx.jax.transformation("nadam", learning_rate=0.01)
    rest = jax.tree.map(lambda one: not one, mask)
    wanted, _ = runs.jax(ours, params, grads)
    masked, _ = runs.jax(optax.chain(optax.masked(ours, mask), optax.masked(optax.set_to_zero(), rest)), params, grads)
    parted, _ = runs.jax(optax.partition({"ours": ours, "theirs": optax.set_to_zero()}, labels), params, grads)
    for found in (masked, parted):
        assert runs.error(found["fc"]["weight"], wanted["fc"]["weight"]) <= 1e-6
        assert (found["fc"]["gamma"] == params["fc"]["gamma"]).all()


@pytest.mark.parametrize("name", ["adamw", "nadam", "prodigy"])
def test_multi_steps_and_apply_if_finite_are_the_controls(name, runs):
    params, grads = model(runs, 4)
    tx = mx.jax.transformation(name, learning_rate=0.01)
    means = [jax.tree.map(lambda *ones: np.mean(ones, axis=0), *grads[at : at + 2]) for at in (0, 2)]
    found, _ = runs.jax(optax.MultiSteps(tx, 2), params, grads)
    wanted, _ = runs.jax(tx, params, means)
    assert runs.error(found, wanted) <= 1e-6
    broken = jax.tree.map(lambda one: np.full_like(one, np.nan), grads[0])
    found, _ = runs.jax(optax.apply_if_finite(tx, 3), params, [grads[0], broken, grads[1]])
    wanted, _ = runs.jax(tx, params, grads[:2])
    assert runs.error(found, wanted) <= 1e-6


def test_optax_finds_what_has_the_structure_of_the_parameters(runs):
    params, _ = model(runs)
    tx = optax.chain(optax.clip(1.0), mx.jax.transformation("lookahead(nadam)"))
    state = tx.init(params)
    halved = optax.tree.map_params(tx, lambda one: one / 2, state)
    assert runs.error(halved[1].slots["slow"], jax.tree.map(lambda one: one / 2, params)) == 0
    assert (halved[1].numbers["inner/product"] == state[1].numbers["inner/product"]).all()


def test_a_key_makes_the_noise(runs):
    params, grads = model(runs, 2)
    runs_of = [
        runs.jax(mx.jax.transformation("sgld", learning_rate=0.01, key=key), params, grads)[0]
        for key in (jax.random.key(1), jax.random.key(1), jax.random.key(2), jax.random.PRNGKey(1))
    ]
    assert runs.error(runs_of[0], runs_of[1]) == 0
    assert runs.error(runs_of[0], runs_of[3]) == 0
    assert runs.error(runs_of[0], runs_of[2]) > 0.01
    tx = mx.jax.transformation("sgld", learning_rate=1.0, key=jax.random.key(1))
    many = {"a": jnp.zeros(10_000), "b": jnp.zeros(10_000)}
    updates, state = tx.update(many, tx.init(many), many)
    assert float(updates["a"].std()) == pytest.approx(1.0, rel=0.03)
    assert abs(float(jnp.corrcoef(updates["a"], updates["b"])[0, 1])) < 0.05
    again, _ = tx.update(many, state, many)
    assert abs(float(jnp.corrcoef(updates["a"], again["a"])[0, 1])) < 0.05


def test_the_noise_of_mxcore_follows_the_seed(runs):
    params, grads = model(runs, 2)
    found = []
    for seed in (1, 1, 2):
        mx.random.seed(seed)
        tx = mx.jax.transformation("sgld", learning_rate=0.01)
        found.append(runs.jax(tx, params, grads)[0])
    assert runs.error(found[0], found[1]) == 0
    assert runs.error(found[0], found[2]) > 0.01


@pytest.mark.parametrize(
    ("arguments", "tool"),
    [
        ({"accumulate": 2}, "optax.MultiSteps"),
        ({"on_nonfinite": "skip"}, "optax.apply_if_finite"),
        ({"on_nonfinite": "raise"}, "optax.apply_if_finite"),
        ({"loss_scale": mx.DynamicLossScale(), "on_nonfinite": "skip"}, "optax.apply_if_finite"),
    ],
)
def test_controls_of_the_loop_name_the_tool_of_optax(arguments, tool):
    with pytest.raises(mx.exchange.NotExpressibleError, match=tool):
        mx.jax.transformation("adam", **arguments)


def test_a_constant_loss_scale_is_part_of_the_rule():
    tx = mx.jax.transformation("sgd", learning_rate=1.0, loss_scale=4.0)
    assert tx.update(jnp.ones(1), tx.init(jnp.ones(1)), jnp.ones(1))[0].tolist() == [-0.25]


def test_wrong_arguments_are_refused(runs):
    with pytest.raises(TypeError, match="has its arguments already"):
        mx.jax.transformation(mx.optimizer.create("adam"), learning_rate=0.1)
    with pytest.raises(ValueError, match="must be"):
        mx.jax.transformation("adam", learning_rate=-1.0)
    tx = mx.jax.transformation("adam")
    with pytest.raises(TypeError, match="parameter 'n' is int32: freeze it"):
        tx.init({"n": jnp.zeros(2, jnp.int32)})
    params = {"w": jnp.zeros((2, 3))}
    with pytest.raises(ValueError, match=r"parameter 'w' has shape \(2, 3\), but its gradient \(3,\)"):
        tx.update({"w": jnp.zeros(3)}, tx.init(params), params)


def test_a_missing_gradient_leaves_its_parameter(runs):
    tx, params = mx.jax.transformation("adam"), {"a": jnp.ones(2), "b": jnp.ones(2)}
    updates, state = tx.update({"a": jnp.ones(2), "b": None}, tx.init(params), params)
    assert updates["b"] is None
    assert state.slots["mean"]["b"].tolist() == [0.0, 0.0]
    assert state.slots["mean"]["a"].tolist() != [0.0, 0.0]


def test_one_array_and_lists_are_models():
    tx = mx.jax.transformation("adam", learning_rate=0.5, groups={"1": {"learning_rate": 0.25}})
    for params, index in ((jnp.ones(2), ""), ([jnp.ones(2), jnp.ones(3)], 0)):
        updates, state = tx.update(params, tx.init(params), params)
        assert mx.jax.to_updater(tx, state, params).states[index][0].shape == (2,)
    np.testing.assert_allclose(updates[1], -0.25, atol=1e-6)


def test_the_rate_stays_in_double_precision_for_long_runs():
    tx = mx.jax.transformation("nadam", learning_rate=1.0)
    params = jnp.zeros(1)
    state = tx.init(params)
    step = jax.jit(functools.partial(step_of(tx), params))
    for _ in range(200):
        _, state = step(state, jnp.ones(1))
    own = mx.optimizer.get_updater(mx.optimizer.create("nadam", learning_rate=1.0))
    for _ in range(200):
        own("w", np.ones(1, np.float32), np.zeros(1, np.float32))
    wanted = own.tally.host_numbers["w"]["product"]
    assert float(np.asarray(state.numbers["product"], np.float64).sum()) == pytest.approx(wanted, rel=1e-12)
