"""The gate of an updater: which parameters a call updates, with which gradients, and whether it updates at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mxcore.accumulation import Accumulation
from mxcore.backend import Array
from mxcore.loss_scale import DynamicLossScale
from mxcore.step.arguments import check_call, fitted
from mxcore.step.protocol import Index, Updatable
from mxcore.step.states import Arrays
from mxcore.step.whole import nonfinite

__all__ = ["Gate", "thawed"]

Admitted = tuple[list[Index], Arrays, Arrays]
"""What to update: indices, gradients and weights."""


class Gate:
    """Leaves out frozen parameters, accumulates gradients, and stops updates with gradients that are not finite."""

    def __init__(self) -> None:
        self.accumulation = Accumulation()
        self.skipped = 0
        """How many updates have been skipped."""
        self._scale: float | None = None

    def admit(self, optimizer: Updatable, indices: list[Index], grads: Arrays, weights: Arrays) -> Admitted | None:
        """Return what a call is to update, or None if nothing; :meth:`updated` must follow an update.

        Raises:
            FloatingPointError: a gradient is not finite, and the optimizer has ``on_nonfinite="raise"``.
        """
        indices, grads, weights = thawed(optimizer, indices, grads, weights)
        if not indices:
            return None
        raises = optimizer.on_nonfinite == "raise"
        if raises and (place := _nonfinite(optimizer, indices, grads, weights)) is not None:
            raise FloatingPointError(
                f"the gradient of {optimizer.describe(indices[place])} has elements that are infinite or NaN: nothing "
                'was updated. Set on_nonfinite="skip" to skip such updates'
            )
        if optimizer.accumulate > 1:
            if not self.accumulation.add_again(indices, grads, weights, optimizer.accumulate):
                self._add(optimizer, indices, grads, weights)
            due, weights = self.accumulation.due(indices, weights)
            return self._finite(optimizer, *self._means(due, weights)) if due else None
        return self._finite(optimizer, indices, grads, weights)

    def _add(self, optimizer: Updatable, indices: list[Index], grads: Arrays, weights: Arrays) -> None:
        """Add gradients."""
        if late := [index for index in indices if index in self.accumulation.late]:
            raise RuntimeError(
                f"the update of {optimizer.describe(late[0])} is due, because an earlier call accumulated its "
                "gradients but failed: call updater.flush() first"
            )
        grads = list(map(fitted, weights, grads))
        check_call(list(map(optimizer.describe, indices)), indices, weights, grads)
        self.accumulation.add(indices, grads, weights, optimizer.accumulate)

    def flush(
        self, optimizer: Updatable, indices: Sequence[Index] | None, weights: Sequence[Array] | None
    ) -> Admitted | None:
        """Return what has been accumulated so far, to be updated now."""
        kept = self.accumulation
        opened = kept.open if indices is None else [index for index in indices if kept.calls(index)]
        known = kept.weights if weights is None else dict(zip(indices or opened, weights, strict=True))
        if lacking := [index for index in opened if index not in known]:
            raise ValueError(
                f"the weight of parameter {lacking[0]!r} is not known since its state was loaded: pass the indices and "
                "weights to flush"
            )
        kept.complete(opened)
        return self._finite(optimizer, *self._means(opened, [known[index] for index in opened])) if opened else None

    def _means(self, indices: list[Index], weights: Arrays) -> Admitted:
        return indices, self.accumulation.means(indices, weights), weights

    def _finite(self, optimizer: Updatable, indices: list[Index], grads: Arrays, weights: Arrays) -> Admitted | None:
        """Return what it is given, or None if the update is to be skipped."""
        scale = _dynamic(optimizer)
        skips = optimizer.on_nonfinite == "skip" or scale is not None
        if skips and _nonfinite(optimizer, indices, grads, weights) is not None:
            self.accumulation.clear(indices)
            self.skipped += 1
            self._follow(optimizer, scale, finite=False)
            return None
        self._adopt(optimizer, scale)
        return indices, grads, weights

    def updated(self, optimizer: Updatable, indices: list[Index]) -> None:
        """Note that an update has been made."""
        self.accumulation.clear(indices)
        self._follow(optimizer, _dynamic(optimizer), finite=True)

    def _follow(self, optimizer: Updatable, scale: DynamicLossScale | None, *, finite: bool) -> None:
        if scale is not None:
            scale._follow(finite=finite)
            self._adopt(optimizer, scale)

    def _adopt(self, optimizer: Updatable, scale: DynamicLossScale | None) -> None:
        """Let the next update know of a scale that has changed, by the user or by following."""
        if scale is not None and scale.scale != self._scale:
            self._scale = scale.scale
            optimizer._settings_version.number += 1


def _dynamic(optimizer: Updatable) -> DynamicLossScale | None:
    """Return the loss scale of an optimizer if it adapts."""
    return optimizer.loss_scale if isinstance(optimizer.loss_scale, DynamicLossScale) else None


def _nonfinite(optimizer: Updatable, indices: list[Index], grads: Arrays, weights: Arrays) -> int | None:
    """Return the position of the first gradient that is not finite, or None; arguments are checked if there is one.

    Raises:
        TypeError, ValueError: as for a call of an updater.
    """
    try:
        place = nonfinite(grads)
    except (AttributeError, TypeError):  # not arrays
        place = 0
    if place is not None:
        grads = list(map(fitted, weights, grads))
        check_call(list(map(optimizer.describe, indices)), indices, weights, grads)
    return place


def thawed(optimizer: Updatable, indices: list[Index], *lists: list[Any]) -> tuple[list[Any], ...]:
    """Return these lists without frozen parameters."""
    groups = optimizer.groups
    if not groups.freeze:
        return indices, *lists
    kept = [place for place, index in enumerate(indices) if not groups.of(optimizer, index).frozen]
    return tuple([one[place] for place in kept] for one in (indices, *lists))
