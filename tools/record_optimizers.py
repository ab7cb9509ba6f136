"""Record runs of pytorch_optimizer's classes, and of optax where it has none: ``python tools/record_optimizers.py``.

Each case has arguments of mxcore, 20 steps of gradients, and the weights that the reference reaches from the same
weights, with the learning rate of each step set before it.
"""

import importlib.metadata
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import pytorch_optimizer
import torch

jax.config.update("jax_enable_x64", True)

HERE = Path(__file__).parent.parent / "tests" / "golden" / "modern"
STEPS = 20
SHAPES = [(4, 3), (5,)]
FALLING: dict[str, Any] = {"class": "FactorScheduler", "kwargs": {"step": 5, "factor": 0.5}}


def laprop(params: Any, given: dict[str, Any]) -> Any:
    betas = (given.get("beta1", 0.9), given.get("beta2", 0.999))
    return pytorch_optimizer.LaProp(
        params, betas=betas, weight_decay=given.get("wd", 0), eps=given.get("epsilon", 1e-15)
    )


def qhadam(params: Any, given: dict[str, Any]) -> Any:
    betas, nus = (given.get("beta1", 0.9), given.get("beta2", 0.999)), (given.get("nu1", 1.0), given.get("nu2", 1.0))
    more = {"weight_decay": given.get("wd", 0), "eps": given.get("epsilon", 1e-8)}
    return pytorch_optimizer.QHAdam(params, betas=betas, nus=nus, **more)


def tiger(params: Any, given: dict[str, Any]) -> Any:
    return pytorch_optimizer.Tiger(params, beta=given["beta1"], weight_decay=given.get("wd", 0))


def adabound(params: Any, given: dict[str, Any]) -> Any:
    rate, final_scale = given["learning_rate"], given.get("final_scale", 100.0)
    betas, gamma = (given.get("beta1", 0.9), given.get("beta2", 0.999)), given.get("gamma", 1e-3)
    more = {"weight_decay": given.get("wd", 0), "weight_decouple": given.get("decoupled_wd", False)}
    more["ams_bound"] = given.get("amsbound", False)
    return pytorch_optimizer.AdaBound(params, rate, rate * final_scale, betas=betas, gamma=gamma, **more)


def stableadamw(params: Any, given: dict[str, Any]) -> Any:
    betas = (given.get("beta1", 0.9), given.get("beta2", 0.99))
    more = {"weight_decay": given.get("wd", 0.01), "eps": given.get("epsilon", 1e-8)}
    return pytorch_optimizer.StableAdamW(params, betas=betas, **more)


def aggmo(params: Any, given: dict[str, Any]) -> Any:
    defaults = {"beta1": 0.0, "beta2": 0.9, "beta3": 0.99, "beta4": None}
    betas = tuple(beta for name in defaults if (beta := given.get(name, defaults[name])) is not None)
    return pytorch_optimizer.AggMo(params, betas=betas, weight_decay=given.get("wd", 0))


def madgrad(params: Any, given: dict[str, Any]) -> Any:
    more = {"weight_decay": given.get("wd", 0), "eps": given.get("epsilon", 1e-6)}
    return pytorch_optimizer.MADGRAD(params, momentum=given.get("momentum", 0.9), **more)


def adai(params: Any, given: dict[str, Any]) -> Any:
    betas = (given.get("beta0", 0.1), given.get("beta2", 0.99))
    more = {"weight_decay": given.get("wd", 0), "weight_decouple": given.get("decoupled_wd", False)}
    return pytorch_optimizer.Adai(params, betas=betas, eps=given.get("epsilon", 1e-3), **more)


class InOptax:
    """A transformation of optax with what is used of a torch optimizer."""

    def __init__(self, params: Any, make: Callable[..., Any], **arguments: Any) -> None:
        self._params, self.param_groups = params, [{"lr": 0.0}]
        self._made = optax.inject_hyperparams(make)(learning_rate=0.0, **arguments)
        self._state = self._made.init(self._arrays())

    def _arrays(self) -> list[Any]:
        return [jax.numpy.asarray(param.detach().numpy()) for param in self._params]

    def step(self) -> None:
        """Update the parameters."""
        self._state.hyperparams["learning_rate"] = self.param_groups[0]["lr"]
        grads = [jax.numpy.asarray(param.grad.numpy()) for param in self._params]
        updates, self._state = self._made.update(grads, self._state, self._arrays())
        for param, array in zip(self._params, optax.apply_updates(self._arrays(), updates), strict=True):
            param.data = torch.tensor(np.array(array))


def cocob(params: Any, given: dict[str, Any]) -> Any:
    return InOptax(params, optax.contrib.cocob, alpha=given.get("alpha", 100.0), weight_decay=given.get("wd", 0.0))


OF_OPTAX = {"COCOB"}
ROUNDED = {"LaProp": 2e-6, "QHAdam": 2e-6}
"""The tolerance of classes there that keep corrections of the bias in float32."""
Make = Callable[[Any, dict[str, Any]], Any]
Case = tuple[str, str, Make, dict[str, Any], Sequence[tuple[int, ...]]]


def cases() -> Iterator[Case]:
    """Yield the class here, the class there, how to create that, the arguments here, and the shapes of the weights."""
    for name, make, own in (
        ("LaProp", laprop, {"beta1": 0.5, "beta2": 0.9, "epsilon": 0.01}),
        ("QHAdam", qhadam, {"beta1": 0.995, "beta2": 0.9, "nu1": 0.7, "nu2": 0.6}),
        ("AdaBound", adabound, {"final_scale": 2.0, "gamma": 0.1, "amsbound": True, "decoupled_wd": True}),
        ("StableAdamW", stableadamw, {"beta1": 0.5, "beta2": 0.8, "epsilon": 0.01}),
        ("AggMo", aggmo, {"beta1": 0.5, "beta3": None, "beta4": 0.999}),
        ("COCOB", cocob, {"alpha": 10.0}),
        ("MADGRAD", madgrad, {"momentum": 0.0, "epsilon": 0.01}),
        ("Adai", adai, {"beta0": 0.3, "beta2": 0.9, "epsilon": 0.1, "decoupled_wd": True}),
    ):
        for arguments in ({}, {"wd": 0.1}, own, {**own, "wd": 0.1, "lr_scheduler": FALLING}):
            yield name, name, make, {"learning_rate": 0.05, **arguments}, SHAPES
    same = {"learning_rate": 0.05, "beta1": 0.965, "beta2": 0.965, "wd": 0.1}
    yield "Lion", "Tiger", tiger, same, SHAPES


def rates(given: dict[str, Any]) -> list[float]:
    """Return the rate of each step."""
    return [
        given["learning_rate"] * (0.5 ** ((step - 1) // 5) if "lr_scheduler" in given else 1)
        for step in range(1, STEPS + 1)
    ]


def record(file: str, cases: Callable[[], Iterable[Case]], tolerance: Mapping[str, float], **more: Any) -> None:
    """Run and save cases, in float32 and float64.

    Args:
        file: the name of both files.
        cases: yields the cases.
        tolerance: the tolerance in float64 of classes there, if it is not 1e-11.
        more: what else to save with each case.
    """
    arrays: dict[str, Any] = {}
    index: list[dict[str, Any]] = []
    every = [(*case, dtype) for dtype in ("float32", "float64") for case in cases()]
    numbers: Counter[str] = Counter()
    for name, there, make, given, shapes, dtype in every:
        number = numbers[there]
        numbers[there] += 1
        rng = np.random.default_rng([number, *there.encode()])
        key = f"{file}_{there.lower()}_{number:03}"
        first = [rng.normal(size=shape).astype(dtype) for shape in shapes]
        grads = [rng.normal(size=(STEPS, *shape)).astype(dtype) for shape in shapes]
        params = [torch.nn.Parameter(torch.tensor(array)) for array in first]
        optimizer = make(params, given)
        reached: dict[str, list[Any]] = {f"w/{k}": [] for k in range(len(first))}
        for at, rate in enumerate(rates(given)):
            for group in optimizer.param_groups:
                group["lr"] = rate
            for k, param in enumerate(params):
                param.grad = torch.tensor(grads[k][at])
            optimizer.step()
            for k, param in enumerate(params):
                reached[f"w/{k}"].append(param.detach().numpy().copy())
        keys: dict[str, Any] = {f"w0/{k}": array for k, array in enumerate(first)}
        keys |= {f"g/{k}": grad for k, grad in enumerate(grads)}
        keys |= {place: np.stack(values) for place, values in reached.items()}
        arrays |= {f"{key}/{place}": values for place, values in keys.items()}
        package = "optax" if there in OF_OPTAX else "pytorch_optimizer"
        oracle = f"{package}-{importlib.metadata.version(package)} {there}"
        case: dict[str, Any] = {"id": key, "kind": "optimizer", "class": name, "name": name.lower(), "kwargs": given}
        case |= {**more, "oracle": oracle, "call": "list", "indices": list(range(len(first)))}
        case |= {"dtype": dtype, "num_update": STEPS, "learning_rate_after": rates(given)}
        wide = 2e-6 if dtype == "float32" else tolerance.get(there, 1e-11)
        case |= {"rtol": min(wide, 1e-6), "atol": wide}
        index.append({**case, "file": f"modern/{file}.npz", "keys": list(keys)})
    np.savez_compressed(HERE / f"{file}.npz", **arrays)
    text = {"format": "as in index.json", "cases": index}
    (HERE / f"{file}.json").write_text(json.dumps(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record("recorded", cases, ROUNDED)
