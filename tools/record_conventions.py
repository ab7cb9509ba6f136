"""Record our namesakes in torch, optax and Keras: ``python tools/record_conventions.py``, with all three installed.

Each case is a run of 20 updates with given gradients and a falling learning rate. ``arguments`` are those that both
sides are given; whatever else is needed to follow the run is what our class declares under ``conventions``.
"""

import importlib.metadata
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np
import optax
import torch

jax.config.update("jax_enable_x64", True)
keras.config.set_floatx("float64")

HERE = Path(__file__).parent.parent / "tests" / "golden" / "composed"
STEPS = 20
SHAPES = [(4, 3), (5,)]
RATE = 0.05
MOMENTUM = {"momentum": 0.9}

Arrays = list[Any]
Step = Callable[[Arrays, float], Arrays]
"""Makes an update with these gradients and this learning rate, and returns the weights."""

TORCH: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    # ours: theirs, arguments of theirs, the same arguments of ours
    "sgd": ("SGD", {"momentum": 0.9}, MOMENTUM),
    "nag": ("SGD", {"momentum": 0.9, "nesterov": True}, MOMENTUM),
    "adadelta": ("Adadelta", {}, {}),
    "adafactor": ("Adafactor", {}, {}),
    "adagrad": ("Adagrad", {}, {}),
    "adam": ("Adam", {}, {}),
    "adamax": ("Adamax", {}, {}),
    "adamw": ("AdamW", {}, {}),
    "asgd": ("ASGD", {}, {}),
    "lbfgs": ("LBFGS", {"max_iter": 1}, {}),
    "nadam": ("NAdam", {}, {}),
    "radam": ("RAdam", {}, {}),
    "rmsprop": ("RMSprop", {}, {}),
    "rprop": ("Rprop", {}, {}),
}
OPTAX: dict[str, tuple[Callable[..., Any], dict[str, Any], dict[str, Any]]] = {
    "sgd": (optax.sgd, {"momentum": 0.9}, MOMENTUM),
    "nag": (optax.sgd, {"momentum": 0.9, "nesterov": True}, MOMENTUM),
    "adabelief": (optax.adabelief, {}, {}),
    "adadelta": (optax.adadelta, {}, {}),
    "adafactor": (optax.adafactor, {}, {}),
    "adagrad": (optax.adagrad, {}, {}),
    "adam": (optax.adam, {}, {}),
    "adamax": (optax.adamax, {}, {}),
    "adamw": (optax.adamw, {}, {}),
    "adan": (optax.adan, {}, {}),
    "ademamix": (optax.contrib.ademamix, {}, {}),
    "adopt": (optax.contrib.adopt, {}, {}),
    "cocob": (optax.contrib.cocob, {}, {}),
    "dadaptadam": (optax.contrib.dadapt_adamw, {}, {}),
    "dog": (optax.contrib.dog, {"init_step": ("heuristic", 0.1)}, {"reps_rel": 0.1}),
    "dowg": (optax.contrib.dowg, {"init_estim_sq_dist": 0.25}, {"d0": 0.5}),
    "lamb": (optax.lamb, {}, {}),
    "lars": (optax.lars, {}, {}),
    "lion": (optax.lion, {}, {}),
    "madgrad": (optax.contrib.madgrad, {}, {}),
    "momo": (optax.contrib.momo, {}, {"loss": 2.0}),
    "nadam": (optax.nadam, {}, {}),
    "novograd": (optax.novograd, {}, {}),
    "prodigy": (optax.contrib.prodigy, {}, {}),
    "radam": (optax.radam, {}, {}),
    "rmsprop": (optax.rmsprop, {}, {}),
    "rprop": (optax.rprop, {}, {}),
    "schedulefreeadamw": (optax.contrib.schedule_free_adamw, {}, {}),
    "schedulefreesgd": (optax.contrib.schedule_free_sgd, {}, {}),
    "sm3": (optax.sm3, {}, {}),
    "yogi": (optax.yogi, {}, {}),
}
KERAS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "sgd": ("SGD", {"momentum": 0.9}, MOMENTUM),
    "nag": ("SGD", {"momentum": 0.9, "nesterov": True}, MOMENTUM),
    "adadelta": ("Adadelta", {}, {}),
    "adafactor": ("Adafactor", {}, {}),
    "adagrad": ("Adagrad", {}, {}),
    "adam": ("Adam", {}, {}),
    "adamax": ("Adamax", {}, {}),
    "adamw": ("AdamW", {}, {}),
    "ftrl": ("Ftrl", {}, {}),
    "lamb": ("Lamb", {}, {}),
    "lion": ("Lion", {}, {}),
    "muon": ("Muon", {}, {}),
    "nadam": ("Nadam", {}, {}),
    "rmsprop": ("RMSprop", {}, {}),
    "schedulefreeadamw": ("ScheduleFreeAdamW", {}, {}),
}


def in_torch(name: str, first: Arrays) -> tuple[Step, dict[str, Any]]:
    theirs, arguments, ours = TORCH[name]
    weights = [torch.nn.Parameter(torch.tensor(array)) for array in first]
    optimizer = getattr(torch.optim, theirs)(weights, lr=RATE, **arguments)

    def step(grads: Arrays, rate: float) -> Arrays:
        optimizer.param_groups[0]["lr"] = rate
        for weight, grad in zip(weights, grads, strict=True):
            weight.grad = torch.tensor(grad)
        optimizer.step(lambda: 0.0)
        return [weight.detach().numpy().copy() for weight in weights]

    return step, ours


def in_optax(name: str, first: Arrays) -> tuple[Step, dict[str, Any]]:
    make, arguments, ours = OPTAX[name]
    if name.startswith(("rprop", "schedulefree", "sm3")):  # which take no schedule
        optimizer = optax.inject_hyperparams(make)(learning_rate=lambda count: RATE * 0.9**count, **arguments)
    else:
        optimizer = make(lambda count: RATE * 0.9**count, **arguments)
    weights: Any = list(map(jax.numpy.asarray, first))
    state = optimizer.init(weights)

    def step(grads: Arrays, rate: float) -> Arrays:
        nonlocal weights, state
        loss = {"value": 2.0} if name == "momo" else {}
        updates, state = optimizer.update(list(map(jax.numpy.asarray, grads)), state, weights, **loss)
        weights = optax.apply_updates(weights, updates)
        return list(map(np.array, weights))

    return step, ours


def in_keras(name: str, first: Arrays) -> tuple[Step, dict[str, Any]]:
    theirs, arguments, ours = KERAS[name]
    weights = [keras.Variable(array, dtype="float64") for array in first]
    optimizer = getattr(keras.optimizers, theirs)(learning_rate=RATE, **arguments)
    optimizer.build(weights)

    def step(grads: Arrays, rate: float) -> Arrays:
        optimizer.learning_rate = rate
        optimizer.apply(list(map(jax.numpy.asarray, grads)))
        return [np.array(weight.value) for weight in weights]

    return step, ours


HOSTS = {"torch": (in_torch, TORCH), "optax": (in_optax, OPTAX), "keras": (in_keras, KERAS)}


def main() -> None:
    rng = np.random.default_rng(1)
    first = [rng.normal(size=shape) for shape in SHAPES]
    grads = [rng.normal(size=(STEPS, *shape)) for shape in SHAPES]
    arrays = {f"w0/{k}": array for k, array in enumerate(first)} | {f"g/{k}": grad for k, grad in enumerate(grads)}
    cases = []
    for host, (start, names) in HOSTS.items():
        oracle = f"{host}-{importlib.metadata.version(host).split('+')[0]}"
        for name in sorted(names):
            step, arguments = start(name, [array.copy() for array in first])
            runs = [step([grad[at] for grad in grads], RATE * 0.9**at) for at in range(STEPS)]
            arrays |= {f"{host}_{name}/{k}": np.stack(run) for k, run in enumerate(zip(*runs, strict=True))}
            cases.append({"host": host, "name": name, "arguments": arguments, "oracle": oracle})
    np.savez_compressed(HERE / "conventions.npz", **arrays)
    text = json.dumps({"rate": RATE, "cases": cases}, indent=1)
    (HERE / "conventions.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
