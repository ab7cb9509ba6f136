"""What a class says about its rule, as the records that backends are handed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mxcore.backend import Array
from mxcore.kernel import Program, Slot
from mxcore.kernel.program import keywords

if TYPE_CHECKING:
    from mxcore.optimizer import Index, Optimizer

__all__ = ["program_of", "slot_arrays"]


def program_of(optimizer: Optimizer) -> Program:
    """The rule of an optimizer, with everything about it that is the same for all parameters.

    Raises:
        TypeError: there is none, or it takes something that is neither a slot nor a hyper-parameter.
    """
    from mxcore.optimizer import Optimizer

    cls = type(optimizer)
    if cls.rule is None:
        raise TypeError(f"{cls.__name__} has no rule")
    slots = optimizer.state_slots()
    if clash := [slot.name for slot in slots if hasattr(optimizer, slot.name)]:
        raise TypeError(f"{cls.__name__}: slot {clash[0]!r} has the name of a hyper-parameter or attribute")
    own_decay = cls._get_wd is not Optimizer._get_wd or cls._get_wds is not Optimizer._get_wds
    return Program(
        owner=cls.__name__,
        rule=cls.rule,
        slots=slots,
        decay=optimizer.decay,
        numbers=_numbers(optimizer, cls.rule, slots),
        decays=bool(optimizer.wd) or own_decay,
        clips=optimizer.clip_gradient is not None,
        rescales=optimizer.rescale_grad != 1,
    )


def _numbers(optimizer: Optimizer, rule: Callable[..., Any], slots: Sequence[Slot]) -> tuple[str, ...]:
    """What the rule takes beside arrays: rates and counts, host slots, flags, and hyper-parameters by name."""
    known = {"lr", "wd", "t", "num_update", *(slot.name for slot in slots if slot.on_host), *optimizer.flags("")}
    arrays = {slot.name for slot in slots if not slot.on_host} | {"raw_grad", "noise"}
    numbers = []
    for name, dispensable in keywords(rule).items():
        if name in known or (name not in arrays and hasattr(optimizer, name)):
            numbers.append(name)
        elif not dispensable and name not in arrays:
            owner = type(optimizer).__name__
            raise TypeError(f"{owner}.rule takes {name!r}, which is neither a slot nor a hyper-parameter")
    return tuple(numbers)


def slot_arrays(optimizer: Optimizer, program: Program, index: Index, weight: Array, state: Any) -> dict[str, Array]:
    """The arrays of a state by the names of their slots.

    Raises:
        ValueError: there are other arrays than the rule keeps, or they are not shaped and typed like the weight.
    """
    names = program.array_slots
    arrays = () if state is None else state if isinstance(state, tuple) else (state,)
    if len(arrays) != len(names):
        raise ValueError(
            f"{optimizer.describe(index)}: {program.owner} keeps {', '.join(names) or 'no state'}, got {len(arrays)} "
            "array(s): hyper-parameters that decide which state is kept cannot change between updates"
        )
    for name, array in zip(names, arrays, strict=True):
        if (array.shape, array.dtype) != (weight.shape, weight.dtype):
            raise ValueError(
                f"{optimizer.describe(index)}: its {name} is {array.dtype} of shape {array.shape}, the weight "
                f"{weight.dtype} of shape {weight.shape}"
            )
    return dict(zip(names, arrays, strict=True))
