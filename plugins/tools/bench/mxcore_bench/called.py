"""Other libraries' optimizers, called per parameter, or for all parameters of an optimizer."""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from mxcore.backend import get_backend
from mxcore_bench.calls import Caller, Prepare
from mxcore_bench.device import CPU, Device
from mxcore_bench.experiment import LeftOutError, Step, peer
from mxcore_bench.peers import on_threads, tensor, torch_optimizer
from mxcore_bench.problem import LEARNING_RATE, Algorithm, Problem

__all__ = ["callers"]


def callers(algorithm: Algorithm, threads: int, device: Device = CPU) -> list[Caller]:
    """Return thinc, torch and DeepSpeed (which chooses its own number of threads) on the host, or torch on a GPU."""
    if device.on_gpu:
        return [_torch(algorithm, kind, None) for kind in ("fused", "foreach")]
    return [
        Caller("thinc", functools.partial(_thinc, algorithm, {}), 1, lists=False),
        Caller("thinc plain", functools.partial(_thinc, algorithm, _PLAIN), 1, lists=False),
        _torch(algorithm, "fused", threads),
        Caller("DeepSpeed", functools.partial(_deepspeed, algorithm), None),
    ]


def _only_adam(library: str, algorithm: Algorithm) -> None:
    if algorithm.name != "adam":
        raise LeftOutError(f"{library} has no {algorithm.title} to compare with")


# --- thinc -----------------------------------------------------------------------------------------------------------


# By default, thinc also clips by the norm and keeps averages of the weights. Most users leave this on, so "thinc"
# includes it; "thinc plain" does only what the others do.
_PLAIN = {"grad_clip": 0.0, "use_averages": False}


def _thinc(algorithm: Algorithm, options: Mapping[str, Any], problem: Problem) -> Prepare:
    """Call ``optimizer((id, "W"), weights, gradient)``, which zeroes the gradient, so each call gets a copy.

    Zeroing cannot be turned off, so every user pays for it and it is timed. Copying is not.
    """
    thinc = peer("thinc.api")
    _only_adam("thinc", algorithm)
    optimizer = thinc.Adam(LEARNING_RATE, **options)
    for index, (mean, variance) in enumerate(zip(*problem.slots, strict=True)):
        optimizer.mom1[index, "W"], optimizer.mom2[index, "W"] = mean, variance
    copy = get_backend("numpy").copy
    return lambda index, grad, weight: functools.partial(optimizer, (index, "W"), weight, copy(grad))


# --- torch, and DeepSpeed, which updates torch's tensors -------------------------------------------------------------

Make = Callable[[list[Any], list[list[Any]]], Step]
"""Takes parameters, and a list of state tensors for each, and returns the step that updates them."""


def _torch(algorithm: Algorithm, kind: str, threads: int | None) -> Caller:
    def prepare(problem: Problem) -> Prepare:
        torch = peer("torch")
        states: dict[Any, Any] = {}

        def make(parameters: list[Any], slots: list[list[Any]]) -> Step:
            optimizer = torch_optimizer(torch, algorithm, kind, parameters, slots)
            for parameter in parameters:  # with several lists, each counts its own updates
                optimizer.state[parameter] = states.setdefault(parameter, optimizer.state[parameter])
            step: Step = optimizer.step
            return step

        return _steps(torch, problem, make)

    return Caller(f"torch {kind}", prepare, threads, functools.partial(on_threads, threads))


def _deepspeed(algorithm: Algorithm, problem: Problem) -> Prepare:
    with contextlib.redirect_stdout(io.StringIO()):  # its import logs to stdout
        deepspeed, torch = peer("deepspeed.ops.adam"), peer("torch")
        _only_adam("DeepSpeed", algorithm)
        optimizer = _deepspeed_optimizer(deepspeed, torch)
    state: dict[Any, Any] = {}

    def make(parameters: list[Any], slots: list[list[Any]]) -> Step:
        groups = [{**optimizer.param_groups[0], "params": parameters}]
        for parameter, (mean, variance) in zip(parameters, slots, strict=True):
            state.setdefault(parameter, {"step": 0, "exp_avg": mean, "exp_avg_sq": variance})

        def step() -> None:
            optimizer.param_groups, optimizer.state = groups, state
            optimizer.step()

        return step

    return _steps(torch, problem, make)


@functools.cache
def _deepspeed_optimizer(deepspeed: ModuleType, torch: ModuleType) -> Any:
    """Return a shared optimizer whose parameters are replaced: DeepSpeed takes more than a second to create one."""
    try:
        made = deepspeed.DeepSpeedCPUAdam([torch.nn.Parameter(torch.zeros(1))], lr=LEARNING_RATE, adamw_mode=False)
    except RuntimeError as error:
        raise LeftOutError(str(error)) from error
    atexit.register(_deepspeed_optimizer.cache_clear)  # it cannot be deleted during interpreter shutdown
    return made


def _steps(torch: ModuleType, problem: Problem, make: Make) -> Prepare:
    """Steps of one parameter or of a list of parameters, each created on first use."""

    @functools.cache
    def parameter(index: int) -> Any:
        made = torch.nn.Parameter(tensor(torch, problem.weights[index]))
        made.grad = tensor(torch, problem.grads[index])
        return made

    @functools.cache
    def step_of(indices: tuple[int, ...]) -> Step:
        slots = [[tensor(torch, slot[index]) for slot in problem.slots] for index in indices]
        return make([parameter(index) for index in indices], slots)

    def prepare(index: Any, grad: Any, weight: Any) -> Step:
        indices, grads, weights = (index, grad, weight) if isinstance(index, list) else ([index], [grad], [weight])
        step = step_of(tuple(indices))
        assigned = [
            (parameter(one), name, tensor(torch, array))
            for name, arrays, own in (("data", weights, problem.weights), ("grad", grads, problem.grads))
            for one, array in zip(indices, arrays, strict=True)
            if array is not own[one]
        ]
        return functools.partial(_assign_and_step, assigned, step) if assigned else step

    return prepare


def _assign_and_step(assigned: list[tuple[Any, str, Any]], step: Step) -> None:
    """Assign new arrays to the parameter within the call, as a backward pass would."""
    for parameter, name, value in assigned:
        setattr(parameter, name, value)
    step()
