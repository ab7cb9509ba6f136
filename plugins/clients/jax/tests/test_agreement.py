"""What a transformation computes is what our own updater computes."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import pytest

import mxcore as mx
from mxcore.exchange import NotExpressibleError

CLASSES = {one.name: mx.catalogue.load("optimizer", one.name) for one in mx.catalogue.records("optimizer")}
del CLASSES["mixed"]


def arguments_of(cls):
    """Return the first example's arguments, with a rate at which float32 has digits to spare."""
    return {"learning_rate": 0.05, **cls.examples[0]}


def expressible(cls):
    try:
        return mx.jax.transformation(cls(**arguments_of(cls)))
    except NotExpressibleError:
        return None


PAGE = Path(__file__).parents[4] / "docs/libraries/jax.md"
RULES = sorted(name for name, cls in CLASSES.items() if expressible(cls))
WRAPPERS = [name for name in RULES if issubclass(CLASSES[name], mx.optimizer.Wrapper)]


def test_the_page_lists_what_cannot_be_expressed():
    listed = PAGE.read_text("utf-8").partition("## What cannot be expressed")[2].partition("\n## ")[0]
    names = re.findall(r"`(\w+)`", listed.partition(". So do")[0])
    assert names == sorted(set(CLASSES) - set(RULES))


def agree(runs, make, params, dtype="float32", tolerance=None):
    grads = runs.gradients(params)
    wanted, update = runs.own(make(), params, grads)
    tx = mx.jax.transformation(make())
    found, state = runs.jax(tx, params, grads)
    assert jax.tree.map(lambda one: one.dtype, found) == jax.tree.map(lambda one: one.dtype, wanted)
    assert runs.error(found, wanted) <= (tolerance or runs.TOLERANCE)
    return tx, found, state, wanted, update


@pytest.mark.parametrize("name", RULES)
def test_every_rule_agrees(name, runs):
    cls = CLASSES[name]
    agree(runs, lambda: cls(**arguments_of(cls)), runs.model())


@pytest.mark.parametrize("name", WRAPPERS)
def test_every_wrapper_around_adam_agrees(name, runs):
    agree(runs, lambda: mx.optimizer.create(f"{name}(adam)", wd=0.01, learning_rate=0.01), runs.model())


@pytest.mark.parametrize("name", ["lion", "signum"])
def test_signs_agree_to_the_bit(name, runs):
    agree(runs, lambda: mx.optimizer.create(name, wd=0.0), runs.model(), tolerance=1e-300)


@pytest.mark.parametrize("name", ["lookahead(average(nadam))", "agc(cautious(adamw))"])
def test_wrappers_of_wrappers_agree(name, runs):
    agree(runs, lambda: mx.optimizer.create(name, learning_rate=0.01), runs.model())


@pytest.mark.parametrize("name", ["prodigy", "dog", "adai", "novograd", "lamb"])
def test_weight_decay_and_clipping_agree(name, runs):
    arguments = {"wd": 0.01, "clip_gradient": 0.5, "clip_global_norm": 2.0, "rescale_grad": 0.5, "learning_rate": 0.01}
    agree(runs, lambda: mx.optimizer.create(name, **arguments), runs.model())


@pytest.mark.parametrize("name", ["sgd", "adam", "madgrad", "lamb", "agc(sgd)", "centralized(adam)", "prodigy", "sgld"])
def test_complex_parameters_are_pairs_of_reals(name, runs):
    agree(runs, lambda: mx.optimizer.create(name, learning_rate=0.01), runs.model("complex64"))


@pytest.mark.parametrize("name", ["adam", "lion", "madgrad", "sgd(momentum=0.9)"])
@pytest.mark.filterwarnings("ignore:.*small updates are lost")
def test_bfloat16_is_computed_in_float32(name, runs):
    params, make = runs.model(ml_dtypes.bfloat16), lambda: mx.optimizer.create(name, learning_rate=0.01)
    grads = runs.gradients(params, 20)
    wanted, _ = runs.own(make(), params, grads)
    tx = mx.jax.transformation(make())
    found, state = runs.jax(tx, params, grads)
    updates, _ = tx.update(grads[0], state, found)
    assert all(one.dtype == jnp.float32 for one in jax.tree.leaves(updates))
    same = [np.asarray(a) == b for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True)]
    # Where a float32 is in the middle of two, noise decides.
    assert np.mean(np.concatenate([one.ravel() for one in same])) > 0.95
    assert runs.error(found, wanted) < 2**-7


def test_masters_of_bfloat16_agree(runs):
    params, arguments = runs.model(ml_dtypes.bfloat16), {"learning_rate": 0.01, "multi_precision": True}
    grads = runs.gradients(params)
    _, update = runs.own(mx.optimizer.create("adam", **arguments), params, grads)
    tx = mx.jax.transformation("adam", **arguments)
    found, state = runs.jax(tx, params, grads)
    masters = {index: one[0] for index, one in update.states.items()}
    assert masters["conv_weight"].dtype == np.float32
    assert runs.error(state.slots["master"]["conv_weight"], masters["conv_weight"]) <= runs.TOLERANCE
    assert found["conv_weight"].dtype == jnp.bfloat16
    assert runs.error(found, jax.tree.map(lambda one: one.astype(jnp.bfloat16), state.slots["master"])) < 2**-8


def test_float64_agrees_where_it_is_enabled(runs):
    with jax.enable_x64(True):
        agree(runs, lambda: mx.optimizer.create("nadam"), runs.model("float64"), tolerance=1e-13)


def test_groups_and_multipliers_know_parameters_by_their_path(runs):
    def make():
        optimizer = mx.optimizer.create(
            "adamw", learning_rate=0.01, wd=0.1, clip_gradient=0.5,
            groups={"fc.gamma": {"wd": 0.0, "beta1": 0.5}, "conv": {"learning_rate": 0.1, "clip_gradient": None}},
        )  # fmt: skip
        optimizer.set_lr_mult({"fc.weight": 0.5})
        return optimizer

    agree(runs, make, runs.model())


def test_a_frozen_parameter_stays_and_has_no_state(runs):
    make = lambda: mx.optimizer.create("prodigy", learning_rate=0.1, groups={"fc": {"frozen": True}})
    params = runs.model()
    _, found, state, *_ = agree(runs, make, params)
    assert (np.asarray(found["fc"]["weight"]) == params["fc"]["weight"]).all()
    assert state.slots["mean"]["fc"] == {"weight": None, "gamma": None}


def test_weight_decay_applies_to_all_parameters_as_in_optax():
    params = {"fc": {"bias": jnp.ones(2)}}
    tx = mx.jax.transformation("sgd", learning_rate=1.0, wd=0.25)
    updates, _ = tx.update({"fc": {"bias": jnp.zeros(2)}}, tx.init(params), params)
    assert updates["fc"]["bias"].tolist() == [-0.25, -0.25]


def test_parameters_of_mixed_have_their_own_optimizers(runs):
    agree(
        runs,
        lambda: mx.optimizer.create("mixed", patterns=["fc", ".*"], optimizers=["nadam", "lookahead(sgd)"]),
        runs.model(),
    )


@pytest.mark.parametrize(
    ("name", "arguments", "theirs"),
    [
        ("adam", {}, optax.adam(0.01)),
        ("adamw", {}, optax.adamw(0.01)),
        ("lion", {}, optax.lion(0.01)),
        ("lamb", {"wd": 0.01}, optax.lamb(0.01, weight_decay=0.01)),
        ("adabelief", {}, optax.adabelief(0.01)),
        ("nag", {"momentum": 0.9}, optax.sgd(0.01, momentum=0.9, nesterov=True)),
    ],
)
def test_it_is_what_optax_has_under_this_name(name, arguments, theirs, runs):
    conventions = CLASSES[name].conventions.get("optax", {})
    given = {**conventions, **arguments, "learning_rate": 0.01}
    params = runs.model()
    grads = runs.gradients(params)
    found, _ = runs.jax(mx.jax.transformation(name, **given), params, grads)
    assert runs.error(found, runs.jax(theirs, params, grads)[0]) <= 2e-5
