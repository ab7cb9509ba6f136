"""What the class of an optimizer overrides, which decides how its updates run."""

from __future__ import annotations

import weakref
from typing import Any

import attrs

__all__ = ["Traits", "traits_of"]

_RATES = ("_update_count", "_get_lr", "_get_lrs", "_get_wd", "_get_wds", "multiplier", "learning_rate")


@attrs.frozen
class Traits:
    """How a class of optimizers does what the base class would do for it.

    Args:
        has_rule: whether it defines a rule.
        runs_rule: whether an update is the rule and nothing else.
        splits_lists: whether a list may be given to ``update_multi_precision`` as a whole.
        own_rates: whether it counts, or looks up rates or decay, in a way of its own.
        own_decay: whether it looks up the weight decay in a way of its own.
        updates_all: whether it defines ``update_all``.
        knows_workers: whether it tells workers apart.
    """

    has_rule: bool
    runs_rule: bool
    splits_lists: bool
    own_rates: bool
    own_decay: bool
    updates_all: bool
    knows_workers: bool


_known: weakref.WeakKeyDictionary[type, Traits] = weakref.WeakKeyDictionary()


def traits_of(cls: type) -> Traits:
    """The traits of a class of optimizers, found once for each class."""
    if cls not in _known:
        _known[cls] = _look(cls)
    return _known[cls]


def _look(cls: Any) -> Traits:
    base = next(parent for parent in reversed(cls.__mro__) if "opt_registry" in vars(parent))

    def own(*names: str) -> bool:
        return any(getattr(cls, name) is not getattr(base, name) for name in names)

    return Traits(
        has_rule=cls.rule is not None,
        runs_rule=cls.rule is not None and not own("update", "update_multi_precision", "update_all"),
        splits_lists=not own("update_multi_precision"),
        own_rates=own(*_RATES),
        own_decay=own("_get_wd", "_get_wds"),
        updates_all=own("update_all"),
        knows_workers=own("update_from_worker"),
    )
