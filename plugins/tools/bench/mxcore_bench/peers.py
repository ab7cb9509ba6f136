"""The contestants of other libraries: torch, and jax with optax. Neither is a dependency of mxcore.

Those called per parameter are in :mod:`mxcore_bench.called`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from mxcore.backend import Array
from mxcore_bench.device import CPU, Device
from mxcore_bench.experiment import Entrant, LeftOutError, Sampler, Step, peer, timed
from mxcore_bench.problem import LEARNING_RATE, Algorithm, Problem

__all__ = ["entrants", "on_threads", "packaged", "tensor", "torch_fill", "torch_fused", "torch_on", "torch_optimizer"]


def entrants(algorithm: Algorithm, threads: Sequence[int], device: Device = CPU) -> list[Entrant]:
    """Return every peer; jax chooses its number of threads when it starts, and takes part only on the host."""
    fused = torch_fused(algorithm, threads, device)
    foreach = _torch_entrants(algorithm, "foreach", threads, device)
    return [*fused, *foreach, *([] if device.on_gpu else [Entrant("optax jit", _optax(algorithm))])]


def torch_fused(algorithm: Algorithm, threads: Sequence[int], device: Device = CPU) -> list[Entrant]:
    """Return the implementation that most people use, and torch's fastest one."""
    return _torch_entrants(algorithm, "fused", threads, device)


def _torch_entrants(algorithm: Algorithm, kind: str, threads: Sequence[int], device: Device) -> list[Entrant]:
    counts = (None,) if device.on_gpu else threads
    return [Entrant(f"torch {kind}", _torch(algorithm, kind, count), count) for count in counts]


# --- torch -----------------------------------------------------------------------------------------------------------


def _torch(algorithm: Algorithm, kind: str, threads: int | None) -> Callable[[Problem], Sampler]:
    def build(problem: Problem) -> Sampler:
        torch = peer("torch")
        parameters, optimizer = torch_on(torch, algorithm, kind, problem)
        step = _three_passes(torch, problem, parameters, optimizer.step) if problem.mixed else optimizer.step
        return timed(_on_threads(threads, step), wait=problem.device.wait)

    return build


def torch_on(torch: ModuleType, algorithm: Algorithm, kind: str, problem: Problem) -> tuple[list[Any], Any]:
    """Return the parameters and the optimizer of torch over the arrays of a problem; see :func:`torch_optimizer`."""
    parameters = [torch.nn.Parameter(tensor(torch, array)) for array in problem.masters]
    for parameter, grad in zip(parameters, problem.full_grads, strict=True):
        parameter.grad = tensor(torch, grad)
    slots = [[tensor(torch, array) for array in arrays] for arrays in zip(*problem.slots, strict=True)]
    return parameters, torch_optimizer(torch, algorithm, kind, parameters, slots)


def torch_optimizer(
    torch: ModuleType, algorithm: Algorithm, kind: str, parameters: list[Any], slots: list[list[Any]]
) -> Any:
    """Create a torch optimizer that keeps its state in the given tensors.

    Args:
        torch: the module.
        algorithm: which optimizer.
        kind: which implementation, fused or foreach.
        parameters: the parameters.
        slots: the state of each parameter.

    Raises:
        LeftOutError: torch has no such optimizer.
    """
    known = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    if algorithm.name not in known:
        raise LeftOutError(f"torch has no {algorithm.title}")
    optimizer = known[algorithm.name](parameters, lr=LEARNING_RATE, **algorithm.options, **{kind: True})
    for parameter, arrays in zip(parameters, slots, strict=True):
        count = torch.zeros((), dtype=torch.float32, device=parameter.device if kind == "fused" else "cpu")
        optimizer.state[parameter].update(_torch_state(algorithm, count, arrays))
    return optimizer


def _torch_state(algorithm: Algorithm, count: Any, slots: list[Any]) -> dict[str, Any]:
    """Return the state under torch's names, so that torch need not create its own."""
    if algorithm.name == "adam":
        mean, variance = slots
        return {"step": count, "exp_avg": mean, "exp_avg_sq": variance}
    return {"momentum_buffer": slots[0]}


def _three_passes(torch: ModuleType, problem: Problem, masters: list[Any], step: Step) -> Step:
    """Return the usual half-precision step: gradients to float32, a step on the masters, and back to the weights."""
    weights = [tensor(torch, array) for array in problem.weights]
    grads = [tensor(torch, array) for array in problem.grads]

    def converted() -> None:
        for master, grad in zip(masters, grads, strict=True):
            master.grad.copy_(grad)
        step()
        with torch.no_grad():
            for weight, master in zip(weights, masters, strict=True):
                weight.copy_(master)

    return converted


def tensor(torch: ModuleType, array: Array) -> Any:
    """Return a tensor over the same memory; torch accepts NumPy's bfloat16 only as raw bits."""
    if not isinstance(array, np.ndarray):
        return torch.from_dlpack(array)
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def on_threads(threads: int | None) -> None:
    """Set torch's number of threads; None leaves it unchanged."""
    if threads is not None:
        peer("torch").set_num_threads(threads)


def _on_threads(threads: int | None, step: Step) -> Callable[[int], Step]:
    def setup(_: int) -> Step:
        on_threads(threads)
        return step

    return setup


def torch_fill(kind: str, threads: int, low: float, high: float) -> Callable[[Array], Sampler]:
    """Return fills of an array by the method ``normal_`` or ``uniform_`` with these parameters."""

    def build(array: Array) -> Sampler:
        torch = peer("torch")
        fill = getattr(torch.from_numpy(array), f"{kind}_")
        return timed(_on_threads(threads, lambda: fill(low, high)))

    return build


def packaged(algorithm: Algorithm, threads: Sequence[int], device: Device = CPU) -> Entrant:
    """Return torch's optimizer of the same name, or that of the package ``pytorch_optimizer`` if torch has none.

    It keeps its own state and runs on the largest of these numbers of threads.
    """
    count = None if device.on_gpu else max(threads)

    def build(problem: Problem) -> Sampler:
        torch = peer("torch")
        parameters = [torch.nn.Parameter(tensor(torch, array)) for array in problem.weights]
        for parameter, grad in zip(parameters, problem.grads, strict=True):
            parameter.grad = tensor(torch, grad)
        return timed(_on_threads(count, _packaged(torch, algorithm, parameters).step), wait=problem.device.wait)

    return Entrant("torch package", build, count)


def _packaged(torch: ModuleType, algorithm: Algorithm, parameters: list[Any]) -> Any:
    """Create the optimizer, in torch's fastest implementation.

    Raises:
        LeftOutError: neither has one of this name.
    """
    known = {name.lower(): name for name in dir(torch.optim)} | {"nag": "SGD"}
    if name := known.get(algorithm.name):
        options = {**algorithm.options, **({"nesterov": True} if algorithm.name == "nag" else {})}
        fastest = "fused" if name in ("Adam", "AdamW", "Adagrad", "SGD") else "foreach"
        return getattr(torch.optim, name)(parameters, lr=LEARNING_RATE, **options, **{fastest: True})
    package = peer("pytorch_optimizer")
    if algorithm.name not in package.get_supported_optimizers():
        raise LeftOutError(f"neither torch nor pytorch_optimizer has {algorithm.title}")
    return package.load_optimizer(algorithm.name)(parameters, lr=LEARNING_RATE)


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
            # The half-precision weights are a result to wait for and discard.
            kept[0], kept[1], weights = update(kept[0], kept[1], grads)
            jax.block_until_ready((kept[0], weights))

        return timed(lambda _: step)

    return build


def _jax_update(jax: ModuleType, optax: ModuleType, transform: Any, *, mixed: bool) -> Any:
    """Return a compiled update that may overwrite the masters and the state."""

    def update(masters: Any, state: Any, grads: Any) -> Any:
        full = [grad.astype("float32") for grad in grads]
        updates, state = transform.update(full, state, masters)
        masters = optax.apply_updates(masters, updates)
        return masters, state, [master.astype("bfloat16") for master in masters] if mixed else None

    return jax.jit(update, donate_argnums=(0, 1))
