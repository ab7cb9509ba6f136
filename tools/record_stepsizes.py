"""Record optimizers that find their own steps: ``python tools/record_stepsizes.py``, with what is imported here.

These are DoG and LDoG (``dog-optimizer``), DoWG (optax) and MoMo (``momo-opt``). Each case has arguments of mxcore, 20
steps of gradients (and losses, where one is needed), and the weights that the reference reaches from the same weights.
"""

import importlib.metadata
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dog
import jax
import momo
import numpy as np
import optax
import torch

HERE = Path(__file__).parent.parent / "tests" / "golden" / "modern"
STEPS = 20
SHAPES = [(4, 3), (5,)]
jax.config.update("jax_enable_x64", True)

Step = Callable[[list[Any], float], list[Any]]
"""Makes an update with these gradients and this loss, and returns the weights."""


def in_torch(make: Callable[[Any], Any], first: list[Any], **more: Any) -> Step:
    """Return the step of an optimizer in torch; with ``more``, one that is told the loss."""
    params = [torch.nn.Parameter(torch.tensor(array)) for array in first]
    optimizer = make(params)

    def step(grads: list[Any], loss: float) -> list[Any]:
        for param, grad in zip(params, grads, strict=True):
            param.grad = torch.tensor(grad)
        optimizer.step(**({"loss": torch.tensor(loss, dtype=params[0].dtype)} if more else {}))
        return [param.detach().numpy().copy() for param in params]

    return step


def of_dog(given: dict[str, Any], first: list[Any]) -> Step:
    """Return the step of the authors' DoG or LDoG."""
    make = {"all": dog.DoG, "parameter": dog.LDoG}[given.get("granularity", "all")]
    names = {"wd": "weight_decay", "epsilon": "eps", "learning_rate": "lr", "reps_rel": "reps_rel"}
    return in_torch(lambda params: make(params, **{names[k]: v for k, v in given.items() if k in names}), first)


def of_dowg(given: dict[str, Any], first: list[Any]) -> Step:
    """Return the step of optax's DoWG."""
    arguments = {"weight_decay": given.get("wd"), "eps": given.get("epsilon", 1e-4)}
    optimizer = optax.contrib.dowg(given.get("learning_rate", 1.0), given.get("d0", 0.01) ** 2, **arguments)
    weights: Any = list(map(jax.numpy.asarray, first))
    state = optimizer.init(weights)

    def step(grads: list[Any], _: float) -> list[Any]:
        nonlocal weights, state
        updates, state = optimizer.update(list(map(jax.numpy.asarray, grads)), state, weights)
        weights = optax.apply_updates(weights, updates)
        return list(map(np.array, weights))

    return step


def of_momo(given: dict[str, Any], first: list[Any]) -> Step:
    """Return the step of the authors' MoMo."""
    names = {"wd": "weight_decay", "lower_bound": "lb", "adapt_lower_bound": "use_fstar", "learning_rate": "lr"}
    arguments = {names.get(name, name): value for name, value in given.items()}
    return in_torch(lambda params: momo.Momo(params, **arguments), first, told=True)


Make = Callable[[dict[str, Any], list[Any]], Step]


def cases() -> Iterator[tuple[str, str, Make, dict[str, Any]]]:
    """Yield the class here, the package, how to create it there, and the arguments here."""
    layers = {"granularity": "parameter", "reps_rel": 0.1}
    for given in ({}, {"reps_rel": 0.1, "epsilon": 0.5}, layers, {**layers, "wd": 0.1, "learning_rate": 0.5}):
        yield "DoG", "dog-optimizer", of_dog, given
    for given in ({}, {"d0": 0.5, "wd": 0.1}, {"d0": 0.2, "epsilon": 0.5, "learning_rate": 0.5}):
        yield "DoWG", "optax", of_dowg, given
    adapted: dict[str, Any] = {"adapt_lower_bound": True, "lower_bound": 0.2, "beta": 0.5}
    for given in (
        {},
        {"learning_rate": 0.1, "wd": 0.5},
        {**adapted, "bias_correction": True, "learning_rate": 0.2},
        {**adapted, "wd": 0.5},
    ):
        yield "MoMo", "momo-opt", of_momo, given


def main() -> None:
    """Record all cases."""
    arrays: dict[str, Any] = {}
    index: list[dict[str, Any]] = []
    for dtype in ("float32", "float64"):
        for number, (name, package, make, given) in enumerate(cases()):
            key = f"stepsize_{name.lower()}_{number:03}_{dtype}"
            rng = np.random.default_rng([number, *name.encode()])
            first = [rng.normal(size=shape).astype(dtype) for shape in SHAPES]
            grads = [rng.normal(size=(STEPS, *shape)).astype(dtype) for shape in SHAPES]
            losses = rng.uniform(0.5, 3.0, STEPS)
            step = make(given, [array.copy() for array in first])
            runs = [step([grad[at] for grad in grads], float(losses[at])) for at in range(STEPS)]
            keys = {f"w0/{k}": array for k, array in enumerate(first)} | {f"g/{k}": one for k, one in enumerate(grads)}
            keys |= {f"w/{k}": np.stack(run) for k, run in enumerate(zip(*runs, strict=True))}
            keys |= {"loss": losses} if package == "momo-opt" else {}
            arrays |= {f"{key}/{place}": values for place, values in keys.items()}
            case: dict[str, Any] = {
                "id": key,
                "kind": "optimizer",
                "class": name,
                "name": name.lower(),
                "kwargs": given,
            }
            case |= {"oracle": f"{package}-{importlib.metadata.version(package)}", "call": "list"}
            case |= {"indices": list(range(len(SHAPES))), "dtype": dtype, "num_update": STEPS}
            case |= {"learning_rate_after": [given.get("learning_rate", 1.0)] * STEPS}
            # The references keep their numbers in the dtype of the weights, and this one a product in float32.
            rounded = dtype == "float32" or "bias_correction" in given
            case |= {"rtol": 1e-6, "atol": 5e-6 if rounded else 1e-12}
            index.append({**case, "file": "modern/stepsizes.npz", "keys": list(keys)})
    np.savez_compressed(HERE / "stepsizes.npz", **arrays)
    text = {"format": "as in index.json", "cases": index}
    (HERE / "stepsizes.json").write_text(json.dumps(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
