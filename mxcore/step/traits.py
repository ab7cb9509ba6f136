"""What the class of an optimizer overrides, which decides how its updates run."""

from __future__ import annotations

import weakref
from typing import Any

_RATES = ("_update_count", "_get_lr", "_get_lrs", "_get_wd", "_get_wds", "multiplier", "learning_rate")


class Traits:
    """How a class of optimizers does what the base class would do for it."""

    def __init__(self, cls: Any) -> None:
        base = next(parent for parent in reversed(cls.__mro__) if "opt_registry" in vars(parent))

        def own(*names: str) -> bool:
            return any(getattr(cls, name) is not getattr(base, name) for name in names)

        self.runs_rule = cls.rule is not None and not own("update", "update_multi_precision", "update_all")
        """Whether an update is the rule and nothing else."""
        self.splits_lists = not own("update_multi_precision")
        """Whether a list may be given to ``update_multi_precision`` as a whole."""
        self.own_rates = own(*_RATES)
        """Whether it counts, or looks up rates or decay, in a way of its own."""
        self.own_decay = own("_get_wd", "_get_wds")
        """Whether it looks up the weight decay in a way of its own."""
        self.updates_all = own("update_all")
        """Whether it defines ``update_all``."""
        self.knows_workers = own("update_from_worker")
        """Whether it tells workers apart."""


_known: weakref.WeakKeyDictionary[type, Traits] = weakref.WeakKeyDictionary()


def traits_of(cls: type) -> Traits:
    """The traits of a class of optimizers, found once for each class."""
    if cls not in _known:
        _known[cls] = Traits(cls)
    return _known[cls]
