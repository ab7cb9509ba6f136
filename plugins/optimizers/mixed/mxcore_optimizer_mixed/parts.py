"""The optimizers that Mixed consists of: how they are created and checked, and where they count."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mxcore import Validator
from mxcore.backend import Array
from mxcore.catalogue import PluginError
from mxcore.controls import CALL_WIDE
from mxcore.groups import pattern_fault
from mxcore.optimizer import Optimizer, create
from mxcore.step import Tally, traits_of
from mxcore.step.protocol import Index

OF_PARTS = {"lr": "learning_rate", "lr_scheduler": "lr_scheduler", "wd": "wd", "clip_gradient": "clip_gradient"}
"""What the optimizers have instead of Mixed, by attribute."""
NONE = {"lr": None, "lr_scheduler": None, "wd": 0.0, "clip_gradient": None}
"""The values of these in Mixed."""
HANDED_ON = {
    "begin_num_update", "idx2name", "lr_mult", "multi_precision", "param_dict", "rescale_grad", "sym_info", "wd_mult",
}  # fmt: skip
"""What belongs to Mixed, and is handed on to each optimizer."""
MIXED_ALONE = sorted(CALL_WIDE - {"groups", *HANDED_ON})

Pattern = str | Callable[[str, Array], bool]
Split = tuple[tuple[int, list[int], list[Any]], ...]
"""For each optimizer of a call: its number, the places of its parameters in the lists, and these parameters."""
_SPLITS = 64
"""How many calls with lists are remembered."""


def _are_patterns(value: Any) -> bool:
    if not isinstance(value, tuple) or not value:
        return False
    if faults := [fault for one in value if not callable(one) and (fault := pattern_fault(one))]:
        raise ValueError(f"patterns must be {patterns.requirement}: {faults[0]}")
    return True


patterns = Validator("a list of regular expressions, or functions of a name and a weight", _are_patterns)
several = Validator("a list of optimizers or their names", lambda value: isinstance(value, tuple))


class Chosen:
    """Which optimizer each parameter of an updater has."""

    def __init__(self) -> None:
        self.numbers: dict[Index, int] = {}
        """The number of the optimizer, by parameter."""
        self.splits: dict[tuple[Any, ...], Split] = {}
        """The parts of earlier calls, by their parameters."""

    def of(self, number: int) -> dict[Index, None]:
        """Return the parameters of an optimizer."""
        return {index: None for index, one in self.numbers.items() if one == number}

    def remember(self, indices: Sequence[Index], split: Split) -> None:
        """Remember the parts of a call; the oldest are forgotten."""
        self.splits[tuple(indices)] = split
        if len(self.splits) > _SPLITS + len(self.numbers):
            del self.splits[next(iter(self.splits))]


class Part:
    """The counting of an optimizer that is part of another one.

    It counts where the other one does, but whether calls are gated depends on that one alone.

    Args:
        whole: the counting of the other one.
    """

    owned = True

    def __init__(self, whole: Any) -> None:
        self._whole, self.gated = whole, False

    @property
    def tally(self) -> Tally:
        tally: Tally = self._whole.tally
        return tally

    @tally.setter
    def tally(self, _: Tally) -> None:
        raise RuntimeError("this optimizer is one of a Mixed: call the updater of the Mixed")


def created(given: Sequence[Any], shared: Mapping[str, Any]) -> tuple[Any, ...]:
    """Create the optimizers that are not instances, with arguments that are not in their strings.

    Raises:
        ValueError: one cannot be created, or none takes an argument.
    """
    found, taken = [], set[str]()
    for one in given:
        named = not isinstance(one, Optimizer)
        more = {name: value for name, value in shared.items() if named and not re.search(rf"\b{name}\b", repr(one))}
        taken |= more.keys()
        try:
            found.append(create(one, **more))
        except (TypeError, PluginError) as error:
            raise ValueError(f"optimizers must be {several.requirement}, got {one!r}: {error}") from error
    if idle := [name for name in shared if name not in taken]:
        raise ValueError(elsewhere(idle[0]))
    return tuple(found)


def check(part: Any, settings: Iterable[str]) -> None:
    """Check that an optimizer can be part of Mixed, and has none of some settings.

    Raises:
        ValueError: it is not so.
    """
    owner = type(part).__name__
    if traits_of(part).needs_all or part.takes_lists:
        raise ValueError(f"{owner} updates all parameters of a call at once, and cannot be one of a Mixed")
    if shared := [slot.name for slot in part.state_slots() if slot.scope == "all"]:
        raise ValueError(f"{owner} keeps {shared[0]!r} for all parameters of a model, and cannot be one of a Mixed")
    for name in settings:
        field = Optimizer._declared[name]
        if (value := getattr(part, name)) != field.default and (value or field.default):
            raise ValueError(
                f"{field.alias} of {owner} is {value!r}, but is a setting of the whole call: give it to Mixed"
            )
    if part.groups.freeze:
        raise ValueError(f"the groups of {owner} freeze parameters, which only the groups of Mixed can do")


def elsewhere(name: str) -> str:
    """Say where a setting belongs."""
    return f"Mixed has no {name} of its own: set that of its optimizers, as in mixed.optimizers[0].{name} = …"


def described(pattern: Pattern) -> str:
    """Return a pattern for messages: functions by their names."""
    return repr(pattern) if isinstance(pattern, str) else str(getattr(pattern, "__name__", pattern))
