"""Schedules inside jit."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from mxcore_jax.schedules import traced, way_of

import mxcore as mx
from mxcore.exchange import NotExpressibleError, Scheduled

UPDATES = [1, 2, 3, 5, 7, 10, 11, 50, 99, 100, 101, 1000, 12345, 10**6]
WAYS = {
    "cosinewarmrestarts": "callback", "join": "table", "lambda": "table", "multifactor": "table", "onecycle": "table",
    "piecewiseconstant": "table", "piecewiseinterpolate": "table",
}  # fmt: skip
CASES = [
    (record.name, number)
    for record in mx.catalogue.records("lr_scheduler")
    if record.name != "reduceonplateau"
    for number in range(len(mx.catalogue.load("lr_scheduler", record.name).examples))
]


def values(schedule, updates=UPDATES):
    with jax.enable_x64(True):
        compiled = jax.jit(lambda count: traced(Scheduled(schedule), count))
        return [float(compiled(jnp.float64(update))) for update in updates]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_every_schedule_is_computed_in_double_precision(name, number):
    cls = mx.catalogue.load("lr_scheduler", name)
    schedule = cls(**cls.examples[number])
    is_table = name in WAYS and not isinstance(getattr(schedule, "factor", None), float)
    assert way_of(schedule) == (WAYS[name] if is_table else "symbols")
    np.testing.assert_allclose(values(schedule), [schedule(update) for update in UPDATES], rtol=1e-12, atol=1e-17)


def test_operators_on_schedules():
    falling = mx.lr_scheduler.create("exponential", gamma=0.5, base_lr=0.4, decay_steps=10)
    steps = mx.lr_scheduler.create("multifactor", step=[5, 9], factor=0.1, base_lr=0.4)
    for schedule in (falling.warmup(4), (0.5 * falling * steps).clamp(low=0.003), falling.repeat(7)):
        assert way_of(schedule) == "symbols"
        np.testing.assert_allclose(values(schedule), [schedule(update) for update in UPDATES], rtol=1e-12)


@pytest.mark.parametrize(
    ("schedule", "way"),
    [
        (lambda update: 0.1 / update, "symbols"),
        (lambda update: 0.1 * np.exp(-update / 100), "symbols"),
        (lambda update: 0.1 if update < 50 else 0.01, "callback"),
    ],
)
def test_functions_of_the_count(schedule, way):
    assert way_of(schedule) == way
    np.testing.assert_allclose(values(schedule), [schedule(update) for update in UPDATES], rtol=1e-12)


@pytest.mark.parametrize(
    "arguments",
    [
        {"lr_scheduler": "cosine(max_update=30, warmup_steps=5, base_lr=0.05)"},
        {"lr_scheduler": "multifactor(step=[10, 20], factor=0.5, base_lr=0.05)"},
        {"lr_scheduler": "cosinewarmrestarts(period=10, period_mult=2, base_lr=0.05)"},
        {"lr_scheduler": lambda update: 0.05 if update < 20 else 0.01},
        {"wd": lambda update: 0.1 / update, "learning_rate": 0.05},
        {"beta1": lambda update: 0.9 - 0.5 / update, "learning_rate": 0.05, "begin_num_update": 3},
        {
            "lr_scheduler": "cosine(max_update=30, base_lr=0.05)", "wd": 0.1,
            "groups": {"fc": {"learning_rate": 0.01}, "conv": {"lr_scheduler": "factor(step=5, base_lr=0.02)"}},
        },
    ],
)  # fmt: skip
def test_a_run_follows_its_schedules(arguments, runs):
    params = runs.model()
    grads = runs.gradients(params)
    wanted, _ = runs.own(mx.optimizer.create("adamw", **arguments), params, grads)
    found, _ = runs.jax(mx.jax.transformation("adamw", **arguments), params, grads)
    assert runs.error(found, wanted) <= runs.TOLERANCE


def test_a_callback_works_in_scan_and_vmap():
    tx = mx.jax.transformation("sgd", lr_scheduler=lambda update: 0.1 if update < 3 else 0.01)
    params = jnp.zeros((2, 1))

    def train(params):
        def step(carry, _):
            updates, state = tx.update(jnp.ones(1), carry[1], carry[0])
            return (optax.apply_updates(carry[0], updates), state), None

        return jax.lax.scan(step, (params, tx.init(params)), length=4)[0][0]

    np.testing.assert_allclose(jax.jit(jax.vmap(train))(params), -0.22, rtol=1e-6)


def test_schedules_of_optax_count_from_0(runs):
    params = runs.model()
    grads = runs.gradients(params)
    schedule = optax.warmup_cosine_decay_schedule(0.0, 0.05, 10, 40)
    found, _ = runs.jax(mx.jax.transformation("adamw", learning_rate=schedule, wd=1e-4), params, grads)
    wanted, _ = runs.jax(optax.adamw(schedule), params, grads)
    assert runs.error(found, wanted) <= 2e-5
    ours = mx.lr_scheduler.create("cosine", max_update=30, base_lr=0.05)
    found, _ = runs.jax(mx.jax.transformation("adamw", learning_rate=ours), params, grads)
    wanted, _ = runs.jax(mx.jax.transformation("adamw", lr_scheduler=ours), params, grads)
    assert runs.error(found, wanted) == 0


def test_a_schedule_that_follows_a_metric_is_refused():
    plateau = mx.lr_scheduler.create("reduceonplateau", factor=0.5, patience=1)
    for schedule in (plateau, 0.5 * plateau):
        with pytest.raises(NotExpressibleError, match=r"follows a metric.*optax.contrib.reduce_on_plateau"):
            mx.jax.transformation("sgd", lr_scheduler=schedule)
    with pytest.raises(ValueError, match="leave out lr_scheduler"):
        mx.jax.transformation("sgd", learning_rate=lambda count: 0.1, lr_scheduler="poly(max_update=3)")
