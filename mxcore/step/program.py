"""What an optimizer class overrides, and its rule with its numbers, as the records that the kernel receives."""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from mxcore.kernel import Program, Slot
from mxcore.kernel.rule.program import COUNTED, OF_ALL, OF_SHAPE, keywords
from mxcore.kernel.rule.slot import INNER
from mxcore.step.protocol import Stepped

WRAPPED = "optimizer"
"""The attribute and argument of a wrapper that is the optimizer it wraps."""
_STATIC = (bool, str, type(None))
_RATES = ("_update_count", "_get_lr", "_get_lrs", "_get_wd", "_get_wds", "multiplier", "learning_rate")
_SMALLEST = 2.0**-126  # the smallest normal number of float32
_BY_PARAMETER = {"idx2name", "sym_info", "param_dict", "lr_mult", "wd_mult", "lr_scheduler", "lr", "begin_num_update"}


class Traits:
    """What a class of optimizers overrides or defines.

    Args:
        cls: the class.
        inner: the traits of the optimizer that an instance wraps.
    """

    def __init__(self, cls: Any, inner: Traits | None = None) -> None:
        base = next(parent for parent in cls.__mro__ if "opt_registry" in vars(parent))

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
        if inner is not None:
            self.runs_rule &= inner.runs_rule
            self.own_states |= inner.own_states
            self.own_rates, self.own_decay = inner.own_rates, inner.own_decay


_known: weakref.WeakKeyDictionary[type, dict[Traits | None, Traits]] = weakref.WeakKeyDictionary()


def traits_of(optimizer: Any) -> Traits:
    """Return the traits of a class, or of an optimizer and those that it wraps; cached."""
    is_class = isinstance(optimizer, type)
    cls, wrapped = (optimizer, None) if is_class else (type(optimizer), getattr(optimizer, "_inner", None))
    inner = None if wrapped is None else traits_of(wrapped)
    known = _known.setdefault(cls, {})
    if inner not in known:
        known[inner] = Traits(cls, inner)
    return known[inner]


def program_of(optimizer: Stepped, code: Callable[..., Any] | None = None) -> Program:
    """Return the program of an optimizer: its rule, with everything that is the same for all parameters.

    Args:
        optimizer: the optimizer.
        code: what takes the place of the rule of the innermost optimizer if that has none.

    Raises:
        TypeError: there is no rule, or it takes something that is neither a slot nor a hyper-parameter.
    """
    cls: Any = type(optimizer)
    inner = None
    if optimizer._inner is not None:
        inner = attrs.evolve(program_of(optimizer._inner, code), rescales=False, bounds=False)
    bounds = optimizer.clip_global_norm is not None and code is None
    shared: dict[str, Any] = {"rescales": optimizer.rescale_grad != 1, "bounds": bounds, "inner": inner}
    if inner is None:
        shared["clips"] = optimizer.clip_gradient is not None
        shared["decays"] = bool(optimizer.wd) or traits_of(optimizer).own_decay
    if inner is None and code is not None:
        return Program(cls.__name__, code, (), "own", (), **shared)
    if cls.rule is None:
        raise TypeError(f"{cls.__name__} has no rule")
    slots = optimizer.own_slots()
    if clash := [slot.name for slot in slots if hasattr(optimizer, slot.name)]:
        raise TypeError(f"{cls.__name__}: slot {clash[0]!r} has the same name as a hyper-parameter or attribute")
    numbers = _numbers(optimizer, cls.rule, slots)
    if inner is None:
        return Program(cls.__name__, cls.rule, slots, optimizer.decay, numbers, **shared)
    every = (*slots, *(slot.inside for slot in inner.slots))
    return Program(f"{cls.__name__}({inner.owner})", cls.rule, every, inner.decay, numbers, **shared)


def _numbers(optimizer: Stepped, rule: Callable[..., Any], slots: Sequence[Slot]) -> tuple[str, ...]:
    """Return the numbers that the rule takes: rates and counts, host slots, flags, and hyper-parameters by name."""
    known = {*COUNTED, *(slot.name for slot in slots if slot.on_host), *optimizer.flags("")}
    arrays = {slot.name for slot in slots if not slot.on_host} | {"raw_grad", "noise"}
    arrays |= {"inner"} if optimizer._inner is not None else set()
    numbers = []
    for name, dispensable in keywords(rule).items():
        if name in known or (name not in arrays and hasattr(optimizer, name)):
            numbers.append(name)
        elif name not in arrays and f"weight.{name}" in OF_SHAPE:
            numbers.append(f"weight.{name}")
        elif not dispensable and name not in arrays:
            owner = type(optimizer).__name__
            raise TypeError(f"{owner}.rule takes {name!r}, which is neither a slot nor a hyper-parameter")
    return tuple(numbers)


def levels(optimizer: Stepped) -> list[Any]:
    """Return an optimizer, the one that it wraps, and so on."""
    inner = optimizer._inner
    return [optimizer] if inner is None else [optimizer, *levels(inner)]


def depth_of(optimizer: Stepped) -> int:
    """Return how many wrappers are around the innermost optimizer."""
    return len(levels(optimizer)) - 1


class Settings:
    """The program of an optimizer and its hyper-parameters, as of the last assignment.

    ``static`` holds those that decide what the program does, ``numbers`` the others. When a number changes, ``numbers``
    is replaced by a new mapping.
    """

    def __init__(self, optimizer: Stepped, code: Callable[..., Any] | None = None) -> None:
        self.program = program_of(optimizer, code)
        self.static: dict[str, Any] = {}
        self.numbers: dict[str, Any] = {}
        self.declared = True
        """Whether every assignment is tracked; otherwise values are compared every time."""
        self._readers: list[Callable[[Any], Any]] = []
        program: Program | None = self.program
        prefix = ""
        for level in levels(optimizer):
            assert program is not None
            self._read(level, program, prefix)
            program, prefix = program.inner, prefix + INNER
        self._values = self._values_of(optimizer)
        self.seen = optimizer._settings_version.number

    def _read(self, optimizer: Stepped, program: Program, prefix: str) -> None:
        """Read the numbers of one program from the optimizer that declares them."""
        cls: Any = type(optimizer)
        declared = attrs.fields_dict(cls) if attrs.has(cls) else {}
        fields = set(declared)
        own = {name for name in program.all_numbers if name in vars(optimizer)}
        self._readers.append(operator.attrgetter(*sorted((fields - _BY_PARAMETER) | own)))
        self.declared &= fields >= own
        for name in program.all_numbers:
            if name in COUNTED or name.startswith(INNER) or not hasattr(optimizer, name):
                continue
            value, key = getattr(optimizer, name), name if name in OF_ALL else prefix + name
            if isinstance(value, _STATIC):
                self.static[key] = value
            elif name in declared and declared[name].metadata.get("stabilizes"):
                self.numbers[key] = max(value, _SMALLEST)
            else:
                self.numbers[key] = value

    def _values_of(self, optimizer: Stepped) -> list[Any]:
        return [read(level) for read, level in zip(self._readers, levels(optimizer), strict=True)]

    def hold(self, optimizer: Stepped) -> bool:
        """Return whether they still match the optimizer after an assignment."""
        if self._values_of(optimizer) != self._values:
            return False
        self.seen = optimizer._settings_version.number
        return True

    def same_program(self, other: Settings) -> bool:
        """Return whether plans for these settings also work for others, with the numbers of those."""
        return self is other or (self.program == other.program and self.static == other.static)
