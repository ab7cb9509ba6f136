"""The records that an optimizer hands to a backend: slots, programs and updates."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import attrs

from mxcore.backend import Array

Decay = Literal["before_clip", "after_clip", "decoupled", "own"]
"""Where weight decay enters. With G the rescaled gradient and C the clipping: ``before_clip`` C(G + wd·w),
``after_clip`` C(G) + wd·w, ``decoupled`` w·(1 - lr·wd) before the step, ``own``: the rule does it, given ``wd``."""


@attrs.frozen
class Slot:
    """One piece of state that a rule keeps per parameter.

    Args:
        name: how the rule, state files and documentation call it.
        init: its first value: a number, or ``"weight"`` for a copy of the weight.
        shape: ``"weight"``, an array shaped and typed like the weight; or ``()``, one number kept on the host in
            double precision, outside of the state that ``create_state`` returns.
    """

    name: str
    init: float | Literal["weight"] = 0.0
    shape: Literal["weight"] | tuple[()] = "weight"

    @property
    def on_host(self) -> bool:
        """Whether this slot is a number per parameter."""
        return self.shape == ()

    @classmethod
    def of(cls, declared: str | Slot) -> Slot:
        """The slot that a name stands for: an array like the weight that starts at 0."""
        return declared if isinstance(declared, Slot) else cls(declared)


@functools.cache
def keywords(rule: Callable[..., Any]) -> Mapping[str, bool]:
    """The names that a rule takes beside ``weight`` and ``grad``, and whether it can do without each.

    Raises:
        TypeError: its first two parameters are not ``weight, grad``, or it takes ``*args`` or ``**kwargs``.
    """
    parameters = list(inspect.signature(rule).parameters.values())
    if [parameter.name for parameter in parameters[:2]] != ["weight", "grad"]:
        raise TypeError(f"rule {rule.__qualname__} must begin with (weight, grad, …), got {inspect.signature(rule)}")
    if any(parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) for parameter in parameters):
        raise TypeError(f"rule {rule.__qualname__} must name everything it takes: no *args, no **kwargs")
    return {parameter.name: parameter.default is not parameter.empty for parameter in parameters[2:]}


@attrs.frozen
class Program:
    """A rule with everything about it that is the same for all parameters.

    Args:
        owner: the optimizer's class name, for messages.
        rule: the function.
        slots: its state, in the order in which the rule returns it.
        decay: where weight decay enters.
        clip_gradient: the bound on each element of the rescaled gradient, or None.
        rescale_grad: the factor on the gradient.
    """

    owner: str
    rule: Callable[..., Any]
    slots: tuple[Slot, ...]
    decay: Decay
    clip_gradient: float | None = None
    rescale_grad: float = 1.0

    def __attrs_post_init__(self) -> None:
        if self.decay not in get_args(Decay):
            raise TypeError(f"{self.owner}.decay must be one of {', '.join(get_args(Decay))}, got {self.decay!r}")
        if missing := [slot.name for slot in self.slots if slot.name not in self.asks_for]:
            raise TypeError(f"{self.owner}.rule does not take its slot {missing[0]!r}: add it to the parameters")
        if self.takes("wd") and self.decay != "own":
            raise TypeError(
                f"{self.owner}.rule takes wd, which is applied before it: say decay = 'own', or leave wd out"
            )

    @property
    def asks_for(self) -> Mapping[str, bool]:
        """The names that the rule takes beside ``weight`` and ``grad``, and whether it can do without each."""
        return keywords(self.rule)

    def takes(self, name: str) -> bool:
        """Whether the rule asks for ``name``."""
        return name in self.asks_for

    def unpack(self, result: Any) -> tuple[Array, dict[str, Any]]:
        """A rule's return value as the new weight and the new slots by name."""
        values: Sequence[Any] = result if isinstance(result, tuple) else (result,)
        if len(values) != 1 + len(self.slots):
            names = ", ".join(["weight", *(slot.name for slot in self.slots)])
            raise TypeError(f"{self.owner}.rule must return ({names}), got {len(values)} value(s)")
        return values[0], {slot.name: value for slot, value in zip(self.slots, values[1:], strict=True)}


@attrs.frozen(eq=False)
class Update:
    """One parameter's part of a step.

    Args:
        label: what to call the parameter in messages.
        weight: the array to update, in place.
        grad: its gradient, as the caller gave it; never written to.
        master: the float32 copy that is updated in place of a half-precision weight, or None.
        arrays: the array slots by name, updated in place.
        numbers: everything else that the rule takes, by name: rates, counts, hyper-parameters, host slots, flags.
        lr: the learning rate, after multipliers and schedule.
        wd: the weight decay, after multipliers.
        noise_key: what makes this update's random numbers its own, where the rule asks for ``noise``.
    """

    label: str
    weight: Array
    grad: Array
    master: Array | None
    arrays: Mapping[str, Array]
    numbers: Mapping[str, Any]
    lr: float
    wd: float
    noise_key: tuple[object, ...] = ()
