"""What takes all parameters together: complete calls, the bound on the norm of gradients, and ``update_all``."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mxcore.backend import backend_of, on_device_of
from mxcore.kernel.rule.program import NDIM, TINY, RuleError
from mxcore.kernel.run.plan import looks_at_all as over_all
from mxcore.kernel.run.plan import traced
from mxcore.step.counts import Tally
from mxcore.step.program import Settings, traits_of
from mxcore.step.protocol import Stepped, Updatable
from mxcore.step.states import Arrays, split_master


def check_complete(optimizer: Stepped, indices: Collection[Any], states: Any) -> None:
    """Check that a call has every parameter that the updater has seen.

    Args:
        optimizer: the optimizer.
        indices: the parameters of the call.
        states: the states of all parameters, or their counts, by index; a list, of a call without an updater, is
            complete.

    Raises:
        ValueError: a parameter is missing.
    """
    if len(states) > len(indices) and isinstance(states, Mapping):
        given, groups = set(indices), optimizer.groups
        left = [index for index in states if index not in given]
        missing = [optimizer.describe(index) for index in left if not groups.of(optimizer, index).frozen]
        if not missing:
            return
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ValueError(
            f"{type(optimizer).__name__} looks at all parameters of a model together, but this call lacks {missing[0]}"
            f"{more}, which an earlier one had: update all of them in one call, updater(indices, grads, weights)"
        )


def agreed(owner: str, names: Sequence[str], found: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the numbers of a whole model, as computed for each parameter.

    Args:
        owner: the optimizer's class name.
        names: the names of these numbers.
        found: the numbers of each parameter.

    Raises:
        RuleError: those of two parameters differ.
    """
    first, *others = [[float(numbers[name]) for name in names] for numbers in found]
    for values in others:
        for name, one, other in zip(names, first, values, strict=True):
            if one != other and (one == one or other == other):  # NaN agrees with NaN
                raise RuleError(
                    f"the rule of {owner} computes {name!r}, which is the same for all parameters, as {one} for one of "
                    f'them and as {other} for another: use flags only inside reductions with over="all"'
                )
    return dict(zip(names, first, strict=True))


def looks_at_all(optimizer: Any) -> bool:
    """Return whether a rule keeps numbers for all parameters together, or reduces all of them, as may array code."""
    if not traits_of(optimizer).runs_rule:
        return traits_of(optimizer).needs_all
    settings = Settings(optimizer)
    static = {NDIM: 2, **settings.static[0], **optimizer.flags("")}
    try:
        graph = traced(settings.program, tuple(sorted(static.items())))
    except TypeError:  # the rule is refused, which is for a check to report
        return False
    return over_all(settings.program, graph)


def prepared(optimizer: Stepped, grads: Arrays) -> Arrays:
    """Return gradients for array code: unscaled, and with a norm within ``clip_global_norm``; new ones if need be."""
    factor = factor_of(optimizer, grads)
    return grads if factor == 1 else [_scaled(grad, factor) for grad in grads]


def factor_of(optimizer: Stepped, grads: Arrays) -> float:
    """Return what unscales the gradients of a call, and brings their norm within ``clip_global_norm``."""
    factor, bound = optimizer.unscale, optimizer.clip_global_norm
    if bound is not None:
        norms = []
        for grad in grads:
            with on_device_of(grad):
                norms.append(float(backend_of(grad).xp.linalg.norm(grad.astype(np.float64).ravel())))
        factor *= min(bound / (abs(factor * optimizer.rescale_grad) * math.hypot(*norms) + TINY), 1.0)
    return factor


def nonfinite(grads: Arrays) -> int | None:
    """Return the position of the first gradient with an element that is infinite or NaN, or None."""
    with np.errstate(all="ignore"):
        # The sum of the squares is quick to compute. It is not finite if an element is not, or if it overflows.
        squares = [_square(grad) for grad in grads]  # all of them are queued before the first is waited for
        if math.isfinite(sum(map(float, squares))):
            return None
        for place, grad in enumerate(grads):
            with on_device_of(grad):
                if not bool(backend_of(grad).xp.isfinite(grad).all()):
                    return place
    return None


def _square(grad: Any) -> Any:
    if grad.dtype.itemsize == 2:
        return math.inf
    if type(grad) is np.ndarray:  # no look-ups, which would take longer than small arrays
        return np.vdot(grad, grad).real
    with on_device_of(grad):
        return backend_of(grad).xp.vdot(grad, grad).real


def run_array_code(
    optimizer: Updatable, tally: Tally, indices: list[Any], weights: Arrays, grads: Arrays, states: list[Any]
) -> None:
    """Let an optimizer that has no rule update weights, together or one by one.

    Raises:
        TypeError: a weight is complex.
    """
    for index, weight in zip(indices, weights, strict=True):
        if weight.dtype.kind == "c" and not optimizer.takes_lists:
            raise TypeError(
                f"{optimizer.describe(index)} is {weight.dtype}, but {type(optimizer).__name__} updates real weights "
                "only: use an optimizer with a rule (mxcore list --where complex), or pass weights and gradients as "
                "real arrays, weight.view(weight.real.dtype)"
            )
    traits = traits_of(optimizer)
    if traits.updates_all:
        _update_together(optimizer, tally, indices, weights, grads, states)
    elif traits.splits_lists or optimizer.aggregates:
        optimizer.update_multi_precision(indices, weights, grads, states)
    else:
        # A class with its own update_multi_precision was written for MXNet, which calls it for one parameter at a time.
        for index, weight, grad, state in zip(indices, weights, grads, states, strict=True):
            with on_device_of(weight):
                optimizer.update_multi_precision(index, weight, grad, state)


def _update_together(
    optimizer: Updatable, tally: Tally, indices: list[Any], weights: Arrays, grads: Arrays, states: list[Any]
) -> None:
    """Count, and let an optimizer update all weights at once, through their masters if they have some."""
    pairs = [split_master(*pair) for pair in zip(states, map(optimizer.has_master, weights), strict=True)]
    computed, full = list(weights), list(grads)
    for place, (master, _) in enumerate(pairs):
        if master is not None:
            computed[place], full[place] = master, backend_of(grads[place]).copy(grads[place], np.float32)
    with tally.taken_back_on_failure():
        optimizer._update_count(indices)
        with on_device_of(weights[0]):
            optimizer.update_all(indices, computed, full, [inner for _, inner in pairs])
    for weight, (master, _) in zip(weights, pairs, strict=True):
        if master is not None:
            backend_of(weight).fill(weight, master)


def _scaled(grad: Any, factor: float) -> Any:
    with on_device_of(grad):
        return grad * grad.dtype.type(factor)
