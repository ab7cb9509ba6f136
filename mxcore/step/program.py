"""What an optimizer class overrides, and its rule with its numbers, as the records that the kernel receives."""

from __future__ import annotations

import functools
import inspect
import math
import operator
import types
import weakref
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import attrs

from mxcore.kernel import Program, Slot
from mxcore.kernel.rule.program import COUNTED, OF_ALL, OF_SHAPE, keywords
from mxcore.kernel.rule.slot import INNER
from mxcore.step.protocol import Stepped
from mxcore.step.rates import Rates
from mxcore.step.sources import SMALLEST, Followed, Source
from mxcore.validators import is_schedule

WRAPPED = "optimizer"
"""The attribute and argument of a wrapper that is the optimizer it wraps."""
_STATIC = (bool, str, type(None))
_RATES = ("_update_count", "_get_lr", "_get_lrs", "_get_wd", "_get_wds", "multiplier", "learning_rate")
_BY_PARAMETER = {"idx2name", "sym_info", "param_dict", "lr_mult", "wd_mult", "lr_scheduler", "lr", "begin_num_update"}
_OF_CALL = {"accumulate", "loss_scale", "on_nonfinite"}


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
        self.splits_lists = not own("update_multi_precision") or cls.takes_lists
        """Whether ``update_multi_precision`` takes a list as a whole."""
        self.own_rates = own(*_RATES)
        """Whether it overrides how to count, or how to look up learning rates or weight decay."""
        self._rule = cls.rule
        self.reads_settings = any("settings_of" in names for names in _names_in(cls, base))
        """Whether its array code calls ``settings_of``, and so follows groups and schedules."""
        self.own_decay = own("_get_wd", "_get_wds")
        """Whether it overrides how to look up the weight decay."""
        self.own_states = own("create_state", "create_state_multi_precision")
        """Whether it overrides how states are created, which may then have any shape."""
        self.updates_all = own("update_all")
        """Whether it defines ``update_all``."""
        self.needs_all = self.updates_all and not own("update")
        """Whether it cannot update a parameter without the others of a call."""
        if inner is not None:
            self.runs_rule &= inner.runs_rule
            self.own_states |= inner.own_states
            self.own_rates, self.own_decay = inner.own_rates, inner.own_decay

    @functools.cached_property
    def takes(self) -> Collection[str]:
        """The names that its rule takes."""
        return keywords(self._rule) if self._rule else ()


def _names_in(cls: type, base: type) -> Iterator[tuple[str, ...]]:
    """Yield the names that each function of a class uses, without those of its base class."""
    for parent in cls.__mro__[: cls.__mro__.index(base)]:
        for function in vars(parent).values():
            if isinstance(function, types.FunctionType):
                yield inspect.unwrap(function).__code__.co_names


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
        inner = attrs.evolve(program_of(optimizer._inner, code), rescales=False, bounds=False, unscales=False)
    prepares = code is None and not optimizer.is_prepared
    bounds = prepares and optimizer.clip_global_norm is not None
    unscales = prepares and optimizer.unscale != 1
    shared: dict[str, Any] = {
        "rescales": optimizer.rescale_grad != 1, "bounds": bounds, "unscales": unscales, "inner": inner
    }  # fmt: skip
    if inner is None:
        groups = [group.settings for group in optimizer.groups.every]
        shared["clips"] = any(one.get("clip_gradient", optimizer.clip_gradient) is not None for one in groups)
        shared["decays"] = any(one.get("wd", optimizer.wd) for one in groups) or traits_of(optimizer).own_decay
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

    ``static`` holds those that decide what the program does, ``numbers`` those that all parameters share. When one of
    these changes, ``numbers`` is replaced by a new mapping. ``sources`` gives the others for each group of parameters,
    and is None if there are no groups, and no schedules but that of the learning rate.
    """

    def __init__(self, optimizer: Stepped, code: Callable[..., Any] | None = None) -> None:
        self.program = program_of(optimizer, code)
        self.numbers: dict[str, Any] = {}
        self.declared = True
        """Whether every assignment is tracked; otherwise values are compared every time."""
        self.groups = optimizer.groups
        self.static: list[dict[str, Any]] = [{} for _ in self.groups.every]
        """For each group, the settings that decide what the program does."""
        self._readers: list[Callable[[Any], Any]] = []
        varying: dict[str, list[Any]] = {}
        program: Program | None = self.program
        prefix = ""
        for level in levels(optimizer):
            assert program is not None
            self._read(level, program, prefix, varying)
            program, prefix = program.inner, prefix + INNER
        wds = [group.settings.get("wd", optimizer.wd) for group in self.groups.every]
        self.sources: list[Source] | None = None
        if varying or len(wds) > 1 or is_schedule(wds[0]):
            own = {name for group in self.groups.every for name in group.settings}
            common = tuple(name for name in varying if name.rpartition(INNER)[2] not in own)
            self.program = attrs.evolve(self.program, varying=tuple(varying), common=common)
            columns = zip(*varying.values(), strict=True) if varying else ((),) * len(wds)
            self.sources = list(map(Source, self.groups.every, wds, columns))
        self._values = self._values_of(optimizer)
        self.seen = optimizer._settings_version.number

    def _read(self, optimizer: Stepped, program: Program, prefix: str, varying: dict[str, list[Any]]) -> None:
        """Read the numbers of one program from the optimizer that declares them."""
        cls: Any = type(optimizer)
        declared = attrs.fields_dict(cls) if attrs.has(cls) else {}
        fields = set(declared)
        own = {name for name in program.all_numbers if name in vars(optimizer)}
        scale = {"unscale"} & {*program.all_numbers}
        self._readers.append(operator.attrgetter(*sorted((fields | own) - _BY_PARAMETER - _OF_CALL | scale)))
        self.declared &= fields >= own
        groups = [{} if program.inner else group.settings for group in self.groups.every]
        for name in program.all_numbers:
            if name in COUNTED or name.startswith(INNER) or not hasattr(optimizer, name):
                continue
            key = name if name in OF_ALL else prefix + name
            field = attrs.fields_dict(type(levels(optimizer)[-1])).get(name) if name in OF_ALL else declared.get(name)
            values = [one.get(name, getattr(optimizer, name)) for one in groups]
            if name == "clip_gradient":
                values = [math.inf if value is None else value for value in values]
            if any(name in one for one in groups) or is_schedule(values[0]):
                varying[key] = [_number(value, name, field) for value in values]
            elif not isinstance(values[0], _STATIC):
                self.numbers[key] = _number(values[0], name, field)
            for static, value in zip(self.static, values, strict=True):
                if isinstance(value, _STATIC):
                    static[key] = value

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
        same = self.program == other.program and self.static == other.static and self.groups == other.groups
        return self is other or same


def _number(value: Any, name: str, field: attrs.Attribute[Any] | None) -> Any:
    """Return a number as a rule receives it, or what gives it for an update; 0 if it is not a number."""
    stabilizes = field is not None and field.metadata.get("stabilizes", False)
    if is_schedule(value):
        assert field is not None
        return Followed(value, Rates(f"the schedule of {name}", field.metadata["condition"]), stabilizes)
    if isinstance(value, _STATIC):
        return 0.0
    return max(value, SMALLEST) if stabilizes else value
