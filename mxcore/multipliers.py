"""Multipliers of the learning rate and weight decay, by index and name, and the rule that exempts names from decay."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, cast

import attrs
import numpy as np

from mxcore.catalogue.hints import closest
from mxcore.groups import Ask, Groups
from mxcore.scheduled import Scheduled
from mxcore.step.protocol import Index
from mxcore.step.rates import asked
from mxcore.validators import is_schedule, non_negative
from mxcore.watched import Watched

_EXEMPT = re.compile(
    r".*(bias|beta)|(.*_)?(b|num_batches_tracked|(moving|running)_(mean|var|variance|inv_var|std|avg))"
)


def _last_part(name: str) -> str:
    """Return the part after the last dot or slash, without TensorFlow's ``:0`` and torch's ``_hh_l0``."""
    return re.sub(r":\d+$|(_[ih]h)?_l\d+(_reverse)?$", "", re.split(r"[./]", name)[-1].lower())


def is_exempt(name: str) -> bool:
    """Return whether a name belongs to a bias or a running statistic, to which weight decay does not apply.

    >>> [is_exempt(name) for name in ("fc_bias", "layer1.b", "bn/moving_mean", "W1", "fc_b_weight")]
    [True, True, True, False, False]
    """
    return bool(_EXEMPT.fullmatch(_last_part(name)))


def decays(name: str, suffixes: tuple[str, ...]) -> bool | None:
    """Return whether weight decay applies to a parameter of this name, or None if the name does not tell.

    It applies if the name ends in one of ``suffixes``, as in MXNet. If the name contains a dot or a slash, or ends in
    ``kernel``, ``embedding`` or ``w``, its last part decides.

    >>> mxnet = ("_weight", "_gamma")
    >>> [decays(name, mxnet) for name in ("fc_weight", "weight", "layer1.weight", "conv/kernel", "fc_bias", "W1")]
    [True, False, True, True, False, None]
    """
    if name.endswith(suffixes):
        return True
    part = _last_part(name)
    if is_exempt(name):
        return False
    if (re.search("[./]", name) and f"_{part}".endswith(suffixes)) or re.search(r"(^|_)(kernel|embedding|w)$", part):
        return True
    return False if f"_{part}".endswith(("_weight", "_gamma")) else None


def checked(kind: str, table: Mapping[Index, Any]) -> dict[Index, float]:
    """Return a table of multipliers, converted to Python numbers.

    Raises:
        ValueError: one is not a number of at least 0.
    """
    return {key: _checked(kind, key, value) for key, value in table.items()}


def _checked(kind: str, key: Any, value: Any) -> float:
    number = value.item() if isinstance(value, (np.generic, np.ndarray)) and not value.ndim else value
    if not non_negative.accepts(number):
        raise ValueError(f"the {kind} of {key!r} must be {non_negative.requirement}, got {value!r}")
    return cast("float", number)


def name_table(names: Any) -> Watched[Index, str]:
    """Convert names by index to a table that records its changes."""
    if names is not None and not isinstance(names, Mapping):
        raise ValueError(f"param_idx2name must be a dict of parameter names by index, got {names!r}")
    return Watched(names or {})


def symbol_of(symbol: Any) -> Any:
    """Return the attributes and arguments of a symbol, if there is one."""
    return None if symbol is None else (symbol.attr_dict(), symbol.list_arguments())


def multipliers(kind: str) -> Any:
    """Declare a table of multipliers, which is checked when it is assigned."""
    return attrs.field(init=False, factory=Watched, converter=lambda table: Watched(checked(kind, table)), repr=False)


class Multiplied(Scheduled):
    """The multipliers of an optimizer."""

    decayed_suffixes: ClassVar[tuple[str, ...]] = ("_weight", "_gamma")
    """Name suffixes of the parameters that weight decay applies to."""
    idx2name: Any
    sym_info: Any
    param_dict: Any
    wd: float
    lr_mult: Watched[Index, float]
    wd_mult: Watched[Index, float]
    groups: Groups
    # The indices and names with an explicit wd_mult; None once the others have been checked.
    _decided: frozenset[Index] | None = None
    # The names that weight decay does not apply to, unless their group has one.
    _exempt: frozenset[Index] = frozenset()

    def set_lr_mult(self, args_lr_mult: Mapping[Index, float]) -> None:
        """Replace the learning-rate multipliers, by index or name; the symbol's apply to parameters without one.

        If names are known, a name that no parameter has gives a warning.

        Raises:
            ValueError: a multiplier is not a number of at least 0.
        """
        given = checked("lr_mult", args_lr_mult)
        self._warn_of_unknown_names("lr_mult", given)
        self.lr_mult = Watched({**self._symbol_multipliers("lr_mult"), **given})

    def set_wd_mult(self, args_wd_mult: Mapping[Index, float]) -> None:
        """Replace the weight-decay multipliers, by index or name, with warnings and errors as in `set_lr_mult`.

        Parameters without one use the symbol's, or 0 if their name in ``param_idx2name`` does not decay. As in MXNet,
        a name decays if it ends in one of ``decayed_suffixes``; if it contains ``.`` or ``/``, or ends in ``kernel``,
        ``embedding`` or ``w``, its last part decides. A string index without a name serves as its own name: it decays
        unless its last part denotes a bias (``bias``, ``beta``, ``b``) or a running statistic.
        """
        given = checked("wd_mult", args_wd_mult)
        self._warn_of_unknown_names("wd_mult", given)
        given = {**self._symbol_multipliers("wd_mult"), **given}
        names = self.idx2name.values()
        exempt: dict[Index, float] = {name: 0.0 for name in names if not decays(name, self.decayed_suffixes)}
        self._exempt = frozenset(exempt) - frozenset(given)
        self.wd_mult = Watched({**exempt, **given})
        self._decided = frozenset(given)

    def set_names(self, names: Mapping[Index, str], *, decay_by_name: bool = False) -> None:
        """Name parameters by index. All decay, but for groups, or by name as `set_wd_mult` says."""
        self.idx2name = name_table(names)
        self.set_wd_mult({} if decay_by_name else dict.fromkeys(names.values(), 1.0))

    def _symbol_multipliers(self, kind: str) -> dict[Index, float]:
        if not self.sym_info:
            return {}
        attributes, arguments = self.sym_info
        said = {name: attributes.get(name, {}).get(f"__{kind}__") for name in arguments}
        return checked(kind, {name: float(text) for name, text in said.items() if text is not None})

    def _warn_of_unknown_names(self, kind: str, given: Iterable[Index]) -> None:
        """Warn about names that no parameter has."""
        names = [*self.idx2name.values()]
        for name in given:
            if names and isinstance(name, str) and name not in names and name not in self.idx2name:
                close = " or ".join(map(repr, closest(name, names))) or f"one of {names}"
                warnings.warn(f"{kind}: no parameter is called {name!r}: did you mean {close}?", stacklevel=3)

    def warn_of_names(self, wd: float | None = None) -> None:
        """Warn, once, if names do not tell whether weight decay applies to a parameter, or if it applies to none."""
        decided, wd = self._decided, self.wd if wd is None else wd
        if decided is None or not wd:
            return
        self._decided = None
        undecided = {index: name for index, name in self.idx2name.items() if not {index, name} & decided}
        names = {index: name for index, name in undecided.items() if "wd" not in self.groups.of(self, index).settings}
        unknown = [name for name in names.values() if decays(name, self.decayed_suffixes) is None]
        rule = f"it applies to names ending in {' or '.join(self.decayed_suffixes)}. Use set_wd_mult({{name: 1 or 0}})"
        if unknown:
            text = f"wd={wd} is not applied to {', '.join(map(repr, unknown))}, whose names are not recognised: {rule}"
        elif names and not any(self.multiplier(index, self.wd_mult, "wd_mult") for index in self.idx2name):
            text = f"wd={wd} applies to none of the parameters {', '.join(map(repr, names.values()))}: {rule}"
        else:
            return
        warnings.warn(text, stacklevel=6)

    def multiplier(self, index: Index, table: Mapping[Index, float], attribute: str) -> float:
        """Return the multiplier of a parameter: from ``param_dict``, or from the table by index or name, or else 1.

        For ``"wd_mult"``, it is 0 if the index is a string without a name and denotes a bias, and 1 instead of 0 if the
        name alone exempts a parameter whose group has a weight decay.
        """
        name = self.idx2name.get(index)
        is_decay = attribute == "wd_mult"
        decayed = is_decay and "wd" in self.groups.of(self, index).settings
        if index in self.param_dict:
            value = getattr(self.param_dict[index], attribute)
        elif index in table:
            value = table[index]
        elif name is not None:
            value = 1.0 if decayed and name in self._exempt else table.get(name, 1.0)
        else:
            value = 0.0 if is_decay and not decayed and isinstance(index, str) and is_exempt(index) else 1.0
        if not value >= 0:
            _checked(attribute, index if name is None else name, value)
        return float(value)

    def _get_lrs(self, indices: Sequence[Index]) -> list[float]:
        """Return the learning rate of each parameter, including schedule and multipliers."""
        return [self.rate_of(index, self.num_update, asked) for index in indices]

    def rate_of(self, index: Index, update: int, ask: Ask) -> float:
        """Return the learning rate of a parameter in an update; ``ask`` returns what a scheduler gives."""
        rate = self.groups.of(self, index).rate(self, update, ask)
        return rate * self.multiplier(index, self.lr_mult, "lr_mult")

    def _get_lr(self, index: Index) -> float:
        return self._get_lrs([index])[0]

    def _get_wds(self, indices: Sequence[Index]) -> list[float]:
        """Return the weight decay of each parameter, including multipliers."""
        return [self.decay_of(index, self.num_update) for index in indices]

    def decay_of(self, index: Index, update: int) -> float:
        """Return the weight decay of a parameter in an update."""
        wd = self.groups.of(self, index).settings.get("wd", self.wd)
        if is_schedule(wd):
            wd = asked(wd, update, "the schedule of wd", non_negative)
        return float(wd * self.multiplier(index, self.wd_mult, "wd_mult"))

    def _get_wd(self, index: Index) -> float:
        return self._get_wds([index])[0]
