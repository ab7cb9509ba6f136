"""The learning rate of an optimizer, its own or its scheduler's, and which parameters that and weight decay reach.

Names say which decay; multipliers, by index and name, say more.
"""

from __future__ import annotations

import difflib
import inspect
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from mxcore.declarations import non_negative
from mxcore.step.protocol import Index
from mxcore.step.rates import asked
from mxcore.watched import Watched

_EXEMPT = re.compile(
    r".*(bias|beta)|(.*_)?(b|num_batches_tracked|(moving|running)_(mean|var|variance|inv_var|std|avg))"
)


def _last_part(name: str) -> str:
    """What stands behind the last dot or slash, without TensorFlow's ``:0`` and torch's ``_hh_l0``."""
    return re.sub(r":\d+$|(_[ih]h)?_l\d+(_reverse)?$", "", re.split(r"[./]", name)[-1].lower())


def is_exempt(name: str) -> bool:
    """Whether a name is that of a bias or a running statistic, which no weight decay reaches.

    >>> [is_exempt(name) for name in ("fc_bias", "layer1.b", "bn/moving_mean", "W1", "fc_b_weight")]
    [True, True, True, False, False]
    """
    return bool(_EXEMPT.fullmatch(_last_part(name)))


def decays(name: str, suffixes: tuple[str, ...]) -> bool | None:
    """Whether weight decay applies to a parameter of this name; None for a name that says nothing about it.

    A name ends as MXNet wants it, in one of ``suffixes``. Where it contains a dot or a slash, or ends in ``kernel``,
    ``embedding`` or ``w``, its last part decides.

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
    """A table of multipliers with Python's numbers.

    Raises:
        ValueError: one is no number of at least 0.
    """
    return {key: _checked(kind, key, value) for key, value in table.items()}


def _checked(kind: str, key: Any, value: Any) -> float:
    number = value.item() if isinstance(value, (np.generic, np.ndarray)) and not value.ndim else value
    if not non_negative.accepts(number):
        raise ValueError(f"the {kind} of {key!r} must be {non_negative.requirement}, got {value!r}")
    return number  # type: ignore[no-any-return]


class Scheduled:
    """A rate that may follow a scheduler."""

    default_learning_rate: ClassVar[float] = 0.01
    lr: float | None
    lr_scheduler: Any
    num_update: int

    def _settle_learning_rate(self) -> None:
        """Let a rate that was given override the scheduler's, and a default one nobody's."""
        if self.lr_scheduler is None:
            self.lr = self.default_learning_rate if self.lr is None else self.lr
            return
        base_lr = getattr(self.lr_scheduler, "base_lr", self.lr)
        rate = self.default_learning_rate if self.lr is None and base_lr is None else self.lr
        if rate is not None and rate != getattr(self.lr_scheduler, "base_lr", None):
            if base_lr is not None:
                import logging  # here, not to be felt in `import mxcore`

                logger = logging.getLogger("mxcore.optimizer")
                logger.info("base_lr of the scheduler was %s, it is now learning_rate=%s", base_lr, rate)
            self.lr_scheduler.base_lr = rate

    @property
    def learning_rate(self) -> float:
        """The rate at the present number of updates, before multipliers.

        It may be assigned; with a scheduler, that sets the scheduler's ``base_lr``.
        """
        if self.lr_scheduler is not None:
            return asked(self.lr_scheduler, self.num_update)
        return float(self.lr)  # type: ignore[arg-type]  # not None without a scheduler

    @learning_rate.setter
    def learning_rate(self, lr: float) -> None:
        if self.lr_scheduler is None:
            self.lr = lr
            return
        if inspect.isroutine(self.lr_scheduler):
            raise ValueError("the lr_scheduler is a function, which sets the learning rate alone: exchange it instead")
        rate = np.asarray(lr).item() if isinstance(lr, np.generic) else lr
        if not non_negative.accepts(rate):
            raise ValueError(f"learning_rate must be {non_negative.requirement}, got {lr!r}")
        self.lr_scheduler.base_lr = rate

    def set_learning_rate(self, lr: float) -> None:
        """Set the learning rate where there is no scheduler, as in MXNet.

        Raises:
            UserWarning: a scheduler sets it; assign ``learning_rate``, which sets its ``base_lr``, instead.
        """
        if self.lr_scheduler is not None:
            raise UserWarning("the scheduler sets the learning rate: assign learning_rate, which sets its base_lr")
        self.lr = lr


class Multiplied(Scheduled):
    """The multipliers of an optimizer."""

    decayed_suffixes: ClassVar[tuple[str, ...]] = ("_weight", "_gamma")
    """Name suffixes of the parameters that weight decay applies to."""
    idx2name: Watched[Index, str]
    sym_info: Any
    param_dict: Any
    wd: float
    lr_mult: Watched[Index, float]
    wd_mult: Watched[Index, float]
    # The indices and names whose decay the program has decided; None once the others have been looked at.
    _decided: frozenset[Index] | None = None

    def set_lr_mult(self, args_lr_mult: Mapping[Index, float]) -> None:
        """Replace the multipliers of the learning rate, by index or name; those of the symbol stay below them.

        A name that no parameter has gives a warning, if names are known.

        Raises:
            ValueError: a multiplier is no number of at least 0.
        """
        given = checked("lr_mult", args_lr_mult)
        self._warn_of_strangers("lr_mult", given)
        self.lr_mult = Watched({**self._symbol_multipliers("lr_mult"), **given})

    def set_wd_mult(self, args_wd_mult: Mapping[Index, float]) -> None:
        """Replace the multipliers of the weight decay, by index or name; warnings and errors as in `set_lr_mult`.

        Below them stand the symbol's, and 0 for each name of ``param_idx2name`` that does not decay: MXNet's rule,
        which is that a name ends as ``decayed_suffixes`` says. Where it contains ``.`` or ``/``, or ends in
        ``kernel``, ``embedding`` or ``w``, its last part decides. A string index without a name is its own: it
        decays unless its last part is that of a bias (``bias``, ``beta``, ``b``) or of a running statistic.
        """
        given = checked("wd_mult", args_wd_mult)
        self._warn_of_strangers("wd_mult", given)
        given = {**self._symbol_multipliers("wd_mult"), **given}
        names = self.idx2name.values()
        exempt: dict[Index, float] = {name: 0.0 for name in names if not decays(name, self.decayed_suffixes)}
        self.wd_mult = Watched({**exempt, **given})
        self._decided = frozenset(given)

    def _symbol_multipliers(self, kind: str) -> dict[Index, float]:
        if not self.sym_info:
            return {}
        attributes, arguments = self.sym_info
        said = {name: attributes.get(name, {}).get(f"__{kind}__") for name in arguments}
        return checked(kind, {name: float(text) for name, text in said.items() if text is not None})

    def _warn_of_strangers(self, kind: str, given: Iterable[Index]) -> None:
        """Warn of names that no parameter has."""
        names = [*self.idx2name.values()]
        for name in given:
            if names and isinstance(name, str) and name not in names and name not in self.idx2name:
                close = " or ".join(map(repr, difflib.get_close_matches(name, names))) or f"one of {names}"
                warnings.warn(f"{kind}: no parameter is called {name!r}: did you mean {close}?", stacklevel=3)

    def warn_of_names(self, wd: float | None = None) -> None:
        """Warn, once, if names leave it open whether weight decay reaches a parameter, or if it reaches none."""
        decided, wd = self._decided, self.wd if wd is None else wd
        if decided is None or not wd:
            return
        self._decided = None
        names = {index: name for index, name in self.idx2name.items() if not {index, name} & decided}
        unknown = [name for name in names.values() if decays(name, self.decayed_suffixes) is None]
        rule = f"names decay that end in {' or '.join(self.decayed_suffixes)}. To say it, set_wd_mult({{name: 1 or 0}})"
        if unknown:
            text = f"wd={wd} does not reach {', '.join(map(repr, unknown))}, of a kind that is not known: {rule}"
        elif names and not any(self.multiplier(index, self.wd_mult, "wd_mult") for index in self.idx2name):
            text = f"wd={wd} reaches no parameter of {', '.join(map(repr, names.values()))}: {rule}"
        else:
            return
        warnings.warn(text, stacklevel=6)

    def multiplier(self, index: Index, table: Mapping[Index, float], attribute: str) -> float:
        """The multiplier of a parameter: of ``param_dict``, or of the table by index or by name, or else 1.

        For ``"wd_mult"``, it is 0 where a string index without a name is that of a bias.
        """
        name = self.idx2name.get(index)
        if index in self.param_dict:
            value = getattr(self.param_dict[index], attribute)
        elif index in table:
            value = table[index]
        elif name is not None:
            value = table.get(name, 1.0)
        else:
            value = 0.0 if attribute == "wd_mult" and isinstance(index, str) and is_exempt(index) else 1.0
        if not value >= 0:
            _checked(attribute, index if name is None else name, value)
        return float(value)

    def _get_lrs(self, indices: Sequence[Index]) -> list[float]:
        """The learning rate of each parameter, after schedule and multipliers."""
        rate = self.learning_rate
        return [rate * self.multiplier(index, self.lr_mult, "lr_mult") for index in indices]

    def _get_lr(self, index: Index) -> float:
        return self._get_lrs([index])[0]

    def _get_wds(self, indices: Sequence[Index]) -> list[float]:
        """The weight decay of each parameter, after multipliers."""
        return [self.wd * self.multiplier(index, self.wd_mult, "wd_mult") for index in indices]

    def _get_wd(self, index: Index) -> float:
        return self._get_wds([index])[0]
