"""Slots: the pieces of state that a rule keeps between steps."""

from __future__ import annotations

from typing import Literal

import attrs

INNER = "inner/"
"""The prefix of the slots and numbers that belong to the rule inside a wrapper."""


@attrs.frozen(slots=False)
class Slot:
    """A piece of state that a rule keeps.

    >>> import mxcore as mx
    >>> mx.Slot("slow", init="weight"), mx.Slot("product", init=1.0, shape=()).on_host
    (Slot(name='slow', init='weight', shape='weight', scope='parameter'), True)
    >>> mx.Slot("d", init=1e-6, scope="all")
    Slot(name='d', init=1e-06, shape=(), scope='all')

    Args:
        name: its name in the rule, in state files and in documentation.
        init: its initial value: a number, or ``"weight"`` for a copy of the weight.
        shape: ``"weight"`` for an array with the shape and dtype of the weight; ``()`` for a number that is kept on the
            host in double precision, separate from the state that ``create_state`` returns.
        scope: ``"parameter"``, or ``"all"`` for one number that all parameters of a model share. The rule may compute
            its new value from numbers that are the same for all parameters, such slots, and reductions over ``"all"``
            parameters, and may use the new value in the same update. Every call must then have all parameters.
        per: ``"worker"`` for a copy of the weight that an updater keeps for each worker, as the worker has pulled it;
            see :class:`~mxcore.optimizer.Updater`. Where no workers are told apart, it is a slot like any other.

    Raises:
        TypeError: the scope is another one, or the initial value of a number is ``"weight"``.
    """

    name: str
    init: float | Literal["weight"] = 0.0
    shape: Literal["weight"] | tuple[()] = "weight"
    scope: Literal["parameter"] | Literal["all"] = attrs.field(default="parameter", kw_only=True)
    per: Literal["worker"] | None = attrs.field(default=None, kw_only=True, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.scope not in ("parameter", "all"):
            raise TypeError(f'the scope of slot {self.name!r} must be "parameter" or "all", got {self.scope!r}')
        if self.per not in (None, "worker") or (self.per and self.init != "weight"):
            raise TypeError(f'slot {self.name!r}: per must be "worker", and init "weight" then, got {self.per!r}')
        if self.of_model:
            object.__setattr__(self, "shape", ())
        if self.on_host and self.init == "weight":
            raise TypeError(f"slot {self.name!r} is a number, which cannot begin as a copy of the weight: set its init")

    @property
    def on_host(self) -> bool:
        """Whether this slot is a number, kept on the host."""
        return self.shape == ()

    @property
    def of_model(self) -> bool:
        """Whether this slot is one number for all parameters."""
        return self.scope == "all"

    @property
    def inside(self) -> Slot:
        """The same slot as a wrapper calls it."""
        return attrs.evolve(self, name=INNER + self.name)

    @classmethod
    def of(cls, declared: str | Slot) -> Slot:
        """Return the slot that a bare name stands for: an array like the weight, initially 0."""
        return declared if isinstance(declared, Slot) else cls(declared)
