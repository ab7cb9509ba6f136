"""Record what torch and optax do around a step: ``python tools/record_controls.py``, with both and JAX installed.

Each case has arguments of mxcore and, for each call, the gradients, the weights that the reference reaches, the number
of updates so far and, with a loss scale, the scale after the call.
"""

import importlib.metadata
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import torch

jax.config.update("jax_enable_x64", True)

HERE = Path(__file__).parent.parent / "tests" / "golden" / "composed"
CALLS = 24
SHAPES = [(4, 3), (5,), (2, 3, 2, 2)]
SGD = {"learning_rate": 0.1, "momentum": 0.9}
ADAMW = {"learning_rate": 0.05, "wd": 0.1}
BASES = [("sgd", SGD), ("adamw", ADAMW)]
BROKEN = {2: np.inf, 9: np.nan, 10: -np.inf, 20: np.inf}
"""Calls with gradients that are not finite."""

Arrays = list[Any]
Call = Callable[[Arrays], tuple[Arrays, Arrays, int, float]]
"""Makes a call; returns the gradients as mxcore gets them, the weights, the number of updates and the scale."""


def version(package: str) -> str:
    return f"{package}-{importlib.metadata.version(package).split('+')[0]}"


def torch_base(name: str, arguments: dict[str, Any], parameters: Arrays) -> torch.optim.Optimizer:
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=arguments["learning_rate"], momentum=arguments["momentum"])
    return torch.optim.AdamW(parameters, lr=arguments["learning_rate"], weight_decay=arguments["wd"])


def optax_base(name: str, arguments: dict[str, Any]) -> optax.GradientTransformation:
    if name == "sgd":
        return optax.sgd(arguments["learning_rate"], arguments["momentum"])
    return optax.adamw(arguments["learning_rate"], weight_decay=arguments["wd"])


def parameters_of(first: Arrays) -> Arrays:
    return [torch.nn.Parameter(torch.tensor(array)) for array in first]


def values(parameters: Arrays) -> Arrays:
    return [np.array(one.detach().numpy() if isinstance(one, torch.Tensor) else one) for one in parameters]


# --- the references, each from the initial weights -------------------------------------------------------------------


def clipped(name: str, arguments: dict[str, Any], bound: float, first: Arrays) -> Call:
    parameters, count = parameters_of(first), 0
    optimizer = torch_base(name, arguments, parameters)

    def call(grads: Arrays) -> Any:
        nonlocal count
        count += 1
        for parameter, grad in zip(parameters, grads, strict=True):
            parameter.grad = torch.tensor(grad)
        torch.nn.utils.clip_grad_norm_(parameters, bound)
        optimizer.step()
        return grads, values(parameters), count, 1.0

    return call


def accumulated(name: str, arguments: dict[str, Any], every: int, first: Arrays) -> Call:
    parameters, calls = parameters_of(first), 0
    optimizer = torch_base(name, arguments, parameters)

    def call(grads: Arrays) -> Any:
        nonlocal calls
        calls += 1
        loss = sum((parameter * torch.tensor(grad)).sum() for parameter, grad in zip(parameters, grads, strict=True))
        (loss / every).backward()  # adds to what there is
        if calls % every == 0:
            optimizer.step()
            optimizer.zero_grad()
        return grads, values(parameters), calls // every, 1.0

    return call


def scaled(name: str, arguments: dict[str, Any], scale: dict[str, Any], bound: float | None, first: Arrays) -> Call:
    parameters, count = parameters_of(first), 0
    optimizer = torch_base(name, arguments, parameters)
    keywords = {"init_scale" if key == "initial" else key: value for key, value in scale.items()}
    scaler = torch.amp.GradScaler("cpu", **keywords)

    def call(grads: Arrays) -> Any:
        nonlocal count
        factor = scaler.scale(torch.ones((), dtype=torch.float64)).item()
        grads = [grad * grad.dtype.type(factor) for grad in grads]
        for parameter, grad in zip(parameters, grads, strict=True):
            parameter.grad = torch.tensor(grad)
        if bound is not None:
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(parameters, bound)
        scaler.step(optimizer)
        scaler.update()
        count += all(np.isfinite(grad).all() for grad in grads)
        return grads, values(parameters), count, scaler.get_scale()

    return call


def transformed(made: Any, updates: Callable[[Any, int], int], first: Arrays) -> Call:
    """Use optax; ``updates(state, calls)`` returns the number of updates so far."""
    parameters: Any = [jax.numpy.asarray(array) for array in first]
    state, calls = made.init(parameters), 0

    def call(grads: Arrays) -> Any:
        nonlocal parameters, state, calls
        calls += 1
        steps, state = made.update([jax.numpy.asarray(grad) for grad in grads], state, parameters)
        parameters = optax.apply_updates(parameters, steps)
        return grads, values(parameters), updates(state, calls), 1.0

    return call


def looked_ahead(name: str, arguments: dict[str, Any], k: int, alpha: float, first: Arrays) -> Call:
    made = optax.lookahead(optax_base(name, arguments), k, alpha)
    parameters: Any = optax.LookaheadParams.init_synced([jax.numpy.asarray(array) for array in first])
    state, calls = made.init(parameters), 0

    def call(grads: Arrays) -> Any:
        nonlocal parameters, state, calls
        calls += 1
        steps, state = made.update([jax.numpy.asarray(grad) for grad in grads], state, parameters)
        parameters = optax.apply_updates(parameters, steps)
        return grads, values(parameters.fast), calls, 1.0

    return call


# --- the cases -------------------------------------------------------------------------------------------------------


def cases(dtype: Any) -> Iterator[tuple[str, str, dict[str, Any], str, Callable[[Arrays], Call]]]:
    """Yield the kind, the name and the arguments of each case, and the reference."""
    torch_, optax_ = version("torch"), version("optax")
    scales = [
        {"initial": 2.0**16, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 3},
        {"initial": 8.0, "growth_factor": 4.0, "backoff_factor": 0.25, "growth_interval": 5},
    ]
    for name, own in BASES:
        for bound in (1.0, 5.5, 100.0):  # always, sometimes and never active
            make = lambda first, n=name, o=own, b=bound: clipped(n, o, b, first)
            yield "clip", name, {**own, "clip_global_norm": bound}, f"{torch_} clip_grad_norm_", make
        make = lambda first, n=name, o=own: accumulated(n, o, 4, first)
        yield "accumulate", name, {**own, "accumulate": 4}, f"{torch_}, loss / 4 added up by backward", make
        steps = optax.MultiSteps(optax_base(name, own), 4, accumulator_dtype=dtype)
        make = lambda first, s=steps: transformed(s, lambda state, calls: int(state.gradient_step), first)
        yield "accumulate", name, {**own, "accumulate": 4}, f"{optax_} MultiSteps", make
        finite = optax.apply_if_finite(optax_base(name, own), 1000)
        count = lambda state, calls: calls - int(state.total_notfinite)
        make = lambda first, f=finite, c=count: transformed(f, c, first)
        yield "skip", name, {**own, "on_nonfinite": "skip"}, f"{optax_} apply_if_finite", make
        for scale in scales:
            for bound in (None, 1.0):
                arguments = {**own, "loss_scale": scale, **({"clip_global_norm": bound} if bound else {})}
                make = lambda first, n=name, o=own, s=scale, b=bound: scaled(n, o, s, b, first)
                yield "loss-scale", name, arguments, f"{torch_} GradScaler{' and clip_grad_norm_' * bool(bound)}", make
        for k, alpha in ((5, 0.5), (3, 0.8)):
            make = lambda first, n=name, o=own, k=k, a=alpha: looked_ahead(n, o, k, a, first)
            arguments = {**own, "optimizer": name, "k": k, "alpha": alpha}
            yield "lookahead", "lookahead", arguments, f"{optax_} lookahead", make


def main() -> None:
    arrays: dict[str, Any] = {}
    index: list[dict[str, Any]] = []
    every = [(case, dtype) for dtype in ("float32", "float64") for case in cases(np.dtype(dtype))]
    for number, ((kind, name, arguments, oracle, make), dtype) in enumerate(every):
        rng = np.random.default_rng(number)
        first = [rng.normal(size=shape).astype(dtype) for shape in SHAPES]
        call, updates, scales = make(first), [], []
        kept: dict[str, list[Any]] = {f"{letter}/{k}": [] for letter in "gw" for k in range(len(SHAPES))}
        for at in range(CALLS):
            grads = [rng.normal(size=shape).astype(dtype) for shape in SHAPES]
            if kind in ("skip", "loss-scale") and at in BROKEN:
                grads[at % len(SHAPES)].reshape(-1)[at % 4] = BROKEN[at]
            grads, weights, count, scale = call(grads)
            updates.append(count)
            scales.append(scale)
            for k in range(len(SHAPES)):
                kept[f"g/{k}"].append(grads[k])
                kept[f"w/{k}"].append(weights[k])
        key = f"{kind}_{name}_{number:03}"
        arrays |= {f"{key}/w0/{k}": array for k, array in enumerate(first)}
        arrays |= {f"{key}/{place}": np.stack(some) for place, some in kept.items()}
        case = {"id": key, "kind": kind, "name": name, "kwargs": arguments, "oracle": oracle, "dtype": dtype}
        case |= {"updates": updates, "rtol": 1e-6, "atol": 2e-6 if dtype == "float32" else 1e-12}
        index.append({**case, **({"scales": scales} if kind == "loss-scale" else {})})
    np.savez_compressed(HERE / "controls.npz", **arrays)
    text = {
        "format": "w0/k initial weights; for each call g/k gradients as they are passed (multiplied by the loss scale, "
        "if there is one) and w/k the weights after it; updates, scales: after each call",
        "cases": index,
    }
    (HERE / "controls.json").write_text(json.dumps(text), encoding="utf-8")


if __name__ == "__main__":
    main()
