"""What an optimizer class overrides, and its rule with its numbers, as the records that the kernel receives."""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from mxcore.kernel import Program, Slot
from mxcore.kernel.rule.program import COUNTED, keywords
from mxcore.step.protocol import Stepped

_STATIC = (bool, str, type(None))
_RATES = ("_update_count", "_get_lr", "_get_lrs", "_get_wd", "_get_wds", "multiplier", "learning_rate")
_SMALLEST = 2.0**-126  # the smallest normal number of float32
_BY_PARAMETER = {"idx2name", "sym_info", "param_dict", "lr_mult", "wd_mult", "lr_scheduler", "lr", "begin_num_update"}


class Traits:
    """What a class of optimizers overrides or defines."""

    def __init__(self, cls: Any) -> None:
        base = next(parent for parent in reversed(cls.__mro__) if "opt_registry" in vars(parent))

        def own(*names: str) -> bool:
            return any(getattr(cls, name) is not getattr(base, name) for name in names)

        self.runs_rule = cls.rule is not None and not own("update", "update_multi_precision", "update_all")
        """Whether an update is just the rule."""
        self.splits_lists = not own("update_multi_precision")
        """Whether ``update_multi_precision`` takes a list as a whole."""
        self.own_rates = own(*_RATES)
        """Whether it overrides how to count, or how to look up learning rates or weight decay."""
        self.own_decay = own("_get_wd", "_get_wds")
        """Whether it overrides how to look up the weight decay."""
        self.own_states = own("create_state", "create_state_multi_precision")
        """Whether it overrides how states are created, which may then have any shape."""
        self.updates_all = own("update_all")
        """Whether it defines ``update_all``."""
        self.knows_workers = own("update_from_worker")
        """Whether it distinguishes workers."""


_known: weakref.WeakKeyDictionary[type, Traits] = weakref.WeakKeyDictionary()


def traits_of(cls: type) -> Traits:
    """Return the traits of a class of optimizers, cached per class."""
    if cls not in _known:
        _known[cls] = Traits(cls)
    return _known[cls]


def program_of(optimizer: Stepped) -> Program:
    """Return the program of an optimizer: its rule, with everything that is the same for all parameters.

    Raises:
        TypeError: there is no rule, or it takes something that is neither a slot nor a hyper-parameter.
    """
    cls: Any = type(optimizer)
    if cls.rule is None:
        raise TypeError(f"{cls.__name__} has no rule")
    slots = optimizer.state_slots()
    if clash := [slot.name for slot in slots if hasattr(optimizer, slot.name)]:
        raise TypeError(f"{cls.__name__}: slot {clash[0]!r} has the same name as a hyper-parameter or attribute")
    return Program(
        owner=cls.__name__,
        rule=cls.rule,
        slots=slots,
        decay=optimizer.decay,
        numbers=_numbers(optimizer, cls.rule, slots),
        decays=bool(optimizer.wd) or traits_of(cls).own_decay,
        clips=optimizer.clip_gradient is not None,
        rescales=optimizer.rescale_grad != 1,
    )


def _numbers(optimizer: Stepped, rule: Callable[..., Any], slots: Sequence[Slot]) -> tuple[str, ...]:
    """Return the numbers that the rule takes: rates and counts, host slots, flags, and hyper-parameters by name."""
    known = {*COUNTED, *(slot.name for slot in slots if slot.on_host), *optimizer.flags("")}
    arrays = {slot.name for slot in slots if not slot.on_host} | {"raw_grad", "noise"}
    numbers = []
    for name, dispensable in keywords(rule).items():
        if name in known or (name not in arrays and hasattr(optimizer, name)):
            numbers.append(name)
        elif not dispensable and name not in arrays:
            owner = type(optimizer).__name__
            raise TypeError(f"{owner}.rule takes {name!r}, which is neither a slot nor a hyper-parameter")
    return tuple(numbers)


class Settings:
    """The program of an optimizer and its hyper-parameters, as of the last assignment.

    ``static`` holds those that decide what the program does, ``numbers`` the others. When a number changes, ``numbers``
    is replaced by a new mapping.
    """

    def __init__(self, optimizer: Stepped) -> None:
        cls: Any = type(optimizer)
        self.program = program_of(optimizer)
        declared = attrs.fields_dict(cls) if attrs.has(cls) else {}
        fields = set(declared)
        own = {name for name in self.program.all_numbers if name in vars(optimizer)}
        self._values_of = operator.attrgetter(*sorted((fields - _BY_PARAMETER) | own))
        self._values = self._values_of(optimizer)
        # Assignments to undeclared attributes are not tracked, so such values are compared every time.
        self.declared = fields >= own
        self.seen = optimizer._settings_version.number
        names = [name for name in self.program.all_numbers if name not in COUNTED and hasattr(optimizer, name)]
        values = {name: getattr(optimizer, name) for name in names}
        self.static = {name: value for name, value in values.items() if isinstance(value, _STATIC)}
        self.numbers = {name: value for name, value in values.items() if name not in self.static}
        for name in declared.keys() & self.numbers:
            if declared[name].metadata.get("stabilizes"):
                self.numbers[name] = max(self.numbers[name], _SMALLEST)

    def hold(self, optimizer: Stepped) -> bool:
        """Return whether they still match the optimizer after an assignment."""
        if self._values_of(optimizer) != self._values:
            return False
        self.seen = optimizer._settings_version.number
        return True

    def same_program(self, other: Settings) -> bool:
        """Return whether plans for these settings also work for others, with the numbers of those."""
        return self is other or (self.program == other.program and self.static == other.static)
