"""The contestants of other libraries: torch, and jax with optax. Neither is a dependency of this project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from mxcore.backend import Array
from mxcore.bench.experiment import Entrant, LeftOutError, Sampler, Step, peer, timed
from mxcore.bench.problem import LEARNING_RATE, Algorithm, Problem

__all__ = ["entrants", "torch_fill", "torch_fused"]


def entrants(algorithm: Algorithm, threads: Sequence[int]) -> list[Entrant]:
    """Every peer; jax settles the number of its threads when it starts."""
    foreach = [Entrant("torch foreach", _torch(algorithm, "foreach", count), count) for count in threads]
    return [*torch_fused(algorithm, threads), *foreach, Entrant("optax jit", _optax(algorithm))]


def torch_fused(algorithm: Algorithm, threads: Sequence[int]) -> list[Entrant]:
    """What most people use, and the fastest of torch's implementations."""
    return [Entrant("torch fused", _torch(algorithm, "fused", count), count) for count in threads]


# --- torch -----------------------------------------------------------------------------------------------------------


def _torch(algorithm: Algorithm, kind: str, threads: int) -> Callable[[Problem], Sampler]:
    def build(problem: Problem) -> Sampler:
        torch = peer("torch")
        parameters = [torch.nn.Parameter(_tensor(torch, array)) for array in problem.masters]
        for parameter, grad in zip(parameters, problem.full_grads, strict=True):
            parameter.grad = _tensor(torch, grad)
        optimizer = _torch_optimizer(torch, algorithm, parameters, kind)
        for index, parameter in enumerate(parameters):
            slots = [_tensor(torch, slot[index]) for slot in problem.slots]
            optimizer.state[parameter].update(_torch_state(torch, algorithm, slots))
        step = _three_passes(torch, problem, parameters, optimizer.step) if problem.mixed else optimizer.step
        return timed(_on_threads(torch, threads, step))

    return build


def _torch_optimizer(torch: ModuleType, algorithm: Algorithm, parameters: list[Any], kind: str) -> Any:
    known = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    if algorithm.name not in known:
        raise LeftOutError(f"torch has no {algorithm.title}")
    cls = known[algorithm.name]
    return cls(parameters, lr=LEARNING_RATE, **algorithm.options, **{kind: True})


def _torch_state(torch: ModuleType, algorithm: Algorithm, slots: list[Any]) -> dict[str, Any]:
    """The state as torch names it, so that it need not make its own."""
    if algorithm.name == "adam":
        mean, variance = slots
        return {"step": torch.zeros((), dtype=torch.float32), "exp_avg": mean, "exp_avg_sq": variance}
    return {"momentum_buffer": slots[0]}


def _three_passes(torch: ModuleType, problem: Problem, masters: list[Any], step: Step) -> Step:
    """The usual recipe for half precision: gradients to float32, a step on the masters, and back to the weights."""
    weights = [_tensor(torch, array) for array in problem.weights]
    grads = [_tensor(torch, array) for array in problem.grads]

    def whole() -> None:
        for master, grad in zip(masters, grads, strict=True):
            master.grad.copy_(grad)
        step()
        with torch.no_grad():
            for weight, master in zip(weights, masters, strict=True):
                weight.copy_(master)

    return whole


def _tensor(torch: ModuleType, array: Array) -> Any:
    """The same memory as a tensor; torch knows NumPy's bfloat16 by its bits only."""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _on_threads(torch: ModuleType, threads: int, step: Step) -> Callable[[int], Step]:
    def setup(_: int) -> Step:
        torch.set_num_threads(threads)
        return step

    return setup


def torch_fill(kind: str, threads: int, low: float, high: float) -> Callable[[Array], Sampler]:
    """Filling an array by the method ``normal_`` or ``uniform_`` with these parameters."""

    def build(array: Array) -> Sampler:
        torch = peer("torch")
        fill = getattr(torch.from_numpy(array), f"{kind}_")
        return timed(_on_threads(torch, threads, lambda: fill(low, high)))

    return build


# --- jax with optax --------------------------------------------------------------------------------------------------


def _optax(algorithm: Algorithm) -> Callable[[Problem], Sampler]:
    def build(problem: Problem) -> Sampler:
        jax, optax = peer("jax"), peer("optax")
        maker = {"adam": optax.adam, "lamb": optax.lamb, "sgd": optax.sgd}[algorithm.name]
        transform = maker(LEARNING_RATE, **algorithm.options)
        masters = [jax.numpy.array(array) for array in problem.masters]
        grads = [jax.numpy.array(array) for array in problem.grads]
        kept = [masters, transform.init(masters)]
        update = _jax_update(jax, optax, transform, mixed=problem.mixed)

        def step() -> None:
            # The weights in half precision are a result, to be waited for and dropped.
            kept[0], kept[1], weights = update(kept[0], kept[1], grads)
            jax.block_until_ready((kept[0], weights))

        return timed(lambda _: step)

    return build


def _jax_update(jax: ModuleType, optax: ModuleType, transform: Any, *, mixed: bool) -> Any:
    """One compiled update that is given the masters and the state to overwrite."""

    def update(masters: Any, state: Any, grads: Any) -> Any:
        full = [grad.astype("float32") for grad in grads]
        updates, state = transform.update(full, state, masters)
        masters = optax.apply_updates(masters, updates)
        return masters, state, [master.astype("bfloat16") for master in masters] if mixed else None

    return jax.jit(update, donate_argnums=(0, 1))
